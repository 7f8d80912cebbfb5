from __future__ import annotations

import pytest

from kvmtui.emulator import PLAIN, Emulator, Look, Run


def shown(output: str, columns: int = 10, rows: int = 4) -> list[str]:
    """Return the screen after `output`, without the empty rows at its end."""
    emulator = Emulator(columns, rows)
    emulator.feed(output.encode())
    lines = [emulator.text(y) for y in range(rows)]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def after(output: str, columns: int = 10, rows: int = 4) -> Emulator:
    emulator = Emulator(columns, rows)
    emulator.feed(output.encode())
    return emulator


@pytest.mark.parametrize(
    ("output", "screen"),
    [
        # --- plain text, controls, wrapping
        ("one\r\ntwo", ["one", "two"]),
        ("one\ntwo", ["one", "   two"]),
        ("\x1b[20hone\ntwo", ["one", "two"]),
        ("one\x0btwo\x0cthree", ["one", "   two", "      thre", "e"]),
        ("abc\b\bX", ["aXc"]),
        ("abc\rX", ["Xbc"]),
        ("0123456789", ["0123456789"]),
        ("0123456789a", ["0123456789", "a"]),
        ("0123456789\r\na", ["0123456789", "a"]),
        ("0123456789\bX", ["01234567X9"]),
        ("0123456789\x1b[DX", ["01234567X9"]),
        ("0123456789\x1b[K", ["012345678"]),
        ("0123456789\nX", ["0123456789", "         X"]),
        ("\x1b[?7l0123456789abc", ["012345678c"]),
        ("\x1b[?7l0123456789abc\x1b[?7hde", ["012345678d", "e"]),
        ("1\r\n2\r\n3\r\n4\r\n5", ["2", "3", "4", "5"]),
        ("a\x00b\x7fc\x05d\x11e", ["abcde"]),
        ("\x1bc\x1b[?7l\x1b[2J0123456789ab", ["0123456789", "ab"]),  # SeaBIOS, which never permits it again
        ("\x1bca\x1b[?7l\x1b[H0123456789ab", ["012345678b"]),
        # --- the cursor
        ("\x1b[2;3HX", ["", "  X"]),
        ("\x1b[2;3fX", ["", "  X"]),
        ("\x1b[HX\x1b[99;99HY", ["X", "", "", "         Y"]),
        ("\x1b[3BX\x1b[2AY\x1b[2DZ", ["", "ZY", "", "X"]),
        ("a\x1b[3CX", ["a   X"]),
        ("a\x1b[3aX", ["a   X"]),
        ("a\x1b[EX\x1b[FY", ["Y", "X"]),
        ("abc\x1b[GX\x1b[5`Y", ["Xbc Y"]),
        ("\x1b[3dX\x1b[eY", ["", "", "X", " Y"]),
        ("ab\x1b7\x1b[3;5Hcd\x1b8X", ["abX", "", "    cd"]),
        ("ab\x1b[s\x1b[3;5Hcd\x1b[uX", ["abX", "", "    cd"]),
        ("ab\x1b8X", ["Xb"]),
        ("0123456789\x1b7\x1b[H\x1b8X", ["0123456789", "X"]),
        ("ab\x1b[4h\x1b[!p\x1b[GX", ["Xb"]),
        ("one\x1bDtwo\x1bEthree", ["one", "   two", "three"]),
        ("\x1b[2Hone\x1bM\x1bMX", ["   X", "", "one"]),
        # --- erasing, inserting, deleting
        ("abcdef\x1b[3D\x1b[K", ["abc"]),
        ("abcdef\x1b[3D\x1b[1KX", ["   Xef"]),
        ("abcdef\x1b[2KX", ["      X"]),
        ("one\r\ntwo\r\nthree\x1b[2;2H\x1b[J", ["one", "t"]),
        ("one\r\ntwo\r\nthree\x1b[2;2H\x1b[1J", ["", "  o", "three"]),
        ("one\r\ntwo\x1b[2JX", ["", "   X"]),
        ("abcdef\x1b[3G\x1b[2X", ["ab  ef"]),
        ("abcdef\x1b[3G\x1b[99X", ["ab"]),
        ("abcdef\x1b[3G\x1b[2P", ["abef"]),
        ("abcdef\x1b[3G\x1b[99P", ["ab"]),
        ("0123456789\x1b[3G\x1b[2@", ["01  234567"]),
        ("0123456789\x1b[3G\x1b[99@", ["01"]),
        ("abc\x1b[4h\x1b[2GXY\x1b[4lZ", ["aXYZc"]),
        ("0123456789\x1b[4h\x1b[4GXY", ["012XY34567"]),
        ("1\r\n2\r\n3\r\n4\x1b[2H\x1b[LX", ["1", "X", "2", "3"]),
        ("1\r\n2\r\n3\r\n4\x1b[2H\x1b[2M", ["1", "4"]),
        ("1\r\n2\r\n3\r\n4\x1b[2H\x1b[99L", ["1"]),
        ("1\r\n2\r\n3\r\n4\x1b[2SX", ["3", "4", "", " X"]),
        ("1\r\n2\r\n3\r\n4\x1b[2TX", ["", "", "1", "2X"]),
        ("1\r\n2\x1b[1;1;1;1;1TX", ["1", "2X"]),
        ("ab\x1b[3b", ["abbbb"]),
        ("\x1b[3bx", ["x"]),
        ("漢\x1b[2b", ["漢漢漢"]),
        ("ab\x1b[99999b", ["bbbbbbbbbb"] * 3 + ["bb"]),
        ("\x1b#8", ["EEEEEEEEEE"] * 4),
        ("\x1b[3;3H\x1b#8X", ["XEEEEEEEEE", *["EEEEEEEEEE"] * 3]),
        ("\x1b[2;3r\x1b#8\n\n\n\nX", [*["EEEEEEEEEE"] * 3, "X"]),
        ("0123456789\x1b[@", ["012345678"]),
        ("0123456789\x1b[P", ["012345678"]),
        ("0123456789\x1b[X", ["012345678"]),
        ("0123456789\x1bDX", ["0123456789", "         X"]),
        ("\x1b[2H0123456789\x1bMX", ["         X", "0123456789"]),
        ("1\r\n2\r\n3\r\n4\x1b[LX", ["1", "2", "3", "X"]),
        ("1\r\n2\r\n3\r\n4\x1b[MX", ["1", "2", "3", "X"]),
        ("\x1b[10G\x1b[ZX", ["        X"]),
        # --- margins
        ("1\r\n2\r\n3\r\n4\x1b[2;3r\x1b[3H\nX", ["1", "3", "X", "4"]),
        ("1\r\n2\r\n3\r\n4\x1b[2;3r\x1b[2H\x1bMX", ["1", "X", "2", "4"]),
        ("\x1b[2;3r\x1b[99BX", ["", "", "X"]),
        ("\x1b[2;3r\x1b[4H\x1b[99AX", ["", "X"]),
        ("\x1b[2;3r\x1b[4H\n\nX", ["", "", "", "X"]),
        ("\x1b[2;3r\x1b[?6h\x1b[HX\x1b[99HY", ["", "X", "Y"]),
        ("\x1b[2;3r\x1b[?6h\x1b[?6lX", ["X"]),
        ("1\r\n2\r\n3\r\n4\x1b[2;3r\x1b[1H\x1b[L\x1b[MX", ["X", "2", "3", "4"]),
        ("1\r\n2\r\n3\r\n4\x1b[3;2r\x1b[4H\nX", ["2", "3", "4", "X"]),
        # --- tab stops
        ("a\tb", ["a       b"]),
        ("a\tb\tc", ["a       bc"]),
        ("\x1b[3g\x1b[4G\x1bH\ra\tb", ["a  b"]),
        ("\x1b[3g\x1b[4G\x1bH\x1b[!p\ra\tb", ["a  b"]),
        ("\x1b[9G\x1b[g\ra\tb", ["a        b"]),
        ("\t\x1b[ZX", ["X"]),
        ("abcdefghi\x1b[2ZX", ["Xbcdefghi"]),
        ("a\x1b[Ib", ["a       b"]),
        # --- character sets
        ("\x1b(0lqk\x1b(Bq", ["┌─┐q"]),
        ("\x1b)0l\x0eqk\x0fq", ["l─┐q"]),
        ("\x1b*0\x1bnq\x0fq", ["─q"]),
        ("\x1b*0a\x1bNqq", ["a─q"]),
        ("\x1b+0a\x1bOqq", ["a─q"]),
        ("\x1b(A#\x1b(B#", ["£#"]),
        ("\x1b*0\x1bNqa\r\nqq", ["─a", "qq"]),
        ("\x1b*A\x1b(0\x1bN#q\r\nq", ["£─", "─"]),
        ("\x1b(0\x1b7\x1b(Bq\x1b8q", ["─"]),
        ("\x1b%Gä", ["ä"]),
        # --- wide and combining characters
        ("漢字", ["漢字"]),
        ("漢字\x1b[2GX", [" X字"]),
        ("漢字\x1b[3GX", ["漢X"]),
        ("漢字\x1b[2G\x1b[P", [" 字"]),
        ("漢字\x1b[1G\x1b[P", [" 字"]),
        ("漢字\x1b[2G\x1b[X", ["  字"]),
        ("漢字\x1b[2G\x1b[KX", [" X"]),
        ("漢字\x1b[3G\x1b[1KX", ["  X"]),
        ("漢字\x1b[2G\x1b[@", ["   字"]),
        ("123456789漢", ["123456789", "漢"]),
        ("\x1b[?7l123456789漢", ["12345678漢"]),
        ("漢字漢字漢\x1b[1G\x1b[@", [" 漢字漢字"]),
        ("e\u0301x", ["e\u0301x"]),
        ("\u0301x", ["x"]),
        ("漢\u0301x", ["漢\u0301x"]),
        ("\u1112\u1161\u11ab", ["한"]),
        ("a" + "\u0301" * 9, ["a" + "\u0301" * 4]),
        # --- what a guest may write, and nobody should see or obey
        ("a\x1b]0;title\x07b", ["ab"]),
        ("a\x1b]52;c;aGVsbG8=\x1b\\b", ["ab"]),
        ("a\x1bPq#0;2;0;0;0#0~~\x1b\\b", ["ab"]),
        ("a\x1b_secret\x1b\\b\x1b^x\x1b\\c\x1bXy\x1b\\d", ["abcd"]),
        ("a\x1b]0;never ended\x18b", ["ab"]),
        ("a\x1bPnever ended\x1b[31mb", ["ab"]),
        ("a\x1b]Rb\x1b]P0aabbccd", ["abd"]),
        ("a\x1b]P0xb", ["axb"]),
        ("a\x1b[?4mb\x1b[>4;2mc\x1b[?1$pd\x1b[18te\x1b[1'zf", ["abcdef"]),
        ("a\x1b[1;2<mb\x1b[1;:Hc", ["abc"]),
        ("a\x1b[3\x18b\x1b[3\x1ac", ["abc"]),
        ("a\x1b[3\x1b[Cb", ["a b"]),
        ("a\x1b[2\bCX", ["a X"]),
        ("a\x1b[2\rCX", ["a X"]),
        ("a\x1b[3üb", ["aüb"]),
        ("a\x1b[" + "1;" * 300 + "Hb", ["ab"]),
        ("a\x1b(%5b\x1b Fc\x1b#3d", ["abcd"]),
        ("a\x9b31mb\x85c", ["a31mbc"]),
        ("a\u202eb\u200bc\u2066d\ufeffe\u00adf", ["abcde-f"]),
        ("a\ue0b0b\u0378c\u00a0d\u3000e\u2800", ["a\ufffdb\ufffdc d  e"]),
        ("👍🏽x", ["👍  x"]),
    ],
)
def test_the_screen(output: str, screen: list[str]) -> None:
    assert shown(output) == screen
    in_bytes = Emulator(10, 4)
    for number in output.encode():
        in_bytes.feed(bytes((number,)))
    whole = after(output)
    assert [in_bytes.line(y) for y in range(4)] == [whole.line(y) for y in range(4)]
    assert in_bytes.cursor == whole.cursor


