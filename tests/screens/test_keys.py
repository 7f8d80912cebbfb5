"""Keys: alone they change nothing, in one read they mean what was typed, and in a row each counts for the next."""

from __future__ import annotations

import string
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from textual.keys import Keys

from kvmtui.commands import registry
from kvmtui.commands.base import Level
from kvmtui.core.inventory import Guard, VmState
from kvmtui.screens.actions import GO, LIST, MARK, PANES, RESERVED, Action
from kvmtui.screens.console import ConsoleScreen
from kvmtui.screens.fleet import FleetPage
from kvmtui.screens.help import HelpScreen
from kvmtui.screens.keyboard import NO_PASTE
from kvmtui.screens.log import LogPage
from kvmtui.screens.page import Page
from kvmtui.screens.tasks import TasksPage
from kvmtui.widgets.confirm import ConfirmScreen
from kvmtui.widgets.driver import Decoder
from tests.screens.harness import Desk, desk

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LEADERS = set(registry.LEADERS)
LEAVING = {"q", "Q"}
SPECIAL = sorted(
    str(key.value)
    for key in Keys
    if not str(key.value).startswith(("<", "ctrl+shift+", "alt+", "f")) and key.value != "ctrl+z"  # to the shell
)
PRINTABLE = [character for character in string.printable if character.isprintable()]


PLACES = {"1": "fleet", "2": "vms", "9": "hosts", "7": "tasks", "0": "log"}


async def back_to(it: Desk, place: str) -> None:
    """Close what a key opened, without keys."""
    while not isinstance(it.app.screen, Page):
        _ = it.app.pop_screen()
        await it.settle()
    bar = it.page.text_bar()
    if bar is not None:
        bar.close()
    it.app.chords.reset()
    it.page.close_menu()
    if it.page.where().name != PLACES[place]:
        it.app.action_go(PLACES[place])
        await it.settle()


@pytest.mark.parametrize("place", ["1", "9", "7", "0"])
async def test_no_key_alone_changes_anything(place: str) -> None:
    async with desk(configs=lambda host: replace(host, guard=Guard.FREE)) as it:
        await it.until(lambda: it.names)
        await back_to(it, place)
        for key in [*PRINTABLE, *SPECIAL] if place == "1" else PRINTABLE:
            if key in LEAVING:
                continue
            await it.press(key)
            assert it.app.is_running, key
            assert it.calls == [], key
            assert it.tasks == (), key
            await back_to(it, place)


PAGES: tuple[type[Page], ...] = (FleetPage, TasksPage, LogPage)


@pytest.mark.parametrize("page", PAGES)
def test_no_two_meanings_of_a_key_on_a_screen(page: type[Page]) -> None:
    taken: dict[str, str] = {}
    for kind in reversed(page.__mro__):
        for binding in getattr(kind, "BINDINGS", ()) if issubclass(kind, Page) and kind is not Page.__mro__[1] else ():
            for key in binding.key.split(","):
                assert taken.get(key, binding.action) == binding.action, key
                taken[key] = binding.action
    singles = {keys[0] for keys in registry.DEFAULT.keys.values() if len(keys) == 1}
    shown = {one.shown for one in (*GO, *LIST, *MARK, *PANES)}
    assert not singles & {one.shown for one in (*GO, *LIST, *MARK, *PANES) if one.id != "list.tags"}
    assert not LEADERS & shown
    assert not set(RESERVED) & shown


def test_no_milder_verb_is_a_shift_away() -> None:
    for noun in {command.noun for command in registry.ALL}:
        for leader in LEADERS:
            letters = dict(registry.DEFAULT.menu(noun, leader))
            for letter, command in letters.items():
                other = letters.get(letter.swapcase())
                assert other is None or other.level == command.level


def test_function_and_alt_keys_are_never_bound() -> None:
    actions: Iterable[Action] = (*GO, *LIST, *MARK, *PANES)
    keys = {key for one in actions for key in one.keys.split(",")}
    assert not keys & {*(f"f{number}" for number in range(1, 25)), "ctrl+a", "ctrl+b", "ctrl+space", "ctrl+s", "ctrl+q"}
    assert not any(key.startswith("alt+") for key in keys)
    assert all(command.level <= Level.EASY or len(command.chord or ()) != 1 for command in registry.ALL)


