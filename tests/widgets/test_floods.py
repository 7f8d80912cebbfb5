"""A paste that comes as keys is one paste; what a person typed while the line stood still stays keys."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events

from kvmtui.widgets.driver import Decoder, name_of
from kvmtui.widgets.floods import FLOOD, LONGEST_HOLD, MOST_HELD, Gatherer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.message import Message

SCRIPT = "".join(f"systemctl stop unit-{number}\rxs !f x d y\r" for number in range(40))


class Typed:
    """What came of reads at given times."""

    def __init__(self, *, literal: bool = False) -> None:
        self._now = 0.0
        self._decoder = Decoder(clock=lambda: self._now)
        self._decoder.literal = literal
        self.keys: list[str] = []
        self.pasted: list[str] = []

    def read(self, text: str, after: float = 1.0) -> Typed:
        self._now += after
        self._take(self._decoder.tick())
        self._take(self._decoder.feed(text))
        return self

    def _take(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if isinstance(message, events.Key):
                self.keys.append(name_of(message))
            elif isinstance(message, events.Paste):
                self.pasted.append(message.text)


def test_a_flood_is_a_paste_and_no_key() -> None:
    typed = Typed().read(SCRIPT)
    assert typed.keys == []
    assert typed.pasted == [SCRIPT]


def test_what_follows_a_flood_closely_belongs_to_it() -> None:
    typed = Typed().read(SCRIPT[:4096]).read("the end\r", 0.1).read("q", 0.2)
    assert typed.keys == []
    assert "".join(typed.pasted) == f"{SCRIPT[:4096]}the end\rq"


def test_a_key_after_a_flood_is_a_key_again_and_a_held_one_soon() -> None:
    typed = Typed().read(SCRIPT).read("q", 0.5)
    assert typed.keys == ["q"]
    held = Typed().read(SCRIPT)
    for _ in range(30):
        held.read("j", 0.033)
    assert len(held.keys) > 15


def test_what_a_flood_holds_beside_text_is_nothing() -> None:
    typed = Typed().read(f"\x1b[B{SCRIPT}\x03\x1a\x1b[A\x1bx\x1bOP{SCRIPT}")
    assert typed.keys == []
    assert typed.pasted == [SCRIPT * 2]


def test_the_mouse_is_heard_in_the_midst_of_a_flood() -> None:
    decoder = Decoder()
    messages = decoder.feed(f"{SCRIPT}\x1b[<0;5;5M\x1b[<0;5;5m{SCRIPT}")
    assert [type(each).__name__ for each in messages] == ["Paste", "MouseDown", "MouseUp"]


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[B" * 90,  # an arrow held for three seconds
        "j" * 90,
        "j" * 900,  # for half a minute
        ":start web-1\r",
        "/name:app host:hv1 state:running\r",
        "xs",
        "\x1b[B\x1b[B\x1b[Bxs",
        ":migrate web-1 web-2 db-1 --to hv2 --bandwidth 200 --copy-storage\r:start app-1\r:start app-2\r/wiki\r",
    ],
)
@pytest.mark.parametrize("literal", [False, True])
def test_what_was_typed_while_the_line_stood_still_is_keys(text: str, literal: bool) -> None:
    typed = Typed(literal=literal).read(text)
    assert typed.pasted == []
    assert len(typed.keys) == len(text.replace("\x1b[B", "j"))


def test_a_key_that_nobody_can_have_held_so_long_is_a_paste() -> None:
    assert Typed().read("j" * 4096).keys == []


def test_no_key_for_a_guest_is_lost_in_a_flood() -> None:
    typed = Typed(literal=True).read(f"{SCRIPT}\x03\x1b[A{SCRIPT}\x04")
    assert typed.pasted == [SCRIPT, SCRIPT]
    assert typed.keys == ["ctrl+c", "up", "ctrl+d"]
    typed.read("k", 0.1)
    assert typed.keys[-1] == "k"


@given(st.lists(st.tuples(st.text("ab \r\té/:x!", min_size=1, max_size=300), st.sampled_from([0.02, 0.2, 2.0]))))
def test_text_for_a_guest_comes_whole_and_in_order(reads: list[tuple[str, float]]) -> None:
    now = 0.0
    decoder = Decoder(clock=lambda: now)
    decoder.literal = True
    came = ""
    for text, after in reads:
        now += after
        for message in decoder.feed(text):
            came += message.text if isinstance(message, events.Paste) else getattr(message, "raw", "")
    assert came == "".join(text for text, _ in reads)


# -- pieces


def gathered(pieces: Iterable[tuple[float, str]]) -> list[tuple[float, str]]:
    """Return what is given on, and when, of pieces at given times."""
    gatherer = Gatherer()
    out: list[tuple[float, str]] = []
    for at, piece in pieces:
        while (due := gatherer.deadline) is not None and due <= at:
            out.append((due, gatherer.release()))
        if text := gatherer.take(piece, at):
            out.append((at, text))
    if (due := gatherer.deadline) is not None:
        out.append((due, gatherer.release()))
    return out


def test_keys_that_are_typed_wait_for_nothing() -> None:
    keys = [(index * 0.03, key) for index, key in enumerate("xs:start web-1\rjjjj")]
    assert gathered(keys) == keys


def test_escape_sequences_wait_for_nothing() -> None:
    pieces = [(index * 0.001, "\x1b[<32;5;5M") for index in range(100)]
    assert gathered(pieces) == pieces


def test_a_paste_over_a_serial_line_is_seen_for_what_it_is() -> None:
    typed = Typed()
    before = 0.0
    for at, piece in gathered((index / 960, key) for index, key in enumerate(SCRIPT)):
        typed.read(piece, at - before)
        before = at
    assert "".join([*typed.keys, *typed.pasted]).replace("enter", "\r") == SCRIPT
    assert len(typed.keys) <= FLOOD
    assert typed.keys == ["s"]


@given(
    st.lists(st.tuples(st.text("ab\x1b", min_size=1, max_size=50), st.sampled_from([0.0, 0.001, 0.009, 0.011, 1.0])))
)
def test_nothing_is_lost_and_nothing_waits_long(steps: list[tuple[str, float]]) -> None:
    now, pieces = 0.0, []
    for text, after in steps:
        now += after
        pieces.append((now, text))
    out = gathered(pieces)
    assert "".join(text for _, text in out) == "".join(text for _, text in pieces)
    assert all(earlier <= later for (earlier, _), (later, _) in pairwise(out))
    given_on = 0
    for at, text in out:
        first = next(when for when, upto in _ends(pieces) if upto > given_on)
        assert at - first <= LONGEST_HOLD + 1e-9
        given_on += len(text)


def _ends(pieces: list[tuple[float, str]]) -> list[tuple[float, int]]:
    found, length = [], 0
    for at, text in pieces:
        length += len(text)
        found.append((at, length))
    return found


def test_a_fast_line_is_gathered_in_large_pieces() -> None:
    pieces = [(index * 0.0001, "x" * 4096) for index in range(64)]
    assert len(gathered(pieces)) <= 1 + 64 * 4096 // MOST_HELD + 1
