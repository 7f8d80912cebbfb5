from __future__ import annotations

import random

import pytest

from kvmtui.emulator import Emulator
from tests.emulator.corpus import COLUMNS, ROWS, checkpoints_of, names, output_of
from tests.emulator.differences import DIFFERENCES


def screen_of(emulator: Emulator) -> list[str]:
    return [emulator.text(y) for y in range(ROWS)]


def test_every_program_of_the_corpus_is_there() -> None:
    assert {"bash", "htop", "less", "top", "vim", "vttest1", "vttest2", "vttest3", "vttest8"} <= set(names())


@pytest.mark.parametrize("name", names())
def test_the_screen_is_that_of_tmux_at_every_checkpoint(name: str) -> None:
    emulator = Emulator(COLUMNS, ROWS)
    output = output_of(name)
    start = 0
    for label, end, rows in checkpoints_of(name):
        emulator.feed(output[start:end])
        start = end
        _, ours = DIFFERENCES.get((name, label), ("", {}))
        assert screen_of(emulator) == [ours.get(y, row) for y, row in enumerate(rows)], label
        assert all(ours[y] != rows[y] for y in ours), f"{label}: a difference that is none any more"


def test_a_known_difference_belongs_to_a_checkpoint() -> None:
    assert set(DIFFERENCES) <= {(name, point.label) for name in names() for point in checkpoints_of(name)}


@pytest.mark.parametrize("name", names())
def test_it_does_not_matter_in_which_pieces_output_comes(name: str) -> None:
    output = output_of(name)
    whole, pieces = Emulator(COLUMNS, ROWS), Emulator(COLUMNS, ROWS)
    whole.feed(output)
    chance = random.Random(name)  # noqa: S311 - any lengths will do
    position = 0
    while position < len(output):
        end = position + chance.choice((1, 1, 2, 3, 7, 40, 500))
        pieces.feed(output[position:end])
        position = end
    assert [pieces.line(y) for y in range(ROWS)] == [whole.line(y) for y in range(ROWS)]
    assert pieces.cursor == whole.cursor


def test_vim_in_colour() -> None:
    emulator = Emulator(COLUMNS, ROWS)
    emulator.feed(output_of("vim")[: checkpoints_of("vim")[0].end])
    coloured = {run.text: run.look.fg for y in range(ROWS) for run in emulator.line(y)}
    assert coloured["import"] == 5
    assert coloured["# names and codes"] == 4
    assert emulator.alternate
    assert emulator.application_cursor
    assert emulator.bracketed_paste


def test_the_screen_before_a_program_comes_back() -> None:
    for name in ("vim", "less", "htop"):
        emulator = Emulator(COLUMNS, ROWS)
        emulator.feed(b"$ ")
        emulator.feed(output_of(name))
        assert not emulator.alternate
        assert emulator.text(0).startswith("$")
        assert emulator.cursor_shown


def test_the_log_of_a_boot_can_be_read_whole() -> None:
    emulator = Emulator(COLUMNS, ROWS)
    emulator.feed(output_of("boot"))
    lines = [emulator.text(y) for y in range(-emulator.history_length, ROWS)]
    assert lines[0].startswith("SeaBIOS (version 1.16.2")
    assert "iPXE (http://ipxe.org) 00:03.0 CA00 PCI2.10 PnP PMM+0EFCF000+0EF0F000 CA00" in lines
    log = "".join(lines)
    assert "Linux version 6.1.0-56-cloud-amd64" in log
    assert 'Cannot open root device "(null)" or unknown-block(0,0): error -6' in log
    assert log.endswith("(relocation range: 0xffffffff80000000-0xffffffffbfffffff)")
