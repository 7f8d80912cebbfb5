"""Read-only changes nothing, by any path: every command there is walked by every way to it, and every call beneath."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from kvmtui.backend import backend_for, base
from kvmtui.backend.base import Backend, ShutdownMode
from kvmtui.backend.demo import DemoBackend, World
from kvmtui.cli.output import Exit
from kvmtui.commands.base import Answers, Command, Level, Noun, Target
from kvmtui.commands.registry import ALL, DEFAULT, of_noun
from kvmtui.core.errors import BackendError, Denied, KvmtuiError, Refused
from kvmtui.core.inventory import Guard, TaskPhase, VmState
from kvmtui.core.migration import MovePlan, StorageWay
from kvmtui.core.specs import NewVolume
from kvmtui.widgets.confirm import ConfirmScreen
from kvmtui.widgets.form import Form
from tests.cli.shell import kvmtui
from tests.screens.harness import Desk, desk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from contextlib import AbstractAsyncContextManager

    from kvmtui.config import HostConfig
    from tests.cli.shell import Shell

__all__ = ["kvmtui"]

LOOKS = frozenset({"vm.display", "host.reconnect", "host.disconnect", "task.cancel"})
"""What changes nothing on a host. All else that is in the registry, also what is added to it, has to be refused."""
OPENS = "host.unlock"
"""What lets a host that the configuration locks be changed: it has nothing to open where the whole program may not."""
SAYS = "read-only"


def locked(config: HostConfig) -> HostConfig:
    return replace(config, guard=Guard.READ_ONLY)


def by_guard() -> AbstractAsyncContextManager[Desk]:
    return desk(configs=locked, size=(120, 36))


def by_option() -> AbstractAsyncContextManager[Desk]:
    return desk(read_only=True, size=(120, 36))


WAYS = pytest.mark.parametrize("locking", [by_guard, by_option])
CHANGING = tuple(command for command in ALL if command.id not in (*LOOKS, OPENS))


def targets_for(it: Desk, command: Command) -> list[Target]:
    """A VM of each state that there is, or each host."""
    if command.noun is Noun.VM:
        return list({vm.state: Target.of_vm(entry, vm) for entry, vm in it.engine.fleet.vms()}.values())
    return [Target.of_host(entry) for entry in it.engine.fleet.hosts]


def answers_for(command: Command) -> Answers:
    """Answers with which it would run, if it were let."""
    given = {"name": "other", "to": "hv2", "host": "hv1", "keys": "ctrl-alt-del", "time": "15m", "pool": "nvme"}
    return {question.name: given.get(question.name, question.initial) for question in command.questions}


def states(world: World) -> list[object]:
    return [(ref, guest.vm.state, guest.vm.name) for host in world.hosts.values() for ref, guest in host.guests.items()]


@WAYS
async def test_no_task_of_a_changing_command_acts(locking: Callable[[], AbstractAsyncContextManager[Desk]]) -> None:
    async with locking() as it:
        before = states(it.world)
        for command, target in [(one, target) for one in CHANGING for target in targets_for(it, one)]:
            judgement = it.engine.judge(command, target)
            assert SAYS in judgement.refusal, (command.id, judgement)
            assert judgement.refusal.endswith(".")
            try:
                ids = it.engine.submit(command, [target], answers_for(command), agreed=Level.LOSS)
            except Refused:
                continue
            [task] = await it.engine.wait(ids)
            assert task.phase is TaskPhase.REFUSED, task
            assert SAYS in task.message
        assert it.calls == []
        assert states(it.world) == before


@WAYS
async def test_keys_lines_the_palette_and_marks_change_nothing(
    locking: Callable[[], AbstractAsyncContextManager[Desk]],
) -> None:
    async with locking() as it:
        before = states(it.world)
        for number, command in enumerate(CHANGING):
            if command.noun is not Noun.VM:
                continue
            for way, marked in ((DEFAULT.keys[command.id], False), ((":", *command.verb, "enter"), command.many)):
                await it.go_to("web-1" if number % 2 else "mail")
                if marked:
                    await it.press("space", "space")
                it.app.clear_notifications()
                await it.press(*way)
                if way:
                    assert any(SAYS in toast for toast in it.toasts), (command.id, way, it.toasts, it.text)
                    assert not isinstance(it.app.screen, ConfirmScreen | Form)
                await it.press("escape", "u")
        assert it.calls == []
        assert states(it.world) == before


@WAYS
async def test_commands_on_hosts_change_nothing(locking: Callable[[], AbstractAsyncContextManager[Desk]]) -> None:
    async with locking() as it:
        for command in of_noun(Noun.HOST):
            if command.id in LOOKS or (command.id == OPENS and locking is by_guard):
                continue
            await it.press("9")
            await it.go_to_host("hv1")
            it.app.clear_notifications()
            await it.say(f"{command.verb} hv1")
            await it.until(lambda: it.toasts)
            assert any(SAYS in toast for toast in it.toasts), (command.id, it.toasts)
            await it.press("escape")
        await it.press("1", "n", "n", "escape", "escape")
        assert it.calls == []


@WAYS
async def test_every_entry_of_the_palette_changes_nothing(
    locking: Callable[[], AbstractAsyncContextManager[Desk]],
) -> None:
    async with locking() as it:
        before = states(it.world)
        for command in (command for command in CHANGING if command.noun is Noun.VM):
            await it.go_to("web-1")
            await it.press("ctrl+p")
            await it.paste(command.label)
            await it.press("enter", "enter", "!", "escape", "escape")
        assert it.calls == []
        assert states(it.world) == before


@WAYS
async def test_the_mouse_changes_nothing(locking: Callable[[], AbstractAsyncContextManager[Desk]]) -> None:
    """Each button, once and twice, on the list, in the menus that it opens, on the footer; the wheel, and a drag."""
    async with locking() as it:
        before = states(it.world)
        width, height = it.app.size
        for button, times in ((1, 1), (1, 2), (2, 1), (3, 1)):
            for y in range(0, height, 2):
                await it.click(5 + 3 * y % width, y, button=button, times=times)
                if y % 6 == 0:
                    await it.wheel(9, y)
            while len(it.app.screen_stack) > 1:
                _ = it.app.pop_screen()
            await it.press("escape", "1")
        await it.go_to("web-1")
        for word in ("web-1", "mail"):
            await it.click_on(word, button=3)
            assert it.page.menu.is_open, word
            for label in [line.split(" ")[0] for line in it.menu_text().splitlines()[1:]]:
                if label.strip() and label in it.text:
                    await it.click_on(label)
            await it.press("escape")
        assert it.calls == []
        assert states(it.world) == before


@WAYS
async def test_lines_that_make_upload_or_take_over_change_nothing(
    locking: Callable[[], AbstractAsyncContextManager[Desk]],
) -> None:
    async with locking() as it:
        before = states(it.world)
        for line in (
            "upload hv1 --file /etc/hostname --pool nvme --name sent",
            "create hv1",
            "create --name made --host hv1",
            "console web-1",
            "take-console web-1",
            "rename mail --name other",
            "tags web-1 --tags one",
            "migrate web-1 --to hv2",
            "delete mail --disks no",
        ):
            it.app.clear_notifications()
            await it.say(line)
            await it.until(lambda: it.toasts, line)
            assert any(SAYS in toast for toast in it.toasts), (line, it.toasts)
            assert not isinstance(it.app.screen, ConfirmScreen | Form), line
            await it.press("escape")
        assert it.app.consoles.sessions == ()
        assert it.calls == []
        assert states(it.world) == before


@WAYS
async def test_what_is_pasted_changes_nothing(locking: Callable[[], AbstractAsyncContextManager[Desk]]) -> None:
    """Lines with their ends and chords, on each page: a paste is no keys there, and fills a line at most."""
    async with locking() as it:
        before = states(it.world)
        for place in "12790":
            await it.press(place)
            for text in ("!f!\nxs\n", ":off web-1\n:reset web-1\r\n", "x", "s\n!"):
                await it.paste(text)
            for opener in (":", "/", "ctrl+p"):
                await it.press(opener)
                await it.paste("force-off web-1\n!\n")
                await it.press("enter", "!", "escape", "escape")
            await it.press("escape")
        assert it.calls == []
        assert states(it.world) == before


def test_no_verb_of_the_command_line_changes_anything(kvmtui: Shell) -> None:
    before = states(kvmtui.world)
    walked = 0
    for command in CHANGING:
        if command.noun is not Noun.VM or not command.headless:
            continue
        words = [f"--{name}={answer}" for name, answer in answers_for(command).items() if answer and answer is not True]
        required = {f"--{question.name}=" for question in command.questions if question.required}
        words = [word for word in words if word.partition("=")[0] + "=" in required]
        for name in ("web-1", "mail"):
            done = kvmtui("--read-only", "vm", command.verb, name, "--yes", *words)
            assert done.code != Exit.DONE, (command.id, done)
            assert SAYS in done.err, (command.id, done.err)
            walked += 1
    for words in (
        ["vm", "create", "new-1", "--host", "hv1", "--disk", "new", "--yes"],
        ["volume", "upload", "/etc/hostname", "--host", "hv1", "--pool", "nvme", "--yes"],
    ):
        done = kvmtui("--read-only", *words)
        assert done.code not in (Exit.DONE, Exit.UNKNOWN), done
    assert walked >= 30
    assert kvmtui.world.calls == []
    assert states(kvmtui.world) == before


# --- the connection itself

UUID = "6695eb01-f6a4-8304-79aa-97f2502e193f"


class _File:
    size = 1
    stop = False

    def read(self, size: int) -> bytes:
        return b"x"


PLAN = MovePlan("qemu+tcp://x/system", live=True, storage=StorageWay.NONE)
CALLS: dict[str, dict[str, Callable[[Backend], Coroutine[Any, Any, object]]]] = {
    "Power": {
        "start": lambda it: it.power.start(UUID),
        "shutdown": lambda it: it.power.shutdown(UUID, ShutdownMode.DEFAULT),
        "reboot": lambda it: it.power.reboot(UUID),
        "reset": lambda it: it.power.reset(UUID),
        "force_off": lambda it: it.power.force_off(UUID),
        "pause": lambda it: it.power.pause(UUID),
        "resume": lambda it: it.power.resume(UUID),
        "wake": lambda it: it.power.wake(UUID),
        "save": lambda it: it.power.save(UUID),
        "drop_saved": lambda it: it.power.drop_saved(UUID),
        "nmi": lambda it: it.power.nmi(UUID),
        "send_keys": lambda it: it.power.send_keys(UUID, (29, 56, 111)),
    },
    "Definition": {
        "set_autostart": lambda it: it.definition.set_autostart(UUID, on=True),
        "rename": lambda it: it.definition.rename(UUID, "other"),
        "set_text": lambda it: it.definition.set_text(UUID, title="t", description="d"),
        "set_tags": lambda it: it.definition.set_tags(UUID, ("t",)),
        "undefine": lambda it: it.definition.undefine(UUID, nvram=False, snapshots=False, saved=False),
    },
    "Storage": {
        "create_volume": lambda it: it.storage.create_volume(NewVolume("default-pool", "v", 1 << 30)),
        "upload": lambda it: it.storage.upload("default-pool", "v", _File(), kind="raw", progress=lambda _: None),
        "delete_volume": lambda it: it.storage.delete_volume("default-pool", "v"),
        "delete_disk": lambda it: it.storage.delete_disk("/default-pool/v"),
    },
    "Guest": {"set_balloon_period": lambda it: it.guest.set_balloon_period(UUID, 5)},
    "Console": {"open": lambda it: it.console.open(UUID, force=True)},
    "Creation": {"define": lambda it: it.creation.define("<domain type='test'><name>n</name></domain>")},
    "Migration": {
        "move": lambda it: it.migration.move(UUID, PLAN, lambda _: None),
        "abort": lambda it: it.migration.abort(UUID),
        "put": lambda it: it.migration.put("/default-pool/v", b"x"),
    },
}
READS = {
    "Definition": {"xml", "stored"},
    "Storage": {"volumes", "disk_uses"},
    "Guest": {"leases", "addresses", "os_name", "users"},
    "Console": {"displays"},
    "Creation": {"offers", "xml"},
    "Migration": {"subject", "room", "address_for", "fetch", "tidy"},  # tidy deletes only what a move has left behind
}


def test_each_call_that_a_backend_has_is_a_reading_or_walked() -> None:
    for name, calls in CALLS.items():
        has = {one for one, _ in inspect.getmembers(getattr(base, name), inspect.isfunction) if not one.startswith("_")}
        assert set(calls) <= has, name
        assert has - set(calls) <= READS.get(name, set()), name
    facets = {one for one, _ in inspect.getmembers(Backend, lambda member: isinstance(member, property))} - {
        "uri",
        "ssh_use",
    }
    known = {"power", "definition", "storage", "guest", "console", "creation", "migration", "logs"}
    assert facets <= known


@pytest.fixture
async def test_driver() -> AsyncIterator[Backend]:
    backend = backend_for("test:///default", read_only=True)
    backend.listen(lambda _wake: None)
    await backend.connect()
    yield backend
    await backend.close()


@pytest.mark.parametrize(("facet", "name"), [(facet, name) for facet, calls in CALLS.items() for name in calls])
async def test_libvirt_itself_refuses_each_change(test_driver: Backend, facet: str, name: str) -> None:
    before = await test_driver.inventory()
    with pytest.raises(BackendError) as refusal:
        await CALLS[facet][name](test_driver)
    assert not refusal.value.unknown
    assert refusal.value.text.endswith(".")
    assert (await test_driver.inventory()).vms == before.vms


async def test_libvirt_refuses_because_the_connection_is_read_only(test_driver: Backend) -> None:
    for change in (CALLS["Power"]["force_off"], CALLS["Definition"]["set_autostart"], CALLS["Power"]["pause"]):
        with pytest.raises(Denied, match=SAYS):
            await change(test_driver)


@pytest.mark.parametrize(("facet", "name"), [(facet, name) for facet, calls in CALLS.items() for name in calls])
async def test_the_demo_refuses_each_change_as_well(facet: str, name: str) -> None:
    world = World()
    backend = DemoBackend("demo:///hv1?faults=none&pace=0", read_only=True, world=world)
    await backend.connect()
    with pytest.raises(KvmtuiError):
        await CALLS[facet][name](backend)
    await backend.close()
    assert world.calls == []
    assert all(guest.vm.state is not VmState.CRASHED for guest in world.hosts["hv1"].guests.values())
