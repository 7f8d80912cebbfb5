"""Addresses: what is opened, and what is refused because it would run or select something."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmtui.backend.libvirt.uri import Transport, check, parse
from kvmtui.core.errors import ConfigError

GOOD = {
    "qemu:///system": Transport.UNIX,
    "qemu:///session": Transport.UNIX,
    "qemu+unix:///system?socket=/run/libvirt/virtqemud-sock": Transport.UNIX,
    "qemu+ssh://root@hv2/system": Transport.SSH,
    "qemu+ssh://ops.team@[fe80::1]:2222/system?keyfile=/home/ann/.ssh/id_ed25519&proxy=netcat": Transport.SSH,
    "qemu+tcp://10.77.0.11/system": Transport.TCP,
    "qemu+tls://hv1.example.com/system?pkipath=/etc/pki/ops": Transport.TLS,
    "qemu://hv1.example.com/system": Transport.TLS,
    "test:///default": Transport.INSIDE,
    "test+tcp://10.77.0.11/srv/node.xml": Transport.TCP,
}
BAD = (
    "",
    "hv1",
    "xen:///system",
    "qemu:///",
    "qemu:///embed?root=/tmp",
    "qemu+ext:///system?command=/bin/sh",
    "qemu+libssh2://hv1/system",
    "qemu+ssh://hv1/system?command=/tmp/evil",
    "qemu+ssh://hv1/system?netcat=/tmp/evil",
    "qemu+ssh://hv1/system?socket=/x'; touch /tmp/owned; '",
    "qemu+ssh://hv1/system?socket=/run/libvirt/libvirt-sock",
    "qemu+ssh://hv1/system?name=qemu:///session",
    "qemu+ssh://hv1/system?no_verify=1",
    "qemu+tls://hv1/system?no_verify=1",
    "qemu+ssh://hv1/system?keyfile=relative",
    "qemu+ssh://hv1/system?keyfile=/a&keyfile=/b",
    "qemu+ssh://hv1/system?keyfile=/a%0a-oProxyCommand=x",
    "qemu+ssh://-oProxyCommand=touch/system",
    "qemu+ssh://%2doProxyCommand=touch/system",
    "qemu+ssh://-l@hv1/system",
    "qemu+ssh://root:secret@hv1/system",
    "qemu+ssh:///system",
    "qemu+ssh://hv1;reboot/system",
    "qemu+ssh://hv$(reboot)/system",
    "qemu+ssh://hv1:notaport/system",
    "qemu+ssh://hv1:0/system",
    "qemu+unix://hv1/system",
    "qemu:///system#x",
    "qemu:///sys tem",
    "qemu+ssh://h\u202ev1/system",
    "qemu+ssh://hv1/system\x1b[31m",
    "test:///'; touch x; '",
)


@pytest.mark.parametrize("uri", GOOD)
def test_an_ordinary_address_is_taken_and_written_back_the_same(uri: str) -> None:
    address = parse(uri)
    assert address.transport is GOOD[uri]
    again = parse(address.text())
    assert (again.host, again.user, again.port, again.path, again.parameters) == (
        address.host,
        address.user,
        address.port,
        address.path,
        address.parameters,
    )


@pytest.mark.parametrize("uri", BAD)
def test_an_address_that_could_run_or_select_something_is_refused(uri: str) -> None:
    with pytest.raises(ConfigError):
        check(uri)


@given(st.text(max_size=40), st.sampled_from(["qemu+ssh://{}/system", "qemu+ssh://{}@hv1/system", "qemu:///system?{}"]))
def test_whatever_is_taken_holds_nothing_that_a_shell_would_read(text: str, form: str) -> None:
    try:
        address = parse(form.format(text))
    except ConfigError:
        return
    assert not set("'\"`$;|<>()\\ \n\t*?!#&") & set(address.host + address.user + address.path)
    assert not address.host.startswith("-")
    assert not address.user.startswith("-")


def test_a_refusal_names_the_parameter_and_says_why() -> None:
    with pytest.raises(ConfigError, match="command=: it names a program to run"):
        check("qemu+ssh://hv1/system?command=/tmp/x")


def test_addresses_can_be_checked_where_libvirt_is_not_installed() -> None:
    code = (
        "import sys; sys.modules['libvirt'] = None\n"
        "from kvmtui.backend.libvirt.uri import check\n"
        "check('qemu:///system')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