@pytest.mark.parametrize(
    ("codes", "look"),
    [
        ("", PLAIN),
        ("1", Look(bold=True)),
        (
            "2;3;4;5;7;8;9",
            Look(dim=True, italic=True, underline=True, blink=True, reverse=True, hidden=True, strike=True),
        ),
        ("1;2;3;4;5;7;8;9;22;23;24;25;27;28;29", PLAIN),
        ("21;6", Look(underline=True, blink=True)),
        ("4:3", Look(underline=True)),
        ("4;4:0", PLAIN),
        ("31;42", Look(fg=1, bg=2)),
        ("97;100", Look(fg=15, bg=8)),
        ("31;42;39;49", PLAIN),
        ("31;0;1", Look(bold=True)),
        ("31;;1", Look(bold=True)),
        ("38;5;208", Look(fg=208)),
        ("38:5:208;48:5:17", Look(fg=208, bg=17)),
        ("38;2;1;2;3;1", Look(fg=(1, 2, 3), bold=True)),
        ("38:2:1:2:3;48:2::9:8:7", Look(fg=(1, 2, 3), bg=(9, 8, 7))),
        ("58;5;1;1", Look(bold=True)),
        ("58:2::1:2:3;1", Look(bold=True)),
        ("38;5;256", PLAIN),
        ("38;2;1;2;300;1", Look(bold=True)),
        ("38;5", PLAIN),
        ("38", PLAIN),
        ("38;7;1", Look(bold=True)),
        ("1;?", Look(bold=True)),
        ("99;1000000;1", Look(bold=True)),
        ("98;108", PLAIN),
    ],
)
def test_the_look(codes: str, look: Look) -> None:
    assert after(f"\x1b[{codes}mx").line(0) == (Run("x", look),)


