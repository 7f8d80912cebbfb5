"""What is wrong in the fleet, worst first: pure judgement over what is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from kvmtui.core import units
from kvmtui.core.capacity import census, fullest_pool, host_sold, n_plus_one
from kvmtui.core.fields.host_facts import condition_text
from kvmtui.core.fields.host_figures import first_full
from kvmtui.core.fields.vm_state import is_hung, should_be_on
from kvmtui.core.forecast import FULL_SOON
from kvmtui.core.inventory import (
    ConditionKind,
    Fleet,
    HostEntry,
    Pool,
    Reason,
    Severity,
    TaskPhase,
    Vm,
    VmRef,
    VmState,
)
from kvmtui.core.limits import POOL, POOL_ENDS, SOLD, STEAL, STEAL_ENDS
from kvmtui.core.rows import HostRow, VmRow
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from kvmtui.core.metrics import VmRates

__all__ = [
    "STOPPING_LONG",
    "Problem",
    "ProblemKind",
    "doubles",
    "fleet_problems",
    "host_problem",
    "host_sold",
    "n_plus_one",
    "vm_problem",
]

STOPPING_LONG = 300.0  # seconds after which a guest that was asked to shut down is a problem
STEAL_HELD = 30.0  # seconds after its last figure above the limit in which steal stays a problem
FULL_LATE = 1.5 * FULL_SOON  # seconds to its end from which a pool that was about to be full is a problem no more
OUTCOME_KEPT = 86_400.0  # seconds for which an outcome that is not known is a problem


class ProblemKind(Enum):
    """What is wrong; the value is its rank, the worst first."""

    IO_PAUSE = 0  # paused because its storage failed
    TWO_COPIES = 1  # it runs on two hosts
    UNKNOWN_OUTCOME = 2  # a change was sent, and its answer never came
    POSTCOPY_FAILED = 3
    SHOULD_BE_ON = 4
    CRASHED = 5
    HUNG = 6  # its QEMU does not answer
    STOPPING_LONG = 7
    STALL = 8
    STEAL = 9
    DENIED = 10
    DOWN = 11
    SILENT = 12
    OVERSOLD = 13
    POOL_FULL = 14
    SLOW = 15
    DOUBLE = 16  # the same UUID, disk, MAC or name on two hosts


class Problem(NamedTuple):
    """Something that is wrong, in one sentence without an end."""

    severity: Severity
    kind: ProblemKind
    host: str
    ref: VmRef | None  # None: of the host itself
    text: str  # safe to show
    words: str = ""  # the same where there is room for no more than a few words; "" when `text` is as short
    beyond: tuple[tuple[str, float], ...] = ()
    """The figures that it is about, of those that come and go, and when each was last beyond its limit."""

    @property
    def rank(self) -> int:
        """Where it stands: lower is worse."""
        return self.kind.value

    @property
    def short(self) -> str:
        """What is wrong in a few words: "steal 13 %", "disk stalls"."""
        return self.words or self.text

    @property
    def in_state(self) -> bool:
        """Whether the VM's state says it already."""
        return self.kind in _SAID_BY_STATE


_SAID_BY_STATE = frozenset(
    (
        ProblemKind.IO_PAUSE,
        ProblemKind.POSTCOPY_FAILED,
        ProblemKind.SHOULD_BE_ON,
        ProblemKind.CRASHED,
        ProblemKind.HUNG,
        ProblemKind.STOPPING_LONG,
    )
)
_IO_PAUSES = (Reason.IO_ERROR, Reason.POOL_FULL, Reason.WATCHDOG, Reason.API_ERROR)
_CRASHES = (Reason.CRASHED, Reason.PANICKED)
_HOST_KINDS = {
    ConditionKind.SILENT: (Severity.BAD, ProblemKind.SILENT),
    ConditionKind.DOWN: (Severity.BAD, ProblemKind.DOWN),
    ConditionKind.DENIED: (Severity.BAD, ProblemKind.DENIED),
    ConditionKind.SLOW: (Severity.WARN, ProblemKind.SLOW),
}


_STEAL = "steal"
_WORDS = {ProblemKind.STALL: "disk stalls"}


_Beyond = Mapping[str, float]  # a figure that comes and goes -> when it was last beyond its limit


