"""What virsh and the kernel say of VMs, what the program shows of them, and where the two differ."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

COLUMNS = ("name", "state", "host", "uuid", "memory_max", "autostart", "snapshots", "id", "cpu", "flags", "disk")
"""The columns that are compared, in their order on the screen."""

TIME = r"\d\d:\d\d:\d\d"
ROW = re.compile(
    r"^.{3}(?P<name>\S+) +(?P<state>\S.*?) +(?P<host>\S+) +(?P<uuid>[0-9a-f-]{36}) +(?P<most>\S+)"
    r" +(?P<autostart>yes|no) +(?P<snapshots>\d+|-) +(?P<id>\d+|-) +(?P<cpu>[\d.]+/\d+|-)"
    r" +(?P<flags>[ANSJPTL]*) *(?P<disks>(?:/[^\s,]+(?:, /[^\s,]+)*)?)",
    re.MULTILINE,
)
STALE = re.compile(rf" at {TIME}$|^unknown$")
LOOSE = {"unknown", ""}
"""Reasons that libvirt gives when it has forgotten the true one, which the program may remember."""
OFF = {
    "destroyed": "off: forced off",
    "crashed": "off: crashed",
    "shutdown": "off: shut down",
    "failed": "off: failed to start",
    "daemon": "off: daemon",
}
FAILED = ("crashed", "failed")
REMEMBERED = "off: (crashed|failed to start)"
PAUSED = {"user": "paused: by user", "I/O error": "paused: I/O error", "watchdog": "paused: watchdog"}
REASONS = {"user": "by user", "destroyed": "forced off", "shutdown": "shut down", "failed": "failed to start"}


class Told(NamedTuple):
    """A VM as virsh and the kernel tell of it."""

    name: str
    host: str
    uuid: str
    state: str  # "running", "paused", "shut off", ...
    reason: str
    autostart: bool
    persistent: bool
    saved: bool
    pending: bool
    snapshots: int
    id: int | None
    memory_max: int  # MiB
    disks: tuple[str, ...]
    stopped: bool = False  # its process is

    @property
    def flags(self) -> str:
        """The letters of what is so."""
        letters = {"A": self.autostart, "N": self.pending, "S": self.snapshots > 0, "T": not self.persistent}
        return "".join(letter for letter, so in letters.items() if so)


def states_of(told: Told) -> str:
    """Return what may be shown as the state of a VM, as a regular expression."""
    hung = "(, no answer)?" if told.stopped else ""
    if told.state == "running":
        return f"on{hung}"
    if told.state == "paused":
        return (re.escape(PAUSED[told.reason]) if told.reason in PAUSED else "paused(: .*)?") + hung
    return _off(told) if told.state == "shut off" else re.escape(told.state)


def _off(told: Told) -> str:
    if told.saved:
        return r"off: saved( \d\d:\d\d)?"
    if told.reason in FAILED:
        return OFF[told.reason]
    if told.autostart:
        return f"off, should be on|{REMEMBERED}" if told.reason in LOOSE else "off, should be on"
    return "off(: .*)?" if told.reason in LOOSE else OFF.get(told.reason, "off")


def rows_of(screen: str) -> dict[str, dict[str, str]]:
    """Return the rows of the list of VMs, by UUID."""
    return {found["uuid"]: found.groupdict() for found in ROW.finditer(screen)}


def _ends_of(shown: str, whole: str) -> tuple[str, str]:
    """Return what is shown of a text that is shortened in its middle, and the same part of it as a pattern."""
    before, dots, after = shown.partition("…")
    fits = bool(dots) and whole.startswith(before) and whole.endswith(after)
    return shown, re.escape(shown if fits else whole)


def differences(screen: str, told: Iterable[Told]) -> list[str]:
    """Return in what the list of VMs on a screen is not what virsh tells."""
    shown = rows_of(screen)
    found = []
    there = {one.uuid for one in told}
    for uuid, row in shown.items():
        if uuid not in there and not row["state"].startswith("gone"):
            found.append(f"{row['name']} {uuid} is shown as {row['state']!r}, and is not there")
    for one in told:
        row = shown.get(one.uuid, {})
        if not row:
            found.append(f"{one.name} {one.uuid} is not shown")
            continue
        says = {
            "name": (row["name"], re.escape(one.name)),
            "host": (row["host"], re.escape(one.host)),
            "state": (re.sub(r", steal \d+ %", "", row["state"]), states_of(one)),
            "autostart": (row["autostart"], "yes" if one.autostart else "no"),
            "snapshots": (row["snapshots"], str(one.snapshots)),
            "id": (row["id"], "-" if one.id is None else str(one.id)),
            "memory": (row["most"], f"{one.memory_max}M"),
            "flags": (row["flags"].replace("P", ""), one.flags),
            "disks": _ends_of(row["disks"], ", ".join(one.disks)),
            "cpu": (row["cpu"], r"[\d.]+/\d+|-" if one.stopped or one.state != "running" else r"[\d.]+/\d+"),
        }
        found += [
            f"{one.name} on {one.host}: {what} is shown as {text!r}, and is {wanted!r}"
            for what, (text, wanted) in says.items()
            if not re.fullmatch(wanted, text)
        ]
    return found


def differences_of_json(rows: Iterable[Mapping[str, Any]], told: Iterable[Told]) -> list[str]:
    """Return in what `vms --json` is not what virsh tells."""
    shown = {str(row["uuid"]): row for row in rows}
    states = {"shut off": "off", "in shutdown": "stopping", "pmsuspended": "suspended"}
    there = list(told)
    found = [f"--json tells of {uuid}, and it is not there" for uuid in shown.keys() - {one.uuid for one in there}]
    for one in there:
        row = shown.get(one.uuid)
        if row is None:
            found.append(f"--json does not tell of {one.name} {one.uuid}")
            continue
        says = {
            "name": (row["name"], one.name),
            "host": (row["host"], one.host),
            "state": (row["state"], states.get(one.state, one.state)),
            "autostart": (row["autostart"], one.autostart),
            "snapshots": (row["snapshots"], one.snapshots),
            "id": (row["id"], one.id),
            "memory_max": (row["memory_max"], one.memory_max << 20),
            "pending": ("definition differs" in row["flags"], one.pending),
            "disks": ([disk["source"] for disk in row["disk"]], list(one.disks)),
            "live": (row["seen"]["live"], True),
        }
        if one.reason not in LOOSE and not (one.reason == "saved" and not one.saved):
            says["reason"] = (row["reason"], REASONS.get(one.reason, one.reason))
        found += [
            f"{one.name} on {one.host}: --json says {what} is {said!r}, and it is {so!r}"
            for what, (said, so) in says.items()
            if said != so
        ]
    return found


def fresh_of(screen: str, host: str) -> list[str]:
    """Return the VMs of a host that are shown as if they were known to be so now."""
    mine = [row for row in rows_of(screen).values() if row["host"] == host]
    return [f"{row['name']} {row['state']}" for row in mine if not STALE.search(row["state"])]