def test_a_line_is_parted_where_its_look_changes() -> None:
    emulator = after("a\x1b[31mb漢\x1b[m c \x1b[44m  ", 20)
    assert emulator.line(0) == (
        Run("a", PLAIN),
        Run("b漢", Look(fg=1)),
        Run(" c ", PLAIN),
        Run("  ", Look(bg=4)),
    )
    assert emulator.text(0) == "ab漢 c"


def test_what_is_erased_keeps_the_background_alone() -> None:
    emulator = after("\x1b[1;31;44mab\x1b[K\r\n\x1b[2X\x1b[m")
    assert emulator.line(0) == (Run("ab", Look(fg=1, bg=4, bold=True)), Run(" " * 8, Look(bg=4)))
    assert emulator.line(1) == (Run("  ", Look(bg=4)),)


def test_characters_move_with_their_looks() -> None:
    red, blue = Look(fg=1), Look(bg=4)
    assert after("abc\x1b[44m\x1b[1G\x1b[2@").line(0) == (Run("  ", blue), Run("abc", PLAIN))
    assert after("a\x1b[31mbc\x1b[m\x1b[1G\x1b[2@").line(0) == (Run("  a", PLAIN), Run("bc", red))
    assert after("a\x1b[31mbc\x1b[m\x1b[1G\x1b[P").line(0) == (Run("bc", red),)
    assert after("ab\x1b[31mc\x1b[m\x1b[1G\x1b[44m\x1b[2P").line(0) == (
        Run("c", red),
        Run(" " * 7, PLAIN),
        Run("  ", blue),
    )


