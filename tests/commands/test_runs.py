"""What commands do, say and leave alone while they run."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from kvmtui.backend.base import DiskUse
from kvmtui.commands.keycodes import KEYS, chords_in, keys_fault
from kvmtui.commands.registry import by_id
from kvmtui.core.errors import BackendError, Refused, TimedOut
from kvmtui.core.inventory import HostEntry, Vm, VmState
from tests.commands.scenes import HOSTILE, OTHER, UUID, a_vm, disk, entry, scene, target

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from kvmtui.backend.base import Backend
    from kvmtui.commands.base import Answers, Command, Scene, Target


class Facets:
    """A backend that writes down what it is asked, and fails where a test says so."""

    def __init__(self, vm: Vm, uses: tuple[DiskUse, ...] = ()) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.fails: dict[str, BackendError] = {}
        self.power = self.definition = self.storage = self
        self._vm = vm
        self._uses = uses

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        async def call(*given: object, **named: object) -> None:
            self.calls.append((verb, *given, *named.values()))
            for key in (verb, f"{verb} {given[0]}"):
                if key in self.fails:
                    raise self.fails[key]

        return call

    async def vm(self, uuid: str) -> Vm:
        assert uuid == self._vm.uuid
        return self._vm

    async def disk_uses(self, uuid: str) -> tuple[DiskUse, ...]:
        return self._uses

    async def save(self, uuid: str, progress: Callable[[float], None]) -> None:
        self.calls.append(("save", uuid))
        progress(40.0)


@dataclass
class FakeContext:
    """A context whose VM does, or does not, what is waited for."""

    backend: Any
    host: HostEntry
    reached: bool = True
    shutdown_wait: float = 300.0
    waited: list[float] = field(default_factory=list)
    told: list[tuple[str, float | None]] = field(default_factory=list)
    unlocked: float = 0.0
    others: tuple[HostEntry, ...] = ()
    left: Vm | BackendError | None = None

    @property
    def entry(self) -> HostEntry:
        return self.host

    def scene(self) -> Scene:
        return scene(self.host, *self.others)

    def progress(self, message: str, percent: float | None = None) -> None:
        self.told.append((message, percent))

    def backend_of(self, host: str) -> Backend:
        raise NotImplementedError(host)

    def stoppable(self, stop: Callable[[], None]) -> AbstractContextManager[None]:
        return nullcontext()

    def touches(self, *volumes: str) -> None:
        """Nobody writes it down here."""

    def written(self, virsh: str) -> None:
        self.told.append((virsh, None))

    async def look(self, host: str) -> Vm | None:
        if isinstance(self.left, BackendError):
            raise self.left
        return self.left

    async def wait_for(self, test: Callable[[Vm | None], bool], seconds: float) -> bool:
        self.waited.append(seconds)
        return self.reached

    async def reconnect(self) -> None:
        self.told.append(("reconnect", None))

    async def disconnect(self) -> None:
        self.told.append(("disconnect", None))

    async def unlock(self, seconds: float) -> None:
        self.unlocked = seconds

    def cancel_task(self, task_id: str) -> bool:
        return task_id == "7"


def made(vm: Vm, *, uses: tuple[DiskUse, ...] = (), **more: Any) -> tuple[FakeContext, Target]:
    host = entry(vms=[vm])
    return FakeContext(Facets(vm, uses), host, **more), target(host)


def row(id_: str) -> Command:
    command = by_id(id_)
    assert command is not None
    return command


async def run(id_: str, context: FakeContext, where: Target, answers: Answers | None = None) -> str:
    command = row(id_)
    return await command.run(context, where, command.validate(answers or {}))


@pytest.mark.parametrize(
    ("id_", "call"),
    [
        ("vm.start", ("start", UUID)),
        ("vm.pause", ("pause", UUID)),
        ("vm.resume", ("resume", UUID)),
        ("vm.wake", ("wake", UUID)),
        ("vm.force-off", ("force_off", UUID)),
        ("vm.reset", ("reset", UUID)),
        ("vm.nmi", ("nmi", UUID)),
        ("vm.drop-saved", ("drop_saved", UUID)),
        ("vm.autostart-on", ("set_autostart", UUID, True)),
        ("vm.autostart-off", ("set_autostart", UUID, False)),
        ("vm.hibernate", ("save", UUID)),
    ],
)
async def test_a_verb_sends_one_call_and_says_what_was_done(id_: str, call: tuple[Any, ...]) -> None:
    context, where = made(a_vm(name=HOSTILE))
    said = await run(id_, context, where)
    assert context.backend.calls == [call]
    assert said.endswith(".")
    assert said.isprintable()


async def test_a_saved_vm_goes_on_from_there() -> None:
    context, where = made(a_vm(saved=True))
    assert await run("vm.start", context, where) == "web-1 goes on from its saved state."


async def test_a_save_tells_how_far_it_is() -> None:
    context, where = made(a_vm(VmState.RUNNING))
    await run("vm.hibernate", context, where)
    assert context.told[-1] == ("saving its memory", 40.0)


async def test_a_guest_that_shuts_down_is_off() -> None:
    context, where = made(a_vm(VmState.RUNNING))
    assert await run("vm.shutdown", context, where) == "web-1 is off."
    assert context.waited == [300.0]


async def test_a_guest_that_ignores_it_is_told_with_the_time_and_the_way_out() -> None:
    context, where = made(a_vm(VmState.RUNNING), reached=False)
    with pytest.raises(
        TimedOut, match=r"web-1 was asked to shut down at \d\d:\d\d and is still on; ! f forces"
    ) as told:
        await run("vm.shutdown", context, where, {"timeout": "2m"})
    assert not told.value.unknown
    assert context.waited == [120.0]


async def test_a_shutdown_that_nobody_waits_for() -> None:
    context, where = made(a_vm(VmState.RUNNING))
    assert await run("vm.shutdown", context, where, {"timeout": "0"}) == "web-1 was asked to shut down."
    assert not context.waited


async def test_reboot_returns_when_it_is_accepted() -> None:
    context, where = made(a_vm(VmState.RUNNING))
    assert await run("vm.reboot", context, where, {"mode": "agent"}) == "web-1 was asked to reboot."
    assert context.backend.calls == [("reboot", UUID, "agent")]
    assert not context.waited


async def test_chords_are_pressed_in_turn() -> None:
    context, where = made(a_vm(VmState.RUNNING))
    await run("vm.send-keys", context, where, {"keys": "ctrl-alt-del Alt-F2"})
    assert context.backend.calls == [("send_keys", UUID, (29, 56, 111)), ("send_keys", UUID, (56, 60))]


def test_key_names_are_linuxs() -> None:
    assert [key.linux for key in chords_in("ctrl-alt-backspace")[0]] == ["KEY_LEFTCTRL", "KEY_LEFTALT", "KEY_BACKSPACE"]
    assert {name: KEYS[name].code for name in ("1", "0", "q", "a", "z", "f1", "f12", "end", "minus", "grave")} == {
        "1": 2, "0": 11, "q": 16, "a": 30, "z": 44, "f1": 59, "f12": 88, "end": 107, "minus": 12, "grave": 41,
    }  # fmt: skip
    assert len({key.code for key in KEYS.values()}) == len(KEYS)
    assert not keys_fault("ctrl-alt-f2 enter")
    assert "hell" in keys_fault("ctrl-alt-hell")
    assert keys_fault(" ")
    assert "16" in keys_fault("-".join("qwertyuiopasdfghj"))


async def test_a_name_that_another_vm_of_the_host_has_is_not_given() -> None:
    vm = a_vm()
    host = entry(vms=[vm, a_vm(uuid=OTHER, name="db-1")])
    context = FakeContext(Facets(vm), host)
    with pytest.raises(Refused, match="another VM called db-1"):
        await run("vm.rename", context, target(host), {"name": "db-1"})
    with pytest.raises(Refused, match="called already"):
        await run("vm.rename", context, target(host), {"name": "web-1"})
    assert not context.backend.calls
    assert await run("vm.rename", context, target(host), {"name": "web-2"}) == "web-1 is now called web-2."


@pytest.mark.parametrize("name", ["", " ", "a/b", "a\x1b", "a\n", " a", "a\u202e", "x" * 201])
def test_names_that_no_vm_should_have(name: str) -> None:
    with pytest.raises(Refused):
        row("vm.rename").validate({"name": name})


@pytest.mark.parametrize(
    ("id_", "answers"),
    [
        ("vm.describe", {"title": "a\nb"}),
        ("vm.describe", {"description": "a\x1bb"}),
        ("vm.tags", {"tags": "a\x00"}),
        ("vm.tags", {"tags": "x" * 65}),
        ("vm.shutdown", {"timeout": "soon"}),
        ("vm.shutdown", {"mode": "nicely"}),
        ("vm.send-keys", {"keys": ""}),
        ("host.unlock", {"time": "25h"}),
        ("host.unlock", {"time": "0"}),
        ("host.unlock", {"time": ""}),
        ("vm.start", {"force": True}),
    ],
)
def test_answers_that_will_not_do(id_: str, answers: Answers) -> None:
    with pytest.raises(Refused):
        row(id_).validate(answers)


async def test_tags_and_texts_begin_with_what_the_vm_has() -> None:
    vm = a_vm(title="Shop", description="two\nlines", tags=("web", "prod"))
    context, where = made(vm)
    asked = await row("vm.tags").asked(context.scene(), lambda _host: context.backend, where)
    assert asked[0].initial == "web prod"
    texts = await row("vm.describe").asked(context.scene(), lambda _host: context.backend, where)
    assert [question.initial for question in texts] == ["Shop", "two\nlines"]
    await run("vm.tags", context, where, {"tags": "db, db  prod"})
    assert context.backend.calls == [("set_tags", UUID, ("db", "prod"))]


@pytest.mark.parametrize("id_", ["vm.rename", "vm.describe", "vm.tags"])
async def test_an_answer_that_did_not_come_is_looked_for_once(id_: str) -> None:
    lost = TimedOut("No answer.", unknown=True)
    for reached in (True, False):
        context, where = made(a_vm(), reached=reached)
        context.backend.fails = {"rename": lost, "set_text": lost, "set_tags": lost}
        answers = {"name": "web-2"} if id_ == "vm.rename" else {}
        if reached:
            assert await run(id_, context, where, answers)
        else:
            with pytest.raises(TimedOut):
                await run(id_, context, where, answers)
        assert len(context.backend.calls) == len(context.waited) == 1


def use(
    name: str = "vda", source: str = "/srv/web-1.qcow2", pool: str = "images", users: tuple[str, ...] = ()
) -> DiskUse:
    return DiskUse(name, source, pool, 1 << 30, users)


async def test_deleting_asks_only_for_what_is_there() -> None:
    context, where = made(a_vm())
    assert await row("vm.delete").asked(context.scene(), lambda _host: context.backend, where) == ()
    full = a_vm(nvram="/nvram/web-1.fd", snapshots=2, saved=True, disks=(disk(),))
    context, where = made(full, uses=(use(), use("vdb", "/srv/b", users=("db-1",)), use("vdc", "/dev/sdx", pool="")))
    asked = {
        question.name: question
        for question in await row("vm.delete").asked(context.scene(), lambda _host: context.backend, where)
    }
    assert set(asked) == {"nvram", "snapshots", "saved", "disks"}
    assert not any(question.initial for question in asked.values())
    blocked = {choice.value: choice.blocked for choice in asked["disks"].choices}
    assert blocked["vda"] == ""
    assert "db-1" in blocked["vdb"]
    assert "no active pool" in blocked["vdc"]
    assert asked["disks"].fault(("vda",)) == ""
    assert "cannot be chosen" in asked["disks"].fault(("vda", "vdb"))


async def test_a_disk_that_a_vm_of_another_host_uses_cannot_be_chosen() -> None:
    vm = a_vm(disks=(disk(),))
    host, other = entry(vms=[vm]), entry("hv2", [a_vm(uuid=OTHER, name="db-1", disks=(disk(),))])
    context = FakeContext(Facets(vm, (use(),)), host, others=(other,))
    asked = await row("vm.delete").asked(context.scene(), lambda _host: context.backend, target(host))
    assert asked[0].choices[0].blocked == "db-1 on hv2 uses it"
    with pytest.raises(Refused, match="vda of web-1 must stay, since db-1 on hv2 uses it: nothing was deleted"):
        await run("vm.delete", context, target(host), {"disks": ("vda",)})
    assert not context.backend.calls


async def test_deletion_takes_the_definition_and_the_chosen_disks() -> None:
    context, where = made(a_vm(disks=(disk(),)), uses=(use(), use("vdb", "/srv/b")))
    said = await run("vm.delete", context, where, {"disks": ("vdb",), "nvram": True})
    assert context.backend.calls == [("undefine", UUID, True, False, False), ("delete_disk", "/srv/b")]
    assert said == "The definition of web-1 was deleted; vdb (/srv/b) was deleted."


async def test_without_chosen_disks_only_the_definition_goes() -> None:
    context, where = made(a_vm(disks=(disk(),)), uses=(use(),))
    assert await run("vm.delete", context, where) == "The definition of web-1 was deleted."
    assert context.backend.calls == [("undefine", UUID, False, False, False)]


async def test_it_is_told_exactly_which_disk_stayed() -> None:
    context, where = made(a_vm(), uses=(use(), use("vdb", "/srv/b"), use("vdc", "/srv/c")))
    context.backend.fails = {
        "delete_disk /srv/b": BackendError("The volume is in use."),
        "delete_disk /srv/c": TimedOut("No answer within 60 s.", unknown=True),
    }
    with pytest.raises(BackendError) as told:
        await run("vm.delete", context, where, {"disks": ("vda", "vdb", "vdc")})
    assert told.value.text == (
        "The definition of web-1 was deleted; vda (/srv/web-1.qcow2) was deleted; vdb (/srv/b) was not: "
        "The volume is in use; whether vdc (/srv/c) was deleted is not known: No answer within 60 s."
    )


@pytest.mark.parametrize(
    ("vm", "answers"),
    [
        (a_vm(VmState.RUNNING), {}),
        (a_vm(snapshots=1), {}),
        (a_vm(saved=True), {"snapshots": True}),
        (a_vm(), {"disks": ("vdz",)}),
        (a_vm(), {"disks": ("vda", "vdb")}),
    ],
)
async def test_nothing_is_deleted_when_a_part_of_it_must_stay(vm: Vm, answers: Answers) -> None:
    context, where = made(vm, uses=(use(), use("vdb", users=("db-1",))))
    with pytest.raises(Refused):
        await run("vm.delete", context, where, answers)
    assert not context.backend.calls


async def test_a_deletion_whose_answer_did_not_come_goes_on_only_when_the_vm_is_gone() -> None:
    for reached, disks in ((True, 1), (False, 0)):
        context, where = made(a_vm(), uses=(use(),), reached=reached)
        context.backend.fails = {"undefine": TimedOut("No answer.", unknown=True)}
        if reached:
            await run("vm.delete", context, where, {"disks": ("vda",)})
        else:
            with pytest.raises(TimedOut):
                await run("vm.delete", context, where, {"disks": ("vda",)})
        assert sum(call[0] == "delete_disk" for call in context.backend.calls) == disks


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (a_vm(VmState.RUNNING, persistent=False), "it was started or defined meanwhile, and is running on hv1."),
        (a_vm(), "it was started or defined meanwhile, and is off on hv1."),
        (TimedOut("hv1 did not answer."), "whether it runs could not be read: hv1 did not answer."),
    ],
)
async def test_a_vm_that_is_there_all_the_same_keeps_its_disks(left: Vm | BackendError, said: str) -> None:
    context, where = made(a_vm(disks=(disk(),)), uses=(use(),), left=left)
    with pytest.raises(BackendError) as told:
        await run("vm.delete", context, where, {"disks": ("vda",)})
    assert told.value.text == f"The definition of web-1 was deleted, but {said} Its disks were not deleted."
    assert [call[0] for call in context.backend.calls] == ["undefine"]


async def test_hosts_are_connected_let_go_and_unlocked() -> None:
    context, where = made(a_vm())
    await run("host.reconnect", context, where)
    await run("host.disconnect", context, where)
    assert [told[0] for told in context.told] == ["reconnect", "disconnect"]
    said = await run("host.unlock", context, where, {"time": "15m"})
    assert context.unlocked == 900.0
    assert "can be changed until" in said


async def test_a_task_that_cannot_be_stopped_says_so() -> None:
    context, where = made(a_vm())
    assert "was asked to stop" in await run("task.cancel", context, where._replace(uuid="7"))
    with pytest.raises(Refused):
        await run("task.cancel", context, where._replace(uuid="8"))


PROVED = {
    "vm.start": a_vm(VmState.RUNNING),
    "vm.shutdown": a_vm(),
    "vm.pause": a_vm(VmState.PAUSED),
    "vm.resume": a_vm(VmState.RUNNING),
    "vm.wake": a_vm(VmState.RUNNING),
    "vm.hibernate": a_vm(saved=True),
    "vm.force-off": a_vm(),
    "vm.drop-saved": a_vm(),
    "vm.autostart-on": a_vm(autostart=True),
    "vm.autostart-off": a_vm(),
}
DISPROVED = {
    "vm.start": a_vm(),
    "vm.shutdown": a_vm(VmState.RUNNING),
    "vm.pause": a_vm(VmState.RUNNING),
    "vm.resume": a_vm(VmState.PAUSED),
    "vm.wake": a_vm(VmState.SUSPENDED),
    "vm.hibernate": a_vm(),
    "vm.force-off": a_vm(VmState.RUNNING),
    "vm.drop-saved": a_vm(saved=True),
    "vm.autostart-on": a_vm(),
    "vm.autostart-off": a_vm(autostart=True),
}


@pytest.mark.parametrize("id_", PROVED)
def test_a_proof_tells_done_from_not_done(id_: str) -> None:
    proof = row(id_).proof
    assert proof is not None
    assert proof(PROVED[id_])
    assert not proof(DISPROVED[id_])
    assert proof(None) is (id_ in ("vm.shutdown", "vm.force-off"))


def test_what_cannot_be_seen_afterwards_has_no_proof() -> None:
    for id_ in ("vm.reboot", "vm.reset", "vm.nmi", "vm.send-keys"):
        assert row(id_).proof is None
