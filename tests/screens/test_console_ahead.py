"""What is typed while a console is being opened: it is sent when it is open, or said to be lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kvmtui.backend.demo import DemoBackend
from kvmtui.backend.demo.console import DemoConsole
from kvmtui.consoles import Phase
from kvmtui.consoles.whereabouts import locked
from kvmtui.core.inventory import Guard, Reason, VmState
from kvmtui.screens.console import ConsoleScreen
from kvmtui.screens.console_typist import KEPT, NOT_SENT, PIECE
from kvmtui.screens.fleet import FleetPage
from tests.screens.harness import Desk, desk

if TYPE_CHECKING:
    from kvmtui.backend.demo.console import DemoLine
    from kvmtui.consoles import ConsoleSession

PRE = "ctrl+right_square_bracket"


class Gate:
    """Keeps every console from being opened, until it is opened itself; hears what guests are sent."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.sent = bytearray()

    def hear(self, line: DemoLine) -> DemoLine:
        line.write = self.sent.extend  # type: ignore[method-assign, assignment]
        return line


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate()
    attach = DemoConsole.open

    async def late(self: DemoConsole, uuid: str, *, force: bool = False) -> DemoLine:
        await gate.opened.wait()
        return gate.hear(await attach(self, uuid, force=force))

    monkeypatch.setattr(DemoConsole, "open", late)
    return gate


async def opening(it: Desk, name: str = "web-1") -> ConsoleSession:
    """Press the key that opens a console, and see that it is not open yet."""
    await it.go_to(name)
    await it.press("c")
    await it.until(lambda: isinstance(it.app.screen, ConsoleScreen), "the console")
    assert isinstance(it.app.screen, ConsoleScreen)
    await it.until_text("Opening the console of")
    return it.app.screen.session


async def test_keys_and_pastes_are_sent_in_their_order_once_it_is_open(gate: Gate) -> None:
    async with desk() as it:
        session = await opening(it)
        await it.type("root")
        await it.press("enter", "up", "ctrl+c")
        await it.type("ls")
        await it.paste(" -l\nwho")
        await it.press("enter")
        await it.until_text("What is typed now is sent when it is open.")
        assert gate.sent == b""
        gate.opened.set()
        await it.until(lambda: session.phase is Phase.LIVE and gate.sent.endswith(b"who\r"), "the keys")
        assert bytes(gate.sent) == b"\x03ls -l\rwho\r", "ctrl-c takes back what has not been sent"
        await it.type("id")
        await it.until(lambda: gate.sent.endswith(b"id"), "what is typed then")
        await it.until_gone("is sent when")


async def test_what_is_typed_behind_much_that_was_kept_comes_after_it(gate: Gate) -> None:
    async with desk() as it:
        session = await opening(it)
        await it.paste("abcdefgh" * (2 * PIECE // 8))
        gate.opened.set()
        await it.until(lambda: session.phase is Phase.LIVE, "the console")
        await it.press("!")
        await it.until(lambda: gate.sent.endswith(b"!"), "the last key")
        assert bytes(gate.sent) == b"abcdefgh" * (2 * PIECE // 8) + b"!"


async def test_what_is_typed_right_behind_the_key_that_opens_it_is_the_guests(gate: Gate) -> None:
    async with desk() as it:
        await it.go_to("web-1")
        await it.quick(it.typed("c", "l", "s", "enter"))
        await it.until(lambda: isinstance(it.app.screen, ConsoleScreen), "the console")
        gate.opened.set()
        await it.until(lambda: gate.sent, "the keys")
        assert bytes(gate.sent) == b"ls\r"


async def test_no_more_is_kept_than_a_person_types(gate: Gate) -> None:
    async with desk() as it:
        session = await opening(it)
        await it.paste("x" * KEPT)
        await it.press("y")
        await it.until_text("too much was typed to keep more")
        gate.opened.set()
        await it.until(lambda: len(gate.sent) >= KEPT, "what was kept")
        await it.press("z")
        await it.until(lambda: gate.sent.endswith(b"z"), "the next key")
        assert bytes(gate.sent) == b"x" * KEPT + b"z"
        assert session.phase is Phase.LIVE


async def test_what_was_typed_for_a_console_that_somebody_holds_is_dropped_and_said(gate: Gate) -> None:
    async with desk() as it:
        other = DemoBackend("demo:///hv1?faults=none&pace=0", world=it.world)
        await other.connect()
        gate.opened.set()
        await other.console.open(it.world.ref("web-1").uuid)
        gate.opened.clear()
        session = await opening(it)
        await it.type("reboot")
        gate.opened.set()
        await it.until(lambda: session.phase is Phase.TAKEN, "that it is held")
        await it.until_text(NOT_SENT)
        await it.press(PRE, "!")
        await it.until_text("Take over console")
        await it.press("!")
        await it.until(lambda: session.phase is Phase.LIVE, "the console")
        await it.press("a")
        await it.until(lambda: gate.sent.endswith(b"a"), "the key")
        assert bytes(gate.sent) == b"a"


async def test_what_was_typed_for_a_vm_that_is_off_by_then_does_not_greet_its_next_start(gate: Gate) -> None:
    async with desk() as it:
        session = await opening(it)
        await it.type("halt")
        it.faults.enter("hv1", session.ref.uuid, VmState.OFF, Reason.CRASHED)
        gate.opened.set()
        await it.until(lambda: session.phase is Phase.WAITING, "that it is off")
        await it.until_text(NOT_SENT)
        assert it.app.typists.of(session).kept == 0
        assert gate.sent == b""


async def test_nothing_is_sent_to_a_host_that_was_locked_meanwhile(gate: Gate) -> None:
    async with desk(configs=lambda host: replace(host, guard=Guard.READ_ONLY)) as it:
        it.engine.unlock("hv1", 900.0)
        session = await opening(it)
        await it.type("halt")
        it.engine.unlock("hv1", 0.001)
        await it.until(lambda: locked(it.engine.fleet, session.ref, it.app.now()), "the lock")
        gate.opened.set()
        await it.until(lambda: session.phase is Phase.LIVE, "the console")
        await it.until_text(NOT_SENT)
        assert gate.sent == b""


async def test_it_is_said_too_where_another_page_is_shown_by_then(gate: Gate) -> None:
    async with desk() as it:
        session = await opening(it)
        await it.type("halt")
        await it.press(PRE, "d")
        await it.until(lambda: isinstance(it.app.screen, FleetPage), "the fleet")
        it.faults.enter("hv1", session.ref.uuid, VmState.OFF, Reason.CRASHED)
        gate.opened.set()
        await it.until(lambda: session.phase is Phase.WAITING, "that it is off")
        await it.until_told(NOT_SENT)
