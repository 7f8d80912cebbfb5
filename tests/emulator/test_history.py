from __future__ import annotations

import pytest

from kvmtui.emulator import PLAIN, SEAM, Emulator, Look, Run


def filled(columns: int = 10, rows: int = 4, lines: int = 0, history: int = 5000) -> Emulator:
    emulator = Emulator(columns, rows, history=history)
    for n in range(lines):
        emulator.feed(b"line %d\r\n" % n)
    return emulator


def screen(emulator: Emulator) -> list[str]:
    return [emulator.text(y) for y in range(emulator.rows)]


def history(emulator: Emulator) -> list[str]:
    """Return what is above the screen, the oldest first."""
    return [emulator.text(-age) for age in range(emulator.history_length, 0, -1)]


# --- what scrolls away ----------------------------------------------------------------------------


def test_what_leaves_at_the_top_can_be_scrolled_back_to() -> None:
    emulator = filled(lines=6)
    assert screen(emulator) == ["line 3", "line 4", "line 5", ""]
    assert history(emulator) == ["line 0", "line 1", "line 2"]
    with pytest.raises(IndexError):
        emulator.line(-4)
    with pytest.raises(IndexError):
        emulator.line(4)


@pytest.mark.parametrize("piece", [1, 5, 10_000])
def test_the_history_is_the_same_however_much_comes_at_once(piece: int) -> None:
    output = b"".join(b"line %d\r\n" % n for n in range(50)) + b"\x1b[31mred\r\n" + b"\r\n" * 9 + b"0123456789\r\n" * 9
    emulator = filled()
    for start in range(0, len(output), piece):
        emulator.feed(output[start : start + piece])
    assert history(emulator) + screen(emulator) == [
        *(f"line {n}" for n in range(50)),
        "red",
        *[""] * 9,
        *["0123456789"] * 9,
        "",
    ]
    assert emulator.line(-16) == (Run("red", Look(fg=1)),)
    assert emulator.line(-1) == (Run("0123456789", Look(fg=1)),)


def test_the_oldest_lines_go_when_there_are_too_many() -> None:
    emulator = filled(lines=100, history=20)
    assert emulator.history_length == 20
    assert emulator.text(-20) == "line 77"
    before = emulator.pushed
    emulator.feed(b"more\r\n" * 7)
    assert emulator.history_length == 20
    assert emulator.pushed - before == 7


def test_without_a_history_nothing_is_kept() -> None:
    emulator = filled(lines=100, history=0)
    assert emulator.history_length == 0
    assert screen(emulator) == ["line 97", "line 98", "line 99", ""]


def test_a_guest_that_colours_every_cell_keeps_fewer_lines() -> None:
    emulator = Emulator(200, 10, history=100)
    row = "".join(f"\x1b[38;2;{n};{n};0mx" for n in range(200)).encode() + b"\r\n"
    for _ in range(300):
        emulator.feed(row)
    assert 0 < emulator.history_length < 100
    assert sum(len(emulator.line(-age)) for age in range(1, emulator.history_length + 1)) <= 1600


def test_a_screen_that_is_cleared_is_kept() -> None:
    emulator = filled(lines=2)
    emulator.feed(b"\x1b[H\x1b[2Jnew")
    assert history(emulator) == ["line 0", "line 1"]
    emulator.feed(b"\x1b[2J\x1b[2J")
    assert history(emulator) == ["line 0", "line 1", "new"]


def test_a_login_prompt_does_not_wipe_the_log_of_the_boot() -> None:
    emulator = filled(lines=9)
    emulator.feed(b"\x1b[r\x1b[H\x1b[Jlogin:")
    assert screen(emulator) == ["login:", "", "", ""]
    assert history(emulator) == [f"line {n}" for n in range(9)]


def test_a_program_that_clears_its_screen_again_and_again_does_not_fill_the_history() -> None:
    emulator = filled(lines=9)
    for n in range(20):
        emulator.feed(b"\x1b[H\x1b[Jup %d\r\nbusy" % n)
    assert screen(emulator)[0] == "up 19"
    assert history(emulator) == [f"line {n}" for n in range(9)]


def test_a_program_can_clear_the_history() -> None:
    emulator = filled(lines=10)
    emulator.feed(b"\x1b[3J")
    assert emulator.history_length == 0
    assert screen(emulator)[0] == "line 7"


