"""Three real hosts, what others do with them, and what breaks."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
import time
from collections import Counter, deque
from pathlib import Path
from typing import TYPE_CHECKING

from tests.real.lab import Guest, GuestSpec, Host, Lab, LabError
from tests.soak.hosts import REMEMBERED
from tests.soak.truth import Told

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

NAMES = ("alfa", "bravo", "carol")
GUESTS = 4  # of each host
PATIENCE = 8.0  # seconds that somebody else waits for virsh
MARK = "=said="
ASKS = ("dominfo", "domstate --reason", "snapshot-list --name", "dumpxml --inactive", "dumpxml")
PENDING = (r"<memory .*?</memory>", r"<source file='.*?'")
"""What others change of a stored definition."""


class World:
    """Three hosts and what befalls them."""

    def __init__(self, lab: Lab, chance: random.Random) -> None:
        self.hosts = [lab.host(name) for name in NAMES]
        self.chance = chance
        self.done: deque[str] = deque(maxlen=REMEMBERED)
        self.counts: Counter[str] = Counter()
        self.silent: dict[str, float] = {}  # hosts that do not answer, and since when
        self._under_way: list[threading.Thread] = []
        for host in self.hosts:
            for number in range(1, GUESTS + 1):
                self.define(host, f"{host.name}-{number}")
            host.virsh("start", f"{host.name}-1")
            host.virsh("start", f"{host.name}-2")

    # -- asking

    def local(self, host: Host, *words: str, timeout: float = PATIENCE) -> str:
        """What virsh prints on the host itself, whatever becomes of its network."""
        return host.output("virsh", "-q", "-c", "qemu:///system", *words, timeout=timeout).strip()

    def told(self) -> list[Told]:
        """What virsh and the kernel say of all VMs."""
        return [told for host in self.hosts for told in self._told(host)]

    def _told(self, host: Host) -> list[Told]:
        found = []
        uuids = self.local(host, "list", "--all", "--uuid").split()
        words = "; ".join(f"{ask} {uuid}; echo {MARK}" for uuid in uuids for ask in ASKS)
        said = iter(self.local(host, words, timeout=30).split(MARK)) if uuids else iter(())
        for uuid in uuids:
            info, state_told, snapshots, stored, live = (next(said).strip() for _ in ASKS)
            says = dict(re.findall(r"^(.*?): +(.*)$", info, re.MULTILINE))
            state, reason = re.findall(r"^(.*) \((.*)\)$", state_told)[0]
            number = None if says["Id"] == "-" else int(says["Id"])
            found.append(
                Told(
                    name=says["Name"],
                    host=host.name,
                    uuid=uuid,
                    state=state,
                    reason=reason,
                    autostart=says["Autostart"] == "enable",
                    persistent=says["Persistent"] == "yes",
                    saved=says["Managed save"] == "yes",
                    pending=says["Persistent"] == "yes"
                    and any(re.findall(part, stored) != re.findall(part, live) for part in PENDING),
                    snapshots=len(snapshots.split()),
                    id=number,
                    memory_max=int(says["Max memory"].split()[0]) >> 10,
                    disks=tuple(re.findall(r"<source file='(.*?)'", live)),
                    stopped=number is not None and self._is_stopped(host, says["Name"]),
                )
            )
        return found

    def _is_stopped(self, host: Host, name: str) -> bool:
        """Whether a VM's process is stopped; raises Broken when virsh tells of a VM that has none."""
        try:
            status = Path(f"/proc/{host.qemu_pid(name)}/status").read_text()
        except OSError:
            raise LabError(f"{name} has no process") from None
        return "State:\tT" in status

    def names(self, host: Host, *how: str) -> list[str]:
        """The names of VMs, [] when virsh does not answer."""
        try:
            return self.local(host, "list", "--name", *how).split()
        except LabError:
            return []

    # -- what others do, while virsh answers

    def define(self, host: Host, name: str) -> None:
        """Define a VM that costs nothing."""
        guest = Guest(host, GuestSpec(name, 16, agent=False, nic=False))
        for letter in "bc":
            host.output("qemu-img", "create", "-q", "-f", "qcow2", f"/var/lib/libvirt/images/{name}-{letter}", "4M")
        disk = (
            "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
            f"<source file='/var/lib/libvirt/images/{name}-b'/><target dev='vdb' bus='virtio'/></disk>"
        )
        file = host.folder / f"guests/{name}.xml"
        file.write_text(guest.halted_xml.replace("<memballoon", f"{disk}<memballoon"))
        self.local(host, "define", str(file))

    def act(self) -> None:
        """Let somebody do something with a VM or a pool, and not wait for it."""
        host = self.chance.choice(self.hosts)
        what = self.chance.choice(self.ACTS)
        number, other = self.chance.random(), self.chance.random()

        def do() -> None:
            try:
                names = self.names(host, "--all")
                if names:
                    what(self, host, names[int(number * len(names))], other)
            except LabError as error:
                self._note(f"{what.__name__[1:]} on {host.name} failed: {str(error)[-80:]}")

        self._note(f"{what.__name__[1:]} on {host.name}")
        self.counts[what.__name__[1:]] += 1
        self._under_way.append(threading.Thread(target=do, daemon=True))
        self._under_way[-1].start()

    def _note(self, what: str) -> None:
        self.done.append(f"{time.strftime('%H:%M:%S')} {what}")

    def join(self) -> None:
        """Wait until nothing is under way."""
        for thread in self._under_way:
            thread.join(60)
        self._under_way = [thread for thread in self._under_way if thread.is_alive()]

    def _start(self, host: Host, name: str, _: float) -> None:
        self.local(host, "start", name)

    def _stop(self, host: Host, name: str, _: float) -> None:
        self.local(host, "destroy", name)

    def _pause(self, host: Host, name: str, _: float) -> None:
        self.local(host, "suspend", name)

    def _resume(self, host: Host, name: str, _: float) -> None:
        self.local(host, "resume", name)

    def _reset(self, host: Host, name: str, _: float) -> None:
        self.local(host, "reset", name)

    def _save(self, host: Host, name: str, other: float) -> None:
        self.local(host, *(("managedsave", name) if other < 0.7 else ("managedsave-remove", name)))

    def _rename(self, host: Host, name: str, other: float) -> None:
        self.local(host, "domrename", name, f"{host.name}-r{int(other * 1000)}")

    def _undefine(self, host: Host, name: str, other: float) -> None:
        xml = self.local(host, "dumpxml", "--inactive", name)
        self.local(host, "undefine", name, "--managed-save", "--snapshots-metadata")
        time.sleep(other * 2)
        kept = xml if other < 0.4 else re.sub(r"<uuid>.*</uuid>", "", xml)
        file = host.folder / f"guests/again-{name}.xml"
        file.write_text(kept)
        for _ in range(8):  # what is gone must come again, or the fleet runs dry
            with contextlib.suppress(LabError):
                self.local(host, "define", str(file))
                return

    def _detach(self, host: Host, name: str, other: float) -> None:
        how = ("--live", "--config") if other < 0.5 else ("--config",)
        if other < 0.7:
            self.local(host, "detach-disk", name, "vdb", *how)
        else:
            path = f"/var/lib/libvirt/images/{host.name}-1-c"
            self.local(host, "attach-disk", name, path, "vdc", "--subdriver", "qcow2", "--config")

    def _snapshot(self, host: Host, name: str, other: float) -> None:
        there = self.local(host, "snapshot-list", name, "--name").split()
        if there and other < 0.6:
            self.local(host, "snapshot-delete", name, there[0])
        else:
            self.local(host, "snapshot-create-as", name, f"s{int(other * 10000)}")

    def _autostart(self, host: Host, name: str, other: float) -> None:
        self.local(host, "autostart", name, *(("--disable",) if other < 0.5 else ()))

    def _config(self, host: Host, name: str, other: float) -> None:
        self.local(host, "setmaxmem", name, f"{16 + int(other * 4) * 4}M", "--config")

    def _pool(self, host: Host, _name: str, other: float) -> None:
        self.local(host, "pool-destroy", "default")
        time.sleep(other * 5)
        self.local(host, "pool-start", "default")

    def _kill(self, host: Host, name: str, _: float) -> None:
        with contextlib.suppress(OSError):
            os.kill(host.qemu_pid(name), signal.SIGKILL)

    ACTS = (
        *(_start, _start, _start, _stop, _pause, _resume, _resume, _reset, _save, _rename, _undefine, _detach),
        *(_snapshot, _autostart, _config, _pool, _kill),
    )

    # -- faults; each gives what ends it

    def fault(self) -> Callable[[], None]:
        """Break something of a host that is whole."""
        host = self.chance.choice([host for host in self.hosts if host.name not in self.silent])
        what = self.chance.choice(self.FAULTS)
        self._note(f"{what.__name__[1:]} on {host.name} begins")
        self.counts[what.__name__[1:]] += 1
        end, is_silent = what(self, host)
        if is_silent:
            self.silent[host.name] = time.time()

        def ends() -> None:
            end()
            self.silent.pop(host.name, None)
            self._note(f"{what.__name__[1:]} on {host.name} ends")

        return ends

    def _freeze(self, host: Host) -> tuple[Callable[[], None], bool]:
        host.stop()
        return host.cont, True

    def _crash(self, host: Host) -> tuple[Callable[[], None], bool]:
        host.kill9()
        return host.start, True

    def _restart(self, host: Host) -> tuple[Callable[[], None], bool]:
        host.restart()
        return lambda: None, False

    def _drop(self, host: Host) -> tuple[Callable[[], None], bool]:
        host.drop_packets()
        return host.pass_packets, True

    def _unplug(self, host: Host) -> tuple[Callable[[], None], bool]:
        host.unplug()
        return host.plug, True

    def _stuck(self, host: Host) -> tuple[Callable[[], None], bool]:
        names = self.names(host)
        if not names:
            return lambda: None, False
        pid = host.qemu_pid(self.chance.choice(names))
        os.kill(pid, signal.SIGSTOP)

        def end() -> None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

        return end, False

    def _hook(self, host: Host) -> tuple[Callable[[], None], bool]:
        hook = host.folder / "etc/hooks/qemu"
        host.hook('[ "$2" = prepare ] && sleep 12; exit 0')

        def end() -> None:
            hook.write_text("#!/bin/sh\n")

        return end, False

    FAULTS = (_freeze, _freeze, _crash, _restart, _drop, _drop, _unplug, _stuck, _stuck, _hook)
