"""`kvmtui doctor`: what this machine can do and what is wrong with it, and with the hosts, each with what mends it."""

from __future__ import annotations

import asyncio
import shlex
from importlib.metadata import version
from textwrap import wrap
from typing import TYPE_CHECKING

from kvmtui import paths
from kvmtui.cli.headless import REACH_WITHIN, settled, until
from kvmtui.cli.output import Exit, write
from kvmtui.core.capacity import pool_fill
from kvmtui.core.errors import KvmtuiError, Unreachable
from kvmtui.core.inventory import ConditionKind
from kvmtui.core.limits import POOL
from kvmtui.core.text import cell_width, safe
from kvmtui.core.units import size
from kvmtui.doctor import Area, Finding, Verdict, examine
from kvmtui.doctor.daemons import LIBRARY, install
from kvmtui.doctor.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kvmtui.cli.output import Output
    from kvmtui.config import Settings
    from kvmtui.core.fields import Json
    from kvmtui.core.inventory import HostEntry, HostState

# What a mend that is a command begins with.
_COMMANDS = frozenset({"sudo", "virsh", "echo", "export", "unset", "kvmtui"})
_USUAL_NETWORK = "/usr/share/libvirt/networks/default.xml"  # of libvirt-daemon-config-network; virsh reads it here
_SIGNS = {Verdict.OK: "ok", Verdict.NOTE: "note", Verdict.WARN: "WARN", Verdict.BAD: "BAD"}
_COLOURS = {Verdict.OK: "32", Verdict.NOTE: "2", Verdict.WARN: "33", Verdict.BAD: "1;31"}


def diagnose(load: Callable[[], Settings], output: Output, *, machine: Machine | None = None) -> int:
    """Look at everything, say it, and return 1 when something does not work."""
    machine = machine or Machine()
    library = _library(machine)
    found = [*examine(machine), library]
    found += _hosts(load) if library.verdict is Verdict.OK else ()
    found += _files(machine)
    order = list(Area)
    found.sort(key=lambda one: order.index(one.area))
    if output.json:
        rows: list[Json] = [
            {"area": one.area, "name": one.name, "verdict": one.verdict, "text": one.text, "mend": one.mend}
            for one in found
        ]
        output.document({"findings": rows})
    else:
        _show(found, output, machine)
    return Exit.FAILED if any(one.verdict is Verdict.BAD for one in found) else Exit.DONE


def _show(found: Sequence[Finding], output: Output, machine: Machine) -> None:
    """Print the findings; a command is never broken into lines, so that it can be copied."""
    screen = machine.screen
    colour = screen.is_terminal and not machine.environ.get("NO_COLOR")
    name_width = max(cell_width(safe(one.name)) for one in found)
    indent = name_width + 10
    room = max(30, ((screen.columns or 80) if screen.is_terminal else 1000) - indent)
    area = None
    for one in found:
        if one.area is not area:
            if area is not None:
                output.line("")
            area = one.area
            output.line(one.area.value.upper())
        sign = f"{_SIGNS[one.verdict]:<4}"
        painted = f"\x1b[{_COLOURS[one.verdict]}m{sign}\x1b[0m" if colour else sign
        name = safe(one.name)
        first, *more = _lines(one.text, room) or [""]
        mend = [one.mend] if one.mend.partition(" ")[0] in _COMMANDS else _lines(one.mend, room)
        write(f"  {painted}  ")
        output.line(f"{name}{' ' * (name_width - cell_width(name))}  {first}")
        for line in (*more, *mend):
            output.line(f"{'':<{indent}}{line}")
    bad = sum(one.verdict is Verdict.BAD for one in found)
    warned = sum(one.verdict is Verdict.WARN for one in found)
    output.line("")
    output.line(f"{bad} broken, {warned} to look at, {len(found) - bad - warned} well.")


def _lines(text: str, width: int) -> list[str]:
    return wrap(safe(text, limit=2000), width, break_on_hyphens=False)


def _library(machine: Machine) -> Finding:
    """Say whether libvirt can be spoken to at all."""
    from kvmtui.backend import load  # noqa: PLC0415 - what is wrong before is said also when this cannot load

    try:
        load(("qemu:///system",))
    except KvmtuiError as error:
        mend = f"{install(machine, LIBRARY)}; if it is there, install kvmtui anew"
        return Finding(Area.LIBVIRT, "client library", Verdict.BAD, error.text, mend)
    text = f"libvirt's client library is here, with libvirt-python {version('libvirt-python')}."
    return Finding(Area.LIBVIRT, "client library", Verdict.OK, text)


def _hosts(load: Callable[[], Settings]) -> list[Finding]:
    """Connect to the hosts, and say what is wrong there."""
    try:
        settings = load()
    except Unreachable:
        text = "No host is named, and this machine has no libvirt: kvmtui shows its demo."
        return [Finding(Area.HOSTS, "hosts", Verdict.NOTE, text, "kvmtui -c qemu+ssh://root@HOST/system")]
    except KvmtuiError as error:
        return [Finding(Area.HOSTS, "configuration", Verdict.BAD, error.text, error.hint)]
    return asyncio.run(_asked(settings))


