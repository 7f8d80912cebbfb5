from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kvmtui.core.text import cell_width, cut, safe, shorten
from tests.core.makers import HOSTILE

# Every character, surrogates too.
texts = st.text(st.characters(exclude_categories=()), max_size=400)


def is_harmless(text: str) -> bool:
    return all(character.isprintable() and unicodedata.category(character)[0] != "C" for character in text)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_holds_nothing_active_and_is_bounded(text: str) -> None:
    shown = safe(text)
    assert is_harmless(shown)
    assert len(shown) <= 300
    assert safe(shown) == shown
    shown.encode()  # a lone surrogate would raise


def test_what_was_hidden_is_written_out() -> None:
    assert safe("\x1b[31mred") == "\\x1b[31mred"
    assert safe("user\u202etxt.exe") == "user\\u202etxt.exe"
    assert safe("a\nb\tc") == "a\\nb\\tc"
    assert safe("\ud800") == "\\ud800"


def test_what_is_harmless_stays_as_it_is() -> None:
    for text in ("web-1", "[bold]markup[/]", "仮想マシン", "Zürich", "naïve cafe\u0301", "\\x1b"):
        assert safe(text) == text


def test_a_tower_of_marks_is_cut_down() -> None:
    assert sum(map(unicodedata.combining, safe("e" + "\u0301" * 50))) <= 4 * unicodedata.combining("\u0301")


def test_long_text_ends_in_an_ellipsis() -> None:
    assert safe("x" * 10_000) == "x" * 299 + "…"
    assert safe("abcdef", limit=4) == "abc…"
    assert safe("abcd", limit=4) == "abcd"


def test_lines_are_kept_where_they_are_wanted() -> None:
    assert safe("a\r\n\tb\x1b", newlines=True) == "a\n    b\\x1b"


@given(texts, st.integers(0, 60))
@example("\u0301" * 9, 50)
def test_safe_never_emits_a_control_and_is_idempotent(text: str, limit: int) -> None:
    shown = safe(text, limit=limit)
    assert is_harmless(shown)
    assert len(shown) <= limit
    assert safe(shown, limit=limit) == shown


@given(texts)
def test_safe_lines_hold_no_other_control(text: str) -> None:
    shown = safe(text, newlines=True)
    assert is_harmless(shown.replace("\n", ""))
    assert safe(shown, newlines=True) == shown


@given(texts.map(safe), st.integers(0, 40))
def test_a_shortened_text_fits(text: str, width: int) -> None:
    short = shorten(text, width)
    assert cell_width(short) <= width
    assert short == text or cell_width(text) > width


@given(texts.map(safe), st.integers(0, 40))
def test_a_cut_text_fits_and_begins_the_same(text: str, width: int) -> None:
    short = cut(text, width)
    assert cell_width(short) <= width
    assert short == text or (cell_width(text) > width and text.startswith(short[:-1]))


def test_long_names_lose_their_middle() -> None:
    assert shorten("web-frontend-customer-01-prod", 17) == "web-front…01-prod"
    assert shorten("仮想マシン仮想マシン", 8) == "仮想…ン"
    assert shorten("web-1", 17) == "web-1"
