"""What the configuration says of rights, as plain data for judgements."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """What the configuration says of rights: who may touch VMs that another system owns, what runs unasked."""

    allowed_owners: frozenset[str] = frozenset()
    host_reserve: int = 0  # bytes of a host's memory kept from VMs in the start check
    own_vm: str = ""  # UUID of the VM that this program runs in, "" when none
