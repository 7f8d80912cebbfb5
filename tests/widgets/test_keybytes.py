from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events

from kvmtui.widgets.driver import Decoder, raw_of
from kvmtui.widgets.keybytes import KeyModes, key_bytes, paste_bytes, prefix_byte

APPLICATION = KeyModes(application_cursor=True)


def sent(text: str, modes: KeyModes = APPLICATION) -> bytes:
    """What a guest gets when the user's terminal sends this, in one read."""
    clock = iter((1.0, 1.0, *range(10, 100, 10)))
    decoder = Decoder(lambda: next(clock))
    decoder.literal = True
    messages = [*decoder.feed(text), *decoder.tick()]
    return b"".join(
        key_bytes(event.key, event.character, raw_of(event), modes)
        for event in messages
        if isinstance(event, events.Key)
    )


@pytest.mark.parametrize(
    ("key", "plain", "application"),
    [
        ("up", b"\x1b[A", b"\x1bOA"),
        ("left", b"\x1b[D", b"\x1bOD"),
        ("home", b"\x1b[H", b"\x1bOH"),
        ("end", b"\x1b[F", b"\x1bOF"),
        ("ctrl+right", b"\x1b[1;5C", b"\x1b[1;5C"),
        ("shift+up", b"\x1b[1;2A", b"\x1b[1;2A"),
        ("alt+up", b"\x1b[1;3A", b"\x1b[1;3A"),
        ("pageup", b"\x1b[5~", b"\x1b[5~"),
        ("delete", b"\x1b[3~", b"\x1b[3~"),
        ("insert", b"\x1b[2~", b"\x1b[2~"),
        ("ctrl+delete", b"\x1b[3;5~", b"\x1b[3;5~"),
        ("f1", b"\x1bOP", b"\x1bOP"),
        ("f4", b"\x1bOS", b"\x1bOS"),
        ("f5", b"\x1b[15~", b"\x1b[15~"),
        ("f10", b"\x1b[21~", b"\x1b[21~"),
        ("f12", b"\x1b[24~", b"\x1b[24~"),
        ("f20", b"\x1b[34~", b"\x1b[34~"),
        ("shift+f5", b"\x1b[15;2~", b"\x1b[15;2~"),
        ("enter", b"\r", b"\r"),
        ("tab", b"\t", b"\t"),
        ("shift+tab", b"\x1b[Z", b"\x1b[Z"),
        ("backspace", b"\x7f", b"\x7f"),
        ("escape", b"\x1b", b"\x1b"),
        ("space", b" ", b" "),
        ("ctrl+space", b"\x00", b"\x00"),
        ("ctrl+@", b"\x00", b"\x00"),
        ("ctrl+a", b"\x01", b"\x01"),
        ("ctrl+c", b"\x03", b"\x03"),
        ("ctrl+q", b"\x11", b"\x11"),
        ("ctrl+s", b"\x13", b"\x13"),
        ("ctrl+z", b"\x1a", b"\x1a"),
        ("ctrl+h", b"\x08", b"\x08"),
        ("ctrl+backspace", b"\x08", b"\x08"),
        ("ctrl+backslash", b"\x1c", b"\x1c"),
        ("ctrl+right_square_bracket", b"\x1d", b"\x1d"),
        ("ctrl+5", b"\x1d", b"\x1d"),
        ("ctrl+circumflex_accent", b"\x1e", b"\x1e"),
        ("ctrl+underscore", b"\x1f", b"\x1f"),
        ("alt+x", b"\x1bx", b"\x1bx"),
        ("alt+shift+x", b"\x1bX", b"\x1bX"),
        ("alt+enter", b"\x1b\r", b"\x1b\r"),
        ("ctrl+alt+a", b"\x1b\x01", b"\x1b\x01"),
    ],
)
def test_a_key_by_its_name(key: str, plain: bytes, application: bytes) -> None:
    assert key_bytes(key, None) == plain
    assert key_bytes(key, None, modes=APPLICATION) == application


def test_characters_are_utf_8() -> None:
    assert key_bytes("a", "a") == b"a"
    assert key_bytes("é", "é") == "é".encode()
    assert key_bytes("kanji", "漢") == "漢".encode()
    assert key_bytes("plus", "+") == b"+"
    assert key_bytes("+", "+") == b"+"


