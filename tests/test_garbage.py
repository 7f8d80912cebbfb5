"""Garbage in cycles is searched for when nobody waits for a key, and only then."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

import pytest

from kvmtui.engine.garbage import GarbageSearch

if TYPE_CHECKING:
    from collections.abc import Iterator


class Left:
    """A page that was left: it holds itself."""

    def __init__(self, size: int) -> None:
        self.itself = self
        self.parts: list[list[int]] = [[number] for number in range(size)]


def left(size: int) -> weakref.ReferenceType[Left]:
    return weakref.ref(Left(size))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    now = [1000.0]
    gc.collect()
    monkeypatch.setattr("kvmtui.engine.garbage.time.monotonic", lambda: now[0])
    yield now
    gc.unfreeze()
    gc.enable()


def test_what_was_left_goes_in_a_pause_between_keys(clock: list[float]) -> None:
    search = GarbageSearch()
    search.hold()
    page = left(30_000)
    clock[0] += 20
    search.consider(0.1)
    assert page() is not None, "somebody types"
    search.consider(0.4)
    assert page() is None
    page = left(30_000)
    clock[0] += 5
    search.consider(0.4)
    assert page() is not None, "too soon after the last search"
    clock[0] += 5
    search.consider(0.4)
    assert page() is None


def test_what_is_worth_no_search_goes_once_nobody_has_typed_for_long(clock: list[float]) -> None:
    search = GarbageSearch()
    search.hold()
    page = left(100)
    clock[0] += 59
    search.consider(30)
    assert page() is not None
    clock[0] += 1
    search.consider(4)
    assert page() is not None
    search.consider(5)
    assert page() is None


def test_much_garbage_goes_even_while_somebody_types(clock: list[float]) -> None:
    search = GarbageSearch()
    search.hold()
    pages = [left(80_000) for _ in range(3)]
    assert all(page() is not None for page in pages), "python searches for none by itself"
    clock[0] += 1
    search.consider(0.0)
    assert all(page() is None for page in pages)


def test_what_outlived_a_search_goes_with_the_next_one_through_everything(clock: list[float]) -> None:
    search = GarbageSearch()
    search.hold()
    kept = [Left(30_000)]
    page = weakref.ref(kept[0])
    clock[0] += 20
    search.consider(0.4)
    kept.clear()
    assert page() is not None
    clock[0] += 60
    search.consider(6)
    assert page() is None
