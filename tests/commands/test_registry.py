"""Keys that the configuration binds anew."""

from __future__ import annotations

import pytest

from kvmtui.commands.base import Noun
from kvmtui.commands.registry import bind, by_id, by_name
from kvmtui.core.errors import ConfigError


def test_a_command_moves_to_another_chord() -> None:
    bound = bind({"vm.start": "x S"})
    assert bound.by_chord(Noun.VM, "x", "S") is by_id("vm.start")
    assert bound.by_chord(Noun.VM, "x", "s") is None
    assert bound.text("vm.start") == "x S"
    assert bound.menu(Noun.VM, "x")[0] == ("S", by_id("vm.start"))


def test_two_commands_may_change_places() -> None:
    bound = bind({"vm.start": "x d", "vm.shutdown": "x s"})
    assert bound.by_chord(Noun.VM, "x", "d") is by_id("vm.start")
    assert bound.by_chord(Noun.VM, "x", "s") is by_id("vm.shutdown")


@pytest.mark.parametrize("none", ["none", "", " "])
def test_a_command_can_be_left_without_a_key(none: str) -> None:
    bound = bind({"vm.delete": none})
    assert bound.by_chord(Noun.VM, "!", "d") is None
    assert bound.text("vm.delete") == ""


def test_a_clash_names_both_ids() -> None:
    with pytest.raises(ConfigError, match=r"vm\.start and vm\.reboot are both bound to x s\."):
        bind({"vm.reboot": "x s"})
    with pytest.raises(ConfigError, match=r"list\.filter and vm\.tags are both bound to /\."):
        bind({"vm.tags": "/"}, taken={"/": "list.filter"})


def test_a_chord_may_mean_another_thing_on_another_noun() -> None:
    bound = bind({"host.reconnect": "x s"})
    assert bound.by_chord(Noun.HOST, "x", "s") is by_id("host.reconnect")
    assert bound.by_chord(Noun.VM, "x", "s") is by_id("vm.start")


@pytest.mark.parametrize("id_", ["vm.start", "vm.force-off", "vm.shutdown", "task.cancel", "host.reconnect"])
def test_what_changes_something_at_once_is_not_put_on_a_single_key(id_: str) -> None:
    with pytest.raises(ConfigError, match=id_):
        bind({id_: "S"})
    command = by_id(id_)
    assert command is not None
    assert bind({id_: "S"}, allow_single=True).by_key(command.noun, "S") is command


def test_a_form_may_open_on_a_single_key() -> None:
    assert bind({"vm.tags": "T"}).by_key(Noun.VM, "T") is by_id("vm.tags")
    assert bind({"vm.rename": "R"}).by_key(Noun.VM, "R") is by_id("vm.rename")


@pytest.mark.parametrize("keys", ["f3", "alt+x", "ctrl+a", "x", "!", "y s", "x ss", "x s d", "x f1"])
def test_keys_that_are_never_bound(keys: str) -> None:
    with pytest.raises(ConfigError, match=r"vm\.tags cannot be bound to"):
        bind({"vm.tags": keys}, allow_single=True)


def test_an_unknown_id_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match=r"Did you mean vm\.start\?"):
        bind({"vm.strat": "x S"})


def test_the_keys_of_screens_are_left_to_them() -> None:
    bound = bind({"list.filter": "F"}, taken={"/": "list.filter"}, known={"list.filter"})
    assert "list.filter" not in bound.keys


def test_a_name_of_another_noun_is_not_found() -> None:
    assert by_name(Noun.HOST, "start") is None
    assert by_name(Noun.TASK, "cancel") is by_id("task.cancel")
