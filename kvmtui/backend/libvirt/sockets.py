"""Which sockets of this machine lead to a local daemon, and which of our own descriptors lead to a peer."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmtui.backend.libvirt.uri import Address

Peer = tuple[str, int]
"""An IP address in its shortest form, and a port."""


def candidates(address: Address, *, read_only: bool) -> tuple[Path, ...]:
    """Return the sockets that a local daemon may listen on, the best first: the modular daemon, then libvirtd."""
    given = address.parameter("socket")
    if given:
        return (Path(given),)
    is_own = address.is_session and os.geteuid() != 0  # root's session is the system's daemon
    ending = "-ro" if read_only and not is_own else ""
    names = {"direct": [f"virt{address.driver}d-sock{ending}"], "legacy": [f"libvirt-sock{ending}"]}
    mode = address.parameter("mode")
    chosen = names[mode] if mode in names else names["direct"] + names["legacy"]
    folders = [_session_folder()] if is_own else [Path("/run/libvirt"), Path("/var/run/libvirt")]
    return tuple(folder / name for name in chosen for folder in folders)


def _session_folder() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime:
        return Path(runtime) / "libvirt"
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "libvirt"


def resolve(host: str, port: int) -> frozenset[Peer]:
    """Return the addresses that a connection to `host` may use; raises OSError."""
    found = socket.getaddrinfo(host.partition("%")[0], port, type=socket.SOCK_STREAM)
    return frozenset((_plain(str(entry[4][0])), port) for entry in found)


def towards(peers: frozenset[Peer], *, taken: bool = False) -> dict[int, int]:
    """Return our descriptors that lead to one of `peers`: inode -> descriptor.

    Also half-open ones, unless only those are wanted that the other side has `taken`.
    """
    wanted = {inode for inode, peer, state in _connections() if peer in peers and (not taken or state == _ESTABLISHED)}
    found: dict[int, int] = {}
    for entry in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names only, without a Path for each
        inode = inode_of(int(entry))
        if inode in wanted:
            found[inode] = int(entry)
    return found


def inode_of(descriptor: int) -> int | None:
    """Return the number of the socket behind a descriptor, None when it is none."""
    try:
        link = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - not a path: "socket:[1234]"
    except OSError:
        return None
    return int(link[8:-1]) if link.startswith("socket:[") else None


_ESTABLISHED = "01"  # as the kernel's table says it


def _connections() -> list[tuple[int, Peer, str]]:
    found: list[tuple[int, Peer, str]] = []
    for name in ("/proc/self/net/tcp", "/proc/self/net/tcp6"):
        try:
            lines = Path(name).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            found.append((int(fields[9]), _peer(fields[2]), fields[3]))
    return found


def _peer(text: str) -> Peer:
    """Read "0100007F:1F90": the address in words of the machine's byte order, the port in hexadecimal."""
    digits, _, port = text.partition(":")
    words = [int(digits[at : at + 8], 16) for at in range(0, len(digits), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    return _plain(str(ipaddress.ip_address(packed))), int(port, 16)


def _plain(text: str) -> str:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)
