"""What is pressed, typed, pasted and sent at random."""

from __future__ import annotations


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


MOVES = _split("j k g G up down left right pageup pagedown home end ctrl+d ctrl+u tab shift+tab < > - [ ] ")
LOOKS = _split("enter d 1 2 7 9 0 f z w W O = o p Z r l y i ? c v m n ctrl+l ctrl+p ")
MARKS = _split("space space + * u . ")
OTHERS = _split(
    "q s e E b F 3 4 5 6 8 # a A t h T R ctrl+c ctrl+q ctrl+s f1 alt+x delete insert ctrl+z ~ $ ' \" ` { } "
)
SIZES = (
    (80, 24),
    (80, 24),
    (60, 15),
    (120, 36),
    (200, 60),
    (100, 30),
    (59, 15),
    (60, 14),
    (20, 5),
    (1, 1),
    (300, 20),
    (61, 70),
)
LETTERS = "sdrpuwhankmbofjctx"
WORDS = (
    "web",
    "db-1",
    "hv1",
    "state:on",
    "cpu>1",
    "-x",
    "mem>=4G",
    "(",
    "name:",
    "host:hv2 web",
    "\u202e",
    "漢字",
    "[b]",
    "zzz",
    "Straße",
    "\x9b",
    "tag:",
    "a b c",
)
LINES = (
    "start web-1",
    "off web-2",
    "shutdown db-1",
    "delete app-1",
    "migrate web-1 --to hv2",
    "theme light",
    "theme nosuch",
    "tasks",
    "log",
    "vms",
    "hosts",
    "fleet",
    "help",
    "consoles",
    "console web-1",
    "pause",
    "resume *",
    "unlock hv3 15m",
    "hv2",
    'start "',
    "keys web-1 ctrl-alt-del",
    "nmi app-2",
    "autostart-on db-2",
    "reconnect hv1",
    "save web-3",
    "nosuch x",
    "create",
    "reset hv1/web-1",
    "theme dark",
)
SEQUENCES = (
    "\x1b[A",
    "\x1bOR",
    "\x1b[15~",
    "\x1b[1;5C",
    "\x1b[<0;10;10M",
    "\x1b[<64;5;5M",
    "\x1b[200~x d\x1b[201~",
    "\x1b]11;rgb:0/0/0\x07",
    "\x1b[?2026;2$y",
    "\x1b[97;5u",
    "\x1b",
    "\x1b\x1b[B",
    "\x1b[M !!",
    "\x1bP1$r0m\x1b\\",
    "\x1b[200~\x1b[2J\x00\x1b[201~",
    "\x1b[I",
)
