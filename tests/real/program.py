"""The program under test: in a terminal with a home of its own, or as a command that ends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from tests.real.lab import Guest, Host, LabError, Terminal
from tests.real.lab.process import until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KVMTUI = str(Path(sys.executable).with_name("kvmtui"))
LOG_TAIL = 6000
TYPING = 0.03  # seconds between two keys: what comes at once is taken for a paste
PAINTS = 1.0  # seconds within which a key shows, on a machine that does a lot else
FREEZE = 3.5  # seconds that a call to a host which does not answer takes at least
READING = 0.6  # seconds that a person takes to read a dialog, which takes no key in the first 0.4

# Hosts are read twice as often as by default, and reconnected to at once; what finds a silent host is left as it is.
SETTINGS = """
[ui]
refresh = 1.0

[monitor]
backoff_first = 0.3
backoff_most = 1.0
"""


class Home:
    """Where one program keeps its configuration, its log and its journal."""

    def __init__(self, hosts: Mapping[str, str], settings: str = SETTINGS) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="program-"))
        config = self.folder / "config/kvmtui/config.toml"
        config.parent.mkdir(parents=True)
        entries = "".join(f'[hosts.{name}]\nuri = "{uri}"\n' for name, uri in hosts.items())
        config.write_text(settings + entries)
        self.folder.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """What makes a program use this home."""
        return {
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "XDG_STATE_HOME": str(self.folder / "state"),
        }

    def log(self) -> str:
        """What the program has logged so far."""
        try:
            return (self.folder / "state/kvmtui/kvmtui.log").read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def journal(self) -> list[dict[str, Any]]:
        """The lines of the journal."""
        text = (self.folder / "state/kvmtui/journal.jsonl").read_text()
        return [json.loads(line) for line in text.splitlines()]


class Program(Terminal):
    """kvmtui in a terminal, as a person drives and sees it."""

    of_this_test: ClassVar[list[Program]] = []
    """Those that may explain why the running test failed."""

    def __init__(
        self,
        home: Home,
        *arguments: str,
        argv: Sequence[str] = (KVMTUI,),
        size: tuple[int, int] = (120, 36),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.home = home
        self._logged = len(home.log())  # by those that were there before
        self._last = ""
        super().__init__([*argv, *arguments], *size, env={**home.environment, **(env or {})})
        self.of_this_test.append(self)

    @classmethod
    def on(cls, *hosts: Host, settings: str = SETTINGS, size: tuple[int, int] = (120, 36)) -> Self:
        """Open these hosts under their names, over TCP, and wait until all of them have answered."""
        program = cls(Home({host.name: host.uri for host in hosts}, settings), size=size)
        for host in hosts:
            program.wait_host(host.name, r"\d+ %")
        return program

    # --- looking

    def vm(self, name: str) -> str:
        """The row of a VM in the list, "" when there is none."""
        return self._row(name)

    def wait_vm(self, name: str, state: str, timeout: float = 30) -> str:
        """Wait until a VM's row says this of its state (a regular expression), and give the row."""
        row = re.compile(rf"^.{{3}}{re.escape(name)} +{state}", re.MULTILINE)

        self._until(lambda: row.search(self._states()), f"{row.pattern!r} on the screen", timeout)
        return self._row(name)

    def wait_host(self, name: str, what: str, timeout: float = 30) -> str:
        """Wait until a host's row says this, and give the row."""
        self.wait(rf"^.{{3}}{re.escape(name)} .*{what}", timeout)
        return self._row(name)

    def _row(self, name: str) -> str:
        found = re.search(rf"^.{{3}}{re.escape(name)} .*$", self._states(), re.MULTILINE)
        return found[0] if found else ""

    def _states(self) -> str:
        """The screen without what a machine that is busy with tests adds to the state of its guests."""
        return re.sub(r", steal \d+ %", "", self.text())

    def cursor(self) -> str:
        """The row of the list that the cursor is on, "" when it is not seen."""
        rows = [line for line in self.highlighted() if line.startswith(">")]
        return rows[-1] if rows else ""

    def sees_live(self, guest: Guest) -> None:
        """See a running VM be paused and go on by another's hand, and its figures, which need two readings."""
        guest.host.virsh("suspend", guest.name)
        self.wait_vm(guest.name, "paused")
        guest.host.virsh("resume", guest.name)
        self.wait_vm(guest.name, rf"on +{guest.host.name} +\d\.\d/")

    def told(self) -> str:
        """What the screen and the log say, for the report of a failed test."""
        return f"{self._last or self.text()}\n\n--- the end of its log ---\n{self.home.log()[-LOG_TAIL:]}"

    # --- acting

    def write(self, data: bytes) -> None:
        """Send the bytes of a key, as far from the last one as a person's keys are."""
        super().write(data)
        time.sleep(TYPING)

    def type_text(self, text: str) -> None:
        """Type a text, a key after the other."""
        self.keys(*text)

    def keys_work(self) -> None:
        """See every move of the cursor at once; the list has three VMs at least."""

        def name() -> str:
            return self.cursor()[3:24].rstrip()

        self.keys("g")
        self.wait_quiet(0.1)
        took = []
        for key in ("j", "j", "k", "k", "G"):
            before = name()
            began = time.monotonic()
            self.keys(key)
            until(lambda before=before: name() not in ("", before), f"{key} moves the cursor", pause=0.005)  # type: ignore[misc]
            took.append(time.monotonic() - began)
        assert sorted(took)[2] < PAINTS, took
        assert max(took) < FREEZE, took

    def select(self, name: str) -> None:
        """Let only this VM be listed, with the cursor on it."""
        self.keys("escape")
        self.wait_gone("esc clears it")
        self.type_text(f"/name:{name}")
        self.wait(rf"filter name:{re.escape(name)}: 1 of")
        self.keys("enter")
        # It filters while it is typed: only a line that is closed leaves the next key to the list.
        self.wait_gone(rf"^ ?/name:{re.escape(name)}")
        self.wait(rf"^>..{re.escape(name)} ")

    def menu(self, leader: str, name: str) -> None:
        """Press a leader, and wait for the menu that names its target."""
        self.keys(leader)
        self.wait(rf"^ {re.escape(leader)}  {re.escape(name)} on ")

    def chord(self, leader: str, letter: str, name: str) -> None:
        """Ask for a change of the VM under the cursor."""
        self.menu(leader, name)
        self.keys(letter)

    def read_dialog(self, title: str) -> None:
        """Wait for a dialog, and read it."""
        self.wait(title)
        self.wait("esc cancels")
        time.sleep(READING)

    def confirm(self, title: str, key: str = "enter") -> None:
        """Read a dialog and confirm it."""
        self.read_dialog(title)
        self.press_away(key, title)

    def press_away(self, key: str, shown: str) -> None:
        """Press a key that takes something off the screen; again where a slow machine was not ready for it."""
        for _ in range(4):
            self.keys(key)
            try:
                self.wait_gone(shown, timeout=8)
            except AssertionError:
                if self.process.poll() is not None:
                    raise
            else:
                return
        self.wait_gone(shown)

    def type_phrase(self, text: str) -> None:
        """Type what a dialog asks for, and enter; from the start where it has not taken the first keys."""
        for _ in range(4):
            self.keys("ctrl+u")
            self.type_text(text)
            try:
                self.wait(rf"^ *> {re.escape(text)}(?! *\S)", timeout=8)
            except AssertionError:
                continue
            break
        self.keys("enter")

    def fill_in(self, shown: str) -> None:
        """Leave the last field of a form, review the form, and see `shown` in the review; then do it."""
        self.keys("tab", "enter")
        self.wait(r"\[Do it\]")
        self.wait(shown)
        time.sleep(READING)
        self.press_away("enter", r"\[Do it\]")

    def ask(self, line: str) -> None:
        """Enter a line after `:`."""
        self.type_text(f":{line}")
        self.keys("enter")

    def wait_task(self, words: str, outcome: str = "done", timeout: float = 60) -> None:
        """Wait until the last task that ended is this one, and ended so."""
        self.wait(rf"last: {words} {outcome} \d\d:\d\d", timeout)

    def wait_said(self, sentence: str, timeout: float = 60) -> None:
        """Wait until the screen says this (a regular expression), on however many lines, in whatever case.

        A notice that is broken over lines stands beside other text: what it says is also in the log.
        """

        def said() -> object:
            shown = re.sub(r"[\s▌]+", " ", self.text())
            told = "\n".join(re.findall(r" said: (.*)", self.home.log()[self._logged :]))
            return re.search(sentence, f"{shown}\n{told}", re.IGNORECASE)

        until(said, f"{sentence!r} said", timeout=timeout)

    def leave(self) -> None:
        """Leave by Q and see that the terminal is as it was."""
        self.keys("Q")
        assert self.wait_exit() == 0, self.text()
        until(self.is_restored, "the terminal is as it was before", timeout=5)

    def close(self) -> None:
        """End the program; what it showed at the end is kept."""
        self._last = self._last or self.text()
        super().close()


def kvmtui(
    *arguments: str, home: Home, on: Host | None = None, timeout: float = 90
) -> subprocess.CompletedProcess[str]:
    """Run a headless verb to its end, here or on a host."""
    argv = [KVMTUI, *arguments]
    try:
        return subprocess.run(
            on.command(*argv) if on is not None else argv,
            env={**os.environ, **home.environment},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LabError(f"kvmtui {' '.join(arguments)} did not end in {timeout:g} s; its log:\n{home.log()}") from error
