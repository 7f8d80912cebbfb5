"""What the program was told: the command line and the configuration file, checked and made one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kvmtui import paths
from kvmtui.config_table import Table, nearest
from kvmtui.core.errors import ConfigError
from kvmtui.core.inventory import Guard
from kvmtui.core.policy import Policy
from kvmtui.host_choice import Choice, HostConfig, Machine, choose

__all__ = ["Arguments", "HostConfig", "Settings", "load"]

_PRODUCT_UUID = Path("/sys/class/dmi/id/product_uuid")
_OWNERS = ("nova", "oVirt", "KubeVirt")
_MOST_BYTES = 4 << 20  # a device that never ends is not read to its end


@dataclass(frozen=True, slots=True)
class Arguments:
    """What the command line gave; None where it said nothing."""

    connect: tuple[str, ...] = ()
    """Addresses, and names of configured hosts and groups (`-c`)."""
    demo: str | None = None
    """`--demo`: "" for the usual size, or "50x5000" (hosts x VMs)."""
    read_only: bool = False
    config: Path | None = None
    """`--config`: unlike the usual file, this one must exist."""
    theme: str | None = None
    refresh: float | None = None
    mouse: bool | None = None
    log_level: str | None = None
    headless: bool = False
    """A headless verb never falls back to the demo."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set; times are seconds."""

    hosts: tuple[HostConfig, ...] = ()
    label: str = ""
    """What this fleet is called in the header, e.g. "prod"."""
    refresh: float = 2.0
    """Between two readings of a host's counters."""
    resync: float = 60.0
    """Between two full readings of a host, which catch what no event told."""
    ping_interval: float = 3.0
    backoff_first: float = 1.0
    backoff_most: float = 60.0
    """The pause before connecting again: the first, doubled up to the longest."""
    lease_interval: float = 30.0
    balloon_period: int | None = None
    """How often guests are made to report their memory; None: they are left as they are."""
    parallel_per_host: int = 4
    stop_after: int = 2
    """Failures after which the rest of one command's targets are left alone."""
    shutdown_wait: float = 300.0
    """How long a guest that was asked to shut down is waited for."""
    read_only: bool = False
    theme: str = ""
    """Empty: the theme that was chosen last."""
    mouse: bool = True
    keys: Mapping[str, str] = field(default_factory=dict)
    """Command id to chord, e.g. {"vm.force-off": "! f"}."""
    allow_single: bool = False
    """Whether a changing verb may be put on a single key."""
    policy: Policy = field(default_factory=Policy)
    log_level: str = "info"
    demo: bool = False
    demo_why: str = ""
    """Why the demo is shown and what to install, when nobody asked for it."""


def load(arguments: Arguments, *, machine: Machine | None = None) -> Settings:
    """Return the settings; raises ConfigError for what is wrong, Unreachable when headless and there is no host.

    Which command ids [keys] may name is known to the commands: they check it.
    """
    path = arguments.config or paths.config_file()
    root = Table(str(path), "", _read(path, required=arguments.config is not None))
    label = root.text("label", "")
    read_only = root.flag("read_only", default=False)
    hosts = _hosts(root)
    groups = _groups(root, hosts)
    policy = _policy(root.table("policy"))
    keys, allow_single = _keys(root.table("keys"))
    ui = root.table("ui")
    theme = ui.text("theme", "")
    mouse = ui.flag("mouse", default=True)
    refresh = ui.number("refresh", 2.0, 0.2, 3600.0)
    ui.finish()
    monitor = root.table("monitor")
    tasks = root.table("tasks")
    choice = choose(
        Choice(arguments.connect, arguments.demo, arguments.headless, hosts, groups, str(path)),
        machine or Machine.look(),
    )
    if arguments.refresh is not None and not 0.2 <= arguments.refresh <= 3600.0:
        raise ConfigError(f"--refresh is a number of seconds between 0.2 and 3600, not {arguments.refresh:g}.")
    settings = Settings(
        hosts=choice.hosts,
        label=label,
        refresh=refresh if arguments.refresh is None else arguments.refresh,
        resync=monitor.number("resync", 60.0, 5.0, 86_400.0),
        ping_interval=monitor.number("ping_interval", 3.0, 0.5, 60.0),
        backoff_first=monitor.number("backoff_first", 1.0, 0.1, 3600.0),
        backoff_most=monitor.number("backoff_most", 60.0, 0.1, 3600.0),
        lease_interval=monitor.number("lease_interval", 30.0, 1.0, 86_400.0),
        balloon_period=monitor.whole("balloon_period", 0, 0, 3600) or None,
        parallel_per_host=tasks.whole("parallel_per_host", 4, 1, 64),
        stop_after=tasks.whole("stop_after", 2, 1, 10_000),
        shutdown_wait=tasks.number("shutdown_wait", 300.0, 1.0, 86_400.0),
        read_only=arguments.read_only or read_only,
        theme=theme if arguments.theme is None else arguments.theme,
        mouse=mouse if arguments.mouse is None else arguments.mouse,
        keys=keys,
        allow_single=allow_single,
        policy=policy,
        log_level=arguments.log_level or "info",
        demo=choice.demo,
        demo_why=choice.demo_why,
    )
    monitor.finish()
    tasks.finish()
    root.finish()
    return settings


