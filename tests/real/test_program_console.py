"""Serial consoles of real guests in the program: typed at, compared with tmux, lost and found again."""

from __future__ import annotations

import base64
import re
import time
from typing import TYPE_CHECKING

import pytest

from tests.real.lab import Guest, GuestSpec, Host, Lab, until
from tests.real.lab.tmux import tmux_screen
from tests.real.program import READING, Program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    MakeGuest = Callable[[Host, GuestSpec], Guest]

SEAM = "moved to {}: output in between may be missing"
REACH = 0.15  # seconds, for a key while everything scrolls
PREFIX = "ctrl+]"


@pytest.fixture(scope="module")
def shared_talker(lab: Lab, hv1: Host) -> Iterator[Guest]:
    """A guest to talk with, for all tests of this module."""
    guest = lab.guest(hv1, GuestSpec("talker", nic=False)).start().wait_booted()
    yield guest
    guest.remove()


@pytest.fixture
def talker(shared_talker: Guest) -> Guest:
    """The same, with nothing left running in its shell by a test that failed."""
    shared_talker.execute("/bin/sh", "-c", "killall -q vi top yes sleep; true")
    return shared_talker


@pytest.fixture
def program(hv1: Host, hv2: Host) -> Iterator[Program]:
    """The program on both hosts, at its first screen."""
    with Program.on(hv1, hv2) as opened:
        yield opened


def open_console(program: Program, guest: Guest) -> None:
    """Open the console of a guest from the list, and get a prompt on an empty screen."""
    program.select(guest.name)
    program.keys("c")
    wait_live(program, guest, 6)
    fresh_prompt(program, guest)


def wait_live(program: Program, guest: Guest, timeout: float = 20) -> None:
    """Wait until the status line says that the console of a guest is open, and where."""
    program.wait(rf"^ {guest.name} on {guest.host.name}  live", timeout)


def fresh_prompt(program: Program, guest: Guest) -> None:
    """Have the guest clear its screen. QEMU finds out within a second that somebody listens."""
    program.keys("enter")
    program.wait(rf"^{guest.name}:\S*#", 10)
    program.type_text("stty sane; clear")
    program.keys("enter")
    # A line of tabs stands above when there are several.
    until(lambda: f"{guest.name}:/#" in program.screen()[:2], f"{guest.name} has cleared its screen")


def prefixed(program: Program, key: str) -> None:
    """Press the prefix, see that it waits, and press a key."""
    program.keys(PREFIX)
    program.wait(r"^ ctrl-\].*d leave")
    program.keys(key)


def close_console(program: Program) -> None:
    """Close the only console, and be back at the list."""
    prefixed(program, "x")
    program.wait(r"^ ? ?VM|esc clears it|filter name:")


def test_a_command_is_typed_and_answered(program: Program, talker: Guest) -> None:
    open_console(program, talker)
    program.type_text("echo $((6 * 7)) on $(hostname)")
    program.keys("enter")
    program.wait("^42 on talker$")
    program.type_text('read -r line; echo "got <$line>"')
    program.keys("enter")
    program.type_text("mistajen")
    program.keys("backspace", "backspace", "backspace")
    program.type_text("ken")
    program.keys("enter")
    program.wait("^got <mistaken>$")
    close_console(program)
    program.leave()


def test_what_is_typed_before_the_console_is_open_reaches_the_guest(program: Program, talker: Guest) -> None:
    open_console(program, talker)
    close_console(program)
    program.select(talker.name)
    program.keys("c")
    program.type_text("echo $((6 * 7)) ahead")
    program.keys("enter")
    program.wait("^42 ahead$", 30)
    close_console(program)
    program.leave()


