"""Where our screen differs from that of tmux 3.3a on purpose: for each row what we show, and why tmux does not.

The rows that are listed must differ: one that tmux shows as we do has no place here.
"""

from __future__ import annotations

from string import ascii_uppercase

BOX = "tmux moves left from a place past the last column; a VT100 and xterm have the cursor on it"
WRAPPING = "tmux, after a character in the last column, has BS and HT move from past it: the letters get out of step"
ORIGIN = "tmux lets the cursor stay out of the margins when origin mode is set; DEC sends it home within them"
GRAPHICS = "tmux prints the letters of line drawing, since a captured pane has them as an attribute"
BRITISH = "tmux knows no British set"
BROKEN = "tmux drops broken UTF-8; a person should see that something was there"
EIGHT_BITS = f"{BROKEN}: the right half of an 8-bit set is no UTF-8"

FIRMWARE = "SeaBIOS forbids wrapping and leaves it so; we let long lines of the kernel be read to their end"

LINES = "─" * 10
DIAMONDS = "◆" * 10
SIGNS = "!\"£$%&'()*+,-./0123456789:;<=>?"
DRAWN = "◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·"
CAPITALS = "@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^"
HALF = "\ufffd" * 32

PANIC = """\
[    1.669946] VFS: Cannot open root device "(null)" or unknown-block(0,0): erro
r -6
[    1.670196] Please append a correct "root=" boot option; here are the availab
le partitions:
[    1.670605] Kernel panic - not syncing: VFS: Unable to mount root fs on unkno
wn-block(0,0)
[    1.670960] CPU: 0 PID: 1 Comm: swapper/0 Not tainted 6.1.0-56-cloud-amd64 #1
  Debian 6.1.192-2
[    1.671254] Hardware name: QEMU Standard PC (i440FX + PIIX, 1996), BIOS 1.16.
2-debian-1.16.2-1 04/01/2014
[    1.671581] Call Trace:
[    1.672101]  <TASK>
[    1.672270]  dump_stack_lvl+0x44/0x5c
[    1.672578]  panic+0x118/0x2f4
[    1.673112]  mount_block_root+0x14e/0x1e6
[    1.674201]  prepare_namespace+0x136/0x165
[    1.675230]  kernel_init_freeable+0x250/0x27a
[    1.680394]  ? rest_init+0xd0/0xd0
[    1.680493]  kernel_init+0x16/0x130
[    1.680571]  ret_from_fork+0x22/0x30
[    1.680705]  </TASK>
[    1.681139] Kernel Offset: 0x38800000 from 0xffffffff81000000 (relocation ran
ge: 0xffffffff80000000-0xffffffffbfffffff)
"""


def _in_order() -> dict[int, str]:
    return {2 + n: letter + " " * 78 + letter.lower() for n, letter in enumerate(ascii_uppercase[8:])}


def _box() -> dict[int, str]:
    rows = dict.fromkeys((*range(2, 8), *range(16, 22)), "*+" + " " * 76 + "+*")
    rows[8] = "*+" + " " * 34 + "E" * 42 + "+*"
    rows[10] = " " * 36 + "E" * 42 + "+*"
    rows[14] = "Push <RETURN>" + " " * 45 + "E" * 20 + "+*"
    rows[15] = " " * 58 + "E" * 20 + "+*"
    return rows


def _halves() -> dict[int, str]:
    rows = {}
    for first in range(3, 20, 4):
        for row, text in enumerate((" " + SIGNS.replace("£", "#"), CAPITALS + "_", "`abcdefghijklmnopqrstuvwxyz{|}~")):
            british = row == 0 and first in (7, 15)
            rows[first + row] = " " * 4 + f"{' ' + SIGNS if british else text:35}{HALF}"
    return rows


def _twice(text: str, width: int) -> str:
    return f"         {text:{width}}{text}".rstrip()


def _graphic_sets() -> dict[int, str]:
    special = {12: _twice(CAPITALS, 38), 13: _twice(DRAWN, 38)}
    return {7: _twice(" " + SIGNS, 38)} | special | {y + 8: text for y, text in special.items()}


DIFFERENCES: dict[tuple[str, str], tuple[str, dict[int, str]]] = {
    ("bash", "broken"): (BROKEN, {15: "a\ufffdb\ufffdc\ufffdd\ufffd\ufffde"}),
    ("bash", "tabs"): (BROKEN, {15: "a\ufffdb\ufffdc\ufffdd\ufffd\ufffde"}),
    ("boot", "panic"): (FIRMWARE, dict(enumerate(PANIC.splitlines()))),
    ("vttest1", "choice 1 page 2"): (BOX, _box()),
    ("vttest1", "choice 1 page 3"): (WRAPPING, _in_order()),
    ("vttest1", "choice 1 page 4"): (WRAPPING, _in_order()),
    ("vttest2", "choice 2 page 11"): (
        ORIGIN,
        {1: "", 23: "Origin mode test. This line should be at the bottom of the screen."},
    ),
    ("vttest2", "choice 2 page 15"): (
        GRAPHICS,
        {11: "line:      " + "  ".join([LINES] * 5), 15: "diamonds:  " + "  ".join([DIAMONDS] * 5)},
    ),
    ("vttest3", "choice 8"): (f"{BRITISH}; {GRAPHICS}", _graphic_sets()),
    ("vttest3", "choice 9"): (BRITISH, {7: " " * 10 + SIGNS}),
    ("vttest3", "choice 10"): (f"{EIGHT_BITS}; {BRITISH}", _halves()),
    ("vttest3", "choice 11"): (
        BRITISH,
        {7: "     35: (£)     51: (3)     67: (C)     83: (S)     99: (c)    115: (s)"},
    ),
    ("vttest3", "choice 11 page 2"): (
        BRITISH,
        {7: "     35: (£)     51: (3)     67: (C)     83: (S)     99: (c)    115: (s)"},
    ),
}
