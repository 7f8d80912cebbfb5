"""Which hosts are opened: those named, else those configured, else this machine's, else the demo."""

from __future__ import annotations

import os
import re
import shutil
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from kvmtui.config_table import nearest
from kvmtui.core.errors import ConfigError, Unreachable
from kvmtui.core.inventory import Guard

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SOCKETS = ("/run/libvirt/libvirt-sock", "/run/libvirt/virtqemud-sock", "/var/run/libvirt/libvirt-sock")
_DAEMONS = ("libvirtd", "virtqemud")
_DAEMON_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_INSTALL = "Install libvirt-daemon-system and qemu-system (Fedora: the group virtualization), or name a host with -c."
_DEMO_SIZE = re.compile(r"(\d{1,4})x(\d{1,6})")
_PLAIN_HOST = re.compile(r"(?:[a-z_][a-z0-9_-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*")
_USUAL_DEMO = "demo:///"


@dataclass(frozen=True, slots=True)
class HostConfig:
    """A host to open: the name that the fleet calls it by, its address, its groups and its guard."""

    name: str
    uri: str
    groups: tuple[str, ...] = ()
    guard: Guard = Guard.ASK


class Machine(NamedTuple):
    """What of the machine that the program runs on decides which hosts are opened."""

    hostname: str
    default_uri: str = ""  # LIBVIRT_DEFAULT_URI
    system_socket: bool = False  # also when it refuses us: its row then says why
    daemon: bool = False  # a libvirt daemon is installed, so that qemu:///session can start one

    @classmethod
    def look(cls) -> Machine:
        """Return the facts of this machine."""
        search = os.pathsep.join((os.environ.get("PATH", ""), _DAEMON_PATH))
        return cls(
            hostname=socket.gethostname().partition(".")[0],
            default_uri=os.environ.get("LIBVIRT_DEFAULT_URI", "").strip(),
            system_socket=any(Path(path).is_socket() for path in _SOCKETS),
            daemon=any(shutil.which(name, path=search) for name in _DAEMONS),
        )


class Choice(NamedTuple):
    """What was asked for: `-c`, `--demo`, whether there is a screen, and what the file `file` knows."""

    connect: tuple[str, ...]
    demo: str | None
    headless: bool
    hosts: tuple[HostConfig, ...]
    groups: Mapping[str, tuple[str, ...]]
    file: str


class Chosen(NamedTuple):
    """The hosts to open; `demo` when all of them are simulated, `demo_why` when nobody asked for that."""

    hosts: tuple[HostConfig, ...]
    demo: bool = False
    demo_why: str = ""


def choose(choice: Choice, machine: Machine) -> Chosen:
    """Return the hosts to open; raises ConfigError for a bad name or address, Unreachable when there is none."""
    if choice.demo is not None and choice.connect:
        raise ConfigError("--demo and -c exclude each other.")
    if choice.demo is not None:
        return _opened(_addresses([_demo_uri(choice.demo)], machine), choice)
    if choice.connect:
        return _opened(_asked(choice, machine), choice)
    if choice.hosts:
        return _opened(choice.hosts, choice)
    for uri, there in (
        (machine.default_uri, bool(machine.default_uri)),
        ("qemu:///system", machine.system_socket),
        ("qemu:///session", machine.daemon),
    ):
        if there:
            return _opened(_addresses([uri], machine), choice)
    if choice.headless:
        raise Unreachable("There is no libvirt on this machine, and no host was named.", hint=_INSTALL)
    # One line of 80 columns on the screen.
    why = "No libvirt here: this is a demo. -c URI opens a host; `kvmtui doctor` says more."
    return Chosen(_expanded(_addresses([_USUAL_DEMO], machine)), demo=True, demo_why=why)


def _opened(hosts: Iterable[HostConfig], choice: Choice) -> Chosen:
    """Put each host's groups in and check its address."""
    grouped = []
    for host in hosts:
        groups = tuple(name for name, members in choice.groups.items() if host.name in members)
        grouped.append(replace(host, groups=tuple(dict.fromkeys((*host.groups, *groups)))))
    expanded = _expanded(grouped)
    for host in expanded:
        _check(host)
    return Chosen(expanded, demo=all(_is_demo(host.uri) for host in expanded))


