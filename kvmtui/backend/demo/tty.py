"""A simulated guest's serial line: it boots there, asks who is there, and has a shell."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from kvmtui.backend.demo.lifecycle import BOOT
from kvmtui.backend.demo.programs import COMMANDS, FLOOD, PROGRAMS, Program
from kvmtui.core.errors import BackendError
from kvmtui.core.inventory import VmState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kvmtui.backend.demo.guest import Guest
    from kvmtui.backend.demo.host import SimHost
    from kvmtui.backend.demo.world import World

_LONGEST_LINE = 1000
_MOST_HELD = 4096  # bytes typed at a guest that does not run
_KERNEL = (
    "[    0.000000] Linux version 6.1.0-18-amd64 (simulated)",
    "[    0.000000] Command line: root=/dev/vda1 console=tty0 console=ttyS0",
    "[    0.312004] smpboot: Total of {vcpus} processors activated",
    "[    0.871356] virtio_blk virtio1: [vda] 41943040 512-byte logical blocks",
    "[    1.205512] EXT4-fs (vda1): mounted filesystem with ordered data mode",
)
_SERVICES = (
    "Started Journal Service",
    "Mounted /srv",
    "Started Network Manager",
    "Reached target Network is Online",
    "Started OpenSSH server daemon",
    "Started {role}",
    "Reached target Multi-User System",
)


class Tty:
    """The line; it lives as long as its guest, whoever is attached, and goes with it to another host."""

    def __init__(self, world: World, guest: Guest) -> None:
        """Stand where a guest stands that has been up for a while, or is about to boot."""
        self.world = world
        self.guest = guest
        self.sink: Callable[[bytes], None] | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = b""
        self._started: float | None = None  # when it began to run, as far as was noticed
        self._user = ""
        self._stage: Callable[[str], None] = self._ignore
        self._line = ""
        self._last = ""
        self._escape = ""
        self._program: Program | None = None
        self._controls: Mapping[str, Callable[[], None]] = {
            "\r": self._enter,
            "\n": self._enter,
            "\x7f": self._rub_out,
            "\b": self._rub_out,
            "\x03": self._interrupt,
            "\x04": self._end_of_input,
            "\x0c": self._clear,
            "\x15": self._rub_all_out,
            "\x1b": self._begin_escape,
        }

    @property
    def user(self) -> str:
        """Who is logged in on it, "" for nobody."""
        return self._user if self._stage == self._command else ""

    @property
    def floods(self) -> bool:
        """Whether what stands in front prints as fast as it is read."""
        return self._program is not None and self._program.floods and self.guest.vm.state is VmState.RUNNING

    def flood(self) -> bytes:
        """Return the next piece of a flood."""
        return FLOOD

    def greet(self) -> None:
        """Show somebody who has just attached where the line stands."""
        if not self.notice() and self._program is None and self._stage != self._ignore:
            self.say("\r\n")
            self._prompt()

    def notice(self) -> bool:
        """Look at the guest after something happened to it; return whether it has begun to boot."""
        guest = self.guest
        if not guest.vm.is_active:
            self._drop_program()
            self._stage, self._started = self._ignore, None
            return False
        if guest.vm.state is VmState.STOPPING and self._stage != self._ignore:
            self._drop_program()
            self._stage = self._ignore
            self.say("\r\n         Stopping session\r\n[\x1b[32m  OK  \x1b[0m] Reached target Power-Off\r\n")
            return False
        if guest.started != self._started:
            first, self._started = self._started is None, guest.started
            self._drop_program()
            booted = guest.boot_until <= self.world.clock.monotonic()
            if first and booted:
                self._log_out()
                return False
            self._boot()
            return True
        if self._held and guest.vm.state is VmState.RUNNING:
            held, self._held = self._held, b""
            self.type(held)
        return False

    def say(self, text: str) -> None:
        """Print; what nobody reads is gone."""
        if self.sink is not None:
            self.sink(text.encode(errors="replace"))

    def type(self, data: bytes) -> None:
        """Take what was typed; a guest that does not run takes it later."""
        if self.guest.vm.state is not VmState.RUNNING:
            self._held = (self._held + data)[:_MOST_HELD]
            return
        for character in self._decoder.decode(data):
            if self._program is not None:
                self._program.key(character)
            else:
                self._take(character)

    def leave(self) -> None:
        """End the program in front and show the prompt."""
        self._drop_program()
        self._prompt()

    # --- booting ---

    def _boot(self) -> None:
        """Print what a boot prints, as far apart as the world's pace wants it."""
        self._stage, self._user = self._ignore, ""
        vm = self.guest.vm
        lines = [line.format(vcpus=vm.vcpus) for line in _KERNEL]
        lines += [f"[\x1b[32m  OK  \x1b[0m] {line.format(role=self.guest.role.name)}" for line in _SERVICES]
        self.say("\x1b[2J\x1b[HBooting from Hard Disk...\r\n")
        for place, line in enumerate(lines, 1):
            self._at(0.8 * BOOT * place / len(lines), f"{line}\r\n")
        self.world.after(0.9 * BOOT, self.guest, self._log_out)

    def _at(self, seconds: float, text: str) -> None:
        self.world.after(seconds, self.guest, lambda: self.say(text))

    def _log_out(self) -> None:
        self._user = ""
        self._stage = self._login
        self.say(f"\r\n{self.guest.vm.os or 'Linux'} {self.guest.vm.name} ttyS0\r\n")
        self.say("(simulated: any user and any password will do)\r\n\r\n")
        self._prompt()

    # --- who is there ---

    def _prompt(self) -> None:
        self._line = ""
        if self._stage == self._login:
            self.say(f"{self.guest.vm.name} login: ")
        elif self._stage == self._password:
            self.say("Password: ")
        else:
            self.say(f"\x1b[1;32m{self._user}@{self.guest.vm.name}\x1b[0m:\x1b[1;34m~\x1b[0m$ ")

    def _ignore(self, line: str) -> None:
        """Take a line while nothing listens."""

    def _login(self, line: str) -> None:
        if line.strip():
            self._user, self._stage = line.split(maxsplit=1)[0], self._password
        self._prompt()

    def _password(self, _line: str) -> None:
        self._stage = self._command
        self.say(f"Welcome to {self.guest.vm.name}. Type help to see what this guest knows.\r\n")
        self._prompt()

    def _command(self, line: str) -> None:
        words = line.split()
        name = words[0] if words else ""
        self._last = line or self._last
        if name in PROGRAMS:
            self._program = PROGRAMS[name](self, words)
            self._program.start()
            return
        if name in ("exit", "logout"):
            self._log_out()
            return
        if name in ("reboot", "poweroff"):
            self._end(name)
        elif name in COMMANDS:
            text = COMMANDS[name](self, words)
            self.say(text.replace("\n", "\r\n") + ("" if name == "clear" else "\r\n"))
        elif name:
            self.say(f"{name}: command not found\r\n")
        self._prompt()

    def _end(self, name: str) -> None:
        host = self._host()
        if host is None:
            return
        try:
            if name == "reboot":
                self.world.life.reset(host, self.guest.vm.uuid)
            else:
                self.world.life.force_off(host, self.guest.vm.uuid)
        except BackendError as error:
            self.say(f"{name}: {error}\r\n")

    def _host(self) -> SimHost | None:
        for host in self.world.hosts.values():
            if host.guests.get(self.guest.vm.uuid) is self.guest:
                return host
        return None

    # --- the line being typed ---

    def _take(self, character: str) -> None:
        if self._stage == self._ignore:
            return
        if self._escape:
            self._in_escape(character)
            return
        act = self._controls.get(character)
        if act is not None:
            act()
        elif character.isprintable() and len(self._line) < _LONGEST_LINE:
            self._line += character
            self._echo(character)

    def _enter(self) -> None:
        line, self._line = self._line, ""
        self.say("\r\n")
        self._stage(line)

    def _rub_out(self) -> None:
        if self._line:
            self._line = self._line[:-1]
            self._echo("\b \b")

    def _rub_all_out(self) -> None:
        self._echo("\b \b" * len(self._line))
        self._line = ""

    def _interrupt(self) -> None:
        self.say("^C\r\n")
        self._prompt()

    def _end_of_input(self) -> None:
        if not self._line and self._stage == self._command:
            self.say("logout\r\n")
            self._log_out()

    def _clear(self) -> None:
        self.say("\x1b[H\x1b[2J")
        self._prompt()

    def _begin_escape(self) -> None:
        self._escape = "\x1b"

    def _in_escape(self, character: str) -> None:
        """Follow a key's sequence to its end; the arrow up brings the last line back."""
        self._escape += character
        if character in "[O" and len(self._escape) == 2:
            return
        if character.isalpha() or character == "~" or len(self._escape) > 8:
            if self._escape[1:] in ("[A", "OA") and self._stage == self._command:
                self._echo("\b \b" * len(self._line) + self._last)
                self._line = self._last
            self._escape = ""

    def _echo(self, text: str) -> None:
        if self._stage != self._password:
            self.say(text)

    def _drop_program(self) -> None:
        program, self._program = self._program, None
        if program is not None:
            program.end()
