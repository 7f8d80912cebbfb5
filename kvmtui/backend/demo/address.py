"""The address of a simulated fleet, and of one host of it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from kvmtui.core.errors import ConfigError

_EXAMPLE = "Write demo:/// or, for example, demo:///?hosts=50&vms=5000&seed=7"
_MOST_HOSTS = 1_000
_MOST_VMS = 200_000


@dataclass(frozen=True, slots=True)
class FleetAddress:
    """What makes one simulated fleet differ from another.

    Without `hosts` and `vms` it is the small fleet of three hosts that the guide shows.
    """

    hosts: int | None = None
    vms: int | None = None
    seed: int = 7
    story: bool = True  # things go wrong by themselves, on a schedule
    pace: float = 1.0  # how long boots, shutdowns and saves take: 2 twice as long, 0 no time at all

    @property
    def is_small(self) -> bool:
        """Whether it is the fleet of three hosts that is described by hand."""
        return self.hosts is None and self.vms is None

    @property
    def host_count(self) -> int:
        """How many hosts there are."""
        if self.hosts is not None:
            return self.hosts
        return 3 if self.vms is None else max(1, -(-self.vms // 100))

    @property
    def vm_count(self) -> int:
        """How many VMs a generated fleet has."""
        return self.vms if self.vms is not None else self.host_count * 14

    @property
    def host_names(self) -> tuple[str, ...]:
        """The hosts' names, hv1 first."""
        return tuple(f"hv{number}" for number in range(1, self.host_count + 1))


def _number(name: str, text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise ConfigError(
            f"{name}={text!r} in a demo address is not a whole number from {least} to {most}.", hint=_EXAMPLE
        )
    return int(text)


def _pace(text: str) -> float:
    try:
        pace = float(text)
    except ValueError:
        pace = -1.0
    if not 0.0 <= pace <= 100.0:
        raise ConfigError(f"pace={text!r} in a demo address is not a number from 0 to 100.", hint=_EXAMPLE)
    return pace


def parse(uri: str) -> tuple[FleetAddress, str]:
    """Return the fleet and the host's name that `uri` means ("" for the whole fleet); raises ConfigError."""
    parts = urlsplit(uri)
    if parts.scheme != "demo" or parts.netloc:
        raise ConfigError(f"{uri!r} is not the address of a demo fleet.", hint=_EXAMPLE)
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = given.keys() - {"hosts", "vms", "seed", "faults", "pace"}
    if unknown:
        raise ConfigError(f"A demo address has no parameter {min(unknown)!r}.", hint=_EXAMPLE)
    faults = given.get("faults", "story" if not given.keys() & {"hosts", "vms"} else "none")
    if faults not in ("none", "story"):
        raise ConfigError(f"faults={faults!r} in a demo address is neither none nor story.", hint=_EXAMPLE)
    address = FleetAddress(
        hosts=_number("hosts", given["hosts"], 1, _MOST_HOSTS) if "hosts" in given else None,
        vms=_number("vms", given["vms"], 0, _MOST_VMS) if "vms" in given else None,
        seed=_number("seed", given.get("seed", "7"), 0, 2**63),
        story=faults == "story",
        pace=_pace(given.get("pace", "1")),
    )
    host = parts.path.strip("/")
    if host and host not in address.host_names:
        raise ConfigError(f"The demo fleet of {uri!r} has no host {host!r}.", hint=_EXAMPLE)
    return address, host


def hosts_of(uri: str) -> tuple[tuple[str, str], ...]:
    """Return the name and the URI of each host of the fleet at `uri`; raises ConfigError."""
    address, host = parse(uri)
    given = parse_qsl(urlsplit(uri).query, keep_blank_values=True)
    tail = f"?{urlencode(given)}" if given else ""
    names = (host,) if host else address.host_names
    return tuple((name, f"demo:///{quote(name)}{tail}") for name in names)
