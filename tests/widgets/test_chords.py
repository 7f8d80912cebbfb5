from __future__ import annotations

import string
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual._keyboard_protocol import FUNCTIONAL_KEYS

from kvmtui.widgets.chords import Cancelled, Chord, Chords, Dropped, Leader, Pass, Read, Step, Swallowed
from kvmtui.widgets.driver import Decoder, name_of, read_of

ESC = "\x1b"
REPLIES = [
    "\x1b[?1;2c",  # DA1
    "\x1b[?64;1;2;6;9;15;16;17;18;21;22;28c",
    "\x1b[>41;390;0c",  # DA2
    "\x1bP!|7E565445\x1b\\",  # DA3: its prefix is a leader
    "\x1bP!|00000000\x1b\\",
    "\x1b[24;80R",  # CPR
    "\x1b[?24;80;1R",
    "\x1b[0n",
    "\x1b[?2026;2$y",  # DECRPM
    "\x1b[?2048;0$y",
    "\x1b[4;1$y",
    "\x1b[3$y",
    "\x1bP>|XTerm(390)\x1b\\",  # XTVERSION
    "\x1bP>|tmux 3.3a\x1b\\",
    "\x1bP>|foot!d(1.16.2)\x07",
    "\x1b]10;rgb:ffff/ffff/ffff\x1b\\",  # OSC colours
    "\x1b]11;rgb:1e1e/1e1e/1e1e\x07",
    "\x1b]4;1;rgba:cd00/0000/0000/ffff\x1b\\",
    "\x1b]52;c;eHM=\x1b\\",
    "\x1b_Gi=31;OK\x1b\\",  # kitty graphics
    "\x1bP1+r544e=787465726d\x1b\\",  # XTGETTCAP
    "\x1bP1$r0m\x1b\\",  # DECRQSS
    "\x1b[?25u",  # kitty keyboard flags
    "\x1b[I",  # focus
    "\x1b[O",
    "\x1b[48;36;120;720;1200t",  # in-band resize
    "\x1b[8;36;120t",
    "\x1b[200~!d\x1b[201~",  # a bracketed paste of a chord
    "\x1b[200~xs\nxs\x1b[201~",
]
MOUSE = [
    *(
        f"\x1b[<{button};{x};{y}{end}"
        for button in (0, 1, 2, 32, 35, 64, 65)
        for x, y in ((1, 1), (120, 33))
        for end in "Mm"
    ),
    *(f"\x1b[{button};{x};{y}M" for button in (32, 33, 35, 64, 96) for x, y in ((1, 1), (120, 33))),  # urxvt
    *(
        f"\x1b[M{chr(button)}{chr(x)}{chr(y)}"
        for button in (32, 33, 34, 35, 96)
        for x in (33, 100, 115, 120)
        for y in (33, 100)
    ),
]
KITTY = [
    *(f"\x1b[{ord(key)};;{ord(key)}u" for key in "xs!fd["),
    "\x1b[120u",
    "\x1b[57441;2u",  # shift by itself
    "\x1b[33;2;33u",
    "\x1b[1;2D",
    "\x1b[1;1:3A",
    *(f"\x1b[{name}" for name in FUNCTIONAL_KEYS if name[-1] in "~ABCDEFHPQS"),
]
ALT = [f"\x1b{key}" for key in string.printable if key.isprintable()]
SEQUENCES = [*(text for text in ANSI_SEQUENCES_KEYS if len(text) > 1), *REPLIES, *MOUSE, *ALT]
GAPS = (0.001, 0.15, 0.45)


class Terminal:
    """Types into a decoder and a chord machine, with a clock of its own."""

    def __init__(self) -> None:
        self.now = 100.0
        self.decoder = Decoder(clock=lambda: self.now, escape_delay=0.1)
        self.chords = Chords()
        self.steps: list[Step] = []

    def _take(self, messages: list[object]) -> None:
        for message in messages:
            if isinstance(message, events.Key):
                self.steps.append(self.chords.feed(name_of(message), read_of(message)))

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while (wait := self.decoder.wait) is not None and self.now + wait <= end:
            self.now += wait
            self._take([*self.decoder.tick()])
        self.now = end

    def read(self, text: str, gap: float = 0.2) -> None:
        self._take([*self.decoder.feed(text)])
        self.wait(gap)

    def type(self, *reads: str) -> list[Step]:
        before = len(self.steps)
        for text in reads:
            self.read(text)
        return self.steps[before:]

    @property
    def chorded(self) -> list[Step]:
        return [step for step in self.steps if isinstance(step, Chord)]


