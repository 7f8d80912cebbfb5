"""Tells where VMs' screens are and how they are reached; never a password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.cli.output import Exit
from kvmtui.commands.naming import find_all
from kvmtui.commands.ways import way_to
from kvmtui.core.errors import BackendError
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from argparse import Namespace

    from kvmtui.backend.base import Display
    from kvmtui.cli.output import Output
    from kvmtui.commands.ways import Way
    from kvmtui.core.fields import Json
    from kvmtui.core.inventory import HostEntry, Vm
    from kvmtui.engine import Engine


async def tell(given: Namespace, engine: Engine, output: Output) -> int:
    """Tell of each VM; returns the exit code."""
    items: list[Json] = []
    failed = 0
    found = find_all(engine.fleet, given.vms)
    for entry, vm in found:
        try:
            displays = await engine.backend(entry.name).console.displays(vm.uuid)
        except BackendError as error:
            failed += 1
            items.append({**_vm(entry, vm), "error": error.text, "hint": error.hint})
            if not output.json:
                output.note(safe(str(error)))
            continue
        ways = [way_to(display, entry.uri) for display in displays]
        items.append({**_vm(entry, vm), "displays": [_json(*pair) for pair in zip(displays, ways, strict=True)]})
        if not output.json:
            _print(vm, entry, ways, output)
    if output.json:
        output.document({"vms": items})
    return Exit.DONE if not failed else Exit.FAILED if failed == len(found) else Exit.SOME_FAILED


def _vm(entry: HostEntry, vm: Vm) -> dict[str, Json]:
    return {"name": vm.name, "uuid": vm.uuid, "host": entry.name}


def _json(display: Display, way: Way) -> Json:
    return {
        "kind": display.kind,
        "listen": display.listen or None,
        "port": display.port,
        "tls_port": display.tls_port,
        "socket": display.socket or None,
        "tunnel": way.line or None,
        "address": way.address or None,
        "note": way.why or None,
    }


def _print(vm: Vm, entry: HostEntry, ways: list[Way], output: Output) -> None:
    name, host = safe(vm.name), safe(entry.name)
    if not ways:
        output.line(f"{name} on {host} is off: no screen." if not vm.is_active else f"{name} on {host} has no screen.")
    for way in ways:
        output.line(f"{name} on {host}: {way.at}.")
        for text in (way.line, way.address):
            if text:
                output.line(f"  {text}")
        if way.why:
            output.line(f"  {way.why}")