def test_lines_above_a_margin_at_the_bottom_are_kept() -> None:
    emulator = filled()
    emulator.feed(b"\x1b[4Hbar\x1b[1;3r\x1b[H" + b"1\r\n2\r\n3\r\n4\r\n5")
    assert screen(emulator) == ["3", "4", "5", "bar"]
    assert history(emulator) == ["1", "2"]


def test_lines_that_are_deleted_or_leave_a_region_are_not_kept() -> None:
    emulator = filled(lines=3)
    emulator.feed(b"\x1b[2;4r\x1b[4H\n\n\x1b[r\x1b[H\x1b[2M")
    assert emulator.history_length == 0


def test_no_more_is_kept_than_there_was_to_scroll() -> None:
    emulator = filled(lines=3)
    emulator.feed(b"\x1b[99S")
    assert history(emulator) == ["line 0", "line 1", "line 2", ""]


# --- another size ---------------------------------------------------------------------------------


def test_a_narrower_screen_hides_and_a_wider_one_shows_again() -> None:
    emulator = Emulator(10, 3)
    emulator.feed("0123456789\r\n\x1b[31m漢字漢字\x1b[m!\r\n".encode())
    emulator.resize(5, 3)
    assert screen(emulator) == ["01234", "漢字", ""]
    emulator.resize(8, 3)
    assert screen(emulator) == ["01234567", "漢字  字", ""]
    emulator.resize(12, 3)
    assert screen(emulator) == ["0123456789", "漢字  字!", ""]
    assert emulator.line(1)[-1] == Run("!", PLAIN)


def test_what_is_written_into_a_narrower_row_ends_what_it_hid() -> None:
    emulator = Emulator(10, 3)
    emulator.feed(b"0123456789\r")
    emulator.resize(5, 3)
    emulator.feed(b"x")
    emulator.resize(10, 3)
    assert screen(emulator)[0] == "x1234"


def test_lines_of_the_history_are_cut_to_the_screen_and_kept_whole() -> None:
    emulator = filled(20, 2)
    emulator.feed("0123456789\x1b[1mabc漢字\x1b[m\r\nxxxxxxxxxx\r\n\r\n".encode())
    emulator.resize(14, 2)
    assert emulator.line(-2) == (Run("0123456789", PLAIN), Run("abc ", Look(bold=True)))
    assert emulator.text(-1) == "xxxxxxxxxx"
    emulator.resize(20, 2)
    assert emulator.text(-2) == "0123456789abc漢字"


def test_a_lower_screen_gives_up_what_is_empty_first() -> None:
    emulator = filled(lines=1)
    emulator.resize(10, 3)
    assert screen(emulator) == ["line 0", "", ""]
    assert emulator.cursor == (0, 1)
    assert emulator.history_length == 0


def test_a_lower_screen_keeps_what_is_around_the_cursor_and_a_higher_one_brings_back() -> None:
    emulator = filled(lines=3)
    emulator.resize(10, 2)
    assert screen(emulator) == ["line 2", ""]
    assert history(emulator) == ["line 0", "line 1"]
    assert emulator.cursor == (0, 1)
    emulator.resize(10, 5)
    assert screen(emulator) == ["line 0", "line 1", "line 2", "", ""]
    assert emulator.cursor == (0, 3)
    assert emulator.history_length == 0


def test_a_saved_cursor_goes_along_with_its_line() -> None:
    emulator = filled(lines=3)
    emulator.resize(10, 2)
    emulator.feed(b"\x1b[HX\x1b7\x1b[H")
    emulator.resize(10, 5)
    emulator.feed(b"\x1b8Y")
    assert screen(emulator) == ["line 0", "line 1", "XYne 2", "", ""]


def test_wide_characters_that_come_back_are_whole() -> None:
    emulator = Emulator(10, 2)
    emulator.feed("漢字\r\na\r\nb".encode())
    emulator.resize(10, 4)
    emulator.feed(b"\x1b[1;2HX")
    assert screen(emulator)[:3] == [" X字", "a", "b"]


