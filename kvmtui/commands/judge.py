"""Whether a command may run, and what it asks: the checks that all rows share. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvmtui.commands.base import Judgement, Level
from kvmtui.core.inventory import Condition, ConditionKind, Fleet, Guard, HostEntry, Reason, Vm, VmState
from kvmtui.core.text import safe
from kvmtui.core.units import hhmmss

if TYPE_CHECKING:
    from kvmtui.commands.base import Scene, Target

WORDS = {
    VmState.RUNNING: "running",
    VmState.PAUSED: "paused",
    VmState.STOPPING: "stopping",
    VmState.OFF: "off",
    VmState.CRASHED: "crashed",
    VmState.SUSPENDED: "asleep",
    VmState.UNKNOWN: "in a state that is not known",
}
"""States as a sentence says them."""

ACTIVE = frozenset(state for state in VmState if state.is_active)
INACTIVE = frozenset({VmState.OFF})
ANY = frozenset(VmState)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check adds: a refusal, or the least level at which it asks and what to know."""

    refusal: str = ""
    hint: str = ""
    level: Level = Level.LOOK
    warnings: tuple[str, ...] = ()


FINE = Finding()
Check = Callable[["Scene", HostEntry, Vm], Finding]


@dataclass(frozen=True, slots=True)
class VmJudge:
    """The judgement of a command on a VM; called with the scene and the target."""

    level: Level
    states: frozenset[VmState]
    done: str  # "started": only a VM that is off can be started
    goal: VmState | None = None  # the state that makes it needless
    checks: tuple[Check, ...] = ()
    stored: bool = False  # it changes the stored definition, which a transient VM lacks
    in_job: bool = False  # it works while a job holds the VM

    def __call__(self, scene: Scene, target: Target) -> Judgement:
        """Return the refusal that comes first, or the level and all warnings."""
        entry = scene.fleet.host(target.host)
        finding = host_finding(scene, entry, target)
        level = self.level
        if finding.refusal or entry is None:
            return Judgement(level, finding.refusal, finding.hint)
        vm = scene.fleet.vm(target.ref)
        if vm is None:
            return Judgement(level, f"{safe(target.name)} is not on {safe(target.host)} any more.")
        if entry.guard is Guard.FREE and level is Level.ORDINARY:
            level = Level.EASY
        warnings: list[str] = []
        for check in (owner, self._state, self._stored, self._job, *self.checks, own_vm):
            finding = check(scene, entry, vm)
            if finding.refusal:
                return Judgement(self.level, finding.refusal, finding.hint)
            level = max(level, finding.level)
            warnings += finding.warnings
        return Judgement(level, warnings=tuple(warnings))

    def _state(self, _scene: Scene, _entry: HostEntry, vm: Vm) -> Finding:
        """Refuse what the VM's state rules out."""
        if vm.state in self.states:
            return FINE
        name = safe(vm.name)
        if vm.state is self.goal:
            return Finding(f"{name} is already {WORDS[vm.state]}.")
        if vm.state is VmState.UNKNOWN:
            return Finding(f"The state of {name} is not known.", "Read its host again first.")
        return Finding(
            f"{name} is {WORDS[vm.state]}: only a VM that is {self._need()} can be {self.done}.", self._hint(vm)
        )

    def _need(self) -> str:
        return " or ".join(WORDS[state] for state in VmState if state in self.states)

    def _hint(self, vm: Vm) -> str:
        """Say what to do first, or instead."""
        if VmState.RUNNING in self.states:
            return _REMEDIES.get(vm.state, "")
        if VmState.OFF not in self.states or not vm.is_active:
            return ""
        instead = {VmState.PAUSED: "Resume it.", VmState.SUSPENDED: "Wake it."} if self.goal is VmState.RUNNING else {}
        return instead.get(vm.state, "Shut it down first.")

    def _stored(self, _scene: Scene, _entry: HostEntry, vm: Vm) -> Finding:
        """Refuse what needs a stored definition on a transient VM."""
        if not self.stored or vm.persistent:
            return FINE
        return Finding(f"{safe(vm.name)} has no stored definition: it cannot be {self.done}.")

    def _job(self, _scene: Scene, _entry: HostEntry, vm: Vm) -> Finding:
        """Refuse what would wait behind a job; a backup lets changes through."""
        if vm.job is None or vm.job.kind.startswith("backup"):
            return FINE
        whose = "" if vm.job.ours else ", not by kvmtui"
        what = f"{safe(vm.name)} is held by a job ({safe(vm.job.kind)}{whose})"
        if self.in_job:
            return Finding(warnings=(f"{what}, which ends with it.",))
        return Finding(f"{what}.", "Wait until it ends, or cancel it.")