async def test_a_key_that_is_kept_says_so() -> None:
    async with desk() as it:
        await it.until(lambda: it.names)
        for key, what in RESERVED.items():
            await it.press(key)
            await it.until_told(f"{key} is kept for {what}")


async def test_keys_of_other_programs_do_nothing() -> None:
    async with desk() as it:
        await it.until(lambda: it.names)
        await it.press("ctrl+q", "ctrl+s", "f1", "f10")
        assert it.app.is_running
        assert it.toasts == []
        await it.press("ctrl+c")
        assert it.app.is_running
        assert it.toasts == ["q leaves."]


# -- one read


async def test_a_filter_typed_ahead_never_leaks_a_key() -> None:
    async with desk() as it:
        await it.until(lambda: it.names)
        await it.read("/", "d", "b")
        await it.until_text("/db")
        assert it.app.screen is it.vms  # `d` did not look inside
        assert set(it.names) == {"db-1", "db-2", "db-3"}
        await it.press("enter")
        assert set(it.names) == {"db-1", "db-2", "db-3"}


async def test_nor_where_there_is_no_filter() -> None:
    async with desk() as it:
        await it.press("0")
        for text in ("/db", "/q", "/Q", "/xd", "/ !f"):
            await it.read(*text)
            assert it.app.is_running, text
            assert isinstance(it.app.screen, LogPage), text
            assert it.calls == [], text


@pytest.mark.parametrize("rest", ["xd", "q", "Q", "!f", "j"])
async def test_what_follows_the_line_end_of_a_filter_in_its_read_is_dropped(rest: str) -> None:
    async with desk(configs=lambda host: replace(host, guard=Guard.FREE)) as it:
        await it.until(lambda: it.names)
        await it.read("/", "w", "i", "k", "i", "enter", *rest)
        await it.until(lambda: it.names == ["wiki"])
        assert it.app.is_running
        await it.until_told("at once ignored: paste?")
        assert it.calls == []
        assert not it.vms.menu.is_open
        assert it.app.screen is it.vms


@pytest.mark.parametrize("end", ["enter", "escape"])
async def test_a_key_read_together_with_the_end_of_a_filter_is_said_to_be_dropped(end: str) -> None:
    async with desk() as it:
        await it.until(lambda: it.names)
        await it.press("/", *"wiki")
        await it.read(end, "c")  # as they come when the terminal or the program was busy
        await it.until_told("1 key at once ignored: paste?")
        assert it.app.screen is it.vms
        await it.go_to("wiki")
        await it.press("c")
        await it.until(lambda: isinstance(it.app.screen, ConsoleScreen))


async def test_arrows_read_together_with_the_end_of_a_filter_move() -> None:
    async with desk() as it:
        await it.until(lambda: it.names)
        await it.press("/", *"name:app")
        await it.until(lambda: len(it.names) > 1)
        await it.read("enter", "down")
        assert it.toasts == []
        await it.press("x")
        await it.until_text(f"x  {it.names[1]} on ")


async def test_a_key_that_needs_a_vm_says_when_there_is_none() -> None:
    async with desk() as it:
        await it.until(lambda: it.names)
        await it.press("/", *"nothing-like-this", "enter", "c")
        await it.until_told("Nothing is selected.")
        assert it.app.screen is it.vms


async def test_what_nobody_typed_key_by_key_is_dropped_and_said() -> None:
    async with desk(configs=lambda host: replace(host, guard=Guard.FREE)) as it:
        await it.go_to("web-1")
        for keys in ("xs and more", "sudo reboot", "xdxd", "x s", "!f!", "abcx"):
            it.app.clear_notifications()
            await it.settle()
            await it.read(*keys)
            await it.until_told("at once ignored: paste?")
            assert it.calls == [], keys
            assert not it.vms.menu.is_open, keys
            assert not isinstance(it.app.screen, ConfirmScreen), keys


