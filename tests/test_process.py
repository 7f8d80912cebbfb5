"""The program as a process in a terminal: told to end, hung up on, suspended, resized."""

from __future__ import annotations

import fcntl
import os
import random
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.real.lab import until
from tests.real.program import KVMTUI, Home, Program

if TYPE_CHECKING:
    from collections.abc import Iterator

DEMO = "demo:///?faults=none&pace=0"


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def program() -> Iterator[Program]:
    """The program on a simulated fleet, its first screen shown."""
    with Program(Home({}), "--demo") as opened:
        opened.wait(r"hosts 3/3")
        opened.wait_vm("mail", "off")
        yield opened
        assert "Traceback" not in opened.home.log()


@pytest.mark.parametrize("where", ["2>{file}", "2>/dev/null", "2>&-"])
def test_the_screen_is_painted_wherever_the_standard_error_goes(tmp_path: Path, where: str) -> None:
    """And what it is told to say at its end stands there, not on the terminal."""
    file = tmp_path / "errors"
    line = f"exec '{KVMTUI}' --demo {where.format(file=file)}"
    with Program(Home({}), argv=["sh", "-c", line]) as program:
        program.wait(r"hosts 3/3")
        program.wait_vm("mail", "off")
        program.resize(100, 30)
        goes_on(program)
        program.ask("shutdown web-1")
        program.confirm("Shut down web-1")
        program.wait("waiting for the guest")
        program.process.terminate()
        assert program.wait_exit(30) == 128 + signal.SIGTERM
        until(program.is_restored, "the terminal is as it was before")
        assert "kvmtui: " not in program.text()
        assert "Traceback" not in program.home.log()
    if file.exists():
        assert file.read_text().startswith("kvmtui: shut down web-1: kvmtui ended before the outcome was known.")


NO_TERMINAL = "kvmtui: The screen needs a terminal. Without one, use `kvmtui vms` and the other verbs.\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("kvmtui --demo >/dev/null", NO_TERMINAL),
        ("kvmtui --demo </dev/null", NO_TERMINAL),
        ("echo q | kvmtui --demo", NO_TERMINAL),
        ("kvmtui --demo | cat", NO_TERMINAL),
        ("kvmtui --demo <&-", NO_TERMINAL),
        ("kvmtui --demo >&-", NO_TERMINAL),
        ("setsid --wait kvmtui --demo </dev/null 2>&1 | cat", NO_TERMINAL),  # as cron starts programs
        ("TERM=dumb kvmtui --demo", "kvmtui: TERM is dumb: the screen cannot be drawn in such a terminal. "),
        ("env -u TERM kvmtui --demo", "kvmtui: TERM is not set: the screen cannot be drawn in such a terminal. "),
        ("TERM= kvmtui --demo", "kvmtui: TERM is not set: the screen cannot be drawn in such a terminal. "),
    ],
)
def test_without_a_terminal_that_can_show_it_one_sentence_says_so(line: str, said: str) -> None:
    """In a real terminal otherwise, on which nothing else is written."""
    home = Home({})
    path = {"PATH": f"{Path(KVMTUI).parent}:{os.environ['PATH']}"}
    with Program(home, argv=["sh", "-c", line], size=(200, 20), env=path) as program:
        program.wait_exit(30)
        until(lambda: program.text().strip(), "it says why")
        assert f"{program.text().strip()}\n".startswith(said)
        assert len(program.text().strip().splitlines()) == 1
        assert program.is_restored()