def _files(machine: Machine) -> Iterator[Finding]:
    """Say where kvmtui keeps its files, and which of them this person may not write."""
    try:
        folder = paths.state_dir()
    except KvmtuiError as error:
        yield Finding(Area.FILES, "state", Verdict.BAD, error.text, error.hint)
        return
    if not folder.is_dir():
        text = f"The folder {folder} cannot be made: what is done cannot be noted down."
        yield Finding(Area.FILES, "state", Verdict.BAD, text, "export XDG_STATE_HOME=/a/folder/of/yours")
        return
    kept = [folder, *(folder / name for name in ("journal.jsonl", "state.json", "kvmtui.log"))]
    refused = [str(path) for path in kept if machine.exists(str(path)) and not machine.may_use(str(path))]
    if refused:
        text = f"{machine.person.name} may not write {refused[0]}: what is done cannot be noted down."
        mend = shlex.join(("sudo", "chown", "-R", machine.person.name, str(folder)))
        yield Finding(Area.FILES, "state", Verdict.BAD, text, mend)
    else:
        yield Finding(Area.FILES, "state", Verdict.OK, f"The journal and the log are kept in {folder}.")


async def _asked(settings: Settings) -> list[Finding]:
    from kvmtui.engine import Engine  # noqa: PLC0415 - what is wrong before is said also when this cannot load

    engine = Engine(settings)
    await engine.start()
    try:
        await until(engine, settled(), REACH_WITHIN)
        return [finding for entry in engine.fleet.hosts for finding in host_findings(entry)]
    finally:
        await engine.stop()


def host_findings(entry: HostEntry) -> Iterator[Finding]:
    """Yield what is wrong with a host, or that nothing is."""
    condition, name = entry.condition, safe(entry.name)
    if not condition.is_answering or entry.state is None:
        why = safe(condition.why).rstrip(".") or f"it did not answer within {REACH_WITHIN:.0f} s"
        kind = condition.kind if condition.kind is not ConditionKind.CONNECTING else ConditionKind.SILENT
        yield Finding(Area.HOSTS, name, Verdict.BAD, f"{name} is {kind.value}: {why}.", safe(condition.hint))
        return
    state = entry.state
    version = ".".join(map(str, state.host.libvirt_version))
    acceleration = "with KVM" if state.host.kvm else "without KVM: its VMs are emulated"
    verdict = Verdict.OK if state.host.kvm else Verdict.WARN
    vms = f"{len(state.vms)} VM{'' if len(state.vms) == 1 else 's'}"
    yield Finding(Area.HOSTS, name, verdict, f"{name} answers: libvirt {version}, {vms}, {acceleration}.")
    yield from _pools(entry, state)
    yield from _networks(entry, state)


def _virsh(entry: HostEntry, *words: str) -> str:
    return shlex.join(("virsh", "-c", entry.uri, *words))


def _pools(entry: HostEntry, state: HostState) -> Iterator[Finding]:
    name = f"{safe(entry.name)} pools"
    if state.pools_late:
        late = ", ".join(safe(pool.name) for pool in state.pools if pool.late)
        text = f"The storage does not answer{f': {late}' if late else ''}; libvirt lists no pools while one is at work."
        yield Finding(Area.HOSTS, name, Verdict.WARN, text, _virsh(entry, "pool-list", "--all"))
        return
    if not state.pools:
        yield Finding(
            Area.HOSTS,
            name,
            Verdict.NOTE,
            "There is no storage pool: no disk can be made from here.",
            " && ".join(
                (
                    f"{_virsh(entry, 'pool-define-as', 'default', 'dir', '--target')} {_images(entry)}",
                    *(_virsh(entry, f"pool-{step}", "default") for step in ("build", "start", "autostart")),
                )
            ),
        )
    for pool in state.pools:
        if not pool.active:
            text = f"The pool {safe(pool.name)} is not active."
            yield Finding(Area.HOSTS, name, Verdict.WARN, text, _virsh(entry, "pool-start", pool.name))
        elif (pool_fill(pool) or 0.0) > POOL.bad:
            text = (
                f"The pool {safe(pool.name)} is nearly full: {size(pool.available)} of {size(pool.capacity)} are left."
            )
            yield Finding(Area.HOSTS, name, Verdict.BAD, text, "make room, or its VMs will pause")


def _images(entry: HostEntry) -> str:
    """Return the folder of images that is usual there, for a shell."""
    if not _is_session(entry):
        return "/var/lib/libvirt/images"
    return '"$HOME/.local/share/libvirt/images"' if ":///" in entry.uri else "/home/NAME/images"


def _is_session(entry: HostEntry) -> bool:
    return entry.uri.partition("?")[0].endswith("/session")


def _networks(entry: HostEntry, state: HostState) -> Iterator[Finding]:
    name = f"{safe(entry.name)} networks"
    if not state.networks and _is_session(entry):
        text = "There is no virtual network: VMs of a session reach the network by themselves, unseen from outside."
        yield Finding(Area.HOSTS, name, Verdict.NOTE, text)
    elif not state.networks:
        text = "There is no virtual network: VMs need a bridge of the host, or libvirt's usual network."
        steps = (("net-define", _USUAL_NETWORK), ("net-start", "default"), ("net-autostart", "default"))
        mend = " && ".join(_virsh(entry, *words) for words in steps)
        yield Finding(Area.HOSTS, name, Verdict.NOTE, text, mend)
    for network in state.networks:
        if not network.active:
            mend = _virsh(entry, "net-start", network.name)
            text = f"The network {safe(network.name)} is not active: VMs that use it cannot start."
            yield Finding(Area.HOSTS, name, Verdict.WARN, text, mend)
        elif not network.autostart:
            mend = _virsh(entry, "net-autostart", network.name)
            text = f"The network {safe(network.name)} does not start with its host."
            yield Finding(Area.HOSTS, name, Verdict.NOTE, text, mend)
