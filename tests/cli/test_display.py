"""`kvmtui vm display`: where screens are, as text and as JSON, and never a password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.cli.output import Exit
from kvmtui.core.errors import TimedOut

if TYPE_CHECKING:
    from tests.cli.shell import Shell


def test_it_tells_the_address_and_the_way(kvmtui: Shell) -> None:
    done = kvmtui("vm", "display", "web-1", "mail")
    assert done.code == Exit.DONE
    first, tunnel, address, last = done.out.splitlines()
    assert first.startswith("web-1 on hv1: VNC at 127.0.0.1:59")
    assert tunnel.strip().startswith("ssh -N -L 159")
    assert address.strip().startswith("vnc://127.0.0.1:159")
    assert last == "mail on hv1 is off: no screen."


def test_as_json(kvmtui: Shell) -> None:
    done = kvmtui("vm", "display", "web-1", "win-rds-1", "--json")
    first, second = done.document["vms"]
    [display] = first["displays"]
    assert (first["name"], first["host"]) == ("web-1", "hv1")
    assert (display["kind"], display["listen"]) == ("vnc", "127.0.0.1")
    assert display["tunnel"].endswith(" hv1")
    [spice] = second["displays"]
    assert (spice["kind"], spice["tunnel"]) == ("spice", None)
    assert "password" not in done.out


def test_a_host_that_does_not_say_is_told(kvmtui: Shell) -> None:
    kvmtui.world.faults.refuse(TimedOut("hv1 did not answer within 10 s."), verb="displays", host="hv1")
    alone = kvmtui("vm", "display", "web-1")
    assert (alone.code, alone.out) == (Exit.FAILED, "")
    assert "did not answer" in alone.err
    both = kvmtui("vm", "display", "web-1", "db-1", "--json")
    assert both.code == Exit.SOME_FAILED
    assert "did not answer" in both.document["vms"][0]["error"]
    assert both.document["vms"][1]["displays"]


def test_it_changes_nothing_and_works_read_only(kvmtui: Shell) -> None:
    done = kvmtui("vm", "display", "web-1", "--read-only")
    assert done.code == Exit.DONE
    assert kvmtui.world.calls == []
