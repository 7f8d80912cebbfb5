"""The programs of the recordings, what is typed into them, and the small world in which they run."""

from __future__ import annotations

from typing import NamedTuple

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