@pytest.mark.parametrize("size", [(120, 36), (80, 24)], ids=["120x36", "80x24"])
def test_an_editor_looks_as_in_tmux(hv1: Host, talker: Guest, size: tuple[int, int]) -> None:
    """Busybox vi, edited, scrolled, searched: the same screen as tmux makes of the same bytes."""
    with Program.on(hv1, size=size) as program:
        open_console(program, talker)
        size = tell_size(program)
        start = talker.console_log.stat().st_size
        program.type_text("clear; vi /etc/seed.sh")
        program.keys("enter")
        looks_as_in_tmux(program, talker, start, size, "cloud-init plays")
        program.type_text("3jA edited by hand")
        program.keys("escape")
        looks_as_in_tmux(program, talker, start, size, "edited by hand")
        program.type_text("Go\t\u00fcml\u00e4ut \u65e5\u672c")
        program.keys("escape")
        looks_as_in_tmux(program, talker, start, size, "\u00fc")
        program.type_text("1G/mount")
        program.keys("enter")
        looks_as_in_tmux(program, talker, start, size, "mount")
        program.type_text(":q!")
        program.keys("enter")
        program.wait(r"^talker:/#")
        close_console(program)


def test_a_table_that_redraws_itself_looks_as_in_tmux(program: Program, talker: Guest) -> None:
    """Busybox top: reversed headings, lines rewritten in place."""
    open_console(program, talker)
    size = tell_size(program)
    start = talker.console_log.stat().st_size
    program.type_text("clear; top -d 3600")
    program.keys("enter")
    looks_as_in_tmux(program, talker, start, size, "PID +PPID +USER")
    program.keys("space")
    looks_as_in_tmux(program, talker, start, size, "PID +PPID +USER")
    program.keys("q")
    program.type_text("clear")
    program.keys("enter")
    close_console(program)


def tell_size(program: Program) -> tuple[int, int]:
    """Have the guest told its size; returns the columns and rows."""
    prefixed(program, "r")
    found = program.wait(r"stty rows (\d+) cols (\d+)\n\w+:\S*#$")
    return int(found[2]), int(found[1])


def looks_as_in_tmux(program: Program, guest: Guest, start: int, size: tuple[int, int], shown: str) -> None:
    """Wait until the guest's screen in the program is the one that tmux makes of what the guest wrote."""
    program.wait(shown)

    deadline = time.monotonic() + 10
    while True:
        program.wait_quiet()
        rows = program.screen()[:-1]  # the last one is our own
        expected = tmux_screen(guest.console_log.read_bytes()[start:], *size)
        # On a smaller terminal a part of the guest's screen is seen.
        if any(rows == expected[first : first + len(rows)] for first in range(len(expected) - len(rows) + 1)):
            return
        if time.monotonic() > deadline:
            raise AssertionError("the program shows\n" + "\n".join(rows) + "\nand tmux\n" + "\n".join(expected))


def test_the_console_stays_through_a_reboot(program: Program, make_guest: MakeGuest, hv1: Host) -> None:
    guest = make_guest(hv1, GuestSpec("again", nic=False, agent=False)).start().wait_booted()
    program.wait_vm("again", "on")
    open_console(program, guest)
    program.type_text("reboot -f")
    program.keys("enter")
    program.wait("^lab: again is up", 60)
    wait_live(program, guest)
    fresh_prompt(program, guest)
    assert guest.boots() == 2

    program.type_text("poweroff -f")
    program.keys("enter")
    program.wait("again is off.*: the console reopens when it starts", 30)
    guest.wait_state("shut off")
    guest.start()
    wait_live(program, guest, 30)
    program.wait(r"opened again at \d\d:\d\d:\d\d")
    program.wait("^lab: again is up", 60)
    fresh_prompt(program, guest)
    close_console(program)


def test_two_consoles_at_once(program: Program, talker: Guest, make_guest: MakeGuest, hv2: Host) -> None:
    """Both go on while one is looked at, and while none is."""
    other = make_guest(hv2, GuestSpec("other", nic=False)).start().wait_booted()
    program.wait_vm("other", "on")
    open_console(program, talker)
    program.type_text("echo first; sleep 2; echo 'first  late'")
    program.keys("enter")
    program.wait("^first$")
    prefixed(program, "d")
    program.wait("console stays open")
    open_console(program, other)
    program.wait("1 talker.*2 other")
    program.type_text("echo second; sleep 2; echo 'second  late'")
    program.keys("enter")
    program.wait("^second$")
    assert "first" not in program.text()
    prefixed(program, "1")
    wait_live(program, talker)
    program.wait("^first  late$")
    assert "second" not in program.text()
    prefixed(program, "d")
    program.wait("2 consoles")
    program.select(other.name)
    program.keys("c")
    program.wait("^second  late$")
    prefixed(program, "n")
    program.wait("^first  late$")
    prefixed(program, "p")
    program.wait("^second  late$")
    prefixed(program, "x")
    wait_live(program, talker)
    close_console(program)


