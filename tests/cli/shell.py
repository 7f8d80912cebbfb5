"""Runs the command line on a simulated fleet, and holds what it printed."""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from kvmtui import cli
from kvmtui.backend.demo import World, forget_worlds, parse, world_of
from kvmtui.cli import headless

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmtui.core.inventory import VmState


seeds = count(1000)


class Done(NamedTuple):
    """What a run left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        document = json.loads(self.out)
        assert isinstance(document, dict)
        return document


class Shell:
    """Runs kvmtui on a simulated fleet of its own, in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.uri = f"demo:///?seed={next(seeds)}&pace=0&faults=none"
        self.world: World = world_of(parse(self.uri)[0])

    def __call__(self, *words: str) -> Done:
        return self.bare("-c", self.uri, *words)

    def bare(self, *words: str) -> Done:
        code = cli.main(words)
        out, err = self._capsys.readouterr()
        return Done(code, out, err)

    @property
    def verbs(self) -> list[str]:
        """What was asked of the hosts."""
        return [call.verb for call in self.world.calls]

    def state(self, name: str) -> VmState:
        return self.world.vm(name).state


@pytest.fixture
def kvmtui(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """The program, on a fleet of this test's own."""
    monkeypatch.setattr(headless, "QUICK", 0.2)
    yield Shell(capsys)
    forget_worlds()
