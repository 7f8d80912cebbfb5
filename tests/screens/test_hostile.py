"""Names and texts that hosts and guests give may hold anything: what reaches the terminal is safe."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kvmtui.core.errors import BackendError
from kvmtui.core.inventory import VmRef, VmState
from kvmtui.core.text import safe
from kvmtui.widgets.confirm import ConfirmScreen
from kvmtui.widgets.form import Form
from tests.screens.harness import Desk, desk

if TYPE_CHECKING:
    from kvmtui.backend.demo import World

NAMES = {
    "long": "web-" + "0123456789" * 19 + "-prod",
    "markup": "[bold red]x[/] [link=http://evil]go[/link] [@click=app.exit]q[/]",
    "escape": "a\x1b[2J\x1b]0;title\x07\x1b]52;c;ZXZpbA==\x07b",
    "c1": "a\x9b2Jb\x85c\x90d",
    "bidi": "abc\u202egnp.\u202c\u2066x\u2069",
    "wide": "漢字" * 40 + "e\u0301\u0301\u0301\u0301\u0301\u0301",
    "invisible": "zero\u200bwidth\u2060join\ufeff",
    "surrogate": "lone\udc9bhalf",
    "lines": "one\ntwo\r\nthree\ttab",
}
"""Each is given to a VM, and to all of its texts."""


def poisoned(world: World) -> None:
    host = world.hosts["hv2"]
    for text, guest in zip(NAMES.values(), list(host.guests.values()), strict=False):
        vm = guest.vm
        guest.vm = replace(
            vm,
            name=text,
            title=text,
            description=text,
            tags=(text,),
            os=text,
            owner="",
            template=False,
            snapshots=0,
            machine=text,
            cpu_model=text,
            disks=tuple(replace(disk, source=text) for disk in vm.disks),
            nics=tuple(replace(nic, source=text, mac=text) for nic in vm.nics),
        )


FORBIDDEN = {
    *(chr(code) for code in range(32)),
    *(chr(code) for code in range(127, 160)),
    *"\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff\u2028\u2029",
    *(chr(code) for code in range(0xD800, 0xE000)),
}


def clean(it: Desk) -> None:
    """See that nothing on the screen can act upon a terminal, and that no line is wider than it is."""
    width, height = it.app.size
    lines = it.lines
    assert len(lines) == height
    for line in lines:
        bad = set(line) & FORBIDDEN
        assert not bad, (bad, line)
    for strip in it.strips():
        assert sum(segment.cell_length for segment in strip) <= width
        for segment in strip:
            meta = segment.style.meta if segment.style else {}
            assert "@click" not in meta
            assert not (segment.style and segment.style.link)


@pytest.mark.parametrize("size", [(80, 24), (200, 60)])
async def test_every_screen_and_dialog_shows_hostile_names_safely(size: tuple[int, int]) -> None:
    async with desk(size=size, prepare=poisoned) as it:
        await it.until(lambda: len(it.names) > 30)
        for key in "12970":
            await it.press(key)
            clean(it)
        await it.press("1")
        for text in NAMES.values():
            await it.go_to(text)
            clean(it)
            await it.press("x")
            clean(it)
            await it.press("escape", "!")
            clean(it)
            await it.press("escape", "space")
            clean(it)
        await it.press("x", "p")  # all of them
        await it.until(lambda: isinstance(it.app.screen, ConfirmScreen) or it.toasts)
        clean(it)
        await it.press("i")
        clean(it)
        await it.press("escape", "u", "ctrl+p")
        clean(it)
        await it.press("escape", "z", "z", "z")
        await it.press("home")
        clean(it)
        await it.press("z", "z", "?")
        clean(it)
        await it.press("escape", ":", *"pause", "space", "tab")
        clean(it)
        await it.press("escape", "W")
        clean(it)


@pytest.mark.parametrize("kind", NAMES)
async def test_a_verb_on_a_hostile_name_acts_on_that_vm_and_says_so_safely(kind: str) -> None:
    text = NAMES[kind]
    async with desk(prepare=poisoned) as it:
        ref = await it.go_to(text)
        state = it.world.hosts[ref.host].guests[ref.uuid].vm.state
        assert state is VmState.RUNNING
        await it.press("!", "f")
        await it.until(lambda: isinstance(it.app.screen, ConfirmScreen))
        await it.settle()
        clean(it)
        await it.press("i")
        clean(it)
        await it.press("!")
        [task] = await it.until_done()
        assert [(call.verb, VmRef(call.host, call.uuid)) for call in it.calls] == [("force_off", ref)]
        assert safe(task.message) == task.message
        clean(it)
        for key in "70":
            await it.press(key)
            clean(it)


@pytest.mark.parametrize("kind", ["markup", "escape", "bidi", "lines"])
async def test_a_loss_wants_the_name_as_it_is_shown(kind: str) -> None:
    text = NAMES[kind]

    def transient(world: World) -> None:
        poisoned(world)
        for guest in world.hosts["hv2"].guests.values():
            guest.vm = replace(guest.vm, persistent=False)

    async with desk(prepare=transient, size=(120, 36)) as it:
        ref = await it.go_to(text)
        await it.press("!", "f")
        await it.until(lambda: isinstance(it.app.screen, ConfirmScreen))
        await it.settle()
        clean(it)
        await it.type(safe(text))
        await it.press("enter")
        await it.until_done()
        assert [(call.verb, VmRef(call.host, call.uuid)) for call in it.calls] == [("force_off", ref)]
        clean(it)


@pytest.mark.parametrize("kind", NAMES)
async def test_what_a_host_answers_is_said_safely(kind: str) -> None:
    async with desk() as it:
        it.faults.refuse(BackendError(f"It said {NAMES[kind]}.", hint=NAMES[kind]), verb="pause")
        await it.go_to("web-1")
        await it.press("x", "p", "enter")
        await it.until_done()
        await it.until(lambda: it.toasts)
        await it.settle()
        clean(it)
        for key in "701":
            await it.press(key)
            clean(it)


@pytest.mark.parametrize("kind", ["markup", "escape", "bidi", "lines", "wide"])
async def test_forms_show_hostile_texts_safely(kind: str) -> None:
    async with desk(prepare=poisoned) as it:
        await it.go_to(NAMES[kind])
        for keys in (("#",), (":", *"describe", "enter"), ("x", "k")):
            await it.press(*keys)
            await it.until(lambda: isinstance(it.app.screen, Form) or it.toasts)
            await it.settle()
            clean(it)
            await it.press("escape")
        assert it.calls == []


async def test_a_hosts_own_texts_are_shown_safely() -> None:
    def poison(world: World) -> None:
        host = world.hosts["hv1"]
        text = NAMES["escape"] + NAMES["markup"] + NAMES["bidi"]
        host.facts = replace(host.facts, hostname=text, cpu_model=text, arch=text)
        host.pools = tuple(replace(pool, name=text) for pool in host.pools)
        world.faults.close_door("hv2", BackendError(text, hint=text))

    async with desk(prepare=poison, up=False, size=(120, 36)) as it:
        await it.until_text("hv1")
        await it.until(lambda: it.entry("hv1").condition.is_answering)
        await it.settle()
        for key in "197":
            await it.press(key)
            clean(it)
        await it.press("9", "j")
        clean(it)


async def test_a_hostile_filter_and_line_are_drawn_safely() -> None:
    async with desk() as it:
        await it.until(lambda: it.names)
        for opener in "/:":
            await it.press(opener)
            for text in NAMES.values():
                await it.paste(text)
                clean(it)
            await it.press("enter")
            clean(it)
            await it.press("escape", "escape")
