"""A console from the key that opens it to the one that closes it, on the simulated fleet."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from textual import events

from kvmtui.consoles import ConsoleSession, Phase
from kvmtui.core.errors import ConfigError
from kvmtui.core.inventory import Guard, TaskPhase, VmState
from kvmtui.screens import keymap
from kvmtui.screens.actions import CONSOLE, PREFIX
from kvmtui.screens.console import ConsoleScreen
from kvmtui.screens.console_typist import PIECE, Typist
from kvmtui.screens.fleet import FleetPage
from kvmtui.widgets.confirm import ConfirmScreen
from kvmtui.widgets.driver import Decoder
from kvmtui.widgets.form import Form
from tests.screens.harness import Desk, desk

if TYPE_CHECKING:
    from kvmtui.backend.demo.console import DemoLine

ENTER = "enter"
PRE = "ctrl+right_square_bracket"


def console(it: Desk) -> ConsoleScreen:
    assert isinstance(it.app.screen, ConsoleScreen)
    return it.app.screen


def sessions(it: Desk) -> tuple[ConsoleSession, ...]:
    return it.app.consoles.sessions


def status(it: Desk) -> str:
    return it.lines[-1]


async def opened(it: Desk, name: str = "web-1") -> ConsoleSession:
    """Open the console of a VM, from the fleet."""
    await it.go_to(name)
    await it.press("c")
    await it.until(lambda: isinstance(it.app.screen, ConsoleScreen), "the console")
    session = console(it).session
    await it.until(lambda: session.phase is not Phase.OPENING)
    return session


async def logged_in(it: Desk, name: str = "web-1") -> ConsoleSession:
    session = await opened(it, name)
    assert session.phase is Phase.LIVE
    await it.press(ENTER)
    await it.until_text("login:")
    await it.type("root")
    await it.press(ENTER)
    await it.until_text("Password:")
    await it.type("x")
    await it.press(ENTER)
    await it.until_text(":~$")
    return session


def noted(it: Desk, session: ConsoleSession) -> bytearray:
    """What is typed at a session from now on, instead of its being sent."""
    typed = bytearray()

    def write(data: bytes) -> str:
        typed.extend(data)
        return ""

    it.app.typists.of(session)._write = write
    return typed


# --- opening, typing, leaving -----------------------------------------------------------------------


async def test_a_command_is_typed_and_answered() -> None:
    async with desk() as it:
        await logged_in(it)
        await it.type("uptime")
        await it.press(ENTER)
        await it.until_text("load average")
        assert "web-1 on hv1  live" in status(it)
        assert "ctrl-] d leaves" in status(it)
        assert it.calls == []


async def test_a_console_that_was_left_stays_open_and_c_comes_back() -> None:
    async with desk() as it:
        session = await logged_in(it)
        await it.press(PRE, "d")
        assert isinstance(it.app.screen, FleetPage)
        assert "1 console" in it.lines[0]
        assert it.toasts == ["The console stays open: c comes back."]
        assert session.phase is Phase.LIVE
        await it.press("c")
        assert console(it).session is session
        assert ":~$" in it.text
        await it.press(PRE, "escape")
        assert isinstance(it.app.screen, FleetPage)
        await it.say("consoles")
        assert console(it).session is session
        await it.press(PRE, "x")
        await it.until_gone("1 console")
        assert session.why == "The console of web-1 is closed."
        assert sessions(it) == ()


async def test_it_opens_by_name_and_from_the_page_of_the_vm() -> None:
    async with desk() as it:
        await it.say("console web-2")
        await it.until_text("web-2 on hv")
        await it.press(PRE, "x")
        await it.go_to("web-1")
        await it.press("enter", "c")
        await it.until_text("web-1 on hv1")
        await it.press(PRE, "d")
        await it.until_text("Overview")
        assert "c console" in it.text
        await it.say("consoles")
        await it.until_text("web-1 on hv1  live")


async def test_the_page_of_the_vm_shows_the_end_of_what_was_written() -> None:
    async with desk() as it:
        await it.go_to("web-1")
        await it.press("enter")
        await it.until_text("Overview")
        await it.press(">", ">")
        await it.until_text("No console of this VM is open.")
        await it.resize(60, 15)
        await it.until_text("every key then goes to the guest, and ctrl-]\n d leaves.")  # parted, not cut
        await it.press("c")
        await it.until_text("web-1 on hv1  live")
        await it.press(ENTER)
        await it.until_text("login:")
        await it.press(PRE, "d")
        await it.until_text("live: It is open and goes on reading.", "web-1 login:")
        session = sessions(it)[0]
        session.write(b"\r\rroot\r")
        await it.until_text("Password:")


async def test_leaving_the_program_closes_all() -> None:
    async with desk() as it:
        session = await opened(it)
        await it.press(PRE, "d")
        it.app.exit(0)
    assert session.task.cancelled()


async def test_every_other_key_is_the_guests() -> None:
    async with desk() as it:
        session = await opened(it)
        typed = noted(it, session)
        await it.press("ctrl+c", "ctrl+q", "ctrl+s", "ctrl+p", "ctrl+z", "ctrl+l", "escape", "tab", "shift+tab")
        await it.press("x", "d", "!", "f", "q", "Q", ":", "/", "?", "1", "f1", "f10", "alt+x", "up", "backspace", "c")
        assert typed == (
            b"\x03\x11\x13\x10\x1a\x0c\x1b\t\x1b[Z" + b"xd!fqQ:/?1" + b"\x1bOP\x1b[21~\x1bx\x1b[A\x7f" + b"c"
        )
        assert isinstance(it.app.screen, ConsoleScreen)
        assert it.calls == []
        assert it.toasts == []


async def test_keys_reach_the_guest_as_the_terminal_sent_them() -> None:
    async with desk() as it:
        session = await opened(it)
        typed = noted(it, session)
        decoder = Decoder()
        decoder.literal = True
        await it.send(decoder.feed("\x08\x1bb\x1bf\x1b1\x1b[1;3A\x1b[A\x7f\x00é"))
        assert typed == b"\x08\x1bb\x1bf\x1b1\x1b[1;3A\x1b[A\x7f\x00" + "é".encode()
        session.emulator.feed(b"\x1b[?1h")
        typed.clear()
        await it.send(decoder.feed("\x1b[A\x1b[H"))
        assert typed == b"\x1bOA\x1bOH"


async def test_the_prefix_shows_what_may_follow_and_sends_itself() -> None:
    async with desk() as it:
        session = await opened(it)
        typed = noted(it, session)
        await it.press(PRE)
        assert all(word in status(it) for word in ("d leave", "x close", "/ find", "v scroll", "? help"))
        await it.press("]")
        await it.press(PRE, PRE)
        assert typed == b"\x1d\x1d"
        await it.press("ctrl+5", "q")
        assert "ctrl-] q does nothing" in status(it)
        assert typed == b"\x1d\x1d"
        await it.press("q")
        assert typed == b"\x1d\x1dq"


async def test_the_prefix_can_be_bound_anew() -> None:
    async with desk(keys={"console.prefix": "ctrl-a"}) as it:
        session = await opened(it)
        typed = noted(it, session)
        assert "ctrl-a d leaves" in status(it)
        await it.press(PRE, "ctrl+a")
        assert typed == b"\x1d"
        await it.press("d")
        assert isinstance(it.app.screen, FleetPage)


@pytest.mark.parametrize("key", ["x", "ctrl-m", "ctrl-i", "ctrl-[", "f1", "none", "ctrl-ab"])
def test_the_prefix_is_a_ctrl_key(key: str) -> None:
    with pytest.raises(ConfigError, match=r"console\.prefix cannot be bound"):
        keymap.bind({PREFIX.id: key})


async def test_the_help_names_every_key() -> None:
    async with desk(size=(100, 50)) as it:
        await opened(it)
        await it.press(PRE, "?")
        await it.until_text("Every key goes to the guest")
        for action in CONSOLE:
            assert f"ctrl-] {action.shown}" in it.text
            assert action.help.replace("`", "") in " ".join(it.text.split())
        await it.press("q")
        assert isinstance(it.app.screen, ConsoleScreen)


async def test_the_guest_is_told_the_size() -> None:
    async with desk(size=(120, 36)) as it:
        session = await opened(it)
        typed = noted(it, session)
        await it.press(PRE, "r")
        assert typed == b"stty rows 35 cols 120\r"
        await it.resize(60, 20)
        await it.until(lambda: session.emulator.rows == 24)
        await it.press(PRE, "r")
        assert typed.endswith(b"stty rows 24 cols 80\r")
        assert "rows 1-19/24" in status(it)
        await it.resize(50, 20)
        await it.until(lambda: "live" in status(it) and "rows 1-19" not in status(it))
        assert "row" not in status(it), "all of it or nothing"


async def test_chords_are_pressed_on_its_keyboard() -> None:
    async with desk() as it:
        session = await opened(it)
        typed = noted(it, session)
        await it.press(PRE, "k")
        await it.until(lambda: isinstance(it.app.screen, Form), "the form")
        assert "send keys" in it.text.lower()
        assert "ctrl-alt-del" in it.text
        await it.press("escape")
        await it.until(lambda: isinstance(it.app.screen, ConsoleScreen), "the console")
        assert typed == b""


# --- pasting ----------------------------------------------------------------------------------------


async def test_a_paste_goes_to_the_guest_in_brackets_if_it_wants_them() -> None:
    async with desk() as it:
        session = await opened(it)
        typed = noted(it, session)
        await it.paste("ls\npwd\n")
        assert typed == b"ls\rpwd\r"
        session.emulator.feed(b"\x1b[?2004h")
        typed.clear()
        await it.paste("x d\x1b[201~")
        assert typed == b"\x1b[200~x d[201~\x1b[201~"
        assert it.calls == []
        assert it.toasts == []


async def test_a_long_paste_is_sent_in_pieces_before_what_is_typed_behind_it() -> None:
    async with desk() as it:
        session = await opened(it)
        pieces: list[bytes] = []

        def write(data: bytes) -> str:
            pieces.append(data)
            return ""

        it.app.typists.of(session)._write = write
        await it.paste("abcdefgh" * PIECE)
        await it.press("!")
        await it.until(lambda: pieces and pieces[-1].endswith(b"!"), "the end of the paste")
        assert b"".join(pieces) == b"abcdefgh" * PIECE + b"!"
        assert max(map(len, pieces)) <= PIECE
        await it.until(lambda: "pasting" not in status(it))


async def test_ctrl_c_stops_a_long_paste() -> None:
    async with desk() as it:
        session = await opened(it)
        session.emulator.feed(b"\x1b[?2004h")
        typed = noted(it, session)
        await it.paste("abcdefgh" * 100_000)
        await it.until(lambda: "pasting" in status(it))
        await it.press("ctrl+c")
        assert typed.endswith(b"\x1b[201~\x03")
        assert len(typed) < 100_000
        assert "pasting" not in status(it)


async def sent(typist: Typist) -> None:
    """Wait until nothing of a paste is left."""
    done = asyncio.Event()
    typist.changed = lambda: None if typist.left else done.set()
    await asyncio.wait_for(done.wait(), 5)


async def test_a_guest_that_takes_nothing_gets_the_paste_later() -> None:
    taken: list[bytes] = []
    refusals = iter(["hv1 takes no input at present."] * 2)

    def write(data: bytes) -> str:
        said = next(refusals, "")
        if not said:
            taken.append(data)
        return said

    typist = Typist(write, lambda: True)
    assert typist.paste(b"x" * 1000) == ""
    await sent(typist)
    assert b"".join(taken) == b"x" * 1000
    gone = Typist(lambda _data: "It is closed.", lambda: False)
    assert gone.paste(b"x" * 1000) == ""
    await sent(gone)


# --- the scrollback ---------------------------------------------------------------------------------


async def filled(it: Desk, lines: int = 200) -> ConsoleSession:
    session = await opened(it)
    session.emulator.feed("".join(f"line {number}\r\n" for number in range(lines)).encode())
    console(it).view.touched()
    await it.until_text(f"line {lines - 1}")
    return session


async def test_v_scrolls_and_q_comes_back() -> None:
    async with desk() as it:
        session = await filled(it)
        typed = noted(it, session)
        await it.press(PRE, "v", "k", "k")
        assert "2 of " in status(it)
        assert "q ends" in status(it)
        await it.press("g")
        assert "line 0" in it.text
        await it.press("G", "pageup", "j", "pagedown")
        await it.press("z")
        assert "q ends scrolling." in status(it)
        await it.press("q", "x")
        assert typed == b"x"
        assert "line 199" in it.text


async def test_the_wheel_scrolls_and_typing_comes_back() -> None:
    async with desk() as it:
        session = await filled(it)
        typed = noted(it, session)
        await it.wheel(10, 10, up=True)
        assert "lines up" in status(it)
        assert "line 199" not in it.text
        await it.press("j")
        assert typed == b"j"
        assert "line 199" in it.text
        await it.wheel(10, 10, up=True)
        await it.wheel(10, 10)
        assert "lines up" not in status(it)


async def test_the_wheel_moves_in_a_program_that_has_the_screen_for_itself() -> None:
    async with desk() as it:
        session = await filled(it)
        typed = noted(it, session)
        session.emulator.feed(b"\x1b[?1049h")
        await it.wheel(10, 10, up=True)
        session.emulator.feed(b"\x1b[?1h")
        await it.wheel(10, 10)
        assert typed == b"\x1b[A" * 3 + b"\x1bOB" * 3
        await it.press(PRE, "v")
        typed.clear()
        await it.wheel(10, 10, up=True)
        assert typed == b""
        assert "3 of " in status(it)


async def test_a_text_is_looked_for_in_the_scrollback() -> None:
    async with desk() as it:
        session = await filled(it)
        typed = noted(it, session)
        await it.press(PRE, "/")
        await it.type("line 42")
        assert "/line 42" in status(it)
        await it.press(ENTER)
        assert "line 42" in it.text
        assert typed == b""
        await it.press("n")
        assert "There is no other place." in status(it)
        await it.press("/")
        await it.type("nowhere")
        await it.press(ENTER)
        assert "nowhere is nowhere in the scrollback." in status(it)
        await it.press("/", "escape", "y")
        assert it.app.clipboard.startswith("line ")
        await it.press(PRE, "d")
        assert isinstance(it.app.screen, FleetPage)


# --- several ----------------------------------------------------------------------------------------


async def test_several_consoles_have_tabs() -> None:
    async with desk() as it:
        first = await opened(it, "web-1")
        assert "1 web-1" not in it.text
        await it.press(PRE, "d")
        second = await opened(it, "web-2")
        assert it.lines[0].startswith(" 1 web-1   2 web-2")
        first.emulator.feed(b"news")
        first._tell()
        await it.settle()
        assert "1 web-1 +" in it.lines[0]
        await it.press(PRE, "n")
        assert console(it).session is first
        assert "1 web-1 +" not in it.lines[0]
        await it.press(PRE, "p")
        assert console(it).session is second
        await it.press(PRE, "1")
        assert console(it).session is first
        await it.press(PRE, "5")
        assert "There is no console 5." in status(it)
        await it.click_on("2 web-2")
        assert console(it).session is second
        await it.press(PRE, "x")
        assert console(it).session is first
        await it.press(PRE, "d")
        assert "1 console" in it.lines[0]


async def test_the_tab_of_another_console_says_when_it_is_not_live_any_more() -> None:
    async with desk() as it:
        first = await opened(it, "web-1")
        await it.press(PRE, "d")
        await opened(it, "web-2")
        first.emulator.feed(b"news")
        first._tell()
        first._enter(Phase.WAITING, "web-1 is off: the console reopens when it starts.")
        await it.settle()
        assert "1 web-1 (waiting)" in it.lines[0]


async def test_a_console_that_is_left_and_opened_again_at_once_gets_its_keys_as_typed() -> None:
    async with desk() as it:
        said: list[bool] = []
        it.app.type_through = lambda *, on: said.append(on)  # type: ignore[method-assign]
        await opened(it)
        await it.quick(it.typed(PRE, "d", "c"))
        await it.until(lambda: isinstance(it.app.screen, ConsoleScreen) and it.app.screen.is_mounted)
        await it.settle()
        assert said[-1] is True
        await it.press(PRE, "?")
        await it.settle()
        assert said[-1] is False
        await it.press("q")
        assert said[-1] is True
        await it.press(PRE, "d")
        assert said[-1] is False


async def test_c_opens_a_console_on_each_marked_vm() -> None:
    async with desk() as it:
        await it.go_to("web-1")
        await it.press("space")
        await it.go_to("web-2")
        await it.press("space", "c")
        await it.until_text("1 web-", "2 web-")
        assert {session.name for session in sessions(it)} == {"web-1", "web-2"}


async def test_output_comes_in_while_another_page_is_shown() -> None:
    async with desk() as it:
        session = await logged_in(it)
        await it.type("top")
        await it.press(ENTER)
        await it.until_text("load average")
        await it.press(PRE, "d")
        pushed = session.emulator.text(0)
        session.write(b"q")
        session.write(b"uptime\r")
        await it.until(lambda: session.emulator.text(0) != pushed)
        await it.press("c")
        await it.until_text("load average")


# --- what keeps a console from being live -----------------------------------------------------------


async def test_a_vm_that_is_off_is_waited_for() -> None:
    async with desk() as it:
        session = await opened(it, "old-crm")
        assert session.phase is Phase.WAITING
        assert "old-crm is off" in it.text
        assert "the console reopens when it starts" in it.text
        await it.press("a")
        assert "old-crm is off" in status(it)
        await it.press(PRE)
        assert "t try now" in status(it)
        await it.press("d")
        await it.press("x", "s")
        await it.until_state("old-crm", VmState.RUNNING)
        await it.until(lambda: session.phase is Phase.LIVE, "the console after the start")
        await it.press("c")
        await it.until_text("old-crm on hv2  live")


async def test_a_vm_without_a_serial_console_says_so() -> None:
    async with desk() as it:
        name = next(vm.name for _, vm in it.engine.fleet.vms() if vm.os.startswith("Windows") and vm.is_active)
        session = await opened(it, name)
        assert session.phase is Phase.FAILED
        assert "has no serial console" in it.text
        assert "ctrl-] t tries again" in it.text
        await it.press(PRE, "t", PRE, "x")
        assert sessions(it) == ()


async def somebody_else(it: Desk, name: str) -> DemoLine:
    ref = it.world.ref(name)
    return await it.engine.backend(ref.host).console.open(ref.uuid)  # type: ignore[return-value]


async def test_somebody_else_is_asked_about_before_he_is_thrown_out() -> None:
    async with desk() as it:
        theirs = await somebody_else(it, "web-1")
        session = await opened(it)
        assert session.phase is Phase.TAKEN
        assert "Somebody else holds the console of web-1." in it.text
        await it.press(PRE)
        assert "! take over" in status(it)
        await it.press("!")
        await it.until(lambda: isinstance(it.app.screen, ConfirmScreen), "the question")
        assert "Take over console web-1 on hv1?" in it.text
        await it.press("escape")
        assert session.phase is Phase.TAKEN
        await it.press(PRE, "!")
        await it.until(lambda: isinstance(it.app.screen, ConfirmScreen), "the question")
        await it.press("enter", "y")
        assert isinstance(it.app.screen, ConfirmScreen)
        await it.press("!")
        await it.until(lambda: session.phase is Phase.LIVE, "the console")
        async with asyncio.timeout(5):
            while await theirs.read():
                pass  # what came before he was thrown out
        assert console(it).session is session
        [task] = await it.until_done()
        lost = "Somebody else held the console of web-1 on hv1, and has lost it; libvirt does not say who."
        assert task.message == lost
        [written] = it.engine.journal.read()
        assert (written.command, written.phase) == ("vm.take-console", TaskPhase.DONE)
        assert (written.host, written.vm, written.message) == ("hv1", "web-1", lost)


async def test_a_console_that_nobody_held_is_not_said_to_be_taken() -> None:
    async with desk() as it:
        await it.go_to("web-1")
        await it.press("!", "c")
        await it.until(lambda: isinstance(it.app.screen, ConfirmScreen), "the question")
        await it.press("!")
        await it.until_text("web-1 on hv1  live")
        [task] = await it.until_done()
        assert task.message == "Nobody held the console of web-1 on hv1: it is open here."


async def test_a_console_is_taken_over_from_the_list() -> None:
    async with desk() as it:
        await somebody_else(it, "web-1")
        await it.go_to("web-1")
        await it.press("!", "c")
        await it.until(lambda: isinstance(it.app.screen, ConfirmScreen), "the question")
        await it.press("!")
        await it.until_text("web-1 on hv1  live")


async def test_a_silent_host_is_said_while_the_console_stays() -> None:
    async with desk() as it:
        session = await opened(it)
        session._enter(Phase.LIVE, "hv1 has not answered since 14:03: nothing is lost so far.")
        await it.until(lambda: "hv1 has not answered since 14:03" in status(it), "the sentence")
        await it.until_text("Debian 12 web-1")


async def test_an_open_console_is_shown_whatever_its_host_does() -> None:
    async with desk() as it:
        session = await opened(it)
        await it.engine.disconnect("hv1")
        await it.until(lambda: session.phase is Phase.WAITING, "the loss")
        await it.until_text("hv1 is ")
        await it.press(PRE, "d")
        await it.press("c")
        assert console(it).session is session


async def test_nothing_is_opened_where_nothing_may_be_changed() -> None:
    async with desk(read_only=True) as it:
        await it.go_to("web-1")
        await it.press("c")
        await it.until_told("read-only")
        assert sessions(it) == ()


async def test_nothing_is_typed_on_a_host_that_is_locked_again() -> None:
    """A console that was opened while it was unlocked stays open, to be looked at: neither key nor answer goes out."""
    async with desk(configs=lambda host: replace(host, guard=Guard.READ_ONLY)) as it:
        it.engine.unlock("hv1", 900.0)
        session = await opened(it)
        line = session._line
        assert line is not None
        typed = bytearray()
        line.write = typed.extend  # type: ignore[method-assign, assignment]
        await it.press("a")
        assert typed == b"a"
        await it.paste("p" * 100_000)
        it.engine.unlock("hv1", 0.1)  # for so long, from now on
        await it.until(lambda: "hv1 is read-only: nothing is typed." in status(it), "it is said")
        await it.until(lambda: "pasting" not in status(it), "the end of the paste")
        before = bytes(typed)
        assert len(before) < 100_000
        await it.press("b", ENTER, PRE, PRE, PRE, "r")
        await it.paste("c")
        await it.paste("long" * PIECE)
        session.emulator.feed(b"\x1b[?1049h\x1b[6n")
        session._answer(line)
        await it.wheel(10, 10, up=True)
        await it.settle()
        assert bytes(typed) == before
        await it.press("b")
        assert "hv1 is read-only: nothing is typed. :unlock hv1 15m opens it." in status(it)
        assert session.phase is Phase.LIVE
        it.engine.unlock("hv1", 900.0)
        await it.until(lambda: "live" in status(it), "it is open again")
        await it.press("d")
        assert bytes(typed) == before + b"d", "what was typed meanwhile does not come later"


async def test_a_key_that_is_pressed_before_the_page_stands_breaks_nothing() -> None:
    async with desk() as it:
        await it.go_to("web-1")
        await it.quick(it.typed("c", "a", "b"))
        await it.quick([events.Paste("text")])
        await it.until(lambda: isinstance(it.app.screen, ConsoleScreen))
        await it.until_text("web-1 on hv1")


async def test_what_a_guest_writes_stays_text() -> None:
    async with desk() as it:
        session = await opened(it)
        hostile = "\x1b]0;owned\x07\x1b]52;c;b3duZWQ=\x07[bold]m[/]\x1bP+q\x1b\\\x9b31m\u202eab\x05\x1b[5n"
        session.emulator.feed(hostile.encode() + b"\xff\xfe")
        console(it).view.touched()
        await it.until_text("[bold]m[/]")
        assert it.app.clipboard == ""
        text = "".join(segment.text for line in it.strips() for segment in line)
        assert "\x1b" not in text
        assert "owned" not in text
        assert "\u202e" not in text
