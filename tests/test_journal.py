"""The journal keeps who did what, whatever happens to the processes that write it."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kvmtui import journal as module
from kvmtui.core.inventory import TaskPhase, TaskView
from kvmtui.journal import Journal, Process, user

if TYPE_CHECKING:
    from pathlib import Path

TASK = TaskView(
    id="a-1",
    command="vm.start",
    label="start",
    host="hv1",
    host_uuid="h",
    vm="web-1",
    vm_uuid="u",
    user="ann",
    phase=TaskPhase.RUNNING,
    started=1000.0,
    virsh="virsh start web-1",
)
DONE = replace(TASK, phase=TaskPhase.DONE, ended=1002.5, message="web-1 was started.")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "state" / "journal.jsonl")


def ended_elsewhere(journal: Journal, **changes: object) -> None:
    """Let the lines that follow be those of a process that is not there any more."""
    journal._process = replace(journal._process, **changes)  # type: ignore[arg-type]


def test_a_task_is_read_as_it_was_written(journal: Journal) -> None:
    journal.begin(TASK)
    journal.end(DONE)
    assert journal.read() == (DONE,)
    record = json.loads(journal.path.read_text().splitlines()[-1])
    assert record["seconds"] == 2.5
    assert record["user"] == "ann"


def test_only_its_owner_may_read_it(journal: Journal) -> None:
    os.umask(0)
    journal.begin(TASK)
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(journal.path.parent.stat().st_mode) == 0o700


def test_a_task_without_an_end_runs_as_long_as_its_process(journal: Journal, tmp_path: Path) -> None:
    journal.begin(TASK)
    assert journal.read()[0].phase is TaskPhase.RUNNING
    assert journal.read()[0].ours
    other = Journal(journal.path)
    other._process = replace(other._process, pid=1, began=module._began(1) or 0)
    other.begin(replace(TASK, id="b-1", started=2000.0))
    assert journal.read()[0].phase is TaskPhase.RUNNING
    assert not journal.read()[0].ours


@pytest.mark.parametrize(
    "changes", [{"pid": 4_194_303}, {"began": 1}, {"boot": "another boot"}, {"space": "pid:[1]"}], ids=str
)
def test_a_task_whose_process_is_gone_is_unknown(journal: Journal, changes: dict[str, object]) -> None:
    dead = Journal(journal.path)
    ended_elsewhere(dead, **changes)
    dead.begin(TASK)
    (task,) = journal.read()
    assert task.phase is TaskPhase.UNKNOWN
    assert task.message == "kvmtui ended before the outcome was known."
    assert task.ended is None


def test_torn_and_garbled_lines_are_counted_and_hurt_no_other(journal: Journal) -> None:
    journal.begin(TASK)
    journal.end(DONE)
    with journal.path.open("ab") as file:
        file.write(b'\xff\xfe\n[1,2]\n{"kind":"end"}\n{"kind":"begin","id":"torn","sta')
    journal.end(replace(DONE, id="a-2", started=1001.0))
    assert [task.id for task in journal.read()] == ["a-2", "a-1"]
    assert journal.garbled == 4


def test_it_is_rotated_by_size_and_read_across_its_files(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl", most_bytes=5_000)
    for number in range(40):
        task = replace(TASK, id=f"a-{number}", started=1000.0 + number)
        journal.begin(task)
        journal.end(replace(task, phase=TaskPhase.DONE, ended=task.started))
    assert journal.path.with_name("journal.jsonl.1").exists()
    assert not journal.path.with_name("journal.jsonl.5").exists()
    read = journal.read(10)
    assert [task.id for task in read] == [f"a-{number}" for number in range(39, 29, -1)]
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_older_files_are_read_while_there_is_no_new_one_yet(journal: Journal) -> None:
    """Another process has just moved it out of the way."""
    journal.begin(TASK)
    journal.path.rename(journal.path.with_name("journal.jsonl.1"))
    assert [task.id for task in journal.read()] == [TASK.id]


def test_a_file_that_cannot_be_begun_anew_grows_on(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl", most_bytes=100)
    (tmp_path / "journal.jsonl.lock").mkdir()
    for number in range(3):
        journal.begin(replace(TASK, id=f"t-{number}"))
        journal.end(replace(TASK, id=f"t-{number}", phase=TaskPhase.DONE))
    assert journal.owes == 0
    assert len(journal.read()) == 3
    assert not (tmp_path / "journal.jsonl.1").exists()


def test_several_processes_write_without_mixing_lines(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    code = (
        "import sys; from dataclasses import replace; from pathlib import Path\n"
        "from kvmtui.core.inventory import TaskPhase\n"
        "from kvmtui.journal import Journal\n"
        "from tests.test_journal import DONE\n"
        "journal = Journal(Path(sys.argv[1]), most_bytes=60_000)\n"
        "for number in range(150):\n"
        "    journal.end(replace(DONE, id=f'{sys.argv[2]}-{number}', message='x' * 200))\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path), name]) for name in "abc"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    journal = Journal(path)
    assert len(journal.read(1000)) == 450
    assert journal.garbled == 0


def test_no_secret_is_written(journal: Journal) -> None:
    line = "virsh -c qemu+tcp://ann:hunter2@hv1/system set-user-password web-1 --password='open sesame'"
    journal.begin(replace(TASK, virsh=line))
    journal.end(replace(DONE, message="passwd=hunter3 was refused"))
    text = journal.path.read_text()
    for secret in ("hunter2", "open sesame", "hunter3"):
        assert secret not in text
    assert "qemu+tcp://ann:***@hv1/system" in text


def test_it_follows_no_link(journal: Journal, tmp_path: Path) -> None:
    journal.path.parent.mkdir()
    journal.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        journal.begin(TASK)


def test_the_last_part_is_read_again_only_when_it_grew(journal: Journal) -> None:
    assert journal.recent() == ()
    journal.begin(TASK)
    first = journal.recent()
    assert journal.recent() is first
    journal.end(DONE)
    assert journal.recent() == (DONE,)


def test_whoever_used_sudo_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("SUDO_USER", "ann")
    assert user() == "ann as root"
    monkeypatch.delenv("SUDO_USER")
    assert user() == "root"


def test_this_process_is_alive() -> None:
    assert Process.own().may_be_alive()


def full(_descriptor: int, _data: bytes) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_what_a_full_disk_kept_out_is_written_when_there_is_room(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.begin(TASK)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            journal.end(DONE)
        with pytest.raises(OSError, match="No space"):
            journal.begin(replace(TASK, id="a-2", started=2000.0))
    assert journal.owes == 2
    journal.end(replace(DONE, id="a-2", started=2000.0))
    assert journal.owes == 0
    assert [json.loads(line)["kind"] for line in journal.path.read_text().splitlines()] == ["begin", "end"] * 2
    assert [task.phase for task in journal.read()] == [TaskPhase.DONE] * 2


def test_a_line_that_only_half_fits_is_written_again_whole(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    journal.begin(TASK)
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:20]))
        with pytest.raises(OSError, match="No space"):
            journal.end(DONE)
    journal.pay()
    assert journal.read() == (DONE,)
    assert journal.garbled == 1


def test_what_was_found_out_later_counts(journal: Journal) -> None:
    ended_elsewhere(journal, pid=4_194_303)
    journal.begin(replace(TASK, touches=("default/new.qcow2",)))
    mine = Journal(journal.path)
    (lost,) = mine.read()
    assert lost.phase is TaskPhase.UNKNOWN
    assert lost.message.endswith("It was at work on default/new.qcow2.")
    found = replace(lost, phase=TaskPhase.FAILED, message="Nothing is left.", ended=2000.0, looked_up=True)
    mine.end(found)
    assert mine.read() == (found,)
    assert not mine.read()[0].ours


def test_another_process_that_dies_is_noticed_although_no_line_says_so(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Journal(journal.path)
    other._process = replace(other._process, pid=1, began=module._began(1) or 0)
    other.begin(TASK)
    assert journal.recent()[0].phase is TaskPhase.RUNNING
    monkeypatch.setattr(module, "_began", lambda _pid: None)
    monkeypatch.setattr(module, "_ALIVE", 0.0)
    assert journal.recent()[0].phase is TaskPhase.UNKNOWN