def test_a_background_that_was_erased_goes_when_it_is_erased_without_one() -> None:
    for coloured in (
        "\x1b[44m\x1b[4H\n",
        "x\x1b[44m\x1b[2K\x1b[4H",
        "\x1b[44m\x1b[2P",
        "\x1b[44m\x1b[2J",
        "\x1b[5G\u0301",
    ):
        emulator = after(coloured)
        y = emulator.cursor[1] if "P" in coloured or "4H\n" in coloured else 0
        assert emulator.line(y), coloured
        emulator.feed(b"\x1b[m\x1b[%dH\x1b[2K" % (y + 1))
        assert emulator.line(y) == (), coloured
    assert after("x\x1b[44m\x1b[2K").line(0) == (Run(" " * 10, Look(bg=4)),)
    assert after("\x1b[44m\x1b[2P").line(0) == (Run(" " * 8, PLAIN), Run("  ", Look(bg=4)))


def test_a_reversed_screen_has_every_cell_the_other_way() -> None:
    emulator = after("a\x1b[7mb\x1b[?5h")
    assert emulator.line(0) == (Run("a", Look(reverse=True)), Run("b", PLAIN), Run(" " * 8, Look(reverse=True)))
    assert emulator.line(3) == (Run(" " * 10, Look(reverse=True)),)
    emulator.feed(b"\x1b[?5l")
    assert emulator.line(3) == ()


