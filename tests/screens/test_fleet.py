"""The list of VMs and hosts: what stands first, what is held, what is filtered, sorted, grouped and chosen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kvmtui.backend.demo.small import ci_runner
from kvmtui.core.errors import Denied, Unreachable
from kvmtui.core.inventory import ConditionKind, Guard, Reason, VmState
from kvmtui.screens import host_table
from kvmtui.screens.fleet import FleetPage
from kvmtui.screens.listing import Fold, Group
from kvmtui.widgets.table import Rule
from tests.screens.harness import Desk, desk

if TYPE_CHECKING:
    from kvmtui.backend.demo import World
    from kvmtui.config import HostConfig


async def listed(it: Desk) -> None:
    await it.until(lambda: len(it.names) > 30, "the list")


def place(it: Desk, name: str) -> int:
    """The line of the screen on which a VM stands."""
    return next(y for y, line in enumerate(it.lines) if f" {name} " in line and y > 4)


async def test_what_is_wrong_stands_above_a_rule_with_its_word() -> None:
    async with desk() as it:
        await listed(it)
        assert it.names[:2] == ["db-2", "mail"]
        assert it.line_of("db-2").startswith((">!", " !"))
        assert "paused: pool full" in it.line_of("db-2")
        assert "off, should be on" in it.line_of(" mail ")
        rule = next(key for key in it.vms.pane.shown.keys if isinstance(key, Rule))
        assert rule.text.startswith("39 more by CPU; order held while you work, = sorts")
        assert "PROBLEM" in it.lines[0]


async def test_the_band_is_a_third_of_the_list_at_most() -> None:
    def trouble(world: World) -> None:
        for guest in list(world.hosts["hv1"].guests.values())[:12]:
            guest.vm = replace(guest.vm, state=VmState.PAUSED, reason=Reason.IO_ERROR)

    async with desk(prepare=trouble) as it:
        await listed(it)
        keys = it.vms.pane.shown.keys
        at = next(index for index, key in enumerate(keys) if isinstance(key, Rule))
        rule = keys[at]
        assert isinstance(rule, Rule)
        assert at <= max(3, it.vms.pane.table.size.height // 3)
        assert rule.text.startswith("f lists ")
        assert "paused: I/O error; " in rule.text, "and the worst of them is named"
        await it.press("f")
        await it.until_text("only faults:")
        assert len(it.names) >= 12
        assert not any(isinstance(key, Rule) for key in it.vms.pane.shown.keys)
        await it.press("escape")
        await it.until(lambda: len(it.names) > 20)


async def test_faults_that_are_none_say_so() -> None:
    async with desk("demo:///?hosts=1&vms=3&seed=5&pace=0") as it:
        await it.until(lambda: len(it.names) == 3)
        await it.press("f")
        if not it.names:
            await it.until_text("Nothing is wrong.", "f shows all VMs again.")
        await it.press("f")
        await it.until(lambda: len(it.names) == 3)


# -- filter


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("wiki", {"wiki"}),
        ("host:hv2 tag:infra -name:vpn", {"prometheus-1", "grafana", "ldap-1"}),
        ("state:paused", {"db-2"}),
        ("owner:nova", {"instance-0000002a"}),
        ('os:"windows server"', {"win-rds-1"}),
        ("memory>=64G host:hv2", {"db-1"}),
    ],
)
async def test_the_filter_lists_what_matches(text: str, names: set[str]) -> None:
    async with desk() as it:
        await listed(it)
        await it.press("/")
        await it.type(text)
        await it.press("enter")
        await it.until(lambda: set(it.names) == names, text)
        await it.until_text(f"filter {text}: {len(names)} of 41 VMs; esc clears it")
        assert it.vms.pane.cursor is not None
        await it.press("escape")
        await listed(it)


async def test_a_filter_that_is_none_says_where() -> None:
    async with desk() as it:
        await listed(it)
        await it.press("/")
        await it.type("web cpu>x")
        await it.until_text("/web cpu>x")
        assert "cpu" in it.line_of("/web cpu>x").replace("/web cpu>x", "")  # what is wrong
        assert it.app.is_running


async def test_filtered_to_nothing_says_how_to_come_back() -> None:
    async with desk() as it:
        await listed(it)
        await it.press("/", *"zzz", "enter")
        await it.until_text("No VM matches zzz", "esc clears the filter.", "0 of 41 VMs")
        await it.press("x")
        await it.until_text("Nothing is selected.")
        await it.press("escape", "escape")
        await listed(it)


async def test_the_cursors_vm_does_not_stay_when_a_filter_hides_it() -> None:
    async with desk() as it:
        await it.go_to("wiki")
        await it.press("/", *"db-1", "enter")
        await it.until(lambda: it.names == ["db-1"])
        assert "gone" not in it.text


# -- order


async def test_o_and_a_letter_sorts_and_again_reverses() -> None:
    async with desk() as it:
        await listed(it)
        await it.press("o")
        await it.until_text("sort by", "n  name")
        await it.press("n")
        rest = it.names[2:]
        assert rest == sorted(rest, key=lambda name: [int(p) if p.isdigit() else p for p in _parts(name)])
        assert "VM▼" in it.text or "VM▲" in it.text
        await it.press("O")
        assert it.names[2:] == rest[::-1]
        await it.press("o", "escape")
        assert it.names[2:] == rest[::-1]
        assert it.app.memory.get("sort") == "name"
        assert it.app.memory.get("reverse") is True


def _parts(name: str) -> list[str]:
    import re

    return re.split(r"(\d+)", name)


async def test_the_order_is_held_until_it_is_asked_for() -> None:
    async with desk() as it:
        await listed(it)
        await it.press("o", "s")  # by state
        before = it.names
        it.faults.enter("hv2", it.world.ref("wiki").uuid, VmState.OFF, Reason.SHUTDOWN)
        it.faults.enter("hv2", it.world.ref("old-crm").uuid, VmState.RUNNING, Reason.BOOTED)
        await it.until_state("wiki", VmState.OFF)
        await it.until_state("old-crm", VmState.RUNNING)
        assert it.names == before
        await it.press("=")
        assert it.names != before
        assert it.names[:3] != before[:3]


async def test_new_rows_come_at_the_end_and_are_counted() -> None:
    async with desk() as it:
        await it.go_to("web-1")
        before, line = it.names, place(it, "web-1")
        it.faults.appear("hv3", replace(ci_runner(10), name="aaa-new"))
        await it.until(lambda: "aaa-new" in it.names, "aaa-new")
        assert it.names == [*before, "aaa-new"]
        await it.until_text("1 new row at the end; = sorts")
        assert place(it, "web-1") == line
        await it.press("=")
        assert it.names[-1] != "aaa-new"
        assert it.vms.pane.row().vm.name == "web-1"  # type: ignore[union-attr] # it is there


async def test_a_vanished_vm_leaves_a_struck_row_until_the_cursor_leaves_it() -> None:
    async with desk() as it:
        ref = await it.go_to("web-2")
        line = place(it, "web-2")
        it.faults.vanish("hv1", ref.uuid)
        await it.until(lambda: it.engine.fleet.vm(ref) is None)
        await it.until_text("gone ")
        assert "web-2" in it.lines[line]
        assert "gone" in it.lines[line]
        assert it.vms.pane.cursor == ref  # not a neighbour
        for leader, letter in (("x", "d"), ("!", "f"), ("!", "d")):
            await it.press(leader)
            await it.until_text("Nothing is selected.")
            await it.press(letter)
            await it.settle()
            await it.press("escape")
        assert it.line_of("web-2 gone ").endswith("web-2 was deleted on hv1, not by kvmtui"), "whole, below the list"
        assert "console" not in it.lines[-1], "no key that needs a VM is offered"
        await it.press("enter")
        await it.until_told("That VM is gone.")
        await it.press("j")
        await it.until_gone("gone ")
        assert "web-2" not in it.text
        assert it.calls == []


async def test_a_vm_that_moves_leaves_a_struck_row_and_comes_at_the_end() -> None:
    async with desk() as it:
        ref = await it.go_to("web-2")
        it.faults.move(ref.uuid, "hv1", "hv2")
        await it.until(lambda: it.engine.fleet.vm(ref) is None)
        await it.until_text("gone ", "it is on hv2 now")
        assert it.names[-1] == "web-2"
        await it.press("x")
        await it.until_text("Nothing is selected.")
        assert it.calls == []


async def test_the_cursor_belongs_to_a_vm_and_stays_on_its_line() -> None:
    async with desk() as it:
        await it.go_to("kafka-1")
        line = place(it, "kafka-1")
        await it.press("o", "m")
        await it.until(lambda: it.vms.pane.row().vm.name == "kafka-1")  # type: ignore[union-attr] # it is there
        await it.press("o", "n")
        assert it.vms.pane.row().vm.name == "kafka-1"  # type: ignore[union-attr] # it is there
        assert abs(place(it, "kafka-1") - line) <= 1


# -- groups and columns


async def test_z_groups_by_one_thing_after_the_other_and_folds() -> None:
    async with desk() as it:
        await listed(it)
        for grouping, heading in (
            ("host", "- hv1 "),
            ("state", "- running "),
            ("tag", "- prod "),
            ("os", "- Debian 12 "),
        ):
            await it.press("z")
            await it.until_told(f"Grouped by {grouping}.")
            assert any(heading.strip("- ") == key.group for key in it.vms.pane.shown.keys if isinstance(key, Group))
        await it.press("z")
        await it.until_told("Not grouped.")
        await it.press("z")
        heads = [key for key in it.vms.pane.shown.keys if isinstance(key, Group)]
        it.vms.pane.table.move_to(heads[1])
        count = len(it.names)
        await it.press("enter")
        assert len(it.names) < count
        await it.until_text(f"+ {heads[1].group}")
        await it.press("x")
        await it.until_text("Nothing is selected.")
        await it.press("escape", "z")
        assert len(it.names) == count


async def test_w_shows_every_column_that_fits_and_W_chooses() -> None:  # noqa: N802 - the keys
    async with desk(size=(120, 36)) as it:
        await listed(it)
        assert "UUID" not in it.text
        await it.press("W")
        await it.until_text("space shows or hides", "[x] STATE", "[ ] OS")
        await it.press("j", "space", "enter")  # STATE goes
        await it.until_gone(" STATE ")
        assert "state" not in it.app.memory.get("columns")  # type: ignore[operator] # a list
        await it.press("W", "space")  # the name cannot
        await it.press("0")
        await it.until_text(" STATE ")
        await it.press("W", "j", "space", "escape")
        await it.until_text(" STATE ")
        await it.press("w")
        await it.settle()
        assert it.vms.pane.wide


async def test_r_reads_the_host_again() -> None:
    async with desk() as it:
        await it.go_to("wiki")
        await it.press("r")
        await it.until_told("Reading hv2 again.")
        assert it.calls == []


async def test_a_silent_host_is_opened_and_closed_by_enter() -> None:
    async with desk(ping_interval=0.02) as it:
        await listed(it)
        it.faults.patience = 0.01
        it.faults.silence("hv3")
        await it.until_text("8 VMs of hv3")
        fold = next(key for key in it.vms.pane.shown.keys if isinstance(key, Fold))
        it.vms.pane.table.move_to(fold)
        await it.settle()
        assert it.lines[-1].startswith("enter unfold  / find"), "nothing is offered that needs one VM"
        await it.press("enter")
        await it.until(lambda: "web-4" in it.names)
        assert any(row.muted for row in [it.vms.pane._line(it.world.ref("web-4"))])


# -- hosts


async def test_hosts_sort_and_the_worst_is_first_again() -> None:
    async with desk() as it:
        await listed(it)
        await it.press("9")
        await it.until(lambda: it.page.where().name == "hosts")
        await it.press("o", "v")
        hosts = [line[3:6] for line in it.lines if line[3:5] == "hv"]
        assert hosts in (["hv1", "hv2", "hv3"], ["hv3", "hv2", "hv1"])
        await it.press("o", "v")
        assert [line[3:6] for line in it.lines if line[3:5] == "hv"] == hosts[::-1]
        await it.press("=")
        assert next(line[3:6] for line in it.lines if line[3:5] == "hv") == "hv1"


async def test_hosts_by_a_figure_keep_their_places_while_somebody_works(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk() as it:
        await listed(it)
        await it.press("9")
        await it.until(lambda: it.page.where().name == "hosts")
        await it.until(lambda: all(entry.state and entry.state.load for entry in it.engine.fleet.hosts), "figures")
        page = it.page
        assert isinstance(page, FleetPage)

        def shown(*busy: tuple[str, float]) -> list[str]:
            """What stands where when the hosts are so busy."""
            now, cpu = it.engine.fleet, dict(busy)
            hosts = [
                replace(entry, state=replace(entry.state, load=entry.state.load._replace(cpu=cpu[entry.name])))
                for entry in now.hosts
                if entry.state and entry.state.load
            ]
            page.hosts.show_fleet(replace(now, hosts=tuple(hosts)), alone=True)
            return [str(key) for key in page.hosts.keys_shown]

        monkeypatch.setattr(it.app, "idle_seconds", lambda: 0.0)
        await it.press("o", "c")
        before = shown(("hv1", 10.0), ("hv2", 20.0), ("hv3", 30.0))
        assert shown(("hv1", 30.0), ("hv2", 90.0), ("hv3", 10.0)) == before
        monkeypatch.setattr(it.app, "idle_seconds", lambda: 60.0)
        monkeypatch.setattr(host_table, "SETTLE", 0.0)  # and the last time was long ago
        assert shown(("hv1", 30.0), ("hv2", 90.0), ("hv3", 10.0)) == ["hv2", "hv1", "hv3"]


@pytest.mark.parametrize("alone", [True, False], ids=["hosts alone", "hosts above VMs"])
async def test_keys_on_a_host_are_about_that_host(alone: bool) -> None:
    async with desk() as it:
        await listed(it)
        await it.go_to("web-2")
        if alone:
            await it.press("9")
        await it.go_to_host("hv2")
        before = it.vms.pane.shown.keys
        await it.press("space", "+", "*")
        assert not it.app.marks, "only VMs can be marked"
        await it.press("y")
        await it.until_told("demo:///hv2")
        await it.press("i")
        await it.until_text("Facts of hv2")
        await it.press("escape", "l")
        await it.until_text("WHY")
        assert it.page.where().host == "hv2"
        await it.press("escape", "o", "v")
        hosts = [line[3:6] for line in it.lines if line[3:5] == "hv"][:3]
        await it.press("O")
        assert [line[3:6] for line in it.lines if line[3:5] == "hv"][:3] == hosts[::-1]
        assert it.vms.pane.shown.keys == before, "the VMs keep their order"
        for word in ("power", "console", "move", "mark", "group", "faults"):
            assert word not in it.lines[-1]


async def test_what_is_marked_or_filtered_out_of_sight_stays_so() -> None:
    async with desk() as it:
        await listed(it)
        await it.go_to("web-2")
        await it.press("space", "/", *"web", "enter")
        await it.press("9", "f", "z")
        await it.settle()
        assert "1 VM marked; x acts on the host here" in it.text
        await it.press("x")
        assert "hv1" in it.menu_text()
        await it.press("escape", "escape")
        assert it.page.where().name == "fleet", "it went back, and cleared nothing unseen"
        assert len(it.app.marks) == 1
        view = it.vms.pane.listing.view
        assert (view.filter.text, view.faults, view.grouping) == ("web", False, "")


async def test_find_among_the_hosts_alone_shows_what_it_finds() -> None:
    async with desk() as it:
        await listed(it)
        await it.press("9", "/", *"db-", "enter")
        await it.until_text("filter db-")
        assert sorted(it.names) == ["db-1", "db-2", "db-3"]
        assert it.page.where().name == "fleet"


async def test_quiet_hosts_are_counted_where_there_is_no_room() -> None:
    async with desk("demo:///?hosts=30&vms=60&seed=3&pace=0") as it:
        await it.until(lambda: len(it.names) > 30)
        await it.until_text("more hosts, 9 lists them")
        await it.press("9")
        await it.until(lambda: sum(" hv" in line for line in it.lines) > 15)


async def test_tab_goes_to_the_hosts_whose_menu_is_another() -> None:
    async with desk() as it:
        await listed(it)
        await it.press("tab", "x")
        await it.until_text("x  hv1", "reconnect", "disconnect")
        assert "shut down" not in it.menu_text()
        await it.press("escape", "tab", "x")
        await it.until_text("shut down")
        await it.press("escape", "tab", "Z")
        assert it.page.where().name == "hosts"
        await it.press("Z", "Z")
        assert it.page.where().name == "vms"


# -- states


async def test_connecting() -> None:
    def hold(world: World) -> None:
        for host in world.hosts:
            world.faults.slow(host, 60.0)

    async with desk(prepare=hold, up=False) as it:
        await it.until_text("hosts 0/3", "connecting", "Connecting to hv1, hv2, hv3 ...")
        assert it.entry("hv1").condition.kind is ConditionKind.CONNECTING
        await it.press("x")
        await it.until_text("Nothing is selected.")


async def test_denied_and_down_say_what_to_do() -> None:
    def shut(world: World) -> None:
        world.faults.close_door("hv1", Denied("hv1 lets nobody in.", hint="Join the group libvirt."))
        world.faults.close_door("hv2", Unreachable("hv2 refused the connection.", hint="Is libvirtd running there?"))

    async with desk(size=(120, 36), prepare=shut, up=False) as it:
        await it.until_text(
            "hosts 1/3", "hv1 lets nobody in.", "Join the group libvirt.", "hv2 refused the connection."
        )
        await it.until(lambda: len(it.names) == 8)


async def test_no_hosts_and_no_vms_say_what_to_do() -> None:
    async with desk("demo:///?hosts=2&vms=0&seed=3") as it:
        await it.until_text("No VMs yet: n n makes one.", "hosts 2/2")
        await it.press("x", "j", "space", "+", "*", "enter", "l", "i", "y", "#", "z", "f")
        assert it.app.is_running
        assert it.calls == []


def one_locked(host: HostConfig) -> HostConfig:
    return replace(host, guard=Guard.READ_ONLY) if host.name == "hv1" else host


async def test_read_only_stands_in_the_header() -> None:
    async with desk(read_only=True) as it:
        assert it.lines[0].startswith("prod RO")
    async with desk(configs=one_locked) as it:
        assert it.lines[0].startswith("prod RW")


async def test_the_demo_says_that_it_is_one() -> None:
    async with desk(demo=True) as it:
        for key in "12970":
            await it.press(key)
            assert it.lines[0].startswith("DEMO")


async def test_a_large_fleet_is_listed_and_acted_on() -> None:
    async with desk("demo:///?hosts=10&vms=1500&seed=3&pace=0") as it:
        await it.until(lambda: len(it.names) > 1000)
        vms = [vm for _, vm in it.engine.fleet.vms() if vm.persistent and not vm.owner]
        running = next(vm.name for vm in vms if vm.state is VmState.RUNNING)
        await it.press("/", *running, "enter")
        await it.until(lambda: it.names[0] == running)
        await it.press("g", "x", "p")
        await it.until_text(f"Pause {running} on")
        await it.press("enter")
        await it.until_done()
        assert [call.uuid for call in it.calls] == [it.world.ref(running).uuid]
