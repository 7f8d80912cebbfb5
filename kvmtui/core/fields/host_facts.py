"""What is told of a host whether it is busy or not: how it stands with it, its names, versions and connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.core import units
from kvmtui.core.inventory import ConditionKind
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from kvmtui.core.fields.field import Json
    from kvmtui.core.inventory import Host, HostEntry, SshUse
    from kvmtui.core.rows import HostRow


def _host(row: HostRow) -> Host | None:
    return None if row.entry.state is None else row.entry.state.host


def condition_text(entry: HostEntry, now: float) -> str:
    """Return how it stands with a host, in a sentence without an end: "no answer since 14:02:53"."""
    condition = entry.condition
    since = units.hhmmss(condition.since) if now - condition.since < 43_200 else ""
    when = since or units.day_or_time(condition.since, now)
    texts = {
        ConditionKind.CONNECTING: "connecting",
        ConditionKind.UP: "up",
        ConditionKind.SLOW: f"slow since {when}",
        ConditionKind.SILENT: f"no answer since {when}",
        ConditionKind.DOWN: f"down since {when}",
        ConditionKind.DENIED: "denied",
        ConditionKind.DISCONNECTED: "disconnected",
    }
    text = texts[condition.kind]
    is_as_wanted = condition.kind in (ConditionKind.CONNECTING, ConditionKind.UP)
    return text if is_as_wanted or not condition.why else f"{text}: {safe(condition.why, limit=160)}"


def condition_json(row: HostRow) -> Json:
    """Return how it stands as a document."""
    condition = row.entry.condition
    return {
        "kind": condition.kind.value,
        "since": units.iso(condition.since),
        "why": condition.why or None,
        "hint": condition.hint or None,
    }


def version_text(version: tuple[int, int, int]) -> str:
    """Return "9.0.0", or "-" for a version that is not known."""
    return ".".join(map(str, version)) if any(version) else units.UNKNOWN


def libvirt(row: HostRow) -> str:
    """Return the version of its libvirt daemon."""
    host = _host(row)
    return units.UNKNOWN if host is None else version_text(host.libvirt_version)


def hypervisor(row: HostRow) -> str:
    """Return the version of its hypervisor."""
    host = _host(row)
    return units.UNKNOWN if host is None else version_text(host.hypervisor_version)


def cpus(row: HostRow) -> int | None:
    """Return how many logical CPUs it has."""
    host = _host(row)
    return None if host is None else host.cpus


def model(row: HostRow) -> str:
    """Return its CPU model, "" when it is not known."""
    host = _host(row)
    return "" if host is None else host.cpu_model


def arch(row: HostRow) -> str:
    """Return its architecture, as "x86_64"."""
    host = _host(row)
    return "" if host is None else host.arch


def hostname(row: HostRow) -> str:
    """Return what it calls itself."""
    host = _host(row)
    return "" if host is None else host.hostname


def uuid(row: HostRow) -> str:
    """Return its UUID."""
    host = _host(row)
    return "" if host is None else host.uuid


def ssh(row: HostRow) -> SshUse | None:
    """Return what goes over ssh to it."""
    return row.entry.ssh


def ssh_text(row: HostRow) -> str:
    """Return its connections over ssh of those there is room for: "4 of 8"."""
    used = ssh(row)
    return units.UNKNOWN if used is None else f"{used.connections} of {used.room}"


def ssh_json(row: HostRow) -> Json:
    """Return the same as a document."""
    used = ssh(row)
    return None if used is None else dict(used._asdict())