FLOOD = "".join(f"systemctl stop unit-{number}\rxs !f\r! f xdy\r4\r" for number in range(100))


@pytest.mark.parametrize("before", [(), ("x",), ("enter",), ("?",), ("!", "f")])
async def test_a_flood_of_keys_is_a_paste_and_does_nothing_but_say_so(before: Sequence[str]) -> None:
    async with desk(configs=lambda host: replace(host, guard=Guard.FREE)) as it:
        await it.go_to("web-1")
        await it.press(*before)
        await it.settle()
        screen = it.app.screen
        ahead = time.monotonic() + 10  # long after any dialog was painted
        decoder = Decoder(clock=lambda: ahead)
        for _ in range(5):  # 20 kB
            await it.quick(decoder.feed(FLOOD))
        await it.settle()
        assert it.app.screen is screen
        assert it.calls == []
        assert it.tasks == ()
        if not isinstance(screen, ConfirmScreen):
            assert [toast for toast in it.toasts if "paste" in toast] == [NO_PASTE]
        if isinstance(screen, Page):
            assert not screen.menu.is_open
        await it.press("escape")
        await it.go_to("web-1")
        await it.press("x")
        await it.until_text("x  web-1 on ")


async def test_a_flood_of_keys_is_text_where_there_is_a_field_for_it() -> None:
    async with desk() as it:
        await it.until(lambda: it.names)
        await it.press(":")
        await it.quick(Decoder().feed("start web-1\r" + "and so on\r" * 40))
        await it.settle()
        assert it.page.command_line.text.startswith("start web-1")
        assert it.page.command_line.text.count("and so on") > 3
        assert it.calls == []
        assert it.tasks == ()


async def test_what_was_typed_while_the_line_stood_still_is_done() -> None:
    async with desk(configs=lambda host: replace(host, guard=Guard.FREE)) as it:
        await it.until(lambda: len(it.names) > 1)
        decoder = Decoder()
        await it.send(decoder.feed("\x1b[B"))
        await it.send(decoder.feed("\x1b[B" * 90 + "\x1b[A" * 90 + "\x1b[B"))  # each held for three seconds
        assert it.toasts == []
        await it.send(decoder.feed("xi"))
        await it.until_told("x i does nothing to a VM.")
        await it.send(decoder.feed("/name:wiki\r"))
        await it.until(lambda: it.names == ["wiki"])
        await it.send(decoder.feed(":tasks\r"))
        await it.until(lambda: type(it.app.screen).__name__ == "TasksPage")


async def test_a_bracketed_paste_into_a_list_is_ignored() -> None:
    async with desk() as it:
        await it.go_to("web-1")
        await it.press("x")
        await it.paste("xd\n!f\nq")
        assert it.app.is_running
        assert it.toasts == [NO_PASTE]
        assert not it.vms.menu.is_open
        assert it.calls == []
        assert it.text.count("web-1") >= 1


async def test_a_paste_fills_the_filter_and_enters_nothing() -> None:
    async with desk() as it:
        await it.until(lambda: it.names)
        await it.press("/")
        await it.paste("wiki\n")
        await it.until(lambda: it.names == ["wiki"])
        await it.press("escape", ":")
        await it.paste("force-off wiki\n")
        await it.until_text(":force-off wiki")
        assert not isinstance(it.app.screen, ConfirmScreen)
        await it.press("escape")
        assert it.calls == []


# -- each counts for the next


async def test_moves_and_a_chord_in_one_read_act_on_where_the_cursor_came_to() -> None:
    async with desk() as it:
        await it.go_to("app-1")
        await it.read("down", "j", "x", "p")
        await it.until_text("Pause app-3 on hv1?")
        await it.press("escape")
        await it.go_to("app-1")
        await it.read("down", "x")
        await it.until_text("x  app-2 on hv1")
        await it.press("escape")
        assert it.calls == []