def vm_problem(
    row: VmRow, known: Mapping[VmRef, Problem] | None = None, before: Problem | None = None
) -> Problem | None:
    """Return the worst that is wrong with a VM; of a host that does not answer nothing is judged.

    `known` is what `doubles` and `unknown_outcomes` found: what only the whole fleet shows. `before` is what was wrong
    with it when it was last looked at: a figure about a limit does not come and go.
    """
    return _judge(row, known or {}, dict(before.beyond) if before is not None else {})


def _judge(row: VmRow, known: Mapping[VmRef, Problem], before: _Beyond) -> Problem | None:
    entry, vm = row.entry, row.vm
    if not entry.condition.is_answering:
        return None
    beyond = _steal_beyond(row, before)
    found = _of_state(vm, row.stopping, row.now) or _of_rates(row, beyond)
    other = known.get(row.key) if known else None
    if found is None:
        return other
    severity, kind, text = found
    if other is not None and other.rank <= kind.value:
        return other
    words = _WORDS.get(kind, "")
    if kind is ProblemKind.STEAL and beyond[0][1] != row.now:
        words = f"lately steal > {STEAL.warn:.0f}"
    return Problem(severity, kind, entry.name, row.key, text, words, beyond)


_Finding = tuple[Severity, ProblemKind, str]


def _of_state(vm: Vm, stopping: float | None, now: float) -> _Finding | None:
    state, reason = vm.state, vm.reason
    if state is VmState.PAUSED and reason in _IO_PAUSES:
        return Severity.BAD, ProblemKind.IO_PAUSE, f"paused: {reason.value}"
    if reason is Reason.POSTCOPY_FAILED:
        return Severity.BAD, ProblemKind.POSTCOPY_FAILED, "its move broke; its memory is on two hosts"
    if state is VmState.CRASHED or reason in _CRASHES:
        return Severity.BAD, ProblemKind.CRASHED, "crashed" if state is VmState.CRASHED else f"off: {reason.value}"
    return _of_intent(vm, stopping, now)


def _of_intent(vm: Vm, stopping: float | None, now: float) -> _Finding | None:
    """Judge what a VM does against what was asked of it."""
    if should_be_on(vm):
        failed = f", {Reason.FAILED.value}" if vm.reason is Reason.FAILED else ""
        return Severity.WARN, ProblemKind.SHOULD_BE_ON, f"off{failed}, should be on"
    if stopping is not None and vm.is_active and now - stopping >= STOPPING_LONG:
        return Severity.WARN, ProblemKind.STOPPING_LONG, f"stopping since {units.day_or_time(stopping, now)}"
    return None


def _steal_beyond(row: VmRow, before: _Beyond) -> tuple[tuple[str, float], ...]:
    """Return when steal was last above its limit, as long as that is a problem; () when it is none."""
    if row.vm.state is not VmState.RUNNING:
        return ()
    steal, last = row.rates.steal if row.rates is not None else None, before.get(_STEAL)
    if steal is not None and steal > STEAL.warn:
        return ((_STEAL, row.now),)
    if last is None:
        return ()
    held = 0.0 <= row.now - last < STEAL_HELD
    return ((_STEAL, last),) if held or (steal is not None and steal > STEAL_ENDS) else ()


def _of_rates(row: VmRow, beyond: tuple[tuple[str, float], ...]) -> _Finding | None:
    rates = row.rates
    if row.vm.state is not VmState.RUNNING:
        return None
    if rates is not None and rates.silent_since is not None and is_hung(row):
        return Severity.BAD, ProblemKind.HUNG, f"its QEMU has not answered since {units.hhmmss(rates.silent_since)}"
    if rates is not None and rates.stalled:
        return Severity.BAD, ProblemKind.STALL, "a busy disk has completed nothing for 10 s"
    if beyond:
        now = f"steal {rates.steal:.0f} %" if rates is not None and rates.steal is not None else "steal not known now"
        lately = "" if beyond[0][1] == row.now else f", lately above {STEAL.warn:.0f}"
        return Severity.WARN, ProblemKind.STEAL, f"{now}{lately}"
    return None


