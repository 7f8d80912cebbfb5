"""Keys that the configuration binds anew, and those that it may not."""

from __future__ import annotations

import pytest

from kvmtui.core.errors import ConfigError
from kvmtui.screens import keymap


def test_an_action_takes_its_new_key_and_says_so() -> None:
    keys = keymap.bind({"list.why": "e", "mark.one": "ctrl-t", "list.group": ";"})
    assert keys.textual == {"list.why": "e", "mark.one": "ctrl+t", "list.group": "semicolon"}
    assert (keys.instead_of("l"), keys.instead_of("space"), keys.instead_of("q")) == ("e", "ctrl-t", "q")
    assert keys.is_rebound("e")
    assert not keys.is_rebound("l")


def test_two_actions_may_swap_their_keys() -> None:
    keys = keymap.bind({"list.why": "i", "list.facts": "l"})
    assert keys.textual == {"list.why": "i", "list.facts": "l"}


@pytest.mark.parametrize(
    ("id_", "key", "said"),
    [
        ("list.why", "i", "list.facts and list.why are both bound to i"),
        ("vm.tags", "z", "list.group and vm.tags are both bound to z"),
        ("list.filter", "F", "list.filter stays on /"),
        ("list.why", "x", "cannot be bound to x"),
        ("list.why", "f5", "cannot be bound to f5"),
        ("list.why", "alt-w", "cannot be bound to alt-w"),
        ("list.why", "ctrl-b", "cannot be bound to ctrl-b"),
        ("list.why", "k", "that key moves the cursor"),
        ("list.why", "escape", "goes back"),
        ("vm.tags", "j", "that key moves the cursor"),
        ("vm.tags", "escape", "goes back"),
        ("list.why", "l l", "cannot be bound to l l"),
        ("list.why", "wheel", "there is no such key"),
        ("list.wy", "l", "list.wy, which is no command"),
        ("vm.force-off", "K", "K is a single key"),
    ],
)
def test_what_cannot_be_bound_is_refused_with_its_ids(id_: str, key: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        keymap.bind({id_: key})
    assert said in str(caught.value)


def test_a_key_may_mean_two_things_on_two_screens() -> None:
    assert keymap.bind({"graph.in": "*"}).shown["graph.in"] == "*"
