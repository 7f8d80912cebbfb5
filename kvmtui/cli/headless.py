"""Does one verb over the same engine as the screen's: opens the hosts, acts, says how it ended, leaves."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from kvmtui.backend import backend_for
from kvmtui.cli.listing import Listing, Row, listing
from kvmtui.cli.output import Exit
from kvmtui.commands.naming import find_all
from kvmtui.core.errors import Unreachable
from kvmtui.core.fields import HOST_FIELDS, VM_FIELDS, VmRow, host_rows, vm_rows
from kvmtui.core.inventory import ConditionKind, Fleet, HostEntry
from kvmtui.core.text import safe
from kvmtui.engine import Engine

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from kvmtui.cli.output import Output
    from kvmtui.config import Settings
    from kvmtui.core.fields import Json
    from kvmtui.core.inventory import HostState

REACH_WITHIN = 10.0
"""Seconds that hosts have to answer."""
RATES_WITHIN = 4.0
"""Seconds after that for the second reading, without which there are no rates."""
QUICK = 1.0
"""Seconds between those readings."""
AT_ONCE = 0.001
"""Seconds between two pictures of the fleet: nobody has to paint them here."""
MEASURED = frozenset(
    {"active", "cores", "cpu", "io", "iops", "iowait", "lat", "mem", "net", "rss", "steal", "uptime", "used"}
)
"""Fields that two readings are needed for."""
_NAME = next(field for field in VM_FIELDS if field.name == "name")
_FAILED = frozenset({ConditionKind.DOWN, ConditionKind.DENIED, ConditionKind.SILENT, ConditionKind.DISCONNECTED})


async def do(given: Namespace, settings: Settings, output: Output) -> int:
    """Open the hosts, do the verb and return the exit code."""
    _check(given, output)
    # A list reads once or twice; to ask for events and to take that back would cost some forty round trips.
    connector = partial(backend_for, hears=given.noun not in ("vms", "hosts"))
    engine = Engine(replace(settings, refresh=min(settings.refresh, QUICK)), connector=connector, every=AT_ONCE)
    await engine.start()
    if given.noun in ("vm", "volume"):
        gc.enable()  # it was off for the start; what waits for a change may wait long
    fault = asyncio.create_task(engine.fault())
    work = asyncio.create_task(_work(given, engine, output))
    try:
        # A fault of the program ends it with its traceback; nothing that it would have told is worth waiting for.
        done, _ = await asyncio.wait((fault, work), return_when=asyncio.FIRST_COMPLETED)
        return await work if work in done else await fault
    finally:
        fault.cancel()
        work.cancel()
        await asyncio.wait((fault, work))
        for text in await engine.stop():
            output.note(text)


def _check(given: Namespace, output: Output) -> None:
    """Raise what is wrong with the command line before any host is asked."""
    if given.noun == "vms":
        listing(given, VM_FIELDS, json=output.json)
    elif given.noun == "hosts":
        listing(given, HOST_FIELDS, json=output.json)
    elif hasattr(given, "lead"):
        from kvmtui.cli.making import check_making  # noqa: PLC0415 - a list needs no command

        check_making(given)
    elif given.verb not in ("show", "display"):
        from kvmtui.cli.act import check  # noqa: PLC0415 - a list needs no command

        check(given)


async def _work(given: Namespace, engine: Engine, output: Output) -> int:
    """Wait for the hosts and do the verb."""
    await until(engine, settled(), REACH_WITHIN)
    deaf = tuple(entry for entry in engine.fleet.hosts if not _is_ready(entry))
    if given.noun != "hosts" and len(deaf) == len(engine.fleet.hosts):
        raise Unreachable(" ".join(map(_why, deaf)) or "There is no host.", hint=_hint(deaf))
    if not output.json:
        for entry in deaf:
            output.note(f"{_why(entry)} {entry.condition.hint}".strip())
    return await _verb(given, engine, output, deaf)


async def _verb(given: Namespace, engine: Engine, output: Output, deaf: tuple[HostEntry, ...]) -> int:
    """Do the verb with the hosts that were reached."""
    if given.noun == "vms":
        return await _list_vms(given, engine, output, deaf)
    if given.noun == "hosts":
        return await _list_hosts(given, engine, output, deaf)
    if given.verb == "show":
        return await _show(given, engine, output, deaf)
    if given.verb == "display":
        from kvmtui.cli.displays import tell  # noqa: PLC0415 - no other verb needs it

        return await tell(given, engine, output)
    if hasattr(given, "lead"):
        from kvmtui.cli.making import make  # noqa: PLC0415 - a list needs no command

        return await make(given, engine, output)
    from kvmtui.cli.act import act  # noqa: PLC0415 - a list needs no command

    return await act(given, engine, output)


async def until(engine: Engine, test: Callable[[Fleet], bool], seconds: float) -> bool:
    """Return True when the fleet passes the test, False when time is up."""
    news = asyncio.Event()
    stop = engine.watch(lambda _fleet: news.set())
    try:
        async with asyncio.timeout(seconds):
            while not test(engine.fleet):
                await news.wait()
                news.clear()
    except TimeoutError:
        return test(engine.fleet)
    else:
        return True
    finally:
        stop()


def _is_ready(entry: HostEntry) -> bool:
    return entry.condition.is_answering and entry.state is not None


def settled() -> Callable[[Fleet], bool]:
    """Return a test that passes when each host has answered or has failed once; one that failed is tried again."""
    failed: set[str] = set()

    def test(fleet: Fleet) -> bool:
        failed.update(entry.name for entry in fleet.hosts if entry.condition.kind in _FAILED)
        return all(_is_ready(entry) or entry.name in failed for entry in fleet.hosts)

    return test


def _has_rates(fleet: Fleet) -> bool:
    """Whether every host that answers has been read twice, and so has rates."""
    return all(_was_read_twice(entry.state) for entry in fleet.hosts if entry.state and entry.condition.is_answering)


def _was_read_twice(state: HostState) -> bool:
    if "stats" in state.host.lacks:
        return True  # it will never have rates
    measured = bool(state.rates) or not any(vm.is_active for vm in state.vms.values())
    return measured and state.load is not None and state.load.cpu is not None


async def _read(given: Namespace, engine: Engine, wanted: Listing[Row], output: Output) -> None:
    """Wait for rates where the list shows them; a JSON document has them only when it is asked for them."""
    # What is shown by default is no question for it.
    asked = given.rates or given.columns or not output.json
    if (wanted if asked else wanted._replace(columns=())).uses(MEASURED):
        await until(engine, _has_rates, RATES_WITHIN)


def _why(entry: HostEntry) -> str:
    """Say why a host was not reached."""
    name, why = safe(entry.name), safe(entry.condition.why)
    if entry.condition.kind is ConditionKind.CONNECTING and not why:
        return f"{name} did not answer within {REACH_WITHIN:.0f} s."
    return f"{name} is {entry.condition.kind.value}: {why.rstrip('.')}." if why else f"{name} was not reached."


def _hint(deaf: tuple[HostEntry, ...]) -> str:
    return " ".join(dict.fromkeys(entry.condition.hint for entry in deaf if entry.condition.hint))


def _errors(deaf: tuple[HostEntry, ...]) -> list[Json]:
    """Return the hosts that were not reached, for the JSON document."""
    return [{"host": entry.name, "error": _why(entry), "hint": entry.condition.hint} for entry in deaf]


async def _list_vms(given: Namespace, engine: Engine, output: Output, deaf: tuple[HostEntry, ...]) -> int:
    wanted = listing(given, VM_FIELDS, json=output.json)
    await _read(given, engine, wanted, output)
    fleet = engine.fleet
    # libvirt lists them in no order.
    by_name = sorted(vm_rows(fleet, engine.scene().now), key=_NAME.sort)
    wanted.show(wanted.rows(by_name), output, errors=_errors(deaf))
    return Exit.DONE


async def _list_hosts(given: Namespace, engine: Engine, output: Output, deaf: tuple[HostEntry, ...]) -> int:
    wanted = listing(given, HOST_FIELDS, json=output.json)
    await _read(given, engine, wanted, output)
    fleet = engine.fleet
    rows = wanted.rows(host_rows(fleet, engine.scene().now))
    wanted.show(rows, output, errors=_errors(deaf))
    return Exit.NO_HOST if len(deaf) == len(fleet.hosts) else Exit.DONE


async def _show(given: Namespace, engine: Engine, output: Output, deaf: tuple[HostEntry, ...]) -> int:
    """Show every field of VMs."""
    find_all(engine.fleet, given.vms)
    await until(engine, _has_rates, RATES_WITHIN)
    fleet, now = engine.fleet, engine.scene().now
    rows: list[VmRow] = []
    for entry, vm in find_all(fleet, given.vms):
        row = next(row for row in vm_rows(fleet, now) if (row.entry.name, row.vm.uuid) == (entry.name, vm.uuid))
        rows.append(row)
    if output.json:
        items: list[Json] = [{field.name: field.json(row) for field in VM_FIELDS} for row in rows]
        output.document({"vms": items, "errors": _errors(deaf)})
        return Exit.DONE
    width = max(len(field.name) for field in VM_FIELDS)
    for number, row in enumerate(rows):
        if number:
            output.line("")
        for field in VM_FIELDS:
            if text := field.text(row):
                output.line(f"{field.name:<{width}}  {text}")
    return Exit.DONE
