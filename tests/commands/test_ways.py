"""How a VM's screen is reached: each kind of display on each kind of host."""

from __future__ import annotations

import pytest

from kvmtui.backend.base import Display
from kvmtui.commands.ways import through, way_to

SSH = "qemu+ssh://root@hv1/system"
VNC = Display("vnc", "127.0.0.1", 5901, None, "", "secret")


@pytest.mark.parametrize(
    ("uri", "line"),
    [
        (SSH, "ssh -N -L 15901:127.0.0.1:5901 root@hv1"),
        ("qemu+ssh://hv1/system", "ssh -N -L 15901:127.0.0.1:5901 hv1"),
        (
            "qemu+ssh://ann@hv1:2222/system?keyfile=/home/ann/key",
            "ssh -N -p 2222 -i /home/ann/key -L 15901:127.0.0.1:5901 ann@hv1",
        ),
        ("qemu+tcp://10.77.0.11/system", "ssh -N -L 15901:127.0.0.1:5901 10.77.0.11"),
        ("qemu://hv1:16515/system", "ssh -N -L 15901:127.0.0.1:5901 hv1"),
        ("qemu+ssh://root@[fd00::1]/system", "ssh -N -L 15901:127.0.0.1:5901 root@fd00::1"),
    ],
)
def test_a_screen_on_loopback_is_reached_through_ssh(uri: str, line: str) -> None:
    way = way_to(VNC, uri)
    assert way.line == line
    assert way.address == "vnc://127.0.0.1:15901"
    assert "secret" not in repr(way)


def test_a_screen_of_this_machine_needs_no_tunnel() -> None:
    way = way_to(VNC, "qemu:///system")
    assert (way.line, way.address) == ("", "vnc://127.0.0.1:5901")


def test_a_screen_on_ipv6_loopback() -> None:
    assert way_to(VNC._replace(listen="::1"), SSH).line == "ssh -N -L '15901:[::1]:5901' root@hv1"
    assert way_to(VNC._replace(listen="::1"), "qemu:///system").address == "vnc://[::1]:5901"


@pytest.mark.parametrize("listen", ["0.0.0.0", "::"])  # noqa: S104 - read from a definition
def test_a_screen_for_everybody_is_reached_directly_and_said_to_be_open(listen: str) -> None:
    way = way_to(VNC._replace(listen=listen), SSH)
    assert (way.line, way.address) == ("", "vnc://hv1:5901")
    assert "not encrypted" in way.why
    here = way_to(VNC._replace(listen=listen), "qemu:///system")
    assert (here.line, here.address, here.why) == ("", "vnc://127.0.0.1:5901", "")


def test_a_screen_on_an_address_of_its_own_is_reached_there() -> None:
    assert way_to(VNC._replace(listen="192.0.2.7"), SSH).address == "vnc://192.0.2.7:5901"


def test_a_screen_on_a_socket_is_reached_through_ssh_or_socat() -> None:
    display = Display("vnc", "", None, None, "/run/libvirt/qemu/web 1.sock", "")
    there = way_to(display, SSH)
    assert there.line == "ssh -N -L '15900:/run/libvirt/qemu/web 1.sock' root@hv1"
    assert there.address == "vnc://127.0.0.1:15900"
    here = way_to(display, "qemu:///system")
    assert here.line == "socat TCP-LISTEN:15900,bind=127.0.0.1,fork 'UNIX-CONNECT:/run/libvirt/qemu/web 1.sock'"


@pytest.mark.parametrize("path", ["relative", "/a\nb", "/a:b"])
def test_a_socket_with_a_path_that_no_tunnel_takes_says_so(path: str) -> None:
    way = way_to(Display("vnc", "", None, None, path, ""), SSH)
    assert way.address == ""
    assert way.why
    assert way.at.isprintable()


def test_a_screen_that_listens_nowhere_says_what_to_do() -> None:
    way = way_to(Display("spice", "", None, None, "", ""), SSH)
    assert (way.line, way.address) == ("", "")
    assert "virt-viewer --attach" in way.why


def test_spice_by_tls_alone() -> None:
    display = Display("spice", "0.0.0.0", None, 5902, "", "")  # noqa: S104 - read from a definition
    assert way_to(display, SSH).address == "spice://hv1?tls-port=5902"
    kept = way_to(display._replace(listen="127.0.0.1"), SSH)
    assert kept.address == ""
    assert "TLS" in kept.why


@pytest.mark.parametrize("listen", ["a b", "$(reboot)", "-oProxyCommand=x\n", "x\x1b[2J"])
def test_a_hostile_address_leads_nowhere(listen: str) -> None:
    way = way_to(VNC._replace(listen=listen), SSH)
    assert way.address == ""
    assert way.line == ""


def test_another_port_at_this_end() -> None:
    moved = through(way_to(VNC, SSH), 40_000)
    assert moved.line == "ssh -N -L 40000:127.0.0.1:5901 root@hv1"
    assert moved.address == "vnc://127.0.0.1:40000"
    socket = way_to(Display("vnc", "", None, None, "/run/a.sock", ""), "qemu:///system")
    assert through(socket, 40_000).line == "socat TCP-LISTEN:40000,bind=127.0.0.1,fork UNIX-CONNECT:/run/a.sock"
    direct = way_to(VNC, "qemu:///system")
    assert through(direct, 40_000) == direct