def _read(path: Path, *, required: bool) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        if not required:
            return {}
        raise ConfigError(f"There is no configuration file {path}.") from None
    except OSError as error:
        raise ConfigError(f"The configuration file {path} cannot be read: {os.strerror(error.errno or 0)}.") from None
    if len(content) > _MOST_BYTES:
        raise ConfigError(f"The configuration file {path} is no configuration: it is larger than 4 MiB.")
    import tomllib  # noqa: PLC0415 - most have no file, and their start need not wait for it

    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"The configuration file {path} is not UTF-8 at byte {error.start}.") from None
    except RecursionError:
        raise ConfigError(f"The configuration file {path} is no TOML: it is nested too deeply.") from None
    except ValueError as error:  # TOMLDecodeError is one; a number of too many digits is another
        raise ConfigError(f"The configuration file {path} is no TOML: {error}.") from None


def _hosts(root: Table) -> tuple[HostConfig, ...]:
    hosts = []
    for name, table in root.tables("hosts"):
        if not name or "/" in name or ":" in name or not name.isprintable() or name != name.strip():
            raise table.error("", "a host's name is printable and holds no slash and no colon", name)
        uri = table.text("uri", "")
        if not uri:
            raise ConfigError(f"{root.file}: [hosts.{name}] needs a `uri`.")
        groups = table.texts("groups")
        guard = table.choice("guard", Guard.ASK.value, tuple(kind.value for kind in Guard))
        table.finish()
        hosts.append(HostConfig(name, uri, groups, Guard(guard)))
    return tuple(hosts)


def _groups(root: Table, hosts: tuple[HostConfig, ...]) -> dict[str, tuple[str, ...]]:
    """Return the hosts of each group, those named under [groups] and those that name it themselves."""
    table = root.table("groups")
    names = {host.name for host in hosts}
    groups: dict[str, tuple[str, ...]] = {}
    for group in table.names():
        members = table.texts(group)
        for member in members:
            if member not in names:
                text = f"unknown host `{member}` in [groups] {group}{nearest(member, names)}"
                raise ConfigError(text, hint=f"({root.file})")
        groups[group] = members
    for host in hosts:
        for group in host.groups:
            if host.name not in groups.get(group, ()):
                groups[group] = (*groups.get(group, ()), host.name)
    return groups


def _policy(table: Table) -> Policy:
    owners = table.texts("allowed_owners", _OWNERS)
    reserve = table.size("host_reserve", 0)
    table.finish()
    return Policy(allowed_owners=frozenset(owners), host_reserve=reserve, own_vm=_own_vm())


def _own_vm() -> str:
    """Return the UUID that this machine's firmware tells; it is the VM's when the machine is one."""
    try:
        return _PRODUCT_UUID.read_text("ascii").strip().lower()
    except (OSError, UnicodeDecodeError):
        return ""


def _keys(table: Table) -> tuple[dict[str, str], bool]:
    allow_single = table.flag("allow_single", default=False)
    return {name: table.text(name, "") for name in table.names() if name != "allow_single"}, allow_single