def parts_of(text: str) -> list[list[str]]:
    """Return every cut into two, and the cut into single characters."""
    return [[text], *([text[:at], text[at:]] for at in range(1, len(text))), list(text)]


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("leader", ["", "x", "!"])
def test_no_split_sequence_makes_a_chord(gap: float, leader: str) -> None:
    for text in SEQUENCES:
        for parts in parts_of(text):
            terminal = Terminal()
            if leader:
                assert terminal.type(leader) == [Leader(leader)]
            for part in parts:
                terminal.read(part, gap)
            assert not terminal.chorded, (text, parts)


@pytest.mark.parametrize("gap", GAPS)
def test_a_leader_right_after_a_split_sequence_needs_a_letter_of_its_own(gap: float) -> None:
    for text in SEQUENCES:
        if text in {"\x1bx", "\x1b!"}:
            continue  # cut in two it is the escape key and a leader, and the leader was pressed
        for parts in parts_of(text):
            terminal = Terminal()
            for part in parts:
                terminal.read(part, gap)
            terminal.read("x", gap)
            assert not terminal.chorded, (text, parts)


@pytest.mark.parametrize("gap", GAPS)
def test_a_sequence_within_a_read_of_typed_keys_makes_no_chord(gap: float) -> None:
    for text in [*REPLIES, *MOUSE]:
        for parts in parts_of(text):
            for first, last in (("x", ""), ("", "s"), ("x", "s")):
                terminal = Terminal()
                pieces = [*parts]
                pieces[0] = first + pieces[0]
                pieces[-1] += last
                for piece in pieces:
                    terminal.read(piece, gap)
                assert not terminal.chorded, (text, pieces)


def test_sequences_of_kitty_keys_are_the_keys_and_their_pieces_are_not() -> None:
    terminal = Terminal()
    assert terminal.type("\x1b[120;;120u", "\x1b[57441;2u", "\x1b[115;;115u") == [Leader("x"), Chord("x", "s")]
    for text in KITTY:
        for parts in parts_of(text)[1:]:
            for gap in GAPS:
                terminal = Terminal()
                for part in parts:
                    terminal.read(part, gap)
                assert not terminal.chorded


@pytest.mark.parametrize("parts", parts_of("\x1b[D")[1:])
def test_a_split_arrow_never_becomes_letters(parts: list[str]) -> None:
    terminal = Terminal()
    for part in parts:
        terminal.read(part, 0.2)
    terminal.wait(5)
    assert set(terminal.steps) <= {Pass("escape"), Pass("left")}


def test_an_arrow_cut_behind_its_bracket_is_still_the_arrow() -> None:
    terminal = Terminal()
    assert terminal.type("\x1b[", "D") == [Pass("left")]


def test_escape_alone_is_the_escape_key_and_the_next_key_is_itself() -> None:
    terminal = Terminal()
    assert terminal.type("\x1b", "x", "s") == [Pass("escape"), Leader("x"), Chord("x", "s")]


def test_unknown_replies_leave_no_keys_and_swallow_none() -> None:
    for reply in REPLIES:
        terminal = Terminal()
        terminal.read(reply)
        assert terminal.steps == [], reply
        assert terminal.type("j") == [Pass("j")], reply


@pytest.mark.parametrize("split", [False, True])
def test_a_bracketed_paste_is_one_event_however_it_is_cut(split: bool) -> None:
    terminal = Terminal()
    text = "\x1b[200~xs !d\n\x1b[201~"
    pasted = [
        message
        for piece in (text if split else [text])
        for message in terminal.decoder.feed(piece)
        if isinstance(message, events.Paste)
    ]
    assert [message.text for message in pasted] == ["xs !d\n"]