def test_rows_below_the_cursor_go_last() -> None:
    emulator = filled(lines=3)
    emulator.feed(b"\x1b[2H")
    emulator.resize(10, 2)
    assert screen(emulator) == ["line 1", "line 2"]
    assert emulator.cursor == (0, 0)
    emulator.resize(10, 1)
    assert screen(emulator) == ["line 1"]


def test_the_main_screen_takes_the_new_size_behind_a_program() -> None:
    emulator = filled(lines=3)
    emulator.feed(b"\x1b[?1049h\x1b[4Hbottom")
    emulator.resize(8, 2)
    assert screen(emulator)[1] == "bottom"
    emulator.feed(b"\x1b[?1049l")
    assert screen(emulator) == ["line 2", ""]
    assert emulator.cursor == (0, 1)
    emulator.feed(b"x")
    assert screen(emulator)[1] == "x"


def test_margins_and_tab_stops_of_another_size() -> None:
    emulator = filled()
    emulator.feed(b"\x1b[2;3r")
    emulator.resize(20, 6)
    emulator.feed(b"\x1b[6H\n\r\t\tx")
    assert emulator.text(5) == " " * 16 + "x"
    assert emulator.history_length == 1


def test_the_size_is_never_none_and_never_huge() -> None:
    emulator = Emulator(0, -3)
    assert (emulator.columns, emulator.rows) == (1, 1)
    emulator.feed("a漢\x1b[Hb\r\n".encode())
    emulator.resize(10**9, 10**9)
    assert (emulator.columns, emulator.rows) == (1000, 1000)


# --- lines of our own -----------------------------------------------------------------------------


def test_a_note_has_a_line_and_a_look_of_its_own() -> None:
    emulator = filled()
    emulator.feed(b"\x1b[31mlogin: ")
    emulator.note("lost it")
    assert emulator.line(1) == (Run("lost it", SEAM),)
    assert emulator.cursor == (0, 2)
    emulator.feed(b"more")
    assert emulator.line(2) == (Run("more", Look(fg=1)),)


def test_a_note_is_safe_and_not_longer_than_the_screen() -> None:
    emulator = filled()
    emulator.note("a\x1b[31m\u202e" + "漢" * 40)
    assert emulator.text(0) == "a\\x1b[31m…"
    emulator.note("漢" * 40)
    assert emulator.text(1) == "漢漢漢漢…"
    assert emulator.cursor == (0, 2)


def test_a_note_forgets_what_was_begun() -> None:
    for begun in (b"\x1b[3", b"\x1b]0;title", b"\x1bP", b"\xe6\xbc"):
        emulator = filled()
        emulator.feed(begun)
        emulator.note("moved")
        emulator.feed(b"login:")
        assert screen(emulator) == ["moved", "login:", "", ""]


def test_a_note_is_readable_whatever_the_guest_had_set() -> None:
    emulator = filled()
    emulator.feed(b"\x1b(0\x1b[4h\x1b[?7l\x1b[8m")
    emulator.note("moved")
    assert emulator.line(0) == (Run("moved", SEAM),)
    emulator.feed(b"q")
    assert emulator.text(1) == "─"


def test_a_note_does_not_overwrite_a_line() -> None:
    emulator = filled(lines=3)
    emulator.feed(b"last\r")
    emulator.note("moved")
    assert history(emulator) + screen(emulator) == ["line 0", "line 1", "line 2", "last", "moved", ""]


def test_a_note_under_a_program_is_in_both_screens() -> None:
    emulator = filled(lines=1)
    emulator.feed(b"$ vi\r\n\x1b[?1049h\x1b[2;3Hedited\x1b[4Hstatus\x1b[2;9H")
    emulator.note("moved")
    assert screen(emulator) == ["", "  edited", "", "moved"]
    assert emulator.cursor == (8, 1)
    emulator.feed(b"!\x1b[?1049l$")
    assert screen(emulator) == ["line 0", "$ vi", "moved", "$"]


def test_a_note_under_a_program_that_saved_no_cursor_overwrites_nothing() -> None:
    emulator = filled(lines=3)
    emulator.feed(b"\x1b[?47h\x1b[H")
    emulator.note("moved")
    emulator.feed(b"\x1b[?47l")
    assert history(emulator) + [line for line in screen(emulator) if line] == ["line 0", "line 1", "line 2", "moved"]
