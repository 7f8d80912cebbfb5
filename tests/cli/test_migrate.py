"""Moving VMs from the command line: what is refused, what is done, what is printed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from kvmtui.cli.output import Exit
from kvmtui.core.inventory import VmState

if TYPE_CHECKING:
    from tests.cli.shell import Shell


def test_a_vm_is_moved_and_the_document_says_where(kvmtui: Shell) -> None:
    done = kvmtui("vm", "migrate", "app-3", "--to", "hv2", "--yes", "--json")
    assert done.code == Exit.DONE
    (task,) = done.document["tasks"]
    assert (task["task"], task["host"], task["to"]) == ("vm.migrate", "hv1", "hv2")
    assert task["phase"] == "done"
    assert done.document["errors"] == []
    assert kvmtui.world.ref("app-3").host == "hv2"
    assert kvmtui.world.vm("app-3").autostart
    assert kvmtui.world.vm("app-3").state is VmState.RUNNING


def test_in_words_it_says_what_became_of_it(kvmtui: Shell) -> None:
    done = kvmtui("vm", "move", "web-1", "--to", "hv2", "--yes")
    assert done.code == Exit.DONE
    assert done.out.startswith("web-1 runs on hv2 now.")


def test_without_yes_nothing_is_moved(kvmtui: Shell) -> None:
    done = kvmtui("vm", "migrate", "app-3", "--to", "hv2")
    assert done.code == Exit.FAILED
    assert "Not done without --yes: move hv1/app-3?" in done.err
    assert kvmtui.world.calls == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "to host is needed. Use --to."),
        (("--to", "hv2", "--copy-storage", "maybe"), "maybe"),
        (("--to", "hv2", "--bandwidth", "fast"), "whole number of MiB"),
        (("--to", "hv2", "--via", "hv2"), "no libvirt address"),
    ],
)
def test_what_cannot_be_read_is_a_matter_of_usage(words: tuple[str, ...], says: str, kvmtui: Shell) -> None:
    done = kvmtui("vm", "migrate", "app-3", "--yes", *words)
    assert done.code == Exit.USAGE
    assert says in done.err
    assert kvmtui.world.calls == []


@pytest.mark.parametrize(
    ("name", "words", "says"),
    [
        ("erp", ("--to", "hv3"), "erp has 2 snapshots, and libvirt does not move those"),
        ("app-3", ("--to", "hv9"), "to host has no choice hv9: there is hv2, hv3"),
        ("app-3", ("--to", "hv1"), "to host has no choice hv1"),
        ("app-3", ("--to", "hv2", "--copy-storage", "no"), "is not on hv2"),
    ],
)
def test_why_a_vm_cannot_go_is_said(name: str, words: tuple[str, ...], says: str, kvmtui: Shell) -> None:
    done = kvmtui("vm", "migrate", name, "--yes", "--json", *words)
    assert done.code == Exit.FAILED
    assert says in json.dumps(done.document)
    assert not [call for call in kvmtui.world.calls if call.verb == "move"]


def test_of_several_those_that_can_go_go(kvmtui: Shell) -> None:
    done = kvmtui("vm", "migrate", "web-1", "web-2", "wiki", "--to", "hv2", "--yes")
    assert done.code == Exit.SOME_FAILED
    assert [kvmtui.world.ref(name).host for name in ("web-1", "web-2")] == ["hv2", "hv2"]
    assert "to host has no choice hv2" in done.err
