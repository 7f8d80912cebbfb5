from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kvmtui.core.text import cell_width, safe
from kvmtui.emulator import Emulator
from kvmtui.emulator.characters import WIDE, Kind, is_narrow, shape_of
from tests.core.makers import HOSTILE

SEQUENCES = [
    *(
        f"\x1b[{parameters}{final}"
        for parameters in ("", "0", "2", "3;3", "99999", ";;", "1;2;3;4;5")
        for final in "@AHJKLMPSTXbdgru"
    ),
    *(f"\x1b[?{mode}{final}" for mode in (1, 3, 5, 6, 7, 25, 47, 1047, 1048, 1049, 2004) for final in "hl"),
    *(f"\x1b[{codes}m" for codes in ("", "1", "31;44", "38;2;1;2;3", "48:5:9", "7", "38", "4:")),
    *("\x1b[4h", "\x1b[4l", "\x1b[20h", "\x1b[20l", "\x1b[!p", "\x1b[5n", "\x1b[6n", "\x1b[c", "\x1b[3g", "\x1b[2;4r"),
    *("\x1bc", "\x1b7", "\x1b8", "\x1bD", "\x1bE", "\x1bH", "\x1bM", "\x1bN", "\x1bO", "\x1bn", "\x1bo", "\x1b#8"),
    *("\x1b(0", "\x1b(B", "\x1b)0", "\x1b*0", "\x1b+A", "\x0e", "\x0f", "\x1b=", "\x1b>", "\x1bZ", "\x05"),
    *(
        "\x1b]0;",
        "\x1b]P",
        "\x1b]R",
        "\x1bP",
        "\x1bX",
        "\x1b^",
        "\x1b_",
        "\x1b\\",
        "\x07",
        "\x18",
        "\x1a",
        "\x1b",
        "\x1b[",
    ),
    *("\r", "\n", "\r\n", "\b", "\t", "\x7f", "\x00", "\x9b", "\x85", "\x1b[" + "1;" * 200),
    *("a", "word", "0123456789", "x" * 30, "q\r\nw\r\ne\r\nr\r\nt\r\nz\r\n", "a\r\n" * 30, "\r\n" * 7),
    *(
        "漢",
        "漢字仮名交じり",
        "e\u0301",
        "\u0301",
        "\u0301" * 9,
        "\u1161",
        "\u1112\u1161\u11ab",
        "👍🏽",
        "👩\u200d👩",
        "ä→█",
    ),
    *(
        "\u202e",
        "\u200b",
        "\u2066",
        "\ufeff",
        "\u00ad",
        "\ue000",
        "\u3164",
        "\u2800",
        "\u00a0",
        "\u3000",
        "\U000e0041",
        "\u0378",
    ),
]
pieces = st.one_of(
    st.sampled_from(SEQUENCES).map(str.encode),
    st.text(max_size=8).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=8),
)
outputs = st.lists(pieces, max_size=40).map(b"".join)
sizes = st.tuples(st.integers(1, 25), st.integers(1, 8))


def is_printable(text: str) -> bool:
    return all(
        (character.isprintable() and unicodedata.category(character)[0] not in "CZ") or character == " "
        for character in text
    )


def check(emulator: Emulator) -> None:
    """Whatever came: the lines can be shown, and nothing has grown out of its bounds."""
    x, y = emulator.cursor
    assert 0 <= x < emulator.columns
    assert 0 <= y < emulator.rows
    for number in range(-emulator.history_length, emulator.rows):
        for text, _ in emulator.line(number):
            assert text
            assert is_printable(text)
            assert safe(text, limit=10_000) == text
        assert sum(cell_width(run.text) for run in emulator.line(number)) <= emulator.columns
        assert emulator.text(number) == "".join(run.text for run in emulator.line(number)).rstrip(" ")
    grid = emulator._screen.grid
    assert all(len(row.chars) == emulator.columns for row in grid.rows)
    assert all(row.looks is None or len(row.looks) == emulator.columns for row in grid.rows)
    assert len(grid.rows) == emulator.rows
    assert len(emulator.take_replies()) <= 1024


