"""Guests: small virtual machines that boot in seconds, and ones that only stand there."""

from __future__ import annotations

import base64
import contextlib
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from tests.real.lab.host import IMAGES
from tests.real.lab.process import LabError, output, until
from tests.real.lab.terminal import Terminal

if TYPE_CHECKING:
    from tests.real.lab.host import Host

CROWD_MEMORY_MIB = 16


@dataclass(frozen=True, slots=True)
class GuestSpec:
    """What a guest is made of."""

    name: str
    memory_mib: int = 112
    vcpus: int = 1
    disk_mib: int = 0
    """Size of a qcow2 disk, vda; 0 is none."""
    nic: bool = True
    """A card on the host's NAT network, with an address by DHCP."""
    agent: bool = True
    load: int = 0
    """How many percent of one CPU the guest burns."""
    stubborn: bool = False
    """Hears that it should shut down or reboot, and goes on."""
    counts: bool = False
    """Counts on its console from the start on, until ctrl-c gives a shell there (guest-count.sh)."""
    shared: bool = False
    """Its disk is in the folder that all hosts see, Host.share(), instead of the host's own pool."""
    cloud: bool = False
    """Boots the cloud image, of which its disk is a linked copy; its name inside comes from a seed, or is `cloud`."""
    devices: str = ""
    """More device elements, as XML."""


class Guest:
    """A VM on one host, as the tests see it: through virsh, its serial log and its agent, never through the program."""

    def __init__(self, host: Host, spec: GuestSpec) -> None:
        self.host = host
        self.spec = spec
        self.name = spec.name
        self._hosts = {host}
        self.console_log = host.folder / f"guests/{spec.name}.log"
        """All that the guest wrote to its serial line, byte for byte, on whatever host it ran."""
        self.disk = (host.shared if spec.shared else IMAGES) / f"{spec.name}.qcow2"

    @property
    def xml(self) -> str:
        """The domain as it is defined."""
        return _booting_xml(self)

    @property
    def halted_xml(self) -> str:
        """A domain that boots one sector, which halts, instead of a system."""
        return _halted_xml(self)

    @property
    def uuid(self) -> str:
        """The UUID of the VM."""
        return self.host.virsh("domuuid", self.name)

    def define(self) -> Guest:
        """Make the disk and the definition; the VM is shut off then."""
        if self.spec.cloud:
            backing = ["-b", str(self.host.image.cloud), "-F", "qcow2"]
            self.host.output("qemu-img", "create", "-q", "-f", "qcow2", *backing, str(self.disk))
        elif self.spec.disk_mib:
            self.host.output("qemu-img", "create", "-q", "-f", "qcow2", str(self.disk), f"{self.spec.disk_mib}M")
        output(["virsh", "-q", "-c", self.host.uri, "define", "/dev/stdin"], stdin=self.xml)
        return self

    def start(self) -> Guest:
        """Start the VM; wait_booted() tells when it is of use."""
        self.host.virsh("start", self.name)
        return self

    def boots(self) -> int:
        """How often the guest has come up, counted on its serial console since it was defined."""
        try:
            text = self.console_log.read_text(errors="replace")
        except FileNotFoundError:
            return 0
        return text.count(f"lab: {self.name} is up")

    def wait_booted(self, boots: int = 1, timeout: float = 60) -> Guest:
        """Wait until the guest has come up for the given time, and its agent answers."""
        until(lambda: self.boots() >= boots, f"{self.name} boots", timeout=timeout)
        if self.spec.agent:
            until(self._agent_answers, f"the agent of {self.name} answers", timeout=timeout)
        return self

    def _agent_answers(self) -> bool:
        try:
            self.host.agent(self.name, "guest-ping")
        except LabError:
            return False
        return True

    def state(self) -> str:
        """What `virsh domstate` says: running, paused, shut off ...; 'gone' when there is no such VM."""
        try:
            return self.host.virsh("domstate", self.name)
        except LabError as error:
            if "failed to get domain" in str(error):
                return "gone"
            raise

    def wait_state(self, state: str, timeout: float = 30) -> Guest:
        """Wait until state() is the given one."""
        until(lambda: self.state() == state, f"{self.name} is {state}", timeout=timeout, pause=0.1)
        return self

    def address(self, timeout: float = 30) -> str:
        """The IPv4 address that the guest has got by DHCP, once it has one."""

        def leased() -> str:
            for line in self.host.virsh("domifaddr", self.name).splitlines():
                return line.split()[-1].partition("/")[0]
            return ""

        return until(leased, f"{self.name} has an address", timeout=timeout, pause=0.2)

    def read_proc(self, path: str) -> str:
        """The text of a file inside the guest, read by its agent."""
        return self.execute("/bin/cat", path)

    def execute(self, *argv: str, timeout: float = 60) -> str:
        """What a program inside the guest prints, run by the agent; LabError when it fails."""
        started = self._record("guest-exec", path=argv[0], arg=list(argv[1:]), **{"capture-output": True})
        deadline = time.monotonic() + timeout
        while not (status := self._record("guest-exec-status", pid=started["pid"]))["exited"]:
            if time.monotonic() > deadline:
                raise LabError(f"{' '.join(argv)} in {self.name} did not end in {timeout:g} s")
            time.sleep(0.05)
        if status["exitcode"]:
            raise LabError(f"{' '.join(argv)} in {self.name} ended with {status['exitcode']}")
        return base64.b64decode(str(status.get("out-data", ""))).decode(errors="replace")

    def _record(self, command: str, **arguments: object) -> dict[str, object]:
        answer = self.host.agent(self.name, command, **arguments)
        if not isinstance(answer, dict):
            raise LabError(f"the agent of {self.name} answered {answer!r} to {command}")
        return answer

    def moved(self, host: Host) -> Guest:
        """Say that the VM is on another host now, or may be; asks nobody."""
        self.host = host
        self._hosts.add(host)
        return self

    def counted(self) -> list[int]:
        """The numbers that a counting guest has kept itself, read by its agent."""
        return [int(line) for line in self.execute("/bin/cat", "/tmp/count").split()]

    def hold_console(self, *, force: bool = False, size: tuple[int, int] = (80, 24)) -> Terminal:
        """Open the console as another client, `virsh console`, in a terminal; close it to let go, or press ctrl+].

        LabError holds what virsh printed when it is not given the console.
        """
        words = ["--force"] if force else []
        terminal = Terminal(["virsh", "-c", self.host.uri, "console", self.name, *words], *size)
        terminal.wait("Escape character is")
        # virsh says this before it has the console; when it is refused it ends.
        with contextlib.suppress(subprocess.TimeoutExpired):
            terminal.process.wait(0.4)
            terminal.close()
            raise LabError(f"virsh console {self.name} ended: {terminal.text()}")
        return terminal

    def remove(self) -> None:
        """Force the VM off and delete its definition, saved state and disk, so that the name is free again.

        On every host that it was on, as moved() says.
        """
        for host in self._hosts:
            self.host = host
            until(self._is_removed, f"{self.name} is removed from {host.name}", timeout=60)
            host.output("rm", "-f", str(self.disk))
        self.console_log.unlink(missing_ok=True)

    def _is_removed(self) -> bool:
        # It may end by itself, or its host be busy with it, between the question and the command: it is tried again.
        with contextlib.suppress(LabError):
            if self.state() in {"running", "paused", "in shutdown"}:
                self.host.virsh("destroy", self.name)
            if self.state() != "gone":
                self.host.virsh("undefine", self.name, "--managed-save", "--snapshots-metadata")
        return self.state() == "gone"


