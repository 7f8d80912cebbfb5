"""What is printed reaches its reader whole, safe and quiet, whatever stands behind it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kvmtui import cli
from kvmtui.core.fields import VM_FIELDS, VmRow
from kvmtui.core.inventory import VmState
from tests.commands.scenes import HOSTILE, NOW, a_vm, entry

if TYPE_CHECKING:
    from tests.cli.shell import Shell


# --- hostile text, pipes and keys ---


def test_a_hostile_name_reaches_no_terminal_and_stays_raw_in_json(kvmtui: Shell) -> None:
    host = kvmtui.world.host("hv1")
    guest = host.guests[kvmtui.world.vm("web-1").uuid]
    kvmtui.world.put(host, guest, replace(guest.vm, name=HOSTILE, title=HOSTILE, tags=(HOSTILE,), description=HOSTILE))
    uuid = guest.vm.uuid
    runs = [
        kvmtui("vms", "--columns", "all"),
        kvmtui("vm", "show", uuid),
        kvmtui("vm", "shutdown", uuid),
        kvmtui("vm", "shutdown", uuid, "--yes"),
        kvmtui("vm", "pause", HOSTILE, "--yes"),
        kvmtui("vm", "pause", f"{HOSTILE}x", "--yes"),
        kvmtui.bare("tasks", "--columns", "all"),
    ]
    for done in runs:
        for line in (done.out + done.err).split("\n"):
            assert not line or line.isprintable()
    documents = [kvmtui("vm", "show", uuid, "--json"), kvmtui.bare("tasks", "--json")]
    assert documents[0].document["vms"][0]["name"] == HOSTILE
    assert documents[1].document["tasks"][0]["vm"] == HOSTILE
    assert all(done.out.isascii() and "\x1b" not in done.out for done in documents)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_there_are_colours_but_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    from kvmtui.cli.output import Output

    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("COLUMNS", "200")
    host = entry(vms=[a_vm(VmState.RUNNING, name="[red]web\x1b]0;x\x07[/red]")])
    row = VmRow(host, next(iter(host.state.vms.values())) if host.state else a_vm(), None, None, NOW)
    Output(json=False).table(VM_FIELDS[:3], [row])
    text = screen.getvalue()
    assert "[red]web\\x1b]0;x\\x07[/red]" in text
    assert "\x1b]" not in text
    assert "\x1b[32m" in text


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt, 130), (BrokenPipeError, 141)])
def test_ctrl_c_and_a_reader_that_left_are_quiet(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], error: type[BaseException], code: int
) -> None:
    def fail(*_given: object) -> int:
        raise error

    monkeypatch.setattr(cli, "_run", fail)
    monkeypatch.setattr("os.dup2", lambda *_given: 0)
    assert cli.main(["vms"]) == code
    assert capfd.readouterr() == ("", "")


def test_a_pipe_that_closes_early_leaves_no_traceback() -> None:
    command = f"{sys.executable} -m kvmtui -c 'demo:///?hosts=2&vms=2000' vms --columns name | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == "VM\n"
    assert done.stderr == ""


# --- a full disk ---


PROGRAM = Path(sys.executable).with_name("kvmtui")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_behind_the_output_is_one_sentence(unbuffered: str) -> None:
    for words in (
        ["--version"],
        ["vm", "--help"],
        ["completion", "bash"],
        ["--demo", "vms", "--json"],
        ["--demo", "hosts"],
        ["nonsense", "--json"],
    ):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [PROGRAM, *words],
                env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=90,
                check=False,
            )
        assert (done.returncode, done.stderr) == (
            1,
            "kvmtui: The output cannot be written: No space left on device.\n",
        ), words


def test_what_cannot_be_said_changes_neither_what_is_done_nor_the_exit_code(tmp_path: Path) -> None:
    codes = {"nonsense": 2, "--demo vm show nobody": 1, "--demo vm shutdown web-1 --yes": 0}
    for words, code in codes.items():
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [PROGRAM, *words.split()],
                env={**os.environ, "PYTHONUNBUFFERED": "", "XDG_STATE_HOME": str(tmp_path)},
                stdout=subprocess.PIPE,
                stderr=full,
                text=True,
                timeout=90,
                check=False,
            )
        assert (done.returncode, done.stdout) == (code, "" if code else "web-1 is off.\n"), words
