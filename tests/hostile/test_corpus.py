"""The corpus itself, and what `safe` and the fields make of each of its items."""

from __future__ import annotations

import json
import unicodedata

import pytest
from rich.cells import cell_len

from kvmtui.cli.output import Output
from kvmtui.core.fields import TASK_FIELDS, VM_FIELDS
from kvmtui.core.inventory import Address, AddressSource, Disk, Job, Nic, TaskPhase, TaskView, VmState
from kvmtui.core.text import cell_width, cut, safe, shorten
from tests.core.makers import NOW, a_row, a_vm
from tests.hostile.corpus import FAMILIES, ITEMS, TEXTS, of
from tests.hostile.painting import assert_harmless


def test_it_is_large_and_every_item_is_another() -> None:
    assert len(ITEMS) >= 500
    assert len({item.text for item in ITEMS}) == len(ITEMS)
    assert all(len(of(family)) > 8 for family in FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_safe_shows_each_item_harmlessly_and_in_as_many_cells_as_it_says(family: str) -> None:
    for text in of(family):
        shown = safe(text)
        assert_harmless(shown)
        assert safe(shown) == shown
        assert cell_width(shown) == cell_len(shown), ascii(text)
        for width in (1, 2, 5, 12, 40):
            for fitted in (shorten(shown, width), cut(shown, width)):
                assert_harmless(fitted)
                assert cell_width(fitted) <= width
        assert_harmless(safe(text, newlines=True).replace("\n", ""))


def test_all_characters_are_as_wide_for_us_as_for_the_toolkit() -> None:
    """Otherwise a line that holds one would be painted too long, or its columns would not stand."""
    for code in (*range(0x20, 0x20000), *range(0x20000, 0x110000, 97)):
        shown = safe(f"a{chr(code)}")
        if not shown.isascii():
            assert cell_width(shown) == cell_len(shown), (hex(code), unicodedata.name(chr(code), ""))


def test_different_names_are_shown_differently_but_for_what_is_written_out() -> None:
    """What `safe` writes out can be written by hand, too: such twins differ by their UUID alone."""
    by_shown: dict[str, list[str]] = {}
    for text in TEXTS:
        if len(text) < 250:
            by_shown.setdefault(safe(text), []).append(text)
    twins = [texts for texts in by_shown.values() if len(texts) > 1]
    for texts in twins:
        assert sum("\\" not in text for text in texts) <= 1, texts


@pytest.mark.parametrize("family", FAMILIES)
def test_every_field_of_a_vm_shows_each_item_harmlessly(family: str) -> None:
    for text in of(family):
        poisoned = a_vm(
            text,
            state=VmState.RUNNING,
            title=text,
            description=text,
            tags=(text, text),
            owner=text,
            os=text,
            machine=text,
            arch=text,
            accel=text,
            cpu_model=text,
            firmware=text,
            nvram=text,
            job=Job(text, None, ours=False),
            immovable=(text,),
            disks=(Disk(text, text, text, text, text, text),),
            nics=(Nic(text, text, text, text, text),),
            addresses=(Address(text, text, AddressSource.AGENT, NOW),),
        )
        row = a_row(poisoned)
        for field in VM_FIELDS:
            shown = field.text(row)
            assert_harmless(shown)
            assert cell_width(shown) == cell_len(shown)
        task = TaskView("id", text, text, text, text, text, text, text, TaskPhase.FAILED, NOW, message=text, virsh=text)
        for one in TASK_FIELDS:
            assert_harmless(one.text(task))


def test_the_command_line_writes_each_item_harmlessly(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(json=False)
    for text in TEXTS:
        output.line(text)
        output.note(text)
        done = capsys.readouterr()
        for written in (done.out, done.err):
            assert written.count("\n") == 1
            assert_harmless(written.removesuffix("\n"))
    document = Output(json=True)
    document.document({"names": list(TEXTS)})
    written = capsys.readouterr().out
    assert_harmless(written.replace("\n", ""))
    assert written.isascii()
    assert json.loads(written) == {"names": list(TEXTS)}
