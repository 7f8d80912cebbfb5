"""What a virtual machine does, and why, in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.core import units
from kvmtui.core.fields.field import Tone
from kvmtui.core.inventory import Job, Moving, Reason, Vm, VmState
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from kvmtui.core.rows import VmRow

_WORDS = {
    VmState.RUNNING: "on",
    VmState.PAUSED: "paused",
    VmState.STOPPING: "stopping",
    VmState.OFF: "off",
    VmState.CRASHED: "crashed",
    VmState.SUSPENDED: "suspended",
    VmState.UNKNOWN: "unknown",
}
STATE_CHOICES = (*(state.value for state in VmState), "on", "saved", "migrating", "stale")
_TOLD_WHILE_ON = (Reason.POSTCOPY, Reason.POSTCOPY_FAILED)
_TROUBLE = (Reason.IO_ERROR, Reason.POOL_FULL, Reason.WATCHDOG, Reason.POSTCOPY_FAILED, Reason.API_ERROR)
_FAILURES = (Reason.CRASHED, Reason.FAILED, Reason.PANICKED)
HUNG_AFTER = 10.0  # seconds without an answer of its monitor: a busy one answers the next reading


def should_be_on(vm: Vm) -> bool:
    """Whether the host would start it at boot, and it is off."""
    stays_off = vm.template or vm.job is not None or vm.reason is Reason.MIGRATED
    return vm.autostart and vm.state is VmState.OFF and not stays_off


def is_hung(row: VmRow) -> bool:
    """Whether the hypervisor process of a VM that is on has stopped to answer, though no job keeps it busy."""
    rates = row.measured
    silent = None if rates is None or row.vm.job is not None else rates.silent_since
    return rates is not None and silent is not None and rates.at - silent >= HUNG_AFTER


def state_text(row: VmRow) -> str:
    """Return the state with its reason; of a host that does not answer, what it was and when."""
    vm = row.vm
    if not row.live:
        if vm.state is VmState.UNKNOWN or row.entry.state is None:
            return "unknown"
        return f"{_WORDS[vm.state]} at {_moment(row.entry.state.at, row.now)}"
    if (row.moving is not None or vm.job is not None) and vm.reason is not Reason.POSTCOPY_FAILED:
        return _held_text(row.moving, vm.job)
    if row.stopping is not None and vm.is_active:
        return f"stopping since {units.day_or_time(row.stopping, row.now)}"
    if vm.state is VmState.OFF:
        return _off_text(row)
    return f"{_active_text(vm)}, no answer" if is_hung(row) else _active_text(vm)


def _held_text(moving: Moving | None, job: Job | None) -> str:
    """Return where a task of ours moves it, else what job holds it, and how far that is."""
    if moving is not None:
        what, percent = f"{'to' if moving.leaving else 'from'} {safe(moving.host, limit=40)}", moving.percent
    else:
        what, percent = ("", None) if job is None else (safe(job.kind, limit=40), job.percent)
    return what if percent is None else f"{what}, {percent:.0f} %"


def _active_text(vm: Vm) -> str:
    word = _WORDS[vm.state]
    if vm.reason is Reason.NONE or vm.reason.value == vm.state.value or vm.state is VmState.UNKNOWN:
        return word
    if vm.state is VmState.RUNNING and vm.reason not in _TOLD_WHILE_ON:
        return word
    return f"{word}: {vm.reason.value}"


def _off_text(row: VmRow) -> str:
    vm = row.vm
    if vm.reason in _FAILURES:
        return f"off: {vm.reason.value}"
    if vm.saved:
        return f"off: saved{_age(row)}"
    if should_be_on(vm):
        return "off, should be on"
    # Its saved state is gone, and its host goes on to give it as the reason.
    untold = vm.reason in (Reason.NONE, Reason.SAVED)
    return "off" if untold else f"off: {vm.reason.value}"


def _age(row: VmRow) -> str:
    since = row.vm.since
    if since is None or not since.exact:
        return ""
    seconds = row.now - since.at
    return f" {units.duration(seconds)}" if seconds >= 86_400 else f" {units.hhmm(since.at)}"


def _moment(at: float, now: float) -> str:
    return units.hhmmss(at) if now - at < 43_200 else units.day_or_time(at, now)


def state_words(row: VmRow) -> tuple[str, ...]:
    """Return what the filter language calls the state."""
    vm = row.vm
    words = [vm.state.value, _WORDS[vm.state]]
    if row.stopping is not None and vm.is_active:
        words.append("stopping")
    if vm.saved:
        words.append("saved")
    if row.moving is not None or (vm.job is not None and "migrat" in vm.job.kind):
        words.append("migrating")
    if not row.live:
        words.append("stale")
    return tuple(words)


def state_tone(row: VmRow) -> Tone:
    """Return how much a person should care about the state."""
    vm = row.vm
    if not row.live or vm.state is VmState.UNKNOWN:
        return Tone.MUTED
    if vm.state is VmState.CRASHED or vm.reason in _TROUBLE or vm.reason in _FAILURES or is_hung(row):
        return Tone.BAD
    if row.moving is not None:
        return Tone.ACCENT
    if row.stopping is not None or should_be_on(vm) or vm.state in (VmState.PAUSED, VmState.SUSPENDED):
        return Tone.WARN
    if vm.job is not None:
        return Tone.ACCENT
    return Tone.MUTED if vm.state is VmState.OFF else Tone.GOOD
