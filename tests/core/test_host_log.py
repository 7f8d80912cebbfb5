"""What a host's logs say of a VM's end, and whose end it was."""

from __future__ import annotations

import pytest

from kvmtui.core.host_log import LONGEST, MOST_LINES, Ending, KernelLine, Kind, cause, ending, kernel_lines, qemu_line
from tests.core.makers import HOSTILE, NOW

SCOPE = "task_memcg=/machine.slice/machine-qemu\\x2d7\\x2d{name}.scope/libvirt/emulator,task=qemu-system-x86,pid={pid}"
ENDED = "2025-11-22 14:02:00.123+0000: shutting down, reason={reason}"


def said(text: str, at: float = NOW) -> str:
    """Return a line as journalctl writes it."""
    return f"{at:.6f} hv1 kernel: {text}"


def read(*lines: str, name: str = "db-2", pid: int | None = None, around: float | None = NOW) -> tuple[KernelLine, ...]:
    return kernel_lines(lines, name=name, pid=pid, booted=NOW - 1000.0, around=around, until=NOW + 60.0)


def killed(name: str, pid: int) -> tuple[str, ...]:
    """Return what the kernel writes when it kills a VM's process."""
    return (
        said("CPU 0/KVM invoked oom-killer: gfp_mask=0xcc0, order=0"),
        said(f"oom-kill:constraint=CONSTRAINT_NONE,{SCOPE.format(name=name, pid=pid)},uid=64055"),
        said(f"Out of memory: Killed process {pid} (qemu-system-x86) total-vm:1kB"),
        said(f"oom_reaper: reaped process {pid} (qemu-system-x86), now anon-rss:0kB"),
    )


def test_the_vm_is_known_by_the_name_of_its_scope_and_then_by_its_process() -> None:
    found = read(*killed("db\\x2d2", 4242))
    assert [line.own for line in found] == [True, True, True]
    assert all(line.kind is Kind.OOM and line.at == NOW for line in found)
    assert "out of memory at" in cause(found, Ending(NOW, "crashed"))


@pytest.mark.parametrize("name", ["db-20", "xdb-2", "db", "other"])
def test_another_vms_end_is_left_out_whatever_it_is_called(name: str) -> None:
    assert [line.text for line in read(*killed(name.replace("-", "\\x2d"), 4242)) if "process" in line.text] == []


def test_a_running_vm_is_told_of_disks_alone() -> None:
    lines = read(
        *killed("other", 1), said("I/O error, dev sda, sector 8"), said("java invoked oom-killer"), around=None
    )
    assert [line.kind for line in lines] == [Kind.IO]


def test_what_was_long_before_or_after_its_end_explains_nothing() -> None:
    lines = [said("I/O error, dev sda", NOW + shift) for shift in (-1000.0, -800.0, 30.0, 100.0)]
    assert [line.at for line in read(*lines)] == [NOW - 800.0, NOW + 30.0]


def test_a_line_of_dmesg_is_dated_by_the_boot() -> None:
    (line,) = read("[  940.500000] blk_update_request: I/O error, dev sdb")
    assert (line.at, line.text) == (NOW - 59.5, "blk_update_request: I/O error, dev sdb")


def test_the_process_of_a_running_vm_is_known_by_its_number() -> None:
    (line,) = read(said("qemu-system-x86[77]: segfault at 0 ip 00 sp 00 error 4", NOW - 90_000), pid=77, around=None)
    assert line.own
    assert line.kind is Kind.CRASH


def test_a_storm_is_kept_to_its_bound() -> None:
    lines = read(*[said(f"I/O error, dev sda, sector {number} {'x' * 2000}") for number in range(1000)])
    assert len(lines) == MOST_LINES
    assert max(len(line.text) for line in lines) <= LONGEST
    assert "sector 999" in lines[-1].text


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_name_or_a_log_breaks_the_reading(text: str) -> None:
    read(text, said(text), *killed(text, 5), name=text, pid=3)
    qemu_line(text)
    assert ending([text]) is None


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("crashed", "its QEMU crashed or was killed at"),
        ("destroyed", "it was forced off at"),
        ("shutdown", "the guest shut down at"),
        ("failed", "its QEMU did not come up at"),
    ],
)
def test_the_end_is_told_by_qemus_log(reason: str, words: str) -> None:
    ended = ending(["2025-11-22 13:00:00.000+0000: starting up", ENDED.format(reason=reason)])
    assert ended == Ending(NOW - 60.0, reason)
    assert cause((), ended).startswith(words)


def test_a_vm_that_was_started_again_has_no_end() -> None:
    assert ending([ENDED.format(reason="crashed"), "2025-11-22 14:02:30.000+0000: starting up libvirt"]) is None
    assert cause((), None) == ""


def test_a_kill_of_an_earlier_run_does_not_explain_a_shutdown() -> None:
    lines = read(*killed("db\\x2d2", 4242))
    assert cause(lines, Ending(NOW, "shutdown")).startswith("the guest shut down")


@pytest.mark.parametrize("line", ["2025-13-99 99:99:99.000+0000: shutting down, reason=crashed", "", "reason=crashed"])
def test_a_time_that_never_was_is_none(line: str) -> None:
    assert ending([line]) is None
    assert qemu_line(line) == (None, line)
