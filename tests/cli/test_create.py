"""`kvmtui vm create` and `kvmtui volume upload` on a simulated fleet: options, documents, exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kvmtui.cli.output import Exit
from kvmtui.commands.registry import by_id
from kvmtui.core.errors import BackendError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.shell import Shell

IMAGE = "nvme/debian-13-genericcloud-amd64.qcow2"
FROM = ("--host", "hv2", "--image", IMAGE, "--disk", "linked", "--pool", "hdd", "--size", "20G")


def test_a_vm_is_made_and_started(kvmtui: Shell) -> None:
    done = kvmtui("vm", "create", "new-1", *FROM)
    assert (done.code, done.out) == (Exit.DONE, "new-1 was made on hv2 and started.\n")
    assert kvmtui.verbs == ["create_volume", "upload", "define", "start"]


def test_the_document_names_the_vm(kvmtui: Shell) -> None:
    done = kvmtui("vm", "create", "--name", "new-1", *FROM, "--no-start", "--json")
    assert (done.code, done.err) == (Exit.DONE, "")
    (task,) = done.document["tasks"]
    assert (task["vm"], task["host"], task["phase"]) == ("new-1", "hv2", "done")
    assert task["uuid"] == kvmtui.world.vm("new-1").uuid
    assert done.document["errors"] == []
    assert "start" not in kvmtui.verbs


def test_a_dry_run_says_what_would_be_done_and_does_nothing(kvmtui: Shell) -> None:
    done = kvmtui("vm", "create", "new-1", *FROM, "--dry-run")
    assert done.code == Exit.DONE
    assert "Its disk hdd/new-1.qcow2, 20G, builds upon" in done.out
    assert "vol-create-as hdd new-1.qcow2 20G" in done.out
    assert "<name>new-1</name>" in done.out
    found = kvmtui("vm", "create", "new-1", *FROM, "--dry-run", "--json").document
    assert found["xml"].startswith("<domain")
    assert found["warnings"] == []
    assert kvmtui.world.calls == []


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), Exit.USAGE, "The name is missing."),
        (("a b", *FROM), Exit.USAGE, "begins with a letter"),
        (("x", "--name", "y", *FROM), Exit.USAGE, "said twice"),
        (("x", "--image", IMAGE), Exit.USAGE, "There are several hosts"),
        (("x", "--host", "hv9"), Exit.FAILED, "There is no host hv9."),
        (("x", "--host", "hv2"), Exit.FAILED, "image is needed"),
        (("x", *FROM, "--memory", "lots"), Exit.USAGE, "A size such as 2G"),
        (("x", *FROM, "--accel", "xen"), Exit.USAGE, "--accel is one of"),
        (("x", *FROM, "--network", "nosuch"), Exit.FAILED, "network has no choice nosuch"),
        (("x", *FROM, "--volume", "hdd/a"), Exit.FAILED, "volume does not go with"),
        (("x", *FROM, "--keys", "nowhere"), Exit.FAILED, "is no file with public keys"),
        (("db-1", *FROM), Exit.FAILED, "hv2 has a VM called db-1"),
    ],
)
def test_what_will_not_do_is_said_before_anything_is_sent(
    kvmtui: Shell, words: tuple[str, ...], code: Exit, says: str
) -> None:
    done = kvmtui("vm", "create", *words)
    assert done.code == code, done
    assert says in done.err
    as_json = kvmtui("vm", "create", *words, "--json")
    assert as_json.code == code
    assert says in as_json.document["error"]
    assert kvmtui.world.calls == []


def test_what_the_screen_would_ask_about_needs_yes(kvmtui: Shell) -> None:
    done = kvmtui("vm", "create", "big", *FROM, "--memory", "200G")
    assert done.code == Exit.FAILED
    assert "Not done without --yes: The VMs of hv2 could then want" in done.err
    assert kvmtui("vm", "create", "big", *FROM, "--memory", "200G", "--yes").code == Exit.DONE


def test_a_failure_says_what_the_host_said(kvmtui: Shell) -> None:
    kvmtui.world.faults.refuse(BackendError("No space left on device."), verb="create_volume", times=1)
    done = kvmtui("vm", "create", "new-1", *FROM)
    assert done.code == Exit.FAILED
    assert "create new-1: failed: new-1 was not made: No space left on device. Nothing is left of it." in done.err


def test_a_file_is_sent(kvmtui: Shell, tmp_path: Path) -> None:
    file = tmp_path / "own.img"
    file.write_bytes(bytes(1 << 20))
    done = kvmtui("volume", "upload", str(file), "--host", "hv2", "--pool", "nvme", "--name", "mine.img")
    assert (done.code, done.out) == (Exit.DONE, "own.img is now nvme/mine.img on hv2: 1.0M.\n")
    again = kvmtui("volume", "upload", str(file), "--host", "hv2", "--pool", "nvme", "--name", "mine.img", "--json")
    assert again.code == Exit.FAILED
    assert again.document["error"] == "nvme has a volume mine.img already."
    missing = kvmtui("volume", "upload", "--host", "hv2")
    assert (missing.code, "The file is missing." in missing.err) == (Exit.USAGE, True)


@pytest.mark.parametrize(("words", "id_"), [(("vm", "create"), "vm.create"), (("volume", "upload"), "volume.upload")])
def test_every_question_is_an_option(kvmtui: Shell, words: tuple[str, ...], id_: str) -> None:
    command = by_id(id_)
    assert command is not None
    done = kvmtui(*words, "--help")
    assert done.code == Exit.DONE
    for question in command.questions:
        assert f"--{question.name}" in done.out
