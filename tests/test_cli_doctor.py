"""`kvmtui doctor`: what is wrong with the hosts, each with the command that mends it; nothing is changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.cli.doctor import host_findings
from kvmtui.core.inventory import Condition, ConditionKind, HostEntry, HostState, Network, Pool
from kvmtui.doctor import Verdict
from tests.test_cli import kvmtui

if TYPE_CHECKING:
    from tests.test_cli import Shell

__all__ = ["kvmtui"]

GIB = 1 << 30
POOL = Pool("u1", "nvme", active=True, capacity=100 * GIB, allocation=50 * GIB, available=50 * GIB, path="/srv/nvme")
NETWORK = Network("u2", "default", active=True, autostart=True, bridge="virbr0")


def entry_of(kvmtui: Shell) -> HostEntry:
    """A host where all is well."""
    facts = kvmtui.world.host("hv2").facts
    state = HostState(0.0, replace(facts, kvm=True), {}, {}, pools=(POOL,), networks=(NETWORK,))
    return HostEntry("hv2", "qemu+ssh://root@hv2/system", Condition(ConditionKind.UP, 0.0), state)


def mends(entry: HostEntry) -> dict[str, str]:
    return {one.text: one.mend for one in host_findings(entry) if one.verdict is not Verdict.OK}


def test_the_hosts_are_looked_at_and_nothing_is_changed(kvmtui: Shell) -> None:
    done = kvmtui("doctor")
    assert "hv2 answers: libvirt" in done.out
    assert "The pool nvme is nearly full" in done.out
    assert done.code == 1
    assert kvmtui.world.calls == []


def test_as_json_each_finding_says_what_mends_it(kvmtui: Shell) -> None:
    found = kvmtui("doctor", "--json").document["findings"]
    assert {"hardware", "libvirt", "terminal", "hosts"} == {one["area"] for one in found}
    assert all(set(one) == {"area", "name", "verdict", "text", "mend"} for one in found)


def test_where_all_is_well_nothing_is_said_to_mend(kvmtui: Shell) -> None:
    assert mends(entry_of(kvmtui)) == {}


def test_pools_and_networks_that_do_not_run_are_started_by_a_command(kvmtui: Shell) -> None:
    entry = entry_of(kvmtui)
    assert entry.state is not None
    down = replace(entry.state, pools=(replace(POOL, active=False),), networks=(replace(NETWORK, active=False),))
    assert mends(replace(entry, state=down)) == {
        "The pool nvme is not active.": "virsh -c qemu+ssh://root@hv2/system pool-start nvme",
        "The network default is not active: VMs that use it cannot start.": (
            "virsh -c qemu+ssh://root@hv2/system net-start default"
        ),
    }


def test_a_name_that_a_shell_would_obey_is_quoted(kvmtui: Shell) -> None:
    entry = entry_of(kvmtui)
    assert entry.state is not None
    hostile = replace(entry.state, pools=(replace(POOL, name="$(reboot) x", active=False),))
    (mend,) = mends(replace(entry, state=hostile)).values()
    assert mend.endswith("pool-start '$(reboot) x'")


def test_a_host_that_does_not_answer_says_why(kvmtui: Shell) -> None:
    denied = Condition(ConditionKind.DENIED, 0.0, "ssh on hv2 did not take the login.", "Load the key.")
    (found,) = host_findings(replace(entry_of(kvmtui), condition=denied))
    assert (found.verdict, found.mend) == (Verdict.BAD, "Load the key.")
    assert found.text == "hv2 is denied: ssh on hv2 did not take the login."