async def test_a_dot_and_a_chord_in_one_read_act_on_the_row_alone() -> None:
    async with desk() as it:
        for name in ("web-1", "web-2"):
            await it.go_to(name)
            await it.press("space")
        await it.go_to("wiki")
        await it.read(".", "x", "p")
        await it.until_text("Pause wiki on hv2?")
        await it.press("escape")


async def test_keys_in_flight_act_in_their_order() -> None:
    """What stands in the queue when a key comes is handled before it, however busy the screen is."""
    async with desk() as it:
        await it.go_to("app-1")
        driver = it.app._driver
        assert driver is not None
        for event in it.typed("j", "j", "x", "p"):
            driver.process_message(event)
        await it.until_text("Pause app-3 on hv1?")
        await it.press("escape")
        for event in it.typed("/", *"wiki", "enter", "x", "p"):
            driver.process_message(event)
        await it.until_text("Pause wiki on hv2?")
        await it.press("escape", "escape")
        await it.go_to("app-1")
        for event in it.typed(":", *"pause", "enter", "j", "j"):
            driver.process_message(event)
        await it.until_text("Pause app-1 on hv1?")
        await it.press("escape")
        assert it.calls == []


async def test_a_click_in_flight_counts_for_the_key_behind_it() -> None:
    async with desk() as it:
        await it.until_text("app-3")
        y = next(y for y, line in enumerate(it.lines) if "app-3" in line)
        driver = it.app._driver
        assert driver is not None
        for event in (*it.click_events(5, y), *it.typed("x")):
            driver.process_message(event)
        await it.until_text("x  app-3 on hv1")


# -- going and leaving


async def test_escape_undoes_one_thing_at_a_time_and_never_quits() -> None:
    async with desk() as it:
        await it.until(lambda: it.names)
        await it.press("2")
        await it.press("/", *"web", "enter", "f", "f")
        await it.go_to("web-1")
        await it.press("space", "x")
        assert it.vms.menu.is_open
        await it.press("escape")
        assert not it.vms.menu.is_open
        await it.until_text("marked 1")
        await it.press("escape")
        assert "marked" not in it.text
        await it.until_text("filter web")
        await it.press("escape")
        assert "filter web" not in it.text
        assert "HOST           CPU %" not in it.text  # still all VMs
        await it.press("escape")
        await it.until_text("hv3")
        for _ in range(5):
            await it.press("escape")
        assert it.app.is_running


async def test_escape_while_a_filter_is_typed_takes_it_back() -> None:
    async with desk() as it:
        await it.until(lambda: it.names)
        every = len(it.names)
        await it.press("/", *"wiki")
        assert len(it.names) == 1
        await it.press("escape")
        await it.until(lambda: len(it.names) == every)


async def test_q_goes_back_and_quits_only_at_the_fleet() -> None:
    async with desk() as it:
        await it.press("7", "0", "q")
        assert isinstance(it.app.screen, FleetPage)
        await it.press("2", "q")
        assert it.vms.where().name == "fleet"
        await it.press("q")
        await it.until(lambda: not it.app.is_running)
        assert it.app.return_value == 0


async def test_big_q_quits_from_anywhere() -> None:
    async with desk() as it:
        await it.press("7", "Q")
        await it.until(lambda: not it.app.is_running)


async def test_quitting_asks_while_tasks_run() -> None:
    async with desk() as it:
        await it.go_to("erp")  # its guest does not react
        await it.press("x", "d", "enter")
        await it.until_text("waiting for the guest")
        await it.press("Q")
        await it.until_text("Quit while a task runs?")
        await it.press("escape")
        assert it.app.is_running
        await it.press("q")
        await it.until_text("shut down erp: asked at")
        await it.press("enter")
        await it.until(lambda: not it.app.is_running)


async def test_places_are_kept() -> None:
    async with desk() as it:
        await it.press("2", "7")
        assert isinstance(it.app.screen, TasksPage)
        await it.press("-")
        assert it.page.where().name == "vms"
        await it.press("-")
        assert it.page.where().name == "tasks"
        await it.press("[", "[", "[")
        await it.press("[", "[", "[")
        assert it.page.where().name == "fleet"
        await it.until_told("There is no older place.")
        await it.press("]")
        assert it.page.where().name == "vms"
        for _ in range(9):
            await it.press("]")
        await it.until_told("There is no newer place.")