def _asked(choice: Choice, machine: Machine) -> list[HostConfig]:
    """Return what `-c` names: hosts and groups of the file, and addresses."""
    configured = {host.name: host for host in choice.hosts}
    found: dict[str, HostConfig] = {}
    uris = []
    for word in choice.connect:
        if word in configured:
            found[word] = configured[word]
        elif word in choice.groups:
            found.update((name, configured[name]) for name in choice.groups[word])
        elif ":" in word:
            uris.append(word)
        else:
            raise _unknown(word, choice)
    known = {host.uri for host in found.values()}
    return [*found.values(), *_addresses([uri for uri in dict.fromkeys(uris) if uri not in known], machine, found)]


def _unknown(word: str, choice: Choice) -> ConfigError:
    """Return what to say of a name that nothing is called, with the address that may be meant."""
    host = word if _PLAIN_HOST.fullmatch(word) else "hv1"
    meant = f"qemu+ssh://{host if '@' in host else f'root@{host}'}/system"
    if not choice.hosts:
        text = f"`{word}` is no address, and no host of that name is configured in {choice.file}."
        return ConfigError(text, hint=f"Write an address like {meant}.")
    names = (*(one.name for one in choice.hosts), *choice.groups)
    text = f"no host or group `{word}` in {choice.file}{nearest(word, names)}"
    return ConfigError(text, hint=f"Write an address like {meant}, or configure it.")


def _addresses(uris: Iterable[str], machine: Machine, taken: Iterable[str] = ()) -> list[HostConfig]:
    """Name each address after its host, "hv1", or after this machine; a name met twice becomes "hv1-2"."""
    names = set(taken)
    hosts = []
    for uri in uris:
        try:
            given = urlsplit(uri).hostname or ""
        except ValueError:
            given = ""  # the check of the address says what is wrong with it
        base = given or ("test" if uri.startswith("test:") else machine.hostname) or "local"
        hosts.append(HostConfig(_unique(base, names), uri))
    return hosts


def _unique(base: str, names: set[str]) -> str:
    """Return `base`, or with a number behind it, and take it."""
    name, count = base, 1
    while name in names:
        count += 1
        name = f"{base}-{count}"
    names.add(name)
    return name


def _demo_uri(size: str) -> str:
    """Return the fleet address for `--demo` or `--demo 50x5000`."""
    if not size:
        return _USUAL_DEMO
    found = _DEMO_SIZE.fullmatch(size)
    if found is None or not 1 <= int(found[1]) <= 1000 or int(found[2]) > 100_000:
        raise ConfigError(f"--demo takes HOSTSxVMS, at most 1000x100000, not {size!r}.", hint="For example 50x5000.")
    return f"demo:///?hosts={int(found[1])}&vms={int(found[2])}&seed=7"


def _is_demo(uri: str) -> bool:
    return uri.startswith("demo:")


def _expanded(hosts: Iterable[HostConfig]) -> tuple[HostConfig, ...]:
    """Replace the address of a demo fleet with those of its hosts."""
    result: list[HostConfig] = []
    names: set[str] = set()
    for host in hosts:
        if not _is_demo(host.uri):
            result.append(replace(host, name=_unique(host.name, names)))
            continue
        from kvmtui.backend.demo import hosts_of  # noqa: PLC0415 - the simulation loads only when used

        members = hosts_of(host.uri)
        result.extend(replace(host, name=_unique(name, names), uri=uri) for name, uri in members)
    return tuple(result)


def _check(host: HostConfig) -> None:
    """Raise ConfigError for an address that must not be opened."""
    if _is_demo(host.uri):
        return
    from kvmtui.backend.libvirt.uri import check  # noqa: PLC0415 - `--demo` needs none of it

    check(host.uri)