def state_of(pid: int) -> str:
    with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
        return file.read().rpartition(")")[2].split()[0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_told_to_end_it_gives_the_terminal_back_and_says_what_it_broke_off(
    program: Program, number: signal.Signals
) -> None:
    program.select("erp")  # a guest that has not gone off for minutes
    program.ask("shutdown web-1")
    program.confirm("Shut down web-1")
    program.wait("waiting for the guest")
    program.process.send_signal(number)
    assert program.wait_exit(30) == 128 + number
    until(program.is_restored, "the terminal is as it was before")
    assert "kvmtui: shut down web-1: kvmtui ended before the outcome was known." in program.text()
    assert program.home.journal()[-1]["result"] == "unknown"


def test_it_ends_although_nobody_reads_its_terminal(tmp_path: Path) -> None:
    """The screen cannot be written any more: what is held up by that must not keep the process alive."""
    code = f"import kvmtui.cli.ending as e; e.PATIENCE = 1.0; import sys; sys.argv = ['kvmtui', '--connect', '{DEMO}'];"
    code += "from kvmtui.__main__ import main; sys.exit(main())"
    home = Home({})
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 250, 0, 0))
    before = termios.tcgetattr(slave)
    environment = {**os.environ, **home.environment, "TERM": "xterm-256color"}
    process = subprocess.Popen(
        ["setsid", "--ctty", sys.executable, "-c", code], stdin=slave, stdout=slave, stderr=slave, env=environment
    )
    try:
        until(lambda: termios.tcgetattr(slave) != before, "the screen is up", timeout=60)
        # Each repaints the screen; no more are sent than a terminal's input holds.
        until(lambda: os.write(master, b"\x0c") and is_full(slave), "the terminal takes no more", timeout=60, pause=0.1)
        process.terminate()
        assert process.wait(30) == 128 + signal.SIGTERM
        assert termios.tcgetattr(slave) == before
    finally:
        process.kill()
        process.wait()
        os.close(master)
        os.close(slave)


NO_THREADS = """
import sys, threading
start = threading.Thread.start
def refuse(thread):
    if "{name}" in thread.name:
        raise RuntimeError("can't start new thread")
    start(thread)
threading.Thread.start = refuse
sys.argv = ["kvmtui", "--demo"]
from kvmtui.__main__ import main
main()
"""


@pytest.mark.parametrize("name", ["asyncio", "textual-input"])
def test_a_machine_without_room_for_a_thread_gets_its_terminal_back(name: str) -> None:
    """The one that loads the screen is the first; the one that reads keys starts when the terminal was taken."""
    with Program(Home({}), argv=[sys.executable, "-c", NO_THREADS.format(name=name)], size=(100, 30)) as program:
        assert program.wait_exit(60) == 1
        until(program.is_restored, "the terminal is as it was before")
        assert "Traceback" not in program.text()
        if name == "asyncio":
            assert program.text().startswith("kvmtui: This machine gives kvmtui no more memory or threads")


def test_the_size_that_a_shell_once_exported_is_not_believed() -> None:
    """`eval $(resize)` leaves it there, and the terminal has another size by now."""
    with Program(Home({}), "--demo", size=(80, 24), env={"COLUMNS": "20", "LINES": "5"}) as program:
        program.wait(r"hosts 3/3", timeout=60)
        program.resize(100, 30)
        until(lambda: "enter look" in program.screen()[29], "its last line is the terminal's", timeout=60)
        program.leave()


def leaves(process: subprocess.Popen[bytes], terminal: int) -> bool:
    """Press Q, and tell whether it ends soon."""
    with suppress(OSError, subprocess.TimeoutExpired):
        os.write(terminal, b"Q")
        process.wait(5)
    return process.poll() is not None


def test_a_terminal_that_tells_no_size_gets_one_picture_and_is_left_by_a_key() -> None:
    """As a serial line, or a container's terminal before it is given one."""
    home = Home({})
    master, slave = os.openpty()
    environment = {name: text for name, text in os.environ.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        ["setsid", "--ctty", KVMTUI, "--demo"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**environment, **home.environment, "TERM": "xterm-256color"},
    )
    os.close(slave)
    seen = bytearray()

    def read() -> None:
        with suppress(OSError):
            while data := os.read(master, 65536):
                seen.extend(data)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        until(lambda: b"web-1" in seen, "the first screen", timeout=120)
        until(lambda: leaves(process, master), "it leaves", timeout=120)
        assert process.returncode == 0
    finally:
        process.kill()
        process.wait()
        reader.join(10)
        os.close(master)
    assert len(seen) < 200_000
    assert "Traceback" not in home.log()


def is_full(terminal: int) -> bool:
    """Whether a terminal has no room for what a program writes."""
    return not select.select((), (terminal,), (), 0)[1]


def test_a_terminal_that_goes_away_without_a_signal_ends_it() -> None:
    """As under nohup: reading finds the end, and what is written meanwhile fails."""
    home = Home({})
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    before = termios.tcgetattr(slave)
    command = ["setsid", "--ctty", "sh", "-c", f"trap '' HUP; exec '{KVMTUI}' --demo"]
    environment = {**os.environ, **home.environment, "TERM": "xterm-256color"}
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment)
    seen = bytearray()

    def read() -> None:
        with suppress(OSError):
            while data := os.read(master, 65536):
                seen.extend(data)

    threading.Thread(target=read, daemon=True).start()
    try:
        until(lambda: b"web-1" in seen, "the first screen", timeout=60)
        assert termios.tcgetattr(slave) != before
        os.close(slave)
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 31, 100, 0, 0))
        os.close(master)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in home.log()


