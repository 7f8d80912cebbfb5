"""The verbs without a screen, on real hosts: what they print, and how they end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.real.lab import Guest, GuestSpec, Host, Lab, until
from tests.real.lab.guest import crowd
from tests.real.program import KVMTUI, Home, kvmtui

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    MakeGuest = Callable[[Host, GuestSpec], Guest]

DONE, FAILED, USAGE, NO_HOST, UNKNOWN, SOME_FAILED = range(6)


@pytest.fixture
def home(hv1: Host, hv2: Host) -> Home:
    """A configuration with both hosts."""
    return Home({"hv1": hv1.uri, "hv2": hv2.uri})


@pytest.fixture
def pair(hv1: Host, hv2: Host) -> Iterator[tuple[Guest, Guest, Guest]]:
    """VMs that run and cost nothing: one and `twin` on hv1, another `twin` on hv2."""
    (one,) = crowd(hv1, 1, prefix="one")
    (twin,) = crowd(hv1, 1, prefix="twin")
    (other,) = crowd(hv2, 1, prefix="twin")
    yield one, twin, other
    for guest in (one, twin, other):
        guest.remove()


def document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The one JSON document that was printed."""
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


@pytest.mark.usefixtures("pair")
def test_lists(home: Home, hv1: Host, hv2: Host) -> None:
    done = kvmtui("hosts", "--json", "--rates", home=home)
    assert (done.returncode, done.stderr) == (DONE, "")
    hosts = {row["name"]: row for row in document(done)["hosts"]}
    assert set(hosts) == {"hv1", "hv2"}
    assert 0 <= hosts["hv1"]["cpu"] <= 100
    assert hosts["hv1"]["libvirt"]

    done = kvmtui("vms", "--json", "name:twin", home=home)
    assert (done.returncode, done.stderr) == (DONE, "")
    rows = document(done)["vms"]
    assert sorted((row["host"], row["name"], row["state"]) for row in rows) == [
        ("hv1", "twin-01", "running"),
        ("hv2", "twin-01", "running"),
    ]

    done = kvmtui("vms", "state:running", "--columns", "name,host", home=home)
    lines = [line.split() for line in done.stdout.splitlines()]
    running = {(name, host.name) for host in (hv1, hv2) for name in host.virsh("list", "--name").split()}
    assert {tuple(line) for line in lines[1:]} == running


def test_a_life_without_a_screen(home: Home, hv2: Host, make_guest: MakeGuest) -> None:
    """Each verb against virsh; what would ask is not done without --yes."""
    guest = make_guest(hv2, GuestSpec("plain", disk_mib=16))

    def verb(*words: str) -> subprocess.CompletedProcess[str]:
        return kvmtui("vm", words[0], "plain", *words[1:], home=home)

    assert verb("start").returncode == DONE
    assert guest.state() == "running"
    again = verb("start")
    assert (again.returncode, "running" in again.stderr) == (FAILED, True)

    guest.wait_booted()
    refused = verb("shutdown")
    assert (refused.returncode, "--yes" in refused.stderr) == (FAILED, True)
    assert guest.state() == "running"

    shown = document(verb("show", "--json"))["vms"][0]
    assert (shown["name"], shown["state"], shown["host"]) == ("plain", "running", "hv2")

    assert verb("pause", "--yes").returncode == DONE
    assert guest.state() == "paused"
    assert verb("resume").returncode == DONE
    assert guest.state() == "running"
    assert verb("autostart-on").returncode == DONE
    assert "Autostart:      enable" in hv2.virsh("dominfo", "plain")
    assert verb("tags", "--tags", "one,two").returncode == DONE
    assert document(kvmtui("vms", "tag:two", "--json", home=home))["vms"][0]["name"] == "plain"
    assert verb("hibernate", "--yes").returncode == DONE
    assert guest.state() == "shut off"
    assert verb("start").returncode == DONE
    guest.wait_booted()
    done = verb("shutdown", "--yes", "--json")
    assert done.returncode == DONE
    assert [task["phase"] for task in document(done)["tasks"]] == ["done"]
    assert guest.state() == "shut off"

    missing = verb("delete", "--yes", "--disks", "vdz")
    assert (missing.returncode, guest.state()) == (FAILED, "shut off")
    assert verb("delete", "--yes", "--disks", "vda").returncode == DONE
    assert guest.state() == "gone"
    assert "plain" not in hv2.virsh("vol-list", "default")

    tasks = document(kvmtui("tasks", "--json", home=home))["tasks"]
    told = [task["task"] for task in tasks if task["phase"] == "done"]
    assert told[0] == "vm.delete"
    assert {"vm.start", "vm.pause", "vm.resume", "vm.hibernate", "vm.shutdown"} <= set(told)