def crowd(host: Host, count: int, prefix: str = "crowd") -> list[Guest]:
    """Define and start many guests that cost next to nothing: one halted CPU, 16 MiB, a disk of 1 MiB, a card.

    They run no system, so they have no agent, no address, and hear no request to shut down.
    """
    guests = [
        Guest(host, GuestSpec(f"{prefix}-{number:02}", CROWD_MEMORY_MIB, agent=False)) for number in range(1, count + 1)
    ]
    script = host.folder / "guests/crowd"
    script.mkdir(exist_ok=True)
    commands = []
    for guest in guests:
        file = script / f"{guest.name}.xml"
        file.write_text(guest.halted_xml)
        commands += [f"define {file}", f"start {guest.name}"]
    host.virsh("; ".join(commands), timeout=60 + 2 * count)
    return guests


def _booting_xml(guest: Guest) -> str:
    spec = guest.spec
    words = ["console=ttyS0", "quiet", f"lab.name={spec.name}", f"lab.load={spec.load}"]
    words += ["lab.stubborn"] * spec.stubborn + ["lab.count"] * spec.counts
    image = guest.host.image
    system = "<boot dev='hd'/>"
    if not spec.cloud:
        cmdline = f"<cmdline>{escape(' '.join(words))}</cmdline>"
        system = f"<kernel>{image.kernel}</kernel><initrd>{image.initramfs}</initrd>{cmdline}"
    console = (
        f"<serial type='pty'><log file={quoteattr(str(guest.console_log))} append='on'/></serial>"
        "<memballoon model='virtio'><stats period='2'/></memballoon>"
    )
    disk = (
        f"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{guest.disk}'/>{VDA}</disk>"
    )
    channel = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
    parts = [console, disk if spec.disk_mib or spec.cloud else "", channel if spec.agent else "", spec.devices]
    return _domain_xml(spec, system, "".join(parts))


def _halted_xml(guest: Guest) -> str:
    disk = (
        "<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
        f"<source file='{guest.host.image.halt_disk}'/>{VDA}<readonly/></disk>"
    )
    return _domain_xml(guest.spec, "<boot dev='hd'/>", f"{disk}<memballoon model='virtio'/>")


VDA = "<target dev='vda' bus='virtio'/>"


def _domain_xml(spec: GuestSpec, system: str, devices: str) -> str:
    # Emulated: a machine that runs tests may have a /dev/kvm that cannot boot a guest. The cache of translated code
    # is kept small, since by default QEMU fills 100 MiB of memory with it.
    card = "<interface type='network'><source network='default'/><model type='virtio'/></interface>" if spec.nic else ""
    return (
        f"<domain type='qemu'><name>{escape(spec.name)}</name>"
        f"<memory unit='MiB'>{spec.memory_mib}</memory><vcpu>{spec.vcpus}</vcpu>"
        f"<os><type arch='x86_64' machine='q35'>hvm</type>{system}</os>"
        "<features><acpi/><apic/><tcg><tb-cache unit='MiB'>32</tb-cache></tcg></features>"
        "<cpu mode='custom' match='exact' check='none'><model>qemu64</model></cpu>"
        "<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>"
        f"<devices><controller type='usb' model='none'/>{card}{devices}</devices></domain>\n"
    )
