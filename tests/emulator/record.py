"""Record what programs write to a terminal, and what tmux shows for it: `python -m tests.emulator.record [NAME...]`.

Needs root, unshare, setpriv, tmux and the programs. They run as a user `admin` on a host `guest`, in namespaces with
a home and processes of their own, so that nothing of the machine is in what they write but its load. For each session
`data/NAME.gz` holds the bytes and `data/NAME.screens` the screens that tmux gave for them at each checkpoint.
"""

from __future__ import annotations

import fcntl
import gzip
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path
from typing import NamedTuple

from kvmtui.emulator import Emulator
from tests.emulator.corpus import COLUMNS, DATA, ROWS, Checkpoint, screens_text

PATIENCE = 20.0  # seconds until a program must have written something

WORLD = """
set -e
hostname guest
mount -t tmpfs none /home
mkdir /home/admin
cp "$1"/* /home/admin
cd /home/admin
chown -R 1000:1000 /home/admin
printf 'root:x:0:0:root:/root:/bin/sh\\nadmin:x:1000:1000:admin:/home/admin:/bin/bash\\n' > /home/passwd
mount --bind /home/passwd /etc/passwd
for name in 'nginx: worker process' '/usr/sbin/cron -f' 'postgres: checkpointer' '/usr/bin/qemu-system-x86_64 -name web'
do bash -c "exec -a '$name' sleep 1000" >/dev/null 2>&1 & done
stty rows 24 columns 80
exec setpriv --reuid 1000 --regid 1000 --clear-groups --no-new-privs env -i HOME=/home/admin USER=admin LOGNAME=admin \
  PATH=/usr/bin:/bin LANG=C.UTF-8 SHELL=/bin/bash TERM="$2" LESSHISTFILE=- PS1='admin@guest:~$ ' "${@:3}"
"""
NOTES = "\n".join(
    f"{n:3}. The {('router', 'database', 'backup', 'mail server')[n % 4]} of rack {n % 7} was looked at"
    f"{' again' * (n % 5 * 4)}{', größer als gedacht: 漢字' * (n % 9 == 3)}."
    for n in range(1, 121)
)
PLAY = '''"""A small program, to be looked at in an editor."""

import sys

COLOURS = {"red": 31, "green": 32, "blue": 34}  # names and codes


def paint(text: str, colour: str = "red") -> str:
    """Return text in colour."""
    code = COLOURS.get(colour, 0)
    if not code:
        raise ValueError(f"no such colour: {colour!r}")
    return f"\\x1b[{code}m{text}\\x1b[0m"


class Counter:
    """Count things."""

    def __init__(self, start: int = 0) -> None:
        self.value = start

    def more(self, by: int = 1) -> int:
        self.value += by
        return self.value


if __name__ == "__main__":
    counter = Counter(10)
    for word in sys.argv[1:]:
        print(paint(word), counter.more())
'''


class Session(NamedTuple):
    """A program and what is typed into it: a label and the keys that lead to each checkpoint."""

    term: str
    command: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]
    quiet: float = 0.4  # seconds of silence after which a checkpoint is reached


def _vttest(*pages: str | tuple[str, int]) -> Session:
    steps = []
    for page in pages:
        choice, returns = page if isinstance(page, tuple) else (page, 0)
        steps.append((f"choice {choice}", f"{choice}\r"))
        steps += [(f"choice {choice} page {number + 2}", "\r") for number in range(returns)]
    return Session("vt220", ("vttest",), (("menu", ""), *steps), quiet=0.6)


