"""A walk past every screen, dialog and menu of the program, for tests of how they look."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from kvmtui.backend.base import Prompt, PromptKind
from kvmtui.consoles import Phase
from kvmtui.core.errors import BackendError
from kvmtui.screens.console import ConsoleScreen
from kvmtui.screens.copying import CopyScreen
from kvmtui.screens.display import DisplayScreen
from kvmtui.screens.listing import Fold
from kvmtui.screens.preview import PreviewScreen
from kvmtui.widgets.confirm import ConfirmScreen
from kvmtui.widgets.form import Form
from kvmtui.widgets.login import LoginScreen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.screens.harness import Desk, FrozenClock

TICK = 10.0
PREFIX = "ctrl+right_square_bracket"
PROMPTS = (
    Prompt("hv8", "root@hv8's password: ", PromptKind.SECRET, again=True),
    Prompt(
        "hv8",
        "The authenticity of host 'hv8 (10.0.0.18)' can't be established.\n"
        "ED25519 key fingerprint is SHA256:W9y0u2uJvTqC2o1mJ0kXo6iJmX1l1Jx0hGdJj1Yt7hE.\n"
        "This key is not known by any other names.\n"
        "Are you sure you want to continue connecting (yes/no/[fingerprint])? ",
        PromptKind.HOST_KEY,
        again=False,
    ),
)


async def aged(it: Desk, clock: FrozenClock, ticks: int = 4) -> None:
    """Let some time pass, read by read."""
    for _ in range(ticks):
        clock.step(TICK)
        it.world.settle()
        it.engine.refresh()
        await it.until(
            lambda: all(
                entry.state is not None and entry.state.load is not None and entry.state.at == clock.at
                for entry in it.engine.scene().fleet.hosts
                if entry.condition.is_answering
            ),
            "a reading of every host",
        )
    await it.until(
        lambda: all(
            entry.state and entry.state.at == clock.at
            for entry in it.engine.fleet.hosts
            if entry.condition.is_answering
        )
    )
    await it.press("=")
    it.app._tick()
    await it.settle()


async def quiet(it: Desk) -> None:
    """Wait until what a screen reads for itself has come."""
    for _ in range(3):
        await it.until(
            lambda: not any(worker.is_running for worker in it.app.workers if worker.group != "default"), "the workers"
        )
        await asyncio.sleep(0.03)
        await it.settle()


async def lists(it: Desk, clock: FrozenClock) -> AsyncIterator[str]:
    """The fleet and the lists, with what opens over them."""
    await it.until(lambda: len(it.names) > 30)
    await aged(it, clock)
    yield "fleet, first"
    await it.go_to("web-2")
    yield "fleet"
    await it.press("p")
    await it.settle()
    yield "fleet with detail"
    await it.press("p", "tab")
    yield "fleet, a host"
    await it.press("tab", "space", "space")
    yield "fleet, marks"
    await it.press("x")
    yield "menu of several"
    await it.press("p")
    await it.until(lambda: isinstance(it.app.screen, ConfirmScreen))
    yield "dialog of several"
    await it.press("escape", "/", *"host:hv2")
    yield "filter being typed"
    await it.press("enter", "x", "p")
    await it.until(lambda: isinstance(it.app.screen, ConfirmScreen))
    yield "dialog of hidden ones"
    await it.press("escape", "u", "escape", "/", *"cpu>>")
    yield "filter that is wrong"
    await it.press("escape", "escape", "/", *"zzz", "enter")
    yield "filtered to nothing"
    await it.press("escape", "escape", "f")
    yield "faults only"
    await it.press("f", "w")
    yield "wide"
    await it.press("w", "o")
    yield "menu of sorts"
    await it.press("escape", "n")
    yield "menu of new things"
    await it.press("escape", ":", *"st")
    yield "command line"
    await it.press("escape", "2")
    yield "VMs"
    await it.press("z")
    it.app.clear_notifications()
    await it.settle()
    yield "VMs by host"
    await it.press("z", "z", "z", "z", "9")
    it.app.clear_notifications()
    await it.settle()
    yield "hosts"
    await it.press("x")
    yield "menu of a host"
    await it.press("escape", "1")


async def dialogs(it: Desk, clock: FrozenClock) -> AsyncIterator[str]:  # noqa: PLR0915 - one walk
    """Menus, questions of each level, forms, help and what else lies over a list."""
    del clock
    await it.until(lambda: len(it.names) > 30)
    for name, keys, level in (
        ("web-2", "x", "menu"),
        ("web-2", "!", "menu of what forces"),
        ("mail", "xs", "dialog 2"),
        ("web-2", "!f", "dialog 3"),
        ("ci-runner-09", "!f", "dialog 4"),
    ):
        await it.go_to(name)
        await it.press(*keys)
        if len(keys) == 2:
            await it.until(lambda: isinstance(it.app.screen, ConfirmScreen))
        yield level
        await it.press("escape")
    await it.go_to("mail")
    await it.press("!", "d")
    await it.until(lambda: isinstance(it.app.screen, Form))
    await it.settle()
    yield "form of a deletion"
    await it.press("escape", "#")
    await it.until(lambda: isinstance(it.app.screen, Form))
    await it.settle()
    yield "form of tags"
    await it.press("escape", "y")
    await it.until(lambda: isinstance(it.app.screen, CopyScreen))
    yield "copy"
    await it.press("n")
    yield "copied"
    await it.press("escape", "i")
    await it.settle()
    yield "facts"
    await it.press("q", "l")
    await it.settle()
    yield "why"
    await it.press("q", "ctrl+p")
    yield "palette"
    await it.press(*"save")
    yield "palette, searched"
    await it.press("escape", "?")
    await it.until_text("What is wrong comes first")
    yield "help"
    await it.press("G")
    yield "help, its end"
    await it.press("escape", "W")
    await it.until_text("[x] STATE")
    yield "columns"
    await it.press("escape")
    for prompt in PROMPTS:
        asking = asyncio.create_task(it.app.prompts.ask(prompt))
        await it.until(lambda: isinstance(it.app.screen, LoginScreen), "the login")
        await it.settle()
        yield f"login, {prompt.kind.value}"
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        await it.until(lambda: it.app.page is not None)
    it.app.tell("The first of three sentences, which is said while something else is on the screen.")
    it.app.tell("web-frontend-prod-01 on hv1 was not shut down: its guest did not answer within 3 min.", bad=True)
    await it.settle()
    yield "toasts"
    await it.press("!", "d")
    await it.until(lambda: isinstance(it.app.screen, Form))
    await it.settle()
    yield "form and toasts"
    await it.press("escape")
    await it.go_to("web-2")
    await it.press("!", "f")
    await it.until(lambda: isinstance(it.app.screen, ConfirmScreen))
    await it.settle()
    yield "dialog and toasts"
    await it.press("escape")
    yield "fleet and toasts"
    it.app.clear_notifications()
    await it.settle()


async def forms(it: Desk, clock: FrozenClock) -> AsyncIterator[str]:  # noqa: PLR0915 - one walk
    """The long forms: a new VM, a move, an upload."""
    del clock
    await it.until(lambda: len(it.names) > 30)
    await it.go_to("db-1")
    await it.press("n", "n")
    await it.until(lambda: isinstance(it.app.screen, Form) and bool(it.app.screen.query("#keys")))
    form = it.app.screen
    assert isinstance(form, Form)
    await it.type("db-1")
    await _focus(it, form, "image")
    yield "new VM"
    for name in ("vcpus", "boot", "pool", "keys", "start"):
        await _focus(it, form, name)
        yield f"new VM, {name}"
    form._rows["name"].field.focus()
    await it.settle()
    await it.press("backspace", "9")
    await _focus(it, form, "image")
    await it.press("down", "down", "space")
    await quiet(it)
    form.query_one("#review").focus()
    await it.press("enter")
    await it.until(lambda: form.query_one("#do").display)
    await quiet(it)
    yield "new VM, review"
    form.query_one("#look").focus()
    await it.press("enter")
    await it.until(lambda: isinstance(it.app.screen, PreviewScreen))
    await quiet(it)
    yield "new VM, details"
    await it.press("escape", "escape", "escape")
    await it.until(lambda: it.app.page is not None)
    await it.go_to("web-2")
    await it.press("m")
    await it.until(lambda: isinstance(it.app.screen, Form), "the form")
    await quiet(it)
    yield "move"
    await it.press("tab", "tab")
    await quiet(it)
    yield "move, further"
    form = it.app.screen
    assert isinstance(form, Form)
    form.query_one("#review").focus()
    await it.press("enter")
    await it.until(lambda: form.query_one("#do").display, "the review of the move")
    await quiet(it)
    yield "move, review"
    await it.press("escape", "escape")
    await it.until(lambda: it.app.page is not None)
    await it.say("upload")
    await it.until(lambda: isinstance(it.app.screen, Form), "the form of an upload")
    await quiet(it)
    yield "upload"
    await it.press("escape")
    await it.until(lambda: it.app.page is not None)


async def _focus(it: Desk, form: Form, field: str) -> None:
    form._rows[field].field.focus()
    await quiet(it)


async def pages(it: Desk, clock: FrozenClock) -> AsyncIterator[str]:
    """The pages of a VM and of a host with all their tabs, tasks, the log, consoles and the display."""
    await it.until(lambda: len(it.names) > 30)
    await aged(it, clock, 3)
    await it.go_to("web-2")
    await it.press("enter")
    await it.until_text("Overview")
    for tab in ("overview", "graphs", "console", "XML", "journal"):
        await quiet(it)
        await aged(it, clock, 1)
        yield f"VM, {tab}"
        await it.press(">")
    await it.press("q")
    await it.go_to("mail")
    await it.press("enter")
    await it.until_text("Overview")
    await quiet(it)
    yield "VM that is off"
    await it.press("q")
    await it.go_to_host("hv1")
    await it.press("enter")
    await it.until_text("condition")
    for tab in ("overview", "VMs", "CPUs", "capabilities", "journal"):
        await quiet(it)
        yield f"host, {tab}"
        await it.press(">")
    await it.press("q")
    async for name in _tasks(it, clock):
        yield name
    await it.go_to("web-1")
    await it.press("v")
    await it.until(lambda: isinstance(it.app.screen, DisplayScreen), "the way")
    await it.until_text("VNC at")
    yield "display"
    await it.press("escape")
    async for name in _consoles(it):
        yield name


async def three_tasks(it: Desk, clock: FrozenClock) -> None:
    """Have one task done, one failed and one under way."""
    await it.go_to("old-crm")
    await it.press("x", "s")
    await it.until_done()
    clock.step(7)
    it.faults.refuse(BackendError("The disk is gone.", hint="Restore it."), verb="pause", times=1)
    await it.go_to("web-1")
    await it.press("x", "p", "enter")
    await it.until_done(2)
    clock.step(7)
    await it.go_to("erp")
    await it.press("x", "d", "enter")
    await it.until(lambda: it.tasks[0].message.endswith("waiting for the guest"))


async def _tasks(it: Desk, clock: FrozenClock) -> AsyncIterator[str]:
    await it.press("7")
    await it.settle()
    yield "tasks, none"
    await it.press("1")
    await three_tasks(it, clock)
    it.app.clear_notifications()
    await it.settle()
    yield "fleet, a task"
    await it.press("7", "j")
    it.app.clear_notifications()
    await it.settle()
    yield "tasks"
    await it.press("enter")
    await it.settle()
    yield "a task"
    await it.press("escape", "7", "!")
    yield "menu of a task"
    await it.press("escape", "0")
    await it.settle()
    yield "log"
    await it.press("1")


async def _consoles(it: Desk) -> AsyncIterator[str]:
    for name, phase in (("web-1", Phase.LIVE), ("mail", Phase.WAITING)):
        await it.go_to(name)
        await it.press("c")
        await it.until(lambda: isinstance(it.app.screen, ConsoleScreen))
        screen = it.app.screen
        assert isinstance(screen, ConsoleScreen)
        await it.until(lambda: screen.session.phase is phase)  # noqa: B023 - awaited here
        if phase is Phase.LIVE:
            await it.until_text("login:")
        await it.settle()
        yield f"console, {phase.value}"
        await it.press(PREFIX)
        yield f"console, {phase.value}, prefix"
        await it.press("d")
        await it.until(lambda: it.app.page is not None)
    await it.press("c", PREFIX, "?")
    await it.settle()
    yield "console, help"
    await it.press("escape", PREFIX, "d")


async def troubles(it: Desk, clock: FrozenClock) -> AsyncIterator[str]:
    """A host that does not answer, a VM that vanished. The desk's `ping_interval` must be short."""
    await it.until(lambda: len(it.names) > 30)
    await aged(it, clock, 3)
    it.faults.patience = 0.01
    it.faults.silence("hv3")
    await it.until_text("no answer since")
    await it.press("=", "home")
    yield "silent host"
    if not it.vms.pane.table.move_to(Fold("hv3")):
        await it.press("f")  # there is no room for it among the others
        assert it.vms.pane.table.move_to(Fold("hv3"))
    await it.press("enter")
    old = next(vm for entry, vm in it.engine.fleet.vms() if entry.name == "hv3")
    await it.go_to(old.name)
    yield "silent host, its VMs"
    await it.press("x")
    yield "silent host, menu"
    await it.press("escape", "enter")
    await it.until_text("Overview")
    await quiet(it)
    yield "silent host, a VM's page"
    await it.press("q", "9")
    await it.settle()
    yield "silent host, hosts"
    await it.press("1")
    if it.vms.pane.listing.view.faults:
        await it.press("f")
    ref = await it.go_to("web-2")
    it.faults.vanish(ref.host, ref.uuid)
    await it.until_text("gone ")
    yield "vanished VM"


TOURS = {"lists": lists, "dialogs": dialogs, "forms": forms, "pages": pages, "troubles": troubles}


def names() -> Iterator[str]:
    """Yield what the tours are called."""
    yield from TOURS
