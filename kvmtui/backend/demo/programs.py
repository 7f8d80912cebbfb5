"""What can be run in a simulated guest's shell: commands that print, and programs that stay in front."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from kvmtui.backend.demo.noise import mix
from kvmtui.core import units

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kvmtui.backend.demo.guest import Guest
    from kvmtui.backend.demo.world import World

FLOOD = b"y\r\n" * 1365  # 4 KiB
_TOP_EVERY = 2.0  # seconds
_TICK = 0.5  # seconds
_SHORT = "README  \x1b[1;32mbackup.sh\x1b[0m  notes.txt  \x1b[1;34mreleases\x1b[0m"
_LONG = """\
-rw-r--r-- 1 admin admin  412 Mar  3 09:12 README
-rwxr-xr-x 1 admin admin 1180 Mar  3 09:15 \x1b[1;32mbackup.sh\x1b[0m
-rw-r--r-- 1 admin admin   96 Apr 18 17:40 notes.txt
drwxr-xr-x 4 admin admin 4096 Apr 20 08:01 \x1b[1;34mreleases\x1b[0m"""


class Terminal(Protocol):
    """What a program may know of the line that it runs on."""

    world: World
    guest: Guest

    def say(self, text: str) -> None:
        """Print."""
        ...

    def leave(self) -> None:
        """End the program in front and show the prompt."""
        ...


class Program(Protocol):
    """Something that stays in front until it ends or is interrupted."""

    floods: bool

    def start(self) -> None: ...
    def key(self, character: str) -> None: ...
    def end(self) -> None: ...


class Yes:
    """Print without an end."""

    floods = True

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def start(self) -> None:
        """Nothing: the line asks for as much as it can take."""

    def key(self, character: str) -> None:
        if character == "\x03":
            self._terminal.say("^C\r\n")
            self._terminal.leave()

    def end(self) -> None:
        """Nothing to put back."""


class Ticking:
    """A program that prints something again and again, until ctrl-c."""

    floods = False
    _every = _TICK

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._number = 0
        self._is_over = False

    def start(self) -> None:
        self._tick()

    def key(self, character: str) -> None:
        if character == "\x03":
            self._terminal.say("^C\r\n")
            self._terminal.leave()

    def end(self) -> None:
        self._is_over = True

    def show(self) -> None:
        """Print the next piece."""
        self._terminal.say(f"{self._number}\r\n")

    def _tick(self) -> None:
        if self._is_over:
            return
        guest = self._terminal.guest
        if guest.vm.state == "running":  # a paused guest's clock stands still
            self._number += 1
            self.show()
        self._terminal.world.later(self._every, self._tick)


class Ping(Ticking):
    """Ask a neighbour whether it is there, once a second."""

    _every = 1.0

    def __init__(self, terminal: Terminal, host: str) -> None:
        super().__init__(terminal)
        self._host = host

    def start(self) -> None:
        self._terminal.say(f"PING {self._host} (10.0.0.1) 56(84) bytes of data.\r\n")
        super().start()

    def show(self) -> None:
        spread = mix(self._number, 17) % 300 / 1000
        self._terminal.say(f"64 bytes from 10.0.0.1: icmp_seq={self._number} ttl=64 time={0.3 + spread:.3f} ms\r\n")


class Top(Ticking):
    """The busiest processes, in colour and on the whole screen; q ends it."""

    _every = _TOP_EVERY

    def start(self) -> None:
        self._terminal.say("\x1b[?1049h\x1b[?25l")
        super().start()

    def key(self, character: str) -> None:
        if character in "q\x03":
            self._terminal.leave()

    def end(self) -> None:
        super().end()
        self._terminal.say("\x1b[?25h\x1b[?1049l")

    def show(self) -> None:
        guest, world = self._terminal.guest, self._terminal.world
        now = units.hhmmss(world.clock.now())
        up = units.duration(world.clock.monotonic() - guest.started)
        lines = [
            f"top - {now} up {up},  1 user,  load average: {guest.mean:.2f}, {guest.mean * 0.9:.2f}",
            "\x1b[1mTasks:\x1b[0m  87 total,   1 running,  86 sleeping",
            f"\x1b[1mMem:\x1b[0m {_bar(guest.memory_use)} of {units.size(guest.vm.memory)}",
            "",
            "\x1b[7m    PID USER      PR  NI  %CPU  %MEM     TIME+ COMMAND" + " " * 24 + "\x1b[0m",
        ]
        for place, (command, share) in enumerate(_processes(guest)):
            busy = share * (0.7 + mix(self._number, place) % 600 / 1000)
            colour = "\x1b[31m" if busy > 60 else "\x1b[33m" if busy > 20 else "\x1b[32m"
            lines.append(
                f"{417 + 31 * place:7} {'root' if place % 3 else 'app':8}  20   0 {colour}{busy:5.1f}\x1b[0m"
                f" {busy / 4:5.1f}   {place}:{(self._number * 2) % 60:02}.{place}3 \x1b[1m{command}\x1b[0m"
            )
        self._terminal.say("\x1b[H" + "\r\n".join(f"{line}\x1b[K" for line in lines) + "\x1b[J")


def _bar(share: float) -> str:
    full = round(30 * share)
    return f"[\x1b[32m{'|' * full}\x1b[0m{' ' * (30 - full)}] {100 * share:.0f} %"


def _processes(guest: Guest) -> tuple[tuple[str, float], ...]:
    main = 100 * guest.mean / max(1, guest.vm.vcpus)
    return ((guest.role.name, main), ("kworker/0:1", 1.2), ("sshd", 0.4), ("systemd", 0.2), ("top", 0.6))


def _ls(_terminal: Terminal, words: list[str]) -> str:
    return _LONG if "-l" in words else _SHORT


def _cat(_terminal: Terminal, words: list[str]) -> str:
    if words[1:] == ["README"]:
        return "This guest is simulated. Type help to see what it knows."
    return "\n".join(f"cat: {word}: No such file or directory" for word in words[1:])


def _uptime(terminal: Terminal, _words: list[str]) -> str:
    up = units.duration(terminal.world.clock.monotonic() - terminal.guest.started)
    now = units.hhmmss(terminal.world.clock.now())
    return f" {now} up {up},  1 user,  load average: {terminal.guest.mean:.2f}"


def _free(terminal: Terminal, _words: list[str]) -> str:
    total = terminal.guest.vm.memory
    used = int(total * terminal.guest.memory_use)
    head = f"{'':8}{'total':>10}{'used':>10}{'free':>10}"
    return f"{head}\nMem:    {units.size(total):>10}{units.size(used):>10}{units.size(total - used):>10}"


def _df(terminal: Terminal, _words: list[str]) -> str:
    lines = ["Filesystem   Size  Used Use% Mounted on"]
    for disk, place in zip(terminal.guest.disks, ("/", "/srv", "/mnt"), strict=False):
        share = round(100 * disk.allocation / max(1, disk.capacity))
        lines.append(
            f"/dev/{disk.target:8}{units.size(disk.capacity):>5}{units.size(disk.allocation):>6}{share:4}% {place}"
        )
    return "\n".join(lines)


def _ip(terminal: Terminal, _words: list[str]) -> str:
    lines = []
    for number, nic in enumerate(terminal.guest.vm.nics):
        lines.append(f"{number + 2}: eth{number}: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500\n    link/ether {nic.mac}")
        address = terminal.guest.address
        if address is not None and address.mac == nic.mac:
            lines.append(f"    inet {address.ip}/24 scope global eth{number}")
    return "\n".join(lines)


def _date(terminal: Terminal, _words: list[str]) -> str:
    return time.strftime("%a %b %e %H:%M:%S UTC %Y", time.gmtime(terminal.world.clock.now()))


def _colors(_terminal: Terminal, _words: list[str]) -> str:
    rows = ["".join(f"\x1b[{base + colour}m {colour:2} \x1b[0m" for colour in range(8)) for base in (40, 100)]
    rows += [
        "".join(f"\x1b[48;5;{16 + 36 * red + 6 * green + blue}m \x1b[0m" for green in range(6) for blue in range(6))
        for red in range(6)
    ]
    rows.append("".join(f"\x1b[48;2;{255 - step * 4};{step * 4};128m \x1b[0m" for step in range(64)))
    rows.append("\x1b[1mbold\x1b[0m \x1b[3mitalic\x1b[0m \x1b[4munderline\x1b[0m \x1b[7mreverse\x1b[0m 日本語 é")
    return "\n".join(rows)


def _help(_terminal: Terminal, _words: list[str]) -> str:
    return (
        "This guest is simulated. It knows:\n"
        f"  {' '.join(sorted(COMMANDS))}\n"
        f"  {' '.join(sorted(PROGRAMS))}  (these run until ctrl-c; top until q)\n"
        "  reboot poweroff exit"
    )


COMMANDS: Mapping[str, Callable[[Terminal, list[str]], str]] = {
    "cat": _cat,
    "clear": lambda _terminal, _words: "\x1b[H\x1b[2J",
    "colors": _colors,
    "date": _date,
    "df": _df,
    "echo": lambda _terminal, words: " ".join(words[1:]),
    "free": _free,
    "help": _help,
    "hostname": lambda terminal, _words: terminal.guest.vm.name,
    "id": lambda _terminal, _words: "uid=1000(admin) gid=1000(admin) groups=1000(admin),27(sudo)",
    "ip": _ip,
    "ls": _ls,
    "pwd": lambda _terminal, _words: "/home/admin",
    "uname": lambda terminal, _words: f"Linux {terminal.guest.vm.name} 6.1.0-18-amd64 x86_64 GNU/Linux",
    "uptime": _uptime,
}
"""Commands that print and are done; the lines that they return end in a plain line feed."""

PROGRAMS: Mapping[str, Callable[[Terminal, list[str]], Program]] = {
    "count": lambda terminal, _words: Ticking(terminal),
    "ping": lambda terminal, words: Ping(terminal, words[1] if len(words) > 1 else "gateway"),
    "top": lambda terminal, _words: Top(terminal),
    "yes": lambda terminal, _words: Yes(terminal),
}
"""Programs that stay in front."""