def test_a_console_that_somebody_holds_is_taken_over_when_asked(program: Program, talker: Guest) -> None:
    program.select(talker.name)
    with talker.hold_console() as holder:
        holder.type_text("echo h$((1))ld\n")
        holder.wait("^h1ld$")
        program.keys("c")
        program.wait("Somebody else holds the console of talker")
        assert holder.process.poll() is None
        prefixed(program, "!")
        program.confirm("[Tt]ake over", "!")
        wait_live(program, talker)
        assert holder.wait_exit() >= 0
        fresh_prompt(program, talker)
    # He does the same: it is said, and not fought over.
    with talker.hold_console(force=True) as holder:
        program.wait("Somebody else has taken the console of talker")
        holder.keys("enter")
        holder.wait("^talker:/#")
        time.sleep(1)
        assert holder.process.poll() is None
        prefixed(program, "d")
        program.wait("console stays open")
        program.chord("!", "c", talker.name)
        program.confirm("[Tt]ake over", "!")
        wait_live(program, talker)
        assert holder.wait_exit() >= 0
    fresh_prompt(program, talker)
    close_console(program)
    until(
        lambda: [line["kind"] for line in program.home.journal()] == ["begin", "end"] * 2, "the journal tells of both"
    )
    for line in program.home.journal()[1::2]:
        assert (line["command"], line["host"], line["vm"], line["result"]) == (
            "vm.take-console",
            "hv1",
            "talker",
            "done",
        )
        assert line["message"].startswith("Somebody else held the console of talker on hv1, and has lost it")


def test_keys_answer_during_a_flood(program: Program, talker: Guest) -> None:
    open_console(program, talker)
    program.type_text("yes flooded")
    program.keys("enter")
    program.wait("^flooded\nflooded\nflooded$")
    time.sleep(2)
    began = time.monotonic()
    program.keys(PREFIX)
    program.wait(r"^ ctrl-\].*d leave")
    assert time.monotonic() - began < REACH + READING
    program.keys("d")
    program.wait("console stays open")
    program.wait_vm("talker", "on")
    program.keys("c")
    program.wait("^flooded\nflooded\nflooded$")
    program.keys("ctrl+c")
    fresh_prompt(program, talker)
    close_console(program)


HOSTILE = (
    b"\x1b]0;title-of-the-guest\x07",
    b"\x1b]2;title-of-the-guest\x1b\\",
    b"\x1b]52;c;Y2xpcGJvYXJk\x07",
    b"\x1b]52;c;?\x07",
    b"\x1b]8;;http://example.org/\x1b\\link\x1b]8;;\x1b\\",
    b"\x1b]4;1;?\x07\x1b]10;?\x07",
    b"\x1bP$qm\x1b\\\x1bP+q544e\x1b\\",
    b"\x1b_apc-of-the-guest\x1b\\\x1b^pm-of-the-guest\x1b\\\x1bXsos-of-the-guest\x1b\\",
    b"\x05\x1b[21t\x1b[20t\x1b[14t\x1b[18t\x1b[>c\x1b[=c\x1b[?6n\x1b[?2026$p\x1bZ",
    b"\xc2\x9d0;title-by-c1\x07\xc2\x9b6n\xc2\x90$qm\xc2\x9c",
    b"\x9d0;title-by-c1\x9c \x9b21t",
    b"broken \xff\xfe\xc3( \xe2\x82 \xf0\x9f end",
    b"\xe2\x80\xaereversed\xe2\x80\xac \xe2\x81\xa6isolated\xe2\x81\xa9",
    b"\x1b[?1003h\x1b[?1006h\x1b[?1000h\x1b[?1004h\x1b[?2004h",
    b"\x1b[5i\x1b[4i\x1b[2;5;5t\x1b[9;1t\x1b[8;10;10t",
    b"\x1b]0;unfinished title",
)
"""What a guest may print to take hold of the terminal of who looks at it."""