def everything(emulator: Emulator) -> tuple[object, ...]:
    """Return all that can be told of an emulator."""
    return (
        [emulator.line(y) for y in range(-emulator.history_length, emulator.rows)],
        (emulator.cursor, emulator.cursor_shown, emulator.rings, emulator.pushed, emulator.alternate),
        (emulator.application_cursor, emulator.application_keypad, emulator.bracketed_paste),
        emulator.take_replies(),
    )


@given(size=sizes, output=outputs, cuts=st.lists(st.integers(1, 12), min_size=1, max_size=30))
@settings(deadline=None, max_examples=250)
@example(size=(5, 3), output=b"a\r\n" * 9 + b"\x1b[?7l" + "漢字仮".encode(), cuts=[1])
@example(size=(5, 3), output=b"\x1b" * 3 + b"[" + b"1" * 300 + b"mx", cuts=[7])
def test_it_does_not_matter_how_output_is_cut(size: tuple[int, int], output: bytes, cuts: list[int]) -> None:
    whole, pieced = Emulator(*size, history=30), Emulator(*size, history=30)
    whole.feed(output)
    position = 0
    for length in cuts * (len(output) // len(cuts) + 1):
        pieced.feed(output[position : position + length])
        position += length
    assert everything(pieced) == everything(whole)
    check(whole)


actions = st.lists(
    st.one_of(
        outputs.map(lambda data: ("feed", data)),
        sizes.map(lambda size: ("resize", size)),
        st.text(max_size=40).map(lambda text: ("note", text)),
        st.just(("reset", None)),
    ),
    max_size=12,
)


@given(size=sizes, actions=actions)
@settings(deadline=None, max_examples=250)
def test_it_takes_everything_in_any_order(size: tuple[int, int], actions: list[tuple[str, object]]) -> None:
    emulator = Emulator(*size, history=20)
    for name, what in actions:
        if name == "resize":
            assert isinstance(what, tuple)
            emulator.resize(*what)
        elif name == "reset":
            emulator.reset()
        else:
            getattr(emulator, name)(what)
        check(emulator)
        assert emulator.history_length <= 20


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_cannot_be_seen_as_what_it_is(text: str) -> None:
    emulator = Emulator(300, 10)
    emulator.feed(text.encode("utf-8", "surrogatepass"))
    check(emulator)


def test_a_string_that_nobody_ends_is_over_some_time_and_keeps_nothing() -> None:
    for begun in (b"\x1b]0;", b"\x1bP", b"\x1b_", b"\x1b^", b"\x1bX"):
        emulator = Emulator()
        emulator.feed(begun)
        emulator.feed(b"x" * 60_000)
        assert emulator.text(0) == ""
        emulator.feed(b"x" * 10_000 + b"\r\nalive")
        assert emulator.text(emulator.cursor[1]) == "alive"


def test_a_sequence_as_long_as_one_likes_does_nothing() -> None:
    emulator = Emulator()
    for _ in range(100):
        emulator.feed(b"\x1b[" + b"9" * 50_000)
    emulator.feed(b"mx")
    assert emulator.text(0) == "x"


def test_marks_do_not_pile_up() -> None:
    emulator = Emulator()
    emulator.feed(b"e" + "\u0301".encode() * 100_000)
    assert len(emulator.text(0)) == 5


def test_every_character_is_shown_as_something_safe_of_its_width() -> None:
    for code in (
        *range(0xA0, 0x3400),
        *range(0x3400, 0xA000, 97),
        *range(0xE000, 0x20000),
        *range(0x20000, 0x110000, 997),
    ):
        character = chr(code)
        kind, text = shape_of.__wrapped__(character)
        shown = "a" + text if kind is Kind.MARK and code not in range(0x1160, 0x1200) else text
        assert kind is Kind.MARK or safe(shown) == shown, hex(code)
        if kind is Kind.WIDE:
            assert text == character
            assert cell_width(text) == 2, hex(code)
        elif kind is Kind.NARROW:
            assert cell_width(text) == len(text), hex(code)


is_wide = re.compile(f"[{WIDE}]").fullmatch


def test_the_common_characters_are_what_they_are_taken_for() -> None:
    for code in range(0x20, 0x110000):
        character = chr(code)
        if is_narrow(character):
            assert shape_of.__wrapped__(character) == (Kind.NARROW, character), hex(code)
        elif is_wide(character):
            assert shape_of.__wrapped__(character) == (Kind.WIDE, character), hex(code)
