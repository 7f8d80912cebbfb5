"""The terminal that the tests drive programs in."""

from __future__ import annotations

import sys
import textwrap

import pytest

from tests.real.lab.emulator import Emulator
from tests.real.lab.terminal import Terminal


def shown(*chunks: bytes, cols: int = 20, rows: int = 4) -> tuple[list[str], bytes]:
    answers: list[bytes] = []
    emulator = Emulator(cols, rows, answers.append)
    for chunk in chunks:
        emulator.feed(chunk)
    return emulator.lines(), b"".join(answers)


def test_unknown_sequences_leave_no_trace() -> None:
    noise = (
        b"\x1b[>4;2m\x1b[?4m\x1b[>1u\x1b[<u\x1b[=5u\x1b[38:2::1:2:3m"
        b"\x1b]11;?\x07\x1b]0;t\x1b\\\x1bP+q544e\x1b\\\x1b[?2026h\x1b(B"
    )
    assert shown(b"a" + noise + b"b")[0][0] == "ab"


@pytest.mark.parametrize("cut", range(1, 22))
def test_a_sequence_may_be_cut_anywhere(cut: int) -> None:
    whole = "é\x1b[2;3Hé\x1b]0;title\x1b\\".encode()
    assert shown(whole[:cut], whole[cut:])[0][:2] == ["é", "  é"]


def test_questions_are_answered() -> None:
    assert (
        shown(b"ab\r\n\x1b[6n\x1b[c\x1b[?2026$p\x1b[?2048$p")[1] == b"\x1b[2;1R\x1b[?62;22c\x1b[?2026;2$y\x1b[?2048;0$y"
    )


def test_the_alternate_screen_hides_the_other_one() -> None:
    assert shown(b"shell", b"\x1b[?1049h\x1b[Hfull")[0][0] == "full"
    assert shown(b"shell", b"\x1b[?1049h\x1b[Hfull", b"\x1b[?1049l")[0][0] == "shell"


def test_a_region_scrolls() -> None:
    assert shown(b"1\r\n2\r\n3\r\n4\x1b[2;3r\x1b[S")[0] == ["1", "3", "", "4"]
    assert shown(b"1\r\n2\r\n3\r\n4\x1b[2;3r\x1b[T")[0] == ["1", "", "2", "4"]


def test_a_program_is_driven_by_keys_and_seen() -> None:
    program = textwrap.dedent("""\
        import sys, tty
        tty.setraw(0)
        print("ready", end="", flush=True)
        while (key := sys.stdin.read(1)) != "q":
            print(f"<{ord(key):x}>", end="", flush=True)
    """)
    with Terminal([sys.executable, "-c", program], cols=40, rows=5) as terminal:
        terminal.wait("ready")
        terminal.keys("a", "ctrl+c", "up")
        terminal.wait("<61><3><1b><5b><41>")
        assert terminal.received == len("ready<61><3><1b><5b><41>")
        assert not terminal.is_restored(), "the program has left the terminal raw"
        terminal.keys("q")
        assert terminal.wait_exit() == 0
        with pytest.raises(AssertionError, match="the program ended"):
            terminal.wait("never")


def test_the_size_reaches_the_program() -> None:
    with Terminal(
        ["sh", "-c", "trap 'stty size; exit 3' WINCH; stty size; while :; do sleep 0.05; done"], 77, 11
    ) as terminal:
        terminal.wait("^11 77")
        terminal.resize(90, 20)
        terminal.wait("^20 90")
        assert terminal.wait_exit() == 3
        assert terminal.is_restored()


def test_a_row_that_stands_out_is_found() -> None:
    with Terminal(["printf", r"one\r\n\033[7mtwo                 \033[0m\r\nthree\r\n"], 20, 5) as terminal:
        terminal.wait("three")
        assert terminal.highlighted() == ["two"]
        assert terminal.row("^th") == "three"
