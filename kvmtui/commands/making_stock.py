"""What a host has to make a VM from, read once for each form and anew by the task; and the admin's public keys."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from kvmtui.backend.base import Offers
from kvmtui.commands.base import Scene
from kvmtui.commands.streaming import LocalFile
from kvmtui.core.creation import key_lines
from kvmtui.core.errors import BackendError, Busy, KvmtuiError, NotFound, NotSupported, Refused
from kvmtui.core.inventory import HostEntry, HostState, Pool, Volume
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from kvmtui.backend.base import Backend
    from kvmtui.commands.base import Answers

LARGEST_KEY = 65_536  # bytes of a file of public keys
FILE = "file"
"""The answer, in place of a volume, that one is brought from this machine."""


@dataclass(frozen=True, slots=True)
class Stock:
    """What a host has to make a VM from."""

    offers: Offers
    volumes: Mapping[str, tuple[Volume, ...]]  # by pool
    unread: Mapping[str, str] = field(default_factory=dict)  # pools that could not be read, with the reason

    def volume(self, name: str) -> Volume | None:
        """Return the volume that "pool/name" means."""
        pool, _, volume = name.partition("/")
        return next((each for each in self.volumes.get(pool, ()) if each.name == volume), None)


class PublicKeys(NamedTuple):
    """The keys of one file."""

    file: str  # its name in ~/.ssh, or its path
    lines: tuple[str, ...]

    @property
    def said(self) -> str:
        """What a person knows a key by: its kind and its comment."""
        kind, _, rest = self.lines[0].partition(" ")
        more = f" and {len(self.lines) - 1} more" if len(self.lines) > 1 else ""
        return f"{kind} {rest.partition(' ')[2]}".strip() + more


@dataclass(frozen=True, slots=True)
class View:
    """What the questions and the plan look at."""

    scene: Scene
    entry: HostEntry
    stock: Stock
    keys: tuple[PublicKeys, ...] = ()
    local: LocalFile | None = None  # the file of this machine that the answers name
    local_fault: str = ""
    user: str = "admin"

    @property
    def state(self) -> HostState:
        """The host as it was read last; raises Refused before that."""
        if self.entry.state is None:
            raise Refused(f"{safe(self.entry.name)} has not been read.")
        return self.entry.state

    def pool(self, name: str) -> Pool | None:
        """Return an active pool of the host."""
        return next((pool for pool in self.state.pools if pool.name == name and pool.active), None)


def need_pools(state: HostState) -> None:
    """Raise Busy while none of a host's pools is known, since one of them holds up the rest."""
    if state.pools_late and all(pool.late for pool in state.pools):
        raise Busy(
            f"The storage of {safe(state.host.hostname)} does not answer: what pools it has is not known yet.",
            hint="One of its pools is at work or hangs; it is asked for until it answers.",
        )


async def stock_of(backend: Backend, state: HostState) -> Stock:
    """Read what the host offers, and what its active pools hold; a pool that cannot be read is left out."""
    need_pools(state)
    offers = await backend.creation.offers()
    volumes: dict[str, tuple[Volume, ...]] = {}
    unread: dict[str, str] = {}
    for pool in state.pools:
        if not pool.active:
            continue
        if pool.late:
            unread[pool.name] = "it does not answer."
            continue
        try:
            volumes[pool.name] = await backend.storage.volumes(pool.name)
        except (NotFound, NotSupported) as error:
            unread[pool.name] = error.text
        except BackendError as error:
            if error.unknown:
                raise
            unread[pool.name] = error.text
    return Stock(offers, volumes, unread)


async def public_keys(answers: Answers) -> tuple[PublicKeys, ...]:
    """Return the keys of ~/.ssh/*.pub and of the files that the answers name."""
    wanted = answers.get("keys")
    return await asyncio.to_thread(_keys, wanted if isinstance(wanted, tuple) else ())


def _keys(wanted: tuple[str, ...]) -> tuple[PublicKeys, ...]:
    found = []
    try:
        files = sorted(path.name for path in _folder().glob("*.pub"))
    except (OSError, RuntimeError):
        files = []
    for name in files:
        try:
            found.append(PublicKeys(name, _lines(_folder() / name)))
        except KvmtuiError:
            continue  # not a key: there may be certificates, or anything
    known = {each.file for each in found}
    found += [PublicKeys(name, _lines(_path(name))) for name in wanted if name not in known]
    return tuple(found)


def _folder() -> Path:
    return Path("~/.ssh").expanduser()


def _path(name: str) -> Path:
    path = Path(name)
    return path.expanduser() if "/" in name or name.startswith("~") else _folder() / name


def _lines(path: Path) -> tuple[str, ...]:
    """Return the keys of a file; raises Refused or NotFound, which name it."""
    what = safe(str(path))
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_KEY:
            raise NotFound(f"{what} is no file with public keys.")
        text = path.read_text("utf-8")
    except (OSError, ValueError, RuntimeError) as error:
        raise Refused(f"{what} cannot be read.") from error
    try:
        return key_lines(text)
    except Refused as error:
        raise Refused(f"{what}: {error.text}", hint=error.hint) from error


async def local_file(answers: Answers) -> tuple[LocalFile | None, str]:
    """Look into the file of this machine that the answers name; what is wrong with it comes as a sentence."""
    text = answers.get("file")
    if not isinstance(text, str) or not text:
        return None, ""
    try:
        return await asyncio.to_thread(LocalFile.at, text), ""
    except KvmtuiError as error:
        return None, str(error)


def usual_user() -> str:
    """Return what a cloud image's first user is called: as whoever is at the keyboard, but never root."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = ""
    return name if name and name != "root" else "admin"