def test_a_name_on_two_hosts_is_refused_with_both_written_out(home: Home, pair: tuple[Guest, Guest, Guest]) -> None:
    _, twin, other = pair
    done = kvmtui("vm", "force-off", "twin-01", "--yes", home=home)
    assert done.returncode == FAILED
    assert "hv1/twin-01" in done.stderr
    assert "hv2/twin-01" in done.stderr
    assert (twin.state(), other.state()) == ("running", "running")
    assert kvmtui("vm", "force-off", "hv2/twin-01", "--yes", home=home).returncode == DONE
    assert (twin.state(), other.state()) == ("running", "shut off")
    assert kvmtui("vm", "force-off", twin.uuid, "--yes", home=home).returncode == DONE
    assert twin.state() == "shut off"


def test_exit_codes(home: Home, pair: tuple[Guest, Guest, Guest]) -> None:
    one, twin, _ = pair
    one.host.virsh("suspend", one.name)
    some = kvmtui("vm", "resume", "one-01", "hv1/twin-01", "--json", home=home)
    assert some.returncode == SOME_FAILED
    assert (one.state(), twin.state()) == ("running", "running")
    assert kvmtui("vm", "resume", "nothing-of-this-name", home=home).returncode == FAILED
    assert kvmtui("vm", "explode", "one-01", home=home).returncode == USAGE
    assert kvmtui("vms", "cpu>", home=home).returncode == USAGE


def test_a_host_that_is_not_there(home: Home) -> None:
    alone = kvmtui("vms", "--json", "-c", "qemu+tcp://10.77.0.99/system", home=home)
    assert alone.returncode == NO_HOST
    assert document(alone)["error"]
    beside = kvmtui("vms", "--json", "-c", "hv1", "-c", "qemu+tcp://10.77.0.99/system", home=home)
    assert beside.returncode == DONE
    assert [one["host"] for one in document(beside)["errors"]] == ["10.77.0.99"]


def test_the_machine_itself_is_found_and_no_demo_is_shown(hv1: Host, pair: tuple[Guest, Guest, Guest]) -> None:
    home = Home({})
    (home.folder / "config/kvmtui/config.toml").unlink()
    done = kvmtui("vms", "--json", home=home, on=hv1)
    assert done.returncode == DONE
    assert pair[0].name in {row["name"] for row in document(done)["vms"]}


HOOK = """#!/bin/sh
# libvirt waits for this before it starts a VM.
if [ "$2 $3" = "prepare begin" ]; then
    touch {marker}
    while [ ! -e {go_on} ]; do sleep 0.05; done
fi
"""


@pytest.fixture
def slow_start(own_host: Host) -> Iterator[tuple[Path, Path]]:
    """A host on which a start takes until it is told to go on: the files that say so are yielded."""
    marker, go_on = own_host.folder / "started", own_host.folder / "go-on"
    hook = own_host.folder / "etc/hooks/qemu"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(HOOK.format(marker=marker, go_on=go_on))
    hook.chmod(0o755)
    go_on.touch()
    own_host.restart()
    yield marker, go_on
    go_on.touch()


def test_an_outcome_that_is_not_known_is_said_so(own_host: Host, slow_start: tuple[Path, Path], lab: Lab) -> None:
    """The daemon dies with the change in its hands: neither done nor failed, and never sent again."""
    marker, go_on = slow_start
    (guest,) = lab.crowd(own_host, 1)
    own_host.virsh("destroy", guest.name)
    marker.unlink()
    go_on.unlink()
    home = Home({own_host.name: own_host.uri})
    start = subprocess.Popen(
        [KVMTUI, "vm", "start", guest.name, "--json"],
        env={**os.environ, **home.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(marker.exists, "the start has reached the daemon")
    own_host.kill9()
    printed, _ = start.communicate(timeout=60)
    assert start.returncode == UNKNOWN, printed
    (task,) = json.loads(printed)["tasks"]
    assert task["phase"] == "unknown"
    go_on.touch()
    own_host.restart()
    listed = document(kvmtui("tasks", "--json", home=home))["tasks"]
    assert [(one["task"], one["phase"]) for one in listed] == [("vm.start", "unknown")]
    assert guest.state() == "shut off"


def test_a_task_whose_process_died_is_unknown(own_host: Host, slow_start: tuple[Path, Path], lab: Lab) -> None:
    marker, go_on = slow_start
    (guest,) = lab.crowd(own_host, 1)
    own_host.virsh("destroy", guest.name)
    marker.unlink()
    go_on.unlink()
    home = Home({own_host.name: own_host.uri})
    start = subprocess.Popen(
        [KVMTUI, "vm", "start", guest.name],
        env={**os.environ, **home.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(marker.exists, "the start has reached the daemon")
    start.kill()
    start.wait()
    go_on.touch()
    listed = document(kvmtui("tasks", "--json", home=home))["tasks"]
    assert [(one["task"], one["phase"]) for one in listed] == [("vm.start", "unknown")]


def test_no_toolkit_is_loaded(home: Home) -> None:
    script = "import sys; from kvmtui.cli import main; code = main(['vms', '--json']); print('textual' in sys.modules)"
    environment = {**os.environ, **home.environment}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "False"