def host_problem(row: HostRow, before: Problem | None = None) -> Problem | None:
    """Return the worst that is wrong with a host itself; `before` is what was when it was last looked at."""
    entry = row.entry
    found = _HOST_KINDS.get(entry.condition.kind)
    if found is not None and entry.condition.kind is not ConditionKind.SLOW:
        text = condition_text(entry, row.now)
        count = census(entry.state).total
        if count:
            text = text.rstrip(".")
            text += f"; {count} VMs as last seen" if count > 1 else "; 1 VM as last seen"
        return Problem(*found, entry.name, None, text)
    if not entry.condition.is_answering:
        return None
    sold = host_sold(entry.state)
    texts = [f"memory sold to {sold:.0f} %"] if sold is not None and sold > SOLD.warn else []
    kind = ProblemKind.OVERSOLD if texts else ProblemKind.POOL_FULL
    of_pools, beyond = _of_pools(row, dict(before.beyond) if before is not None else {})
    texts += of_pools
    if texts:
        return Problem(Severity.WARN, kind, entry.name, None, ", ".join(texts), "", beyond)
    if found is not None:
        return Problem(*found, entry.name, None, condition_text(entry, row.now))
    return None


def _of_pools(row: HostRow, before: _Beyond) -> tuple[list[str], tuple[tuple[str, float], ...]]:
    """Return what is wrong with a host's pools: the fullest is nearly full, or one will be within a day."""
    texts: list[str] = []
    beyond: list[tuple[str, float]] = []
    fullest, next_full = fullest_pool(row.entry.state), first_full(row)
    if fullest is not None:
        sign, limit = f"fill {fullest[0].uuid}", POOL.bad
        if fullest[1] > (POOL_ENDS if sign in before else limit):
            beyond.append((sign, row.now))
            texts.append(f"pool {safe(fullest[0].name, limit=60)} {fullest[1]:.0f} % full")
    if next_full is not None:
        sign, limit = f"soon {next_full[0].uuid}", FULL_SOON
        if next_full[1] < (FULL_LATE if sign in before else limit):
            beyond.append((sign, row.now))
            texts.append(_full_soon(*next_full, named=not (texts and fullest and fullest[0] is next_full[0])))
    state = row.entry.state
    if state is not None and state.pools_late:
        late = ", ".join(safe(pool.name, limit=60) for pool in state.pools if pool.late)
        texts.append(f"pool {late} does not answer" if late else "its storage does not answer")
    return texts, tuple(beyond)


def _full_soon(pool: Pool, seconds: float, *, named: bool) -> str:
    name = f"pool {safe(pool.name, limit=60)} " if named else ""
    return f"{name}full in ~{units.duration(seconds)}"


def fleet_problems(fleet: Fleet, now: float, before: Iterable[Problem] = ()) -> tuple[Problem, ...]:
    """Return everything that is wrong, worst first; at most one problem per host and per VM.

    `before` is what was wrong when the fleet was last looked at: what is about a limit does not come and go.
    """
    problems: list[Problem] = []
    past = {one.ref or one.host: one for one in before if one.beyond}
    known = {**doubles(fleet), **unknown_outcomes(fleet, now)}
    stopping = fleet.stopping
    for entry in fleet.hosts:
        problem = host_problem(HostRow(entry, fleet, now), past.get(entry.name))
        if problem is not None:
            problems.append(problem)
        state = entry.state
        if state is None or not entry.condition.is_answering:
            continue
        rates = state.rates
        asked = {ref.uuid: at for ref, at in stopping.items() if ref.host == entry.name}
        seen = {ref.uuid for ref in known if ref.host == entry.name}
        for uuid, vm in state.vms.items():
            measured = rates.get(uuid)
            last = past.get(VmRef(entry.name, uuid)) if past else None
            if last is None and _is_quiet(vm, measured) and uuid not in asked and uuid not in seen:
                continue
            problem = vm_problem(VmRow(entry, vm, measured, asked.get(uuid), now), known, last)
            if problem is not None:
                problems.append(problem)
    problems.sort(key=lambda one: (-one.severity.value, one.kind.value, one.host))
    return tuple(problems)


def _is_quiet(vm: Vm, rates: VmRates | None) -> bool:
    """Whether a VM is on with nothing to say about it, as nearly all are; a quick look that may err to False."""
    if vm.state is not VmState.RUNNING or vm.reason is Reason.POSTCOPY_FAILED or vm.reason in _CRASHES:
        return False
    if rates is None:
        return True
    return not rates.stalled and rates.silent_since is None and (rates.steal is None or rates.steal <= STEAL.warn)