SHOW = r"""
stty -icanon -echo min 0 time 5
cat /tmp/hostile-$1
# What begins a string and does not end it is ended.
printf '\030\033\\\r\n'
answer=$(dd bs=64 count=1 2>/dev/null | xxd -p)
stty sane
echo "answer to $1: ${answer:-nothing}"
"""
"""A script for the guest: prints a piece and says what came back from the terminal within half a second."""

OWN_MODES = {"25", "2026"}
"""Private modes that the program itself sets and takes back while it runs: the cursor, and a whole frame at once."""


def test_nothing_hostile_reaches_the_terminal(program: Program, talker: Guest) -> None:
    for number, piece in enumerate(HOSTILE):
        letters = base64.b64encode(piece).decode()
        talker.execute("/bin/sh", "-c", f"echo {letters} | base64 -d >/tmp/hostile-{number}")
    talker.execute("/bin/sh", "-c", f"cat >/tmp/show <<'END'\n{SHOW}END\n")
    open_console(program, talker)
    recorded = program.record()
    for number in range(len(HOSTILE)):
        program.type_text(f"sh /tmp/show {number}")
        program.keys("enter")
        program.wait(rf"^answer to {number}: nothing$")
    close_console(program)
    program.wait_quiet()

    text = bytes(recorded).decode()  # what the program writes is whole UTF-8
    assert not re.findall(r"[\x00-\x07\x0b\x0c\x0e-\x1a\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    sequences = set(re.findall(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[^\[])", text))
    assert {one for one in sequences if not re.fullmatch(r"\x1b\[[0-9;:]*[mHABCDfGdKJXSTLMr]", one)} <= {
        f"\x1b[?{mode}{letter}" for mode in OWN_MODES for letter in "hl"
    }
    for word in ("title-of-the-guest", "apc-of", "pm-of", "sos-of", "Y2xpcGJvYXJk"):
        assert word not in text


def test_a_console_follows_its_vm_to_another_host(
    program: Program, make_guest: MakeGuest, hv1: Host, hv2: Host
) -> None:
    """The seam is marked, the numbers on both sides are right, and the guest has missed none."""
    hv1.share()
    guest = make_guest(hv1, GuestSpec("mover", disk_mib=16, shared=True, nic=False, counts=True))
    guest.start().wait_booted()
    program.wait_vm("mover", "on")
    program.select("mover")
    program.keys("c")
    wait_live(program, guest)
    program.wait(r"^\d+$")
    guest.moved(hv2)
    hv1.virsh("migrate", "mover", hv2.uri, "--live", "--p2p", "--persistent", "--undefinesource", "--unsafe")
    arrived = time.monotonic()
    program.wait(SEAM.format("hv2"))
    took = time.monotonic() - arrived
    wait_live(program, guest)
    program.wait(SEAM.format("hv2") + r"\n(\d+\n){8}")

    before, after = (numbers_in(part) for part in program.text().split(SEAM.format("hv2")))
    assert took < 2.0, f"the console was open again {took:.1f} s after the move"
    del after[-1]  # it may have been half there
    # The seam may go through a number, too.
    if before[-1] != before[-2] + 1 and str(before[-2] + 1).startswith(str(before[-1])):
        del before[-1]
    if after[0] != after[1] - 1 and str(after[1] - 1).endswith(str(after[0])):
        del after[0]
    for numbers in (before, after):
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
    counted = guest.counted()
    assert counted == list(range(1, counted[-1] + 1))
    assert before[-1] < after[0] <= counted[-1]
    close_console(program)


def numbers_in(text: str) -> list[int]:
    """The numbers that stand alone on a line."""
    return [int(line) for line in text.splitlines() if line.isdigit()]
