"""One libvirt host: its own network, hostname, libvirt folders, libvirtd and sshd on the machine of the tests."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from tests.real.lab.image import Image
from tests.real.lab.process import LabError, output, until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LIBVIRT_TCP_PORT = 16509
IMAGES = Path("/var/lib/libvirt/images")
"""The folder of the pool that every host has for itself."""

PRIVATE = {
    "etc": "/etc/libvirt",
    "run": "/run/libvirt",
    "lib": "/var/lib/libvirt",
    "log": "/var/log/libvirt",
    "cache": "/var/cache/libvirt",
}
"""Folder of the host -> the path that it covers inside the host."""

SETUP = """
hostname "$1"
{mounts}
ip link set lo up
sysctl -q -w net.ipv4.ip_forward=1 || true
echo ready
exec sleep infinity
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a host stands: its name, its address on the lab's network, its folder, what guests boot, what QEMU can.

    `probed` is libvirt's cache of what it found out about QEMU (1.4 s), kept from host to host. `shared` is a folder
    that all hosts see at the same path, which libvirt cannot know.
    """

    name: str
    address: str
    folder: Path
    image: Image
    probed: Path
    shared: Path

    @property
    def nat_prefix(self) -> str:
        """The first three numbers of the host's own NAT network, which no two hosts share."""
        return f"192.168.{self.address.rpartition('.')[2]}"


