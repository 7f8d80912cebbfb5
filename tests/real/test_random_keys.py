"""Random keys, pastes, broken sequences and sizes on a real host that may only be read; `make soak` presses more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.real.lab import GuestSpec
from tests.soak.hosts import press_at_random

if TYPE_CHECKING:
    from tests.real.lab import Host, Lab


def test_random_keys_change_nothing_on_a_host_that_is_read_only(lab: Lab, own_host: Host) -> None:
    lab.crowd(own_host, 2)
    lab.guest(own_host, GuestSpec("crowd-03", 16, agent=False))
    assert press_at_random([own_host], 120, seed=3).reached