_REMEDIES = {
    VmState.PAUSED: "Resume it first.",
    VmState.SUSPENDED: "Wake it first.",
    VmState.CRASHED: "Force it off first.",
    VmState.OFF: "Start it first.",
}


def host_finding(scene: Scene, entry: HostEntry | None, target: Target) -> Finding:
    """Refuse what the host's condition, its identity or its guard rules out."""
    if entry is None or entry.state is None:
        return Finding(f"{safe(target.host)} has not been read: nothing on it can be changed from here.")
    if not entry.condition.is_answering:
        return Finding(silence(entry), "Reconnect to it first.")
    if target.host_uuid and entry.state.host.uuid != target.host_uuid:
        return Finding(f"{safe(entry.name)} is another machine than the one that was shown.", "Look again.")
    return guard(scene, entry)


def silence(entry: HostEntry) -> str:
    """Say why nothing on a host can be changed."""
    condition: Condition = entry.condition
    name, since = safe(entry.name), hhmmss(condition.since)
    said = {
        ConditionKind.CONNECTING: f"{name} is being connected to since {since}",
        ConditionKind.SILENT: f"{name} does not answer since {since}",
        ConditionKind.DOWN: f"{name} is down since {since}",
        ConditionKind.DENIED: f"{name} lets nobody in since {since}",
        ConditionKind.DISCONNECTED: f"{name} was let go at {since}",
    }
    return f"{said.get(condition.kind, name)}: nothing on it can be changed from here."


def guard(scene: Scene, entry: HostEntry) -> Finding:
    """Refuse what the configuration does not let be changed."""
    return lock(scene.fleet, entry, scene.now)


def lock(fleet: Fleet, entry: HostEntry, now: float) -> Finding:
    """Refuse what the configuration does not let be changed at this time."""
    if fleet.read_only:
        return Finding("kvmtui runs read-only: nothing can be changed.", "Start it without --read-only.")
    open_now = entry.unlocked_until is not None and entry.unlocked_until > now
    if entry.guard is Guard.READ_ONLY and not open_now:
        name = safe(entry.name)
        return Finding(f"{name} is read-only by the configuration.", f":unlock {name} 15m opens it for a while.")
    return FINE


def owner(scene: Scene, _entry: HostEntry, vm: Vm) -> Finding:
    """Refuse what another system looks after."""
    if not vm.owner or vm.owner in scene.policy.allowed_owners:
        return FINE
    name, who = safe(vm.name), safe(vm.owner)
    return Finding(f"{name} belongs to {who}, which would not know of the change.", f"Change it through {who}.")


def own_vm(scene: Scene, _entry: HostEntry, vm: Vm) -> Finding:
    """Ask most before anything is done to the VM that this program runs in."""
    if not scene.policy.own_vm or vm.uuid.lower() != scene.policy.own_vm.lower():
        return FINE
    return Finding(level=Level.LOSS, warnings=(f"kvmtui itself runs in {safe(vm.name)}.",))


def transient(_scene: Scene, _entry: HostEntry, vm: Vm) -> Finding:
    """Ask most before a VM without a stored definition goes off."""
    if vm.persistent:
        return FINE
    text = f"The definition of {safe(vm.name)} is not stored anywhere: when it goes off, it is gone."
    return Finding(level=Level.LOSS, warnings=(text,))


_HELD = {
    Reason.MIGRATING: "it is being moved",
    Reason.SAVING: "it is being saved",
    Reason.DUMPING: "its memory is being dumped",
    Reason.SNAPSHOT: "a snapshot is being taken",
    Reason.STARTING: "it is being started",
    Reason.POSTCOPY: "it is being moved",
    Reason.POSTCOPY_FAILED: "its move broke off half-way, and no host has all of its memory",
}
_STORAGE = frozenset({Reason.IO_ERROR, Reason.POOL_FULL})


def resumable(_scene: Scene, _entry: HostEntry, vm: Vm) -> Finding:
    """Refuse to resume what something else has paused for a while; warn of what will pause it again."""
    name = safe(vm.name)
    if vm.reason in _HELD:
        return Finding(f"{name} is paused because {_HELD[vm.reason]}.", "Resuming it now could damage its data.")
    if vm.reason in _STORAGE:
        return Finding(
            warnings=(f"{name} was paused by {vm.reason.value}: it pauses again until its storage is well.",)
        )
    return FINE