@pytest.mark.parametrize(
    ("reads", "steps"),
    [
        (["x", "s"], [Leader("x"), Chord("x", "s")]),
        (["xs"], [Leader("x"), Chord("x", "s")]),
        (["!", "f"], [Leader("!"), Chord("!", "f")]),
        ([".xs"], [Pass("."), Leader("x"), Chord("x", "s")]),
        (["\x1b[B\x1b[Bx", "s\x1b[B"], [Pass("down"), Pass("down"), Leader("x"), Chord("x", "s"), Pass("down")]),
        (["\x1b[B\x1b[Bxs\x1b[B"], [Pass("down"), Pass("down"), Leader("x"), Chord("x", "s"), Pass("down")]),
        (["jjjx", "p"], [*[Pass("j")] * 3, Leader("x"), Chord("x", "p")]),
        (["x", "\x1b"], [Leader("x"), Cancelled("x")]),
        (["x", "\x1b[A", "s"], [Leader("x"), Cancelled("x"), Pass("s")]),
        (["x", "1", "s"], [Leader("x"), Cancelled("x"), Pass("s")]),
        (["x", "!", "f"], [Leader("x"), Cancelled("x"), Pass("f")]),
        (["x\x1b[A"], [Leader("x"), Cancelled("x")]),
        (["jjjj"], [Pass("j")] * 4),
        (["\x1b[B\r"], [Pass("down"), Pass("enter")]),
        (["\x1b[Bd"], [Pass("down"), Pass("d")]),
        (["/db"], [Pass("/"), Pass("d", text=True), Pass("b", text=True)]),
        ([":xs\r"], [Pass(":"), Pass("x", text=True), Pass("s", text=True), Pass("enter", text=True)]),
        (["xsxs"], [Dropped(4, "4 keys at once ignored: paste?"), *[Swallowed()] * 3]),
        (["x", "start"], [Leader("x"), Dropped(5, "5 keys at once ignored: paste?"), *[Swallowed()] * 4]),
        (["rm -rf /\n"], [Dropped(9, "9 keys at once ignored: paste?"), *[Swallowed()] * 8]),
    ],
)
def test_what_typed_keys_mean(reads: list[str], steps: list[Step]) -> None:
    assert Terminal().type(*reads) == steps


def test_a_dropped_read_ends_a_pending_leader() -> None:
    terminal = Terminal()
    terminal.type("x", "abc")
    assert terminal.chords.pending == ""
    terminal.wait(1)
    assert terminal.type("s") == [Pass("s")]


def test_a_paste_without_brackets_that_comes_in_pieces_stays_a_paste() -> None:
    terminal = Terminal()
    for piece in ("some text", "more te", "xs", "!d"):
        terminal.read(piece, 0.05)
    assert not terminal.chorded
    assert terminal.chords.pending == ""


def test_characters_that_nobody_types_so_fast_are_a_paste() -> None:
    terminal = Terminal()
    for character in "the next session":
        terminal.read(character, 0.0005)
    assert not terminal.chorded


def test_keys_after_a_paste_work_again() -> None:
    terminal = Terminal()
    terminal.type("some text")
    terminal.wait(0.5)
    assert terminal.type("x", "s") == [Leader("x"), Chord("x", "s")]


def test_keys_without_a_terminal_stand_alone() -> None:
    chords = Chords()
    assert [chords.feed(key) for key in ("down", "x", "s")] == [Pass("down"), Leader("x"), Chord("x", "s")]


def test_a_key_that_went_elsewhere_does_not_shift_the_others() -> None:
    chords = Chords()
    read = Read(1, 10.0, ("down", "x", "s"))
    assert chords.feed("x", read) == Leader("x")
    assert chords.feed("s", read) == Chord("x", "s")


@given(
    st.lists(
        st.tuples(st.text("xs!fjdq/:.[OM<;1\x1b\r", min_size=1, max_size=6), st.sampled_from([0.001, 0.05, 0.15, 0.7])),
        max_size=8,
    )
)
def test_a_chord_is_always_a_leader_and_a_letter_in_a_row(reads: list[tuple[str, float]]) -> None:
    terminal = Terminal()
    for text, gap in reads:
        terminal.read(text, gap)
    meant: list[Step] = [step for step in terminal.steps if not isinstance(step, Swallowed)]
    for before, step in pairwise([Swallowed(), *meant]):
        if isinstance(step, Chord):
            assert before == Leader(step.leader)
    sent = "".join(text for text, _ in reads)
    for step in terminal.chorded:
        assert isinstance(step, Chord)
        assert step.leader + step.letter in sent.replace("\x1b", "")


@given(st.text(max_size=200), st.lists(st.integers(0, 200), max_size=6))
def test_any_input_is_survived(text: str, cuts: list[int]) -> None:
    terminal = Terminal()
    places = sorted({0, *cuts, len(text)})
    for start, end in pairwise(places):
        terminal.read(text[start:end], 0.05)


@given(st.lists(st.text("0123456789;:?<>$M~uRtAD", max_size=12), max_size=6))
def test_any_escape_sequence_is_survived(sequences: list[str]) -> None:
    terminal = Terminal()
    for text in sequences:
        terminal.read("\x1b[" + text)
    terminal.wait(5)
    assert terminal.type("x", "s") == [Leader("x"), Chord("x", "s")]
