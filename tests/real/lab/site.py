"""The lab: a network of its own with any number of libvirt hosts on it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from tests.real.lab.guest import Guest, GuestSpec, crowd
from tests.real.lab.host import Host, Place
from tests.real.lab.image import build_image
from tests.real.lab.process import LabError, output

BRIDGE = "lab0"
PREFIX = "10.77.0"
FIRST_HOST = 11


def inside_lab() -> bool:
    """Whether this process runs in the namespaces that tests/real/run makes."""
    return "KVMTUI_LAB" in os.environ


class Lab:
    """Hosts on the bridge 10.77.0.0/24, of which this process has the first address; closing it removes them all."""

    def __init__(self) -> None:
        if not inside_lab():
            raise LabError("a lab is built inside the namespaces that tests/real/run makes")
        self.folder = Path(os.environ["KVMTUI_LAB"])
        self.hosts: dict[str, Host] = {}
        self._next = FIRST_HOST
        self._image = build_image(self.folder / "image")
        self.shared = self.folder / "shared"
        self.shared.mkdir(exist_ok=True)
        output(
            ["ip", "-batch", "-"],
            stdin=f"link add {BRIDGE} type bridge\naddr add {PREFIX}.1/24 dev {BRIDGE}\nlink set {BRIDGE} up\n",
        )
        ssh = self.folder / "home/.ssh"
        self._key = ssh / "id_ed25519"
        self._known_hosts = ssh / "known_hosts"
        if not self._key.exists():
            output(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(self._key)])
            (ssh / "authorized_keys").write_text(self._key.with_suffix(".pub").read_text())

    @property
    def address(self) -> str:
        """The address of this process, from which hosts are asked."""
        return f"{PREFIX}.1"

    def host(self, name: str) -> Host:
        """Build a host, up and answering when it is returned, its name known to the others (1.7 s, then 0.3 s each)."""
        if name in self.hosts:
            raise LabError(f"there is a host {name} already")
        address = f"{PREFIX}.{self._next}"
        self._next += 1
        with Path("/etc/hosts").open("a") as names:
            names.write(f"{address} {name}\n")
        place = Place(
            name, address, self.folder / "hosts" / name, self._image, self.folder / "probed", shared=self.shared
        )
        host = Host(place, BRIDGE, self._key)
        kind, key, _ = (host.folder / "ssh_host_key.pub").read_text().split(maxsplit=2)
        with self._known_hosts.open("a") as known:
            known.write(f"{name},{address} {kind} {key}\n")
        self.hosts[name] = host
        return host

    def guest(self, host: Host, spec: GuestSpec) -> Guest:
        """Define a guest on a host; it is shut off."""
        return Guest(host, spec).define()

    def crowd(self, host: Host, count: int) -> list[Guest]:
        """Start many guests that cost next to nothing (guest.crowd)."""
        return crowd(host, count)

    def drop(self, host: Host) -> None:
        """End a host and everything on it."""
        del self.hosts[host.name]
        host.close()

    def close(self) -> None:
        """End every host, and take the network away."""
        for host in list(self.hosts.values()):
            self.drop(host)
        output(["ip", "link", "del", BRIDGE])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