VIM_STEPS = (
    ("open", ""),
    ("down", "10jwww"),
    ("insert", "ofirst = 1\nsecond = 'ü 漢字'"),
    ("line", "\x1bOzwischen"),
    ("left", "\x1b"),
    ("undo", "u"),
    ("visual", "ggVjjj"),
    ("delete", "d"),
    ("split", ":split notes.txt\r"),
    ("scroll", "\x06\x05\x05"),
    ("search", "/mail server\r"),
    ("columns", ":vsplit\r"),
    ("message", ":echo 1\r:set number hlsearch\r"),
    ("quit", ":qa!\r"),
)
SESSIONS = {
    "vim": Session("xterm-256color", ("vim", "play.py"), VIM_STEPS),
    "vim-vt220": Session("vt220", ("vim", "play.py"), VIM_STEPS),
    "less": Session(
        "xterm-256color",
        ("less", "notes.txt"),
        (
            ("open", ""),
            ("page", " "),
            ("lines", "jjj"),
            ("back", "kkkkk"),
            ("search", "/mail\r"),
            ("next", "nn"),
            ("end", "G"),
            ("start", "g"),
            ("help", "h"),
            ("quit", "qq"),
        ),
    ),
    "less-vt220": Session(
        "vt220",
        ("less", "-S", "notes.txt"),
        (("open", ""), ("half", "d"), ("back", "kkk"), ("right", "\x1b[C"), ("search", "/mail\r"), ("quit", "q")),
    ),
    "htop": Session(
        "xterm-256color",
        ("htop", "-d", "30"),
        (
            ("open", ""),
            ("down", "\x1bOB\x1bOB"),
            ("tree", "t"),
            ("search", "/cron"),
            ("setup", "\x1b\x1bOQ"),
            ("quit", "\x03"),
        ),
    ),
    "htop-linux": Session("linux", ("htop", "-d", "30"), (("open", ""), ("tree", "t"), ("quit", "q"))),
    "top": Session(
        "xterm-256color",
        ("top", "-d", "4"),
        (("open", ""), ("cores", "1"), ("colour", "z"), ("command", "c"), ("help", "h"), ("quit", "qq")),
    ),
    "top-vt220": Session("vt220", ("top", "-d", "4"), (("open", ""), ("memory", "m"), ("quit", "q"))),
    "busybox-vi": Session(
        "vt220",
        ("busybox", "vi", "play.py"),
        (
            ("open", ""),
            ("down", "10jww"),
            ("insert", "ofirst\rsecond"),
            ("left", "\x1b"),
            ("delete", "3dd"),
            ("end", "G"),
            ("search", "/def\r"),
            ("quit", ":q!\r"),
        ),
    ),
    "busybox-top": Session("vt220", ("busybox", "top", "-d", "3"), (("open", ""), ("next", ""), ("quit", "q"))),
    "boot": Session(
        "vt220",
        (
            *("qemu-system-x86_64", "-nographic", "-no-reboot", "-m", "256", "-kernel", "/vmlinuz"),
            *("-append", "console=ttyS0 panic=-1"),
        ),
        (("panic", ""),),
        quiet=8,
    ),
    "vttest1": _vttest(("1", 7)),
    "vttest2": _vttest(("2", 16)),
    "vttest3": _vttest("3", ("8", 1), ("9", 1), ("10", 1), ("11", 1), "0"),
    "vttest8": _vttest(("8", 14)),
    "bash": Session(
        "xterm-256color",
        ("bash", "--norc"),
        (
            ("prompt", ""),
            ("colours", "for i in {0..255}; do printf '\\e[48;5;%dm%3d\\e[m ' $i $i; done; echo\r"),
            ("true colour", "printf '\\e[38;2;1;2;3mone \\e[48:2::9:8:7mtwo\\e[m \\e[4:3mthree\\e[m\\n'\r"),
            ("wide", "clear; printf '%s\\n' 漢字 'e\u0301a\u0308 한국어 ｆｕｌｌ' ⏩🚀✅ '→ ∑ █▓▒░ ┌─┐'\r"),
            ("wrap", "printf 'x%.0s' {1..200}; printf '漢%.0s' {1..61}; echo\r"),
            ("edit", "echo abcdef ghijkl\x01\x1b[C\x1b[C\x1bdX\x05 more"),
            ("long", "\x15echo $(seq 1 60)"),
            ("long, edited", "\x01\x1b[C\x0b\x19\x01# "),
            ("repeat", "\x15clear; printf 'ab\\e[5b\\n-\\e[20b\\n'\r"),
            ("alternate", "\x15printf '\\e[?1049h\\e[5;5Hthere'; sleep 0.1\r"),
            ("back", "printf '\\e[?1049l'\r"),
            ("region", "clear; printf '\\e[5;10r\\e[5H'; seq 1 20; printf '\\e[r\\e[20H'\r"),
            ("edits", "printf '\\e[6H\\e[2L\\e[8H\\e[M\\e[9;3H\\e[4@\\e[10;2H\\e[1P\\e[2S\\e[T\\e[3X\\e[15H'\r"),
            ("broken", "printf 'a\\377b\\xe2\\x82c\\xf0\\x9fd\\xc0\\xafe\\n'\r"),
            ("tabs", "printf '\\e[3g\\e[5G\\eH\\e[20G\\eH\\r\\ta\\tb\\tc\\n\\e[2Zd\\n'\r"),
        ),
    ),
}


