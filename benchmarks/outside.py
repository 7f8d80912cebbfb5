"""Changes made by virsh, and how soon the program shows them."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from datetime import datetime
from typing import IO, TYPE_CHECKING

from benchmarks.recording import Missing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.recording import Recording

VIRSH = ("virsh", "-q", "-c", "qemu:///system")
ROUNDS = 12  # of a destroy and a start
NAMES = [f"crowd-{number:02}" for number in range(1, 10)]
EVENT = re.compile(r"^(?P<at>\S+ \S+): event 'lifecycle' for domain '(?P<name>[^']+)'")


class Witness:
    """Another client that hears libvirt's events: what the program could know at the earliest."""

    def __init__(self) -> None:
        self._heard: list[tuple[str, float]] = []
        # virsh stamps by the wall clock; everything else here goes by the monotonic one.
        self._offset = time.monotonic() - time.time()
        command = ["stdbuf", "-oL", *VIRSH, "event", "--event", "lifecycle", "--loop", "--timestamp"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True).start()

    def first(self, name: str, since: float) -> float:
        """Return when the first event of a VM after `since` was heard (monotonic)."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            for who, at in tuple(self._heard):
                if who == name and at >= since:
                    return at
            time.sleep(0.01)
        raise Missing(f"an event of {name}")

    def close(self) -> None:
        """End the client."""
        self._process.terminate()
        self._process.wait()

    def _listen(self, lines: IO[str]) -> None:
        for line in lines:
            found = EVENT.match(line)
            if found:
                at = datetime.strptime(found["at"], "%Y-%m-%d %H:%M:%S.%f%z").timestamp()
                self._heard.append((found["name"], at + self._offset))


def measure(recording: Recording) -> tuple[Sequence[float], Sequence[float]]:
    """Turn VMs off and on; returns the milliseconds to the row from libvirt's event, and from the end of virsh."""
    witness = Witness()
    after_event, after_virsh = [], []
    try:
        time.sleep(0.5)
        for count in range(2 * ROUNDS):
            name = NAMES[count // 2 % len(NAMES)]
            verb, state = ("start", "on") if count % 2 else ("destroy", "off")
            row = re.compile(rf"{name} +{state}\b")
            recording.catch_up()
            began = time.monotonic()
            subprocess.run([*VIRSH, verb, name], check=True, capture_output=True)
            ended = time.monotonic()
            seen = recording.until(
                lambda one, row=row: any(row.search(line) for line in one.lines()),  # type: ignore[misc]
                f"{name} {state}",
                timeout=10,
            )
            # The stamp of an event has milliseconds.
            after_event.append(1000 * (seen - witness.first(name, began - 0.001)))
            after_virsh.append(1000 * (seen - ended))
            time.sleep(0.4)
    finally:
        witness.close()
    return after_event, after_virsh