@pytest.mark.parametrize("mode", [47, 1047, 1049])
def test_the_alternate_screen(mode: int) -> None:
    emulator = after(f"one\x1b[?{mode}h")
    assert emulator.alternate
    assert emulator.text(0) == ""
    emulator.feed(b"\x1b[3;3Htwo" + b"\r\n" * 9)
    assert emulator.history_length == 0
    emulator.feed(b"\x1b[?%dl" % mode)
    assert not emulator.alternate
    assert emulator.text(0) == "one"
    assert emulator.cursor == ((3, 0) if mode == 1049 else (0, 3))


def test_the_alternate_screen_is_empty_when_a_program_comes_to_it() -> None:
    emulator = after("\x1b[?1049hleft\x1b[?1049l\x1b[?1049h")
    assert emulator.text(0) == ""
    emulator.feed(b"\x1b[?1047hhere\x1b[?1047l\x1b[?47h")
    assert emulator.text(0) == ""


def test_the_cursor_is_saved_for_each_screen() -> None:
    emulator = after("\x1b[2;2H\x1b[?1048h\x1b[?47h\x1b[3;3H\x1b7\x1b[?47l\x1b[H\x1b[?1048l")
    assert emulator.cursor == (1, 1)
    emulator.feed(b"\x1b[?47h\x1b8")
    assert emulator.cursor == (2, 2)


def test_a_change_of_width_only_clears() -> None:
    emulator = after("one\x1b[4Hfour\x1b[2;3r\x1b[?3hX")
    assert (emulator.columns, emulator.rows) == (10, 4)
    assert [emulator.text(y) for y in range(4)] == ["X", "", "", ""]


def test_modes_of_the_keyboard() -> None:
    emulator = after("")
    assert not any((emulator.application_cursor, emulator.application_keypad, emulator.bracketed_paste))
    emulator.feed(b"\x1b[?1;2004h\x1b=")
    assert (emulator.application_cursor, emulator.application_keypad, emulator.bracketed_paste) == (True, True, True)
    emulator.feed(b"\x1b[?1;2004l\x1b>")
    assert (emulator.application_cursor, emulator.application_keypad, emulator.bracketed_paste) == (False, False, False)
    emulator.feed(b"\x1b[?66h")
    assert emulator.application_keypad


def test_the_cursor_is_hidden_and_shown() -> None:
    emulator = after("\x1b[?25l")
    assert not emulator.cursor_shown
    emulator.feed(b"\x1b[?25h")
    assert emulator.cursor_shown


def test_the_cursor_after_the_last_column_is_on_it() -> None:
    assert after("0123456789").cursor == (9, 0)


