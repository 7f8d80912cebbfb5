"""`kvmtui doctor`: what is wrong with the hosts, each with the command that mends it; nothing is changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.cli import doctor
from kvmtui.cli.doctor import host_findings
from kvmtui.cli.output import Output
from kvmtui.core.errors import KvmtuiError, Unreachable
from kvmtui.core.inventory import Condition, ConditionKind, HostEntry, HostState, Network, Pool
from kvmtui.doctor import Area, Finding, Verdict
from kvmtui.doctor.machine import Machine, Screen

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.cli.shell import Shell

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
    assert {"hardware", "libvirt", "terminal", "hosts", "files"} == {one["area"] for one in found}
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


def test_a_host_without_pools_and_networks_is_told_how_to_get_them(kvmtui: Shell) -> None:
    entry = entry_of(kvmtui)
    assert entry.state is not None
    bare = replace(entry, state=replace(entry.state, pools=(), networks=()))
    pool, network = mends(bare).values()
    there = "virsh -c qemu+ssh://root@hv2/system"
    assert pool == (
        f"{there} pool-define-as default dir --target /var/lib/libvirt/images && {there} pool-build default && "
        f"{there} pool-start default && {there} pool-autostart default"
    )
    assert network == (
        f"{there} net-define /usr/share/libvirt/networks/default.xml && {there} net-start default && "
        f"{there} net-autostart default"
    )
    pool, network = mends(replace(bare, uri="qemu:///session")).values()
    assert pool.startswith(
        'virsh -c qemu:///session pool-define-as default dir --target "$HOME/.local/share/libvirt/images" && '
    )
    assert network == "", "a session makes no networks"


def test_files_that_belong_to_somebody_else_are_told_with_what_gives_them_back(
    kvmtui: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    journal = tmp_path / "kvmtui/journal.jsonl"
    journal.parent.mkdir()
    journal.touch()
    allowed = Machine.may_use
    monkeypatch.setattr(Machine, "may_use", lambda self, path: path != str(journal) and allowed(self, path))
    done = kvmtui("doctor", "--json")
    (found,) = [one for one in done.document["findings"] if one["area"] == "files"]
    assert (found["verdict"], done.code) == ("bad", 1)
    assert str(journal) in found["text"]
    assert found["mend"].startswith("sudo chown -R ")
    assert found["mend"].endswith(f" {journal.parent}")


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


def test_on_a_machine_with_nothing_it_says_how_to_begin(kvmtui: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise Unreachable("There is no libvirt on this machine, and no host was named.")

    monkeypatch.setattr("kvmtui.config.load", none)
    found = kvmtui.bare("doctor", "--json").document["findings"]
    (hosts,) = [one for one in found if one["area"] == "hosts"]
    assert (hosts["verdict"], hosts["mend"]) == ("note", "kvmtui -c qemu+ssh://root@HOST/system")


def test_without_the_client_library_it_says_what_to_install_and_asks_no_host(
    kvmtui: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_uris: object) -> None:
        raise KvmtuiError("libvirt's client library cannot be loaded: libvirt.so.0 is missing.")

    monkeypatch.setattr("kvmtui.backend.load", none)
    done = kvmtui("doctor", "--json")
    found = {one["name"]: one for one in done.document["findings"]}
    assert done.code == 1
    assert found["client library"]["verdict"] == "bad"
    assert "libvirt0" in found["client library"]["mend"] or "libvirt-libs" in found["client library"]["mend"]
    assert not [one for one in found.values() if one["area"] == "hosts"]


def test_a_wrong_configuration_is_one_of_its_findings(kvmtui: Shell, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[ui]\nrefesh = 2\n")
    done = kvmtui.bare("doctor", "--config", str(file))
    assert done.code == 1
    assert "unknown key `refesh` in [ui]; did you mean `refresh`?" in " ".join(done.out.split())
    assert "CPU virtualisation" in done.out


def test_on_a_narrow_terminal_sentences_are_broken_and_commands_are_not(
    kvmtui: Shell, capsys: pytest.CaptureFixture[str]
) -> None:
    mend = "sudo usermod -aG libvirt ann, and log in again, and then look whether it works as it should"
    found = [Finding(Area.LIBVIRT, "socket", Verdict.BAD, "This user may not open it. " * 6, mend)]
    machine = Machine(environ={"NO_COLOR": "1"}, screen=Screen(is_terminal=True, columns=60, rows=24))
    doctor._show(found, Output(json=False), machine)
    lines = capsys.readouterr().out.splitlines()
    assert f"                {mend}" in lines
    assert all(len(line) <= 60 for line in lines if mend not in line)
