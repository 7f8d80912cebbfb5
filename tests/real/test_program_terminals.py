"""The program in terminals of many names: it starts, sends nothing that they have not, and leaves them as they were."""

from __future__ import annotations

import re

import pytest

from tests.real.program import Home, Program

SGR = re.compile(rb"\x1b\[([\d;:]*)m")
SIXTEEN = {*range(30, 38), 39, *range(40, 48), 49, *range(90, 98), *range(100, 108)}
UTF8 = {"LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", "COLORTERM": ""}
TERMINALS = {
    "linux": ("linux", {}, "16"),
    "vt220": ("vt220", {}, "16"),
    "xterm": ("xterm", {}, "16"),
    "screen": ("screen", {}, "16"),
    "screen-256color": ("screen-256color", {}, "256"),
    "tmux-256color": ("tmux-256color", {}, "256"),
    "xterm-256color, true colour": ("xterm-256color", {"COLORTERM": "truecolor"}, "true"),
    "xterm-256color, NO_COLOR": ("xterm-256color", {"NO_COLOR": "1"}, "none"),
    "xterm-256color, LANG=C": ("xterm-256color", {"LC_ALL": "C", "LANG": "C"}, "256"),
}


def depth(sent: bytes) -> str:
    """Return what colours these bytes set: none, 16, 256 or true."""
    found = "none"
    for match in SGR.finditer(sent):
        parts = [int(part or 0) for part in re.split(rb"[;:]", match[1])]
        for place, part in enumerate(parts):
            if part in (38, 48):
                kind = parts[place + 1]
                return "true" if kind == 2 else "256"
            if part in SIXTEEN:
                found = "16"
    return found


@pytest.mark.parametrize("name", TERMINALS)
def test_it_starts_and_leaves_a_terminal_as_it_was(name: str) -> None:
    term, environ, colours = TERMINALS[name]
    with Program(Home({}), "--demo", size=(80, 24), env={**UTF8, "TERM": term, **environ}) as program:
        sent = program.record()
        program.wait(r"^>! db-2 .*paused: pool full", timeout=60)
        program.keys("j", "?")
        program.wait("What is wrong comes first", timeout=30)
        program.keys("q")
        program.wait_gone("What is wrong comes first", timeout=30)
        program.keys("x")
        program.wait("esc closes", timeout=30)
        program.keys("escape")
        program.wait_gone("esc closes", timeout=30)
        seen = program.text()
        program.keys("Q")
        assert program.wait_exit(timeout=30) == 0
        assert program.is_restored()
        assert program.text().strip() == "", "what stood there before is there again, and nothing else"
        assert "\x1b" not in seen
        assert not any(one in seen for one in ("[<", "[?", "2026", "[>")), "no sequence is shown as text"
        assert depth(bytes(sent)) == colours
        if environ.get("LANG") == "C" or term == "linux":
            assert seen.isascii()
        if environ.get("LANG") == "C":
            assert all(byte < 0x80 for byte in sent)