def test_a_soft_reset_keeps_the_screen() -> None:
    emulator = after("one\x1b[1;31m\x1b[4h\x1b[?1h\x1b[?7l\x1b[?25l\x1b[2;3r\x1b[?6h\x1b(0\x1b[!p")
    assert emulator.cursor_shown
    assert not emulator.application_cursor
    emulator.feed(b"\x1b[4Hq\x1b[Hx")
    assert emulator.line(0) == (Run("xne", PLAIN),)
    assert emulator.line(3) == (Run("q", PLAIN),)


def test_a_reset_clears_and_what_was_there_can_be_scrolled_back_to() -> None:
    for emulator in (after("one\r\ntwo\x1b[?1049hthree\x1bc"), after("one\r\ntwo\x1b[?1049hthree")):
        emulator.reset()
        assert not emulator.alternate
        assert [emulator.text(y) for y in range(4)] == [""] * 4
        assert emulator.cursor == (0, 0)
        assert emulator.text(-1) == "two"
        assert emulator.text(-2) == "one"


def test_the_bell_is_counted() -> None:
    assert after("a\a\a\x1b]0;x\a").rings == 2


# --- answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("\x1b[5n", b"\x1b[0n"),
        ("\x1b[2;3H\x1b[6n", b"\x1b[2;3R"),
        ("0123456789\x1b[6n", b"\x1b[1;10R"),
        ("\x1b[2;3r\x1b[?6h\x1b[2H\x1b[6n", b"\x1b[2;1R"),
        ("\x1b[c", b"\x1b[?62;22c"),
        ("\x1b[0c", b"\x1b[?62;22c"),
    ],
)
def test_a_question_that_is_answered(question: str, answer: bytes) -> None:
    emulator = after(question)
    assert emulator.take_replies() == answer
    assert emulator.take_replies() == b""


@pytest.mark.parametrize(
    "question",
    [
        "\x05",  # ENQ, the answer-back
        "\x1b]0;evil\x07\x1b[21t",  # the title
        "\x1b[20t\x1b[18t\x1b[14t",
        "\x1b]52;c;?\x07",  # the clipboard
        "\x1b]10;?\x07\x1b]4;1;?\x07",
        '\x1bP$q"p\x1b\\\x1bP+q544e\x1b\\',
        "\x1b[>c\x1b[=c\x1b[1c\x1bZ",
        "\x1b[?6n\x1b[?15n\x1b[?26n\x1b[x",
        "\x1b[?1$p\x1b[4$p\x1b[>q",
        "\x1b[?1000h\x1b[?1004h\x1b[I",
    ],
)
def test_a_question_that_is_not_answered(question: str) -> None:
    assert after(question).take_replies() == b""


def test_only_so_many_answers_wait() -> None:
    assert len(after("\x1b[6n" * 100_000).take_replies()) <= 1024


# --- what has changed -----------------------------------------------------------------------------


def test_rows_that_changed() -> None:
    emulator = after("")
    assert emulator.take_changed() is None
    assert emulator.take_changed() == frozenset()
    emulator.feed(b"a\x1b[3;4Hb")
    assert emulator.take_changed() == frozenset({0, 2})
    emulator.feed(b"\x1b[2;3r\x1b[3H\n")
    assert emulator.take_changed() == frozenset({1, 2})
    emulator.feed(b"\x1b[1;3r\x1b[3H\n")
    assert emulator.take_changed() == frozenset({0, 1, 2})
    emulator.feed(b"\x1b[r\x1b[4H\n")
    assert emulator.take_changed() is None
    emulator.feed(b"\x1b[H\x1b[K\x1b[2H\x1b[@\x1b[3H\x1b[P\x1b[4H\x1b[X")
    assert emulator.take_changed() == frozenset({0, 1, 2, 3})
    emulator.feed("e\u0301".encode())
    emulator.take_changed()
    emulator.feed("\u0301漢".encode())
    assert emulator.take_changed() == frozenset({3})
    for output in (b"\x1b[?1049h", b"\x1b[?1049l", b"\x1bc", b"\x1b[?5h", b"\x1b#8"):
        emulator.feed(output)
        assert emulator.take_changed() is None or output == b"\x1bc"
    emulator.resize(9, 3)
    assert emulator.take_changed() is None