async def test_numbers_go_and_the_line_goes_too() -> None:
    async with desk() as it:
        for key, name in (("2", "vms"), ("9", "hosts"), ("7", "tasks"), ("0", "log"), ("1", "fleet")):
            await it.press(key)
            assert it.page.where().name == name
            await it.say("fleet" if name != "fleet" else "vms")
            await it.say(name)
            assert it.page.where().name == name


# -- the line after `:`


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nonsense", "There is no command nonsense."),
        ("strat web-1", "There is no command strat. Did you mean start?"),
        ("start nobody", "There is no VM nobody."),
        ("start 'x", "A quotation mark is not closed."),
        ("pause --hard web-1", "pause has no option --hard."),
        ("shutdown web-1 --mode", "--mode needs a value."),
        ("reconnect hv9", "There is no host hv9."),
        ("theme nothing", "There is no theme nothing"),
        ("start web-1", "web-1 is already running."),
    ],
)
async def test_a_line_that_is_wrong_says_what_is(line: str, says: str) -> None:
    async with desk() as it:
        await it.until(lambda: it.names)
        await it.say(line)
        await it.until_told(says)
        assert it.calls == []


async def test_a_name_on_two_hosts_must_be_written_out() -> None:
    def twin(world: object) -> None:
        from kvmtui.backend.demo import World

        assert isinstance(world, World)
        host = world.hosts["hv2"]
        guest = next(one for one in host.guests.values() if one.vm.name == "wiki")
        guest.vm = replace(guest.vm, name="web-1")

    async with desk(prepare=twin) as it:
        await it.until(lambda: it.names)
        await it.say("pause web-1")
        await it.until_told("web-1 is on several hosts: hv1/web-1, hv2/web-1.")
        await it.say("pause hv2/web-1")
        await it.until_text("Pause web-1 on hv2?")
        await it.press("enter")
        await it.until_done()
        assert [(call.verb, call.host) for call in it.calls] == [("pause", "hv2")]


async def test_options_and_several_names_on_the_line() -> None:
    async with desk() as it:
        await it.until(lambda: it.names)
        await it.say("shutdown web-1 web-2 --timeout 0 --mode agent")
        await it.until_text("Shut down 2 VMs?", "type 2 and press enter")
        await it.press("2", "enter")
        tasks = await it.until_done(2)
        assert {task.message for task in tasks} == {"web-1 was asked to shut down.", "web-2 was asked to shut down."}
        assert [call.verb for call in it.calls] == ["shutdown", "shutdown"]


async def test_tab_completes_commands_and_names_and_up_brings_back() -> None:
    async with desk() as it:
        await it.until(lambda: it.names)
        await it.press(":", *"paus", "tab", *"wik", "tab")
        assert it.page.command_line.text.strip() == "pause wiki"
        await it.press("enter")
        await it.until_text("Pause wiki on hv2?")
        await it.press("escape", ":", "up")
        assert it.page.command_line.text.strip() == "pause wiki"
        await it.press("escape")
        assert it.calls == []


async def test_help_opens_from_the_line_and_a_theme_is_kept() -> None:
    async with desk() as it:
        await it.say("help")
        await it.until(lambda: isinstance(it.app.screen, HelpScreen))
        await it.press("q")
        await it.say("theme nord")
        await it.until(lambda: it.app.theme == "nord")
        assert it.app.memory.get("theme") == "nord"


async def test_a_slow_host_does_not_hold_the_keys_back() -> None:
    async with desk() as it:
        await it.go_to("mail")
        it.faults.slow("hv1", 5.0)
        await it.press("!", "d")  # its disks are read first
        await it.until_told("Reading mail on hv1: esc leaves it.")
        await it.press("escape", "2")
        assert it.page.where().name == "vms"
        assert it.vm("mail").state is VmState.OFF
        assert it.calls == []