def test_suspended_and_resumed_it_paints_and_reads_as_before(program: Program) -> None:
    for by_key in (True, False):
        if by_key:
            program.keys("ctrl+z")
        else:
            program.process.send_signal(signal.SIGTSTP)
        until(lambda: state_of(program.process.pid) == "T", "it is suspended")
        until(program.is_restored, "the terminal is the shell's")
        program.process.send_signal(signal.SIGCONT)
        goes_on(program)


def test_suspended_in_a_dialog_or_a_field_it_comes_back_to_it(program: Program) -> None:
    """With the mouse, pastes and all else as they were; and what was typed meanwhile was not typed for it."""
    for line, shown in (
        (":shutdown web-1", "Shut down web-1 on hv1"),
        (":rename mail", r"new name \* +mail(?!\S)"),
        ("/we", r"^ ?/we(?!\S)"),
    ):
        program.type_text(line)
        if line[0] == ":":
            program.keys("enter")
        program.wait(shown)
        modes = program.modes()
        program.keys("ctrl+z")
        until(lambda: state_of(program.process.pid) == "T", "it is suspended")
        until(program.is_restored, "the terminal is the shell's")
        program.write(b"y\r!b-1\r\x1b[A\r\r")
        program.process.send_signal(signal.SIGCONT)
        program.wait(shown)
        until(lambda modes=modes: program.modes() == modes, "the mouse and pastes are reported")  # type: ignore[misc]
        with suppress(AssertionError):
            program.wait_gone(shown, timeout=1)
        program.wait(shown)
        come_home(program)
        program.wait_vm("web-1", "on")
    goes_on(program)


def test_stopped_by_others_it_goes_on_with_one_reader_of_keys(program: Program) -> None:
    program.process.send_signal(signal.SIGSTOP)
    until(lambda: state_of(program.process.pid) == "T", "it is stopped")
    program.process.send_signal(signal.SIGCONT)
    goes_on(program)
    tasks = os.listdir(f"/proc/{program.process.pid}/task")  # noqa: PTH208
    names = [open(f"/proc/{program.process.pid}/task/{task}/comm").read() for task in tasks]  # noqa: PTH123, SIM115
    assert len(names) < 12, names
    program.keys("Q")
    assert program.wait_exit() == 0
    until(program.is_restored, "the terminal is as it was before it started")


def come_home(program: Program, *keys: str) -> None:
    """Leave what is open, by these keys and escape, as often as it takes on a slow machine."""
    for _ in range(10):
        program.keys(*keys, "escape")
        with suppress(AssertionError):
            program.wait(r"^   HOST [^$]*enter look", timeout=2)
            return
    program.wait(r"^   HOST [^$]*enter look")


def goes_on(program: Program) -> None:
    """See a whole screen, painted anew, and keys that work."""
    program.wait(r"^   HOST ")
    program.wait(r"^   VM ")
    program.wait("enter look")
    program.keys("g")
    program.wait_quiet(0.2)
    before = program.cursor()
    program.keys("j", "j")
    until(lambda: program.cursor() not in ("", before), "the cursor moves")


def test_two_hundred_sizes_in_the_middle_of_everything(program: Program) -> None:
    sizes = random.Random(4)  # noqa: S311 - the same sizes in every run
    program.ask("shutdown web-1")
    program.confirm("Shut down web-1")
    for opened in ("", ":", "7", "n", "c"):
        if opened:
            program.keys(opened)
        for _ in range(40):
            shape = sizes.choice(((1, 1), (2, 50), (300, 3), (59, 14), (60, 15), (80, 24), (213, 61)))
            program.resize(*(shape if sizes.random() < 0.5 else (sizes.randint(1, 250), sizes.randint(1, 70))))
        assert program.process.poll() is None
        program.resize(120, 36)
        come_home(program, "ctrl+]", "d") if opened == "c" else come_home(program)
        goes_on(program)
    assert not [line for line in program.home.log().splitlines() if " ERROR " in line or " CRITICAL " in line]