def record(session: Session, folder: str) -> tuple[bytes, list[tuple[str, int]]]:
    """Run a session in a terminal of its own, with a copy of `folder` as home.

    Returns its output, and the label of each checkpoint with the number of bytes before it.
    """
    child, descriptor = pty.fork()
    if not child:
        command = ["unshare", "-m", "-u", "-p", "-f", "--mount-proc", "--kill-child", "bash", "-c", WORLD, "world"]
        os.execvp(command[0], [*command, folder, session.term, *session.command])  # noqa: S606 - it gets a list
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    output, places = b"", []
    terminal = Emulator(COLUMNS, ROWS)
    for label, keys in session.steps:
        os.write(descriptor, keys.encode())
        output += _read(descriptor, terminal, session.quiet)
        places.append((label, len(output)))
    os.close(descriptor)
    os.waitpid(child, 0)
    return output, places


def _read(descriptor: int, terminal: Emulator, quiet: float) -> bytes:
    """Read until nothing has come for a while, and answer what a terminal answers."""
    output = b""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        ready, _, _ = select.select([descriptor], [], [], quiet if output else 2.0)
        if not ready:
            break
        try:
            data = os.read(descriptor, 65536)
        except OSError:  # the program has ended
            break
        output += data
        terminal.feed(data)
        replies = terminal.take_replies()
        if replies:
            os.write(descriptor, replies)
    return output


class Tmux:
    """A pane of tmux that shows what is written into a pipe."""

    def __init__(self, folder: Path) -> None:
        self._socket = str(folder / "socket")
        pipe = folder / "pipe"
        os.mkfifo(pipe)
        show = f"stty raw -echo; printf ready; read -r -n 1 _ < {pipe}.go; clear; exec cat {pipe}"
        os.mkfifo(f"{pipe}.go")
        environment = {**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
        config = folder / "config"
        config.write_text("set -g status off\nset -g default-terminal xterm-256color\n")
        subprocess.run(
            [
                *("tmux", "-S", self._socket, "-f", str(config), "new-session", "-d"),
                *("-x", str(COLUMNS), "-y", str(ROWS), "bash", "-c", show),
            ],
            check=True,
            env=environment,
        )
        Path(f"{pipe}.go").write_bytes(b"\n")
        self._pipe = pipe.open("wb", buffering=0)
        self._settled()

    def show(self, data: bytes) -> tuple[str, ...]:
        """Write into the pane; return its rows when they change no more."""
        self._pipe.write(data)
        return self._settled()

    def close(self) -> None:
        self._pipe.close()
        subprocess.run(["tmux", "-S", self._socket, "kill-server"], check=False, stderr=subprocess.DEVNULL)

    def _settled(self) -> tuple[str, ...]:
        before, same = self._rows(), 0
        while same < 5:
            time.sleep(0.1)
            now = self._rows()
            same = same + 1 if now == before else 0
            before = now
        return before

    def _rows(self) -> tuple[str, ...]:
        done = subprocess.run(
            ["tmux", "-S", self._socket, "capture-pane", "-p"],
            check=True,
            capture_output=True,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        lines = [line.rstrip(" ") for line in done.stdout.decode().split("\n")]
        return tuple((lines + [""] * ROWS)[:ROWS])


def shown_by_tmux(output: bytes, places: list[tuple[str, int]]) -> list[Checkpoint]:
    """Return what tmux shows at each checkpoint."""
    checkpoints = []
    with tempfile.TemporaryDirectory() as folder:
        pane = Tmux(Path(folder))
        start = 0
        for label, end in places:
            checkpoints.append(Checkpoint(label, end, pane.show(output[start:end])))
            start = end
        pane.close()
    return checkpoints


def main() -> None:
    """Record the sessions that are named, or all."""
    DATA.mkdir(exist_ok=True)
    for name in sys.argv[1:] or SESSIONS:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "notes.txt").write_text(NOTES)
            Path(folder, "play.py").write_text(PLAY)
            output, places = record(SESSIONS[name], folder)
        checkpoints = shown_by_tmux(output, places)
        (DATA / f"{name}.gz").write_bytes(gzip.compress(output, mtime=0))
        (DATA / f"{name}.screens").write_text(screens_text(checkpoints))
        sys.stdout.write(f"{name}: {len(output)} bytes, {len(checkpoints)} checkpoints\n")


if __name__ == "__main__":
    main()