class Host:
    """A libvirt host that runs until it is closed; everything in it can be stopped, killed and started again."""

    def __init__(self, place: Place, bridge: str, ssh_key: Path) -> None:
        self.name = place.name
        self.address = place.address
        self.folder = place.folder
        self.image = place.image
        self.shared = place.shared
        self.uri = f"qemu+tcp://{place.address}/system"
        self.ssh_uri = f"qemu+ssh://root@{place.address}/system?keyfile={ssh_key}"
        self.uuid = str(uuid.uuid4())
        _write_files(place, self.uuid)
        self._daemon: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] = (place.folder / "daemons.log").open("ab")
        self._anchor = _enter_namespaces(place)
        self._net = Path(f"/proc/{self._anchor.pid}/ns/net").stat().st_ino
        output(
            ["ip", "-batch", "-"],
            stdin=f"link add {self.name} type veth peer name eth0 netns {self._anchor.pid}\n"
            f"link set {self.name} master {bridge} up\n",
        )
        self.output("ip", "-batch", "-", stdin=f"addr add {self.address}/24 dev eth0\nlink set eth0 up\n")
        self._sshd = self._daemonize("/usr/sbin/sshd", "-D", "-e", "-f", str(self.folder / "sshd_config"))
        self.start()
        if not place.probed.exists():
            shutil.copytree(place.folder / "cache/qemu", place.probed)

    # --- libvirtd

    @property
    def pid(self) -> int:
        """The process id of libvirtd; LabError when it does not run."""
        if self._daemon is None or self._daemon.poll() is not None:
            raise LabError(f"libvirtd does not run on {self.name}")
        return self._daemon.pid

    def start(self) -> None:
        """Start libvirtd and wait until it answers."""
        self._daemon = self._daemonize("libvirtd", "--listen", "--pid-file", str(self.folder / "libvirtd.pid"))
        until(self._listens, f"libvirtd of {self.name} listens (see {self._log.name})", timeout=30, pause=0.02)
        self.virsh("capabilities")

    def stop(self) -> None:
        """Freeze libvirtd: it keeps its connections, takes new ones, and answers none (SIGSTOP)."""
        os.kill(self.pid, signal.SIGSTOP)

    def cont(self) -> None:
        """Let a frozen libvirtd go on."""
        os.kill(self.pid, signal.SIGCONT)

    def kill9(self) -> None:
        """Crash libvirtd; the guests go on."""
        daemon = self._daemon
        if daemon is not None:
            daemon.kill()
            daemon.wait()

    def restart(self) -> None:
        """Start libvirtd anew, ending it first when it runs."""
        daemon = self._daemon
        if daemon is not None and daemon.poll() is None:
            daemon.terminate()
            daemon.wait(30)
        self.start()

    def _listens(self) -> bool:
        if self._daemon is not None and self._daemon.poll() is not None:
            raise LabError(f"libvirtd of {self.name} ended with {self._daemon.returncode}: see {self._log.name}")
        try:
            socket.create_connection((self.address, LIBVIRT_TCP_PORT), 1).close()
        except OSError:
            return False
        return True

    def configure(self, **settings: int) -> None:
        """Set numbers of libvirtd.conf, and start libvirtd anew with them."""
        with (self.folder / "etc/libvirtd.conf").open("a") as conf:
            conf.writelines(f"{name} = {value}\n" for name, value in settings.items())
        self.restart()

    def hook(self, script: str) -> None:
        """Have libvirtd run a shell script as its hook for QEMU, with VM, operation and part as $1 to $3."""
        hooks = self.folder / "etc/hooks"
        hooks.mkdir(exist_ok=True)
        (hooks / "qemu").write_text(f"#!/bin/sh\n{script}\n")
        (hooks / "qemu").chmod(0o755)
        self.restart()  # it looks for hooks when it starts

    # --- its network

    def drop_packets(self, peer: str = "0.0.0.0/0") -> None:
        """Lose all that comes to the host from `peer` over the network, and all that it sends there: nobody is told."""
        self._filter("-I", peer)

    def pass_packets(self, peer: str = "0.0.0.0/0") -> None:
        """Let packets through again."""
        self._filter("-D", peer)

    def _filter(self, action: str, peer: str) -> None:
        for chain, way, end in (("INPUT", "-i", "-s"), ("OUTPUT", "-o", "-d")):
            self.output("iptables", "-w", action, chain, way, "eth0", end, peer, "-j", "DROP")

    def unplug(self) -> None:
        """Pull the cable: the host's card has no carrier, and its neighbours find nobody there."""
        output(["ip", "link", "set", self.name, "down"])

    def plug(self) -> None:
        """Put the cable back."""
        output(["ip", "link", "set", self.name, "up"])

    # --- asking and running

    def virsh(self, *args: str, timeout: float = 60) -> str:
        """What `virsh ARGS` prints, asked over TCP from outside the host; LabError when it fails."""
        return output(["virsh", "-q", "-c", self.uri, *args], timeout=timeout).strip()

    def command(self, *argv: str) -> list[str]:
        """The command line that runs `argv` on this host, in the folder of the caller."""
        namespaces = ["nsenter", f"--target={self._anchor.pid}", "--net", "--uts", "--mount"]
        return [*namespaces, "env", f"--chdir={Path.cwd()}", *argv]

    def command_of_other(self, *argv: str) -> list[str]:
        """The command line that runs `argv` on this host as a user without rights there."""
        # The checkout and its Python may lie where only root may search: reading is allowed, writing and root's
        # sockets are not.
        become = ["setpriv", "--reuid=other", "--regid=65534", "--clear-groups"]
        reading = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
        home = self.folder.parents[1] / "other"
        own = [f"HOME={home}", f"XDG_CACHE_HOME={home}/.cache", f"XDG_DATA_HOME={home}/.local/share"]
        own += [f"XDG_CONFIG_HOME={home}/.config", f"XDG_STATE_HOME={home}/.local/state", f"TMPDIR={home}"]
        return self.command(*become, *reading, "env", *own, "XDG_RUNTIME_DIR=/run/user/1999", *argv)

    def output(self, *argv: str, stdin: str | None = None, timeout: float = 60) -> str:
        """What a program that runs on this host prints, when it has ended well; LabError otherwise."""
        return output(self.command(*argv), stdin=stdin, timeout=timeout)

    def run(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a program on this host, with its input and output as text pipes; `env` is added to the environment."""
        return subprocess.Popen(
            self.command(*argv),
            env={**os.environ, **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    # --- storage

    def share(self) -> Path:
        """Give the host a running pool `shared` on the folder that all hosts see, once; returns the folder."""
        if "shared" not in self.virsh("pool-list", "--all", "--name").split():
            self.virsh("pool-define-as", "shared", "dir", "--target", str(self.shared))
            self.virsh("pool-start", "shared")
        return self.shared

    def add_cloud_image(self, pool: str = "default", name: str = "cloud.qcow2") -> Path:
        """Put the bootable image into a pool of the host, `default` or `shared`; returns its path there.

        A VM that boots it prints what the seed labelled cidata says, as "seed: hostname=H user=U key=K" or
        "seed: none", then "lab: H is up"; it lets in the seed's user by name, and gives a shell without a seed.
        """
        path = (self.share() if pool == "shared" else IMAGES) / name
        self.output("cp", str(self.image.cloud), str(path))
        self.virsh("pool-refresh", pool)
        return path

    def qemu_pid(self, name: str) -> int:
        """The process id of the QEMU of a running VM."""
        return int((self.folder / f"run/qemu/{name}.pid").read_text())

    def agent(self, name: str, command: str, **arguments: object) -> object:
        """What the guest agent of a VM returns for a command."""
        request = json.dumps({"execute": command, "arguments": arguments})
        reply: dict[str, object] = json.loads(self.virsh("qemu-agent-command", name, request, "--timeout", "10"))
        return reply["return"]

    def close(self) -> None:
        """End everything that runs on the host, guests included, and remove its files."""
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if (process / "ns/net").stat().st_ino == self._net:
                    os.kill(int(process.name), signal.SIGKILL)
            except (FileNotFoundError, ProcessLookupError):
                continue
        for child in (self._daemon, self._sshd, self._anchor):
            if child is not None:
                child.wait(30)
        # It goes with the namespace of its other end, but at a time of the kernel's own.
        with contextlib.suppress(LabError):
            output(["ip", "link", "del", self.name])
        self._log.close()
        shutil.rmtree(self.folder)

    def serve_ssh(self, port: int, *lines: str) -> subprocess.Popen[bytes]:
        """One more sshd on this port, with these lines of configuration before the usual ones; the caller ends it."""
        config = self.folder / f"sshd_config.{port}"
        usual = (self.folder / "sshd_config").read_text()
        config.write_text("\n".join([f"Port {port}", *lines, usual]))
        served = self._daemonize("/usr/sbin/sshd", "-D", "-e", "-f", str(config))

        def listens() -> bool:
            try:
                socket.create_connection((self.address, port), 1).close()
            except OSError:
                return False
            return True

        until(listens, f"sshd of {self.name} listens on {port}", timeout=30, pause=0.02)
        return served

    def _daemonize(self, *argv: str) -> subprocess.Popen[bytes]:
        # nsenter and env replace themselves by the program: the id of the child is the daemon's own.
        return subprocess.Popen(
            self.command(*argv),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )


def _enter_namespaces(place: Place) -> subprocess.Popen[bytes]:
    """Make the namespaces of a host; the process that comes back holds them open."""
    mounts = "\n".join(f"mount --bind '{place.folder / part}' {path}" for part, path in PRIVATE.items())
    anchor = subprocess.Popen(
        ["unshare", "--net", "--uts", "--mount", "bash", "-ec", SETUP.format(mounts=mounts), "host", place.name],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    pipe = anchor.stdout
    if pipe is None or pipe.readline() != b"ready\n":
        raise LabError(f"the namespaces of {place.name} could not be made")
    pipe.close()
    return anchor


def _write_files(place: Place, host_uuid: str) -> None:
    for part, path in PRIVATE.items():
        Path(path).mkdir(parents=True, exist_ok=True)
        (place.folder / part).mkdir(parents=True)
    etc = place.folder / "etc"
    (etc / "libvirtd.conf").write_text(
        "listen_tls = 0\n"
        "listen_tcp = 1\n"
        'auth_tcp = "none"\n'
        'auth_unix_rw = "none"\n'
        'auth_unix_ro = "none"\n'
        f'host_uuid = "{host_uuid}"\n',
    )
    (etc / "qemu.conf").write_text(
        'user = "root"\n'
        'group = "root"\n'
        'security_driver = "none"\n'
        "dynamic_ownership = 0\n"
        "remember_owner = 0\n"
        "namespaces = []\n"
        "cgroup_controllers = []\n"
        'stdio_handler = "file"\n'
        f'migration_host = "{place.address}"\n',
    )
    # Without the option dnsmasq pings an address for 3 s before it gives it away.
    network = (
        "<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'>"
        f"<name>default</name><uuid>{uuid.uuid4()}</uuid><forward mode='nat'/>"
        "<bridge name='virbr0' stp='off' delay='0'/>"
        f"<ip address='{place.nat_prefix}.1' netmask='255.255.255.0'>"
        f"<dhcp><range start='{place.nat_prefix}.2' end='{place.nat_prefix}.254'/></dhcp></ip>"
        "<dnsmasq:options><dnsmasq:option value='no-ping'/></dnsmasq:options></network>\n"
    )
    pool = (
        f"<pool type='dir'><name>default</name><uuid>{uuid.uuid4()}</uuid>"
        "<target><path>/var/lib/libvirt/images</path></target></pool>\n"
    )
    (place.folder / "lib/images").mkdir()
    for folder, xml in ((etc / "qemu/networks", network), (etc / "storage", pool)):
        (folder / "autostart").mkdir(parents=True)
        (folder / "default.xml").write_text(xml)
        (folder / "autostart/default.xml").symlink_to("../default.xml")
    (place.folder / "guests").mkdir()
    if place.probed.exists():
        shutil.copytree(place.probed, place.folder / "cache/qemu")
    key = place.folder / "ssh_host_key"
    output(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", place.name, "-f", str(key)])
    # ssh shows it before a login, on the standard error: a program that draws a screen must not let it through.
    (place.folder / "banner").write_text("lab: this is no place for strangers\n")
    (place.folder / "sshd_config").write_text(
        f"HostKey {key}\n"
        f"Banner {place.folder / 'banner'}\n"
        "ListenAddress 0.0.0.0\n"
        "PidFile none\n"
        "UsePAM no\n"
        "PasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\n"
        "PermitRootLogin prohibit-password\n"
        # The whole fleet of a test logs in within the same second.
        "MaxStartups 100\n"
        "Subsystem sftp internal-sftp\n",
    )