def unknown_outcomes(fleet: Fleet, now: float) -> Mapping[VmRef, Problem]:
    """Return the VMs whose newest task ended without an answer, for a day."""
    newest: set[VmRef] = set()
    found: dict[VmRef, Problem] = {}
    for task in fleet.tasks:  # newest first
        if not task.vm_uuid:
            continue
        for host in (task.host, task.to) if task.to else (task.host,):
            ref = VmRef(host, task.vm_uuid)
            if ref in newest:
                continue
            newest.add(ref)
            ended = task.started if task.ended is None else task.ended
            if task.phase is TaskPhase.UNKNOWN and now - ended < OUTCOME_KEPT:
                text = f"{safe(task.label, limit=40)}: outcome unknown since {units.day_or_time(ended, now)}"
                words = f"{safe(task.label, limit=20)} unknown"
                found[ref] = Problem(Severity.BAD, ProblemKind.UNKNOWN_OUTCOME, host, ref, text, words)
    return found


# What must not be met on two hosts, the worst first: a claim is the sign with the value after it.
_UUID, _DISK, _MAC, _NAME = "0123"
_SIGNS = {_UUID: "UUID", _DISK: "disk", _MAC: "MAC", _NAME: "name"}

_Claims = Mapping[str, str]  # what a VM is known by -> its UUID
_MOST_REMEMBERED = 1024
# The newest claims of each host, by the host's UUID, with the mapping they were read from: it is replaced
# only when a VM changed.
_remembered: dict[str, tuple[Mapping[str, Vm], _Claims]] = {}


def _claims(entry: HostEntry) -> _Claims:
    state = entry.state
    if state is None:
        return {}
    vms = state.vms
    remembered = _remembered.get(state.host.uuid)
    if remembered is not None and remembered[0] is vms:
        return remembered[1]
    claims: dict[str, str] = {}
    for uuid, vm in vms.items():
        claims[_UUID + uuid] = uuid
        claims[_NAME + vm.name] = uuid
        for nic in vm.nics:
            if nic.mac:
                claims[_MAC + nic.mac.lower()] = uuid
        for disk in vm.disks:
            if disk.source and not disk.readonly and not disk.shareable and disk.device in ("disk", "lun"):
                claims[_DISK + disk.source] = uuid
    if len(_remembered) >= _MOST_REMEMBERED:
        _remembered.clear()
    _remembered[state.host.uuid] = (vms, claims)
    return claims


def doubles(fleet: Fleet) -> Mapping[VmRef, Problem]:
    """Return the VMs whose UUID, writable disk, MAC or name is met on another host too, with the worst of these.

    The last known VMs of hosts that do not answer count.
    """
    by_host = [(entry, _claims(entry)) for entry in fleet.hosts]
    met: set[str] = set()
    twice: set[str] = set()
    for _, claims in by_host:
        if not met.isdisjoint(claims):
            twice.update(met.intersection(claims))
        met.update(claims)
    found: dict[VmRef, Problem] = {}
    for claim in sorted(twice):
        holders = [(entry, claims[claim]) for entry, claims in by_host if claim in claims]
        if fleet.moving and any(VmRef(entry.name, uuid) in fleet.moving for entry, uuid in holders):
            continue  # while it moves, a VM stands on two hosts
        for ref, problem in _of_double(claim[0], claim[1:], holders):
            if ref not in found or problem.rank < found[ref].rank:
                found[ref] = problem
    return found


def _of_double(sign: str, value: str, holders: list[tuple[HostEntry, str]]) -> Iterable[tuple[VmRef, Problem]]:
    vms = [entry.state.vms[uuid] for entry, uuid in holders if entry.state is not None]
    active = [vm for vm in vms if vm.is_active]
    if any(vm.job is not None or vm.reason in (Reason.MIGRATING, Reason.POSTCOPY) for vm in active):
        return  # the same, when another program moves it
    hosts = " and ".join(safe(entry.name, limit=40) for entry, _ in holders)
    old = " and ".join(safe(entry.name, limit=40) for entry, _ in holders if not entry.condition.is_answering)
    kind, severity, words = ProblemKind.DOUBLE, Severity.WARN, f"{_SIGNS[sign]} twice"
    if sign == _UUID and len(active) > 1:
        kind, severity, words = ProblemKind.TWO_COPIES, Severity.BAD, "two copies"
        text = f"runs on {hosts} at once"
        if old:
            text = f"runs on {hosts}, of which {old} was last seen so"
    elif sign == _UUID:
        text = f"defined on {hosts}"
    else:
        text = f"same {_SIGNS[sign]} {safe(value, limit=80)} on {hosts}"
        severity = Severity.WARN if len(active) > 1 and sign != _NAME else Severity.INFO
    for entry, uuid in holders:
        ref = VmRef(entry.name, uuid)
        yield ref, Problem(severity, kind, entry.name, ref, text, words)
