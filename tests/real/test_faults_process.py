"""The program's surroundings fail: a full disk, a closed terminal, another kvmtui beside it, a reader that leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.real.lab import Host, Lab, until
from tests.real.lab.guest import crowd
from tests.real.lab.process import output
from tests.real.program import KVMTUI, Home, Program, kvmtui

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.real.lab import Guest


@pytest.fixture(scope="module")
def pair(hv1: Host) -> Iterator[list[Guest]]:
    """Two guests that cost nothing, with a third for the cursor to move to."""
    made = crowd(hv1, 3, prefix="calm")
    yield made[:2]
    for guest in made:
        guest.remove()


class SmallDisk:
    """A home whose state lies on a file system of its own, which can be filled."""

    def __init__(self, home: Home, options: str) -> None:
        self.folder = home.folder / "state"
        self.folder.mkdir()
        output(["mount", "-t", "tmpfs", "-o", options, "small", str(self.folder)])
        (self.folder / "kvmtui").mkdir()
        self._filler = self.folder / "kvmtui/filler"

    def fill(self) -> None:
        with self._filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                return

    def make_room(self) -> None:
        self._filler.unlink()

    def close(self) -> None:
        output(["umount", "--lazy", str(self.folder)])


def pause(program: Program, name: str) -> None:
    program.ask(f"pause {name}")
    program.confirm(f"Pause {name}")


def test_a_disk_that_fills_up_keeps_nobody_from_acting_and_loses_nothing(hv1: Host, pair: list[Guest]) -> None:
    home = Home({"hv1": hv1.uri})
    disk = SmallDisk(home, "size=256k,mode=700")
    one, other = pair
    try:
        with Program(home) as program:
            program.wait_vm(one.name, "on")
            disk.fill()
            pause(program, one.name)
            program.wait_said("the journal cannot be written:? No space left on device")
            program.wait_vm(one.name, "paused")
            assert one.state() == "paused"
            program.keys_work()
            disk.make_room()
            program.wait_said("the journal is written again")
            pause(program, other.name)
            program.wait_task(f"pause {other.name}")
            told = [(line["kind"], line["vm"]) for line in home.journal()]
            assert told == [(kind, guest.name) for guest in (one, other) for kind in ("begin", "end")]
            program.leave()
        assert "Traceback" not in home.log()
    finally:
        disk.close()
        hv1.virsh(f"resume {one.name}; resume {other.name}")


def test_a_disk_without_room_for_one_more_file_lets_the_screen_open(hv1: Host, pair: list[Guest]) -> None:
    home = Home({"hv1": hv1.uri})
    disk = SmallDisk(home, "size=256k,nr_inodes=3,mode=700")
    disk.fill()
    one = pair[0]
    try:
        with Program(home) as program:
            program.wait_vm(one.name, "on")
            pause(program, one.name)
            program.wait_said("the journal cannot be written")
            program.ask(f"resume {one.name}")
            program.wait_task(f"resume {one.name}")
            program.keys("Q")
            assert program.wait_exit(30) == 0
            assert "4 lines of the journal" in program.text()
        assert kvmtui("tasks", home=home).returncode == 0
        done = kvmtui("vms", "--json", home=home)
        assert done.returncode == 0
        assert one.name in done.stdout
    finally:
        disk.close()


def test_a_closed_terminal_leaves_no_process_behind(own_host: Host, lab: Lab) -> None:
    """Neither a wrapper of ssh nor its master; what ran is known to have been broken off."""
    (guest,) = lab.crowd(own_host, 1)
    home = Home({own_host.name: own_host.ssh_uri})
    before = ours()
    with Program(home) as program:
        program.wait_vm(guest.name, "on", timeout=60)
        program.ask(f"shutdown {guest.name}")
        program.confirm(f"Shut down {guest.name}")
        program.wait("waiting for the guest")
        assert any("ssh" in one for one in ours() - before)
        os.killpg(program.process.pid, signal.SIGHUP)
        assert program.process.wait(30) == 129
    until(lambda: not ours() - before, "nothing runs any more that was not there before")
    assert home.journal()[-1]["result"] == "unknown"
    assert "Traceback" not in home.log()


def ours() -> set[str]:
    """The programs that run for kvmtui here, by what they were started with."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if "ControlPath" in words or "kvmtui-" in words or words.startswith("ssh:"):
            found.add(f"{process.name} {words}")
    return found


def test_two_side_by_side_know_of_each_other_and_do_not_interfere(hv1: Host, pair: list[Guest]) -> None:
    home = Home({"hv1": hv1.uri})
    one, other = pair
    with Program(home) as first, Program(home) as second:
        for program in (first, second):
            program.wait_vm(one.name, "on")
        second.keys("2")
        second.wait_gone("^   HOST ")
        pause(first, one.name)
        first.wait_task(f"pause {one.name}")
        second.wait(rf"^.{{3}}{one.name} +paused")
        second.keys("1")
        second.wait(rf"{one.name} paused on hv1 .*kvmtui, user ")
        second.keys("7")
        second.wait(rf"pause +{one.name} +hv1 +done")
        second.keys("!", "c")
        second.keys("escape", "1")
        first.ask(f"resume {one.name}")
        first.wait_task(f"resume {one.name}")
        first.process.kill()
        first.wait_exit()
        pause(second, other.name)
        second.wait_task(f"pause {other.name}")
        second.ask(f"resume {other.name}")
        second.wait_task(f"resume {other.name}")
        second.leave()
    results = [(line["vm"], line["result"]) for line in home.journal() if "result" in line]
    assert results == [(guest.name, "done") for guest in (one, one, other, other)]
    remembered = json.loads((home.folder / "state/kvmtui/state.json").read_text())
    assert remembered["place"] == "fleet"
    assert "Traceback" not in home.log()


def test_a_reader_that_leaves_early_ends_a_list_in_silence(hv1: Host, pair: list[Guest]) -> None:
    home = Home({"hv1": hv1.uri})
    for words in ("vms", "vms --json", "hosts", "tasks", f"vm show {pair[0].name}"):
        line = f"'{KVMTUI}' {words} | head -c 1 >/dev/null; echo ${{PIPESTATUS[0]}}"
        environment = {**os.environ, **home.environment}
        done = subprocess.run(
            ["bash", "-c", line], env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        assert done.stdout.strip() in ("0", "141"), words
        assert "Traceback" not in done.stderr
        assert "Broken pipe" not in done.stderr