@pytest.mark.parametrize("key", ["shift", "super+x", "media_play_pause", "<tail>", "caps_lock", "ctrl+shift+0"])
def test_what_is_in_no_table_sends_nothing(key: str) -> None:
    assert key_bytes(key, None) == b""


@pytest.mark.parametrize("code", [*range(27), *range(28, 128)])
def test_each_byte_that_the_terminal_sends_reaches_the_guest(code: int) -> None:
    assert sent(chr(code)) == bytes([code])


@pytest.mark.parametrize("code", [each for each in range(32, 127) if chr(each) not in "[OP]^_"])
def test_alt_with_a_character_is_escape_and_the_character(code: int) -> None:
    assert sent(f"\x1b{chr(code)}") == b"\x1b" + bytes([code])


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("\x1b", b"\x1b"),
        ("\x1b[", b"\x1b["),  # the rest did not come in time
        ("\x1bO", b"\x1bO"),
        ("\x1b[1;", b"\x1b[1;"),
        ("\x1bOx", b"\x1bOx"),
        ("\x1b]2;x", b"\x1b]2;x"),  # nobody's answer: nothing was asked
        ("\x1bP", b"\x1bP"),
        ("\x1b[A", b"\x1bOA"),  # the guest asked for application mode, whatever the user's terminal is in
        ("\x1bOA", b"\x1bOA"),
        ("\x1b[1~", b"\x1bOH"),  # Home as tmux sends it
        ("\x1b[[A", b"\x1bOP"),  # F1 of the Linux console
        ("\x1b[11~", b"\x1bOP"),  # F1 of rxvt
        ("\x1b[15~", b"\x1b[15~"),
        ("\x1b[1;5C", b"\x1b[1;5C"),
        ("\x1b[1;3A", b"\x1b[1;3A"),  # Textual makes two keys of it
        ("\x1b[3;3~", b"\x1b[3;3~"),
        ("\x1b[1;7D", b"\x1b[1;7D"),
        ("\x1b[Z", b"\x1b[Z"),
        ("\x1b[93;5u", b"\x1d"),  # ctrl-] in the kitty protocol
        ("\x1b[53;5u", b"\x1d"),  # ctrl-5 in it
        ("\x1b[27u", b"\x1b"),
        ("\x1b[99;5u", b"\x03"),
        ("\x1b[120;3u", b"\x1bx"),
        ("\x1b[G", b"\x1b[G"),  # a key that Textual does not know
        ("é漢", "é漢".encode()),
    ],
)
def test_sequences_become_what_the_guest_expects(text: str, data: bytes) -> None:
    assert sent(text) == data


@pytest.mark.parametrize("text", ["\x1b[?62;c", "\x1b[0n", "\x1b[?2026;2$y", "\x1b[?1u"])
def test_what_the_terminal_answers_does_not_reach_the_guest(text: str) -> None:
    assert sent(text) == b""


def test_the_prefix_can_be_another_control_key() -> None:
    assert prefix_byte("ctrl-]") == b"\x1d"
    assert prefix_byte("ctrl-5") == b"\x1d"
    assert prefix_byte("ctrl-a") == b"\x01"
    assert prefix_byte("ctrl-^") == b"\x1e"
    assert prefix_byte("a") == b""
    assert prefix_byte("ctrl-ü") == b""


def test_a_paste_is_text_with_enter_at_line_ends() -> None:
    assert paste_bytes("ls -l\npwd\r\n\techo é", bracketed=False) == "ls -l\rpwd\r\techo é".encode()


def test_a_bracketed_paste_cannot_be_ended_from_inside() -> None:
    data = paste_bytes("a\x1b[201~\x9b201~\x03b\x7f", bracketed=True)
    assert data == b"\x1b[200~a[201~201~b\x1b[201~"


@given(st.text(), st.booleans())
def test_a_paste_holds_no_control_but_tab_and_enter(text: str, bracketed: bool) -> None:
    data = paste_bytes(text, bracketed=bracketed)
    inside = data.removeprefix(b"\x1b[200~").removesuffix(b"\x1b[201~") if bracketed else data
    assert all(each >= 32 or each in b"\r\t" for each in inside)
    assert 0x7F not in inside


@given(st.text(max_size=8), st.none() | st.text(max_size=3), st.none() | st.text(max_size=40), st.booleans())
def test_any_key_gives_some_bytes(key: str, character: str | None, raw: str | None, application: bool) -> None:
    assert len(key_bytes(key, character, raw, KeyModes(application))) < 200
