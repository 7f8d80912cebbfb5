"""What is wanted is checked when it is written down, with one sentence for what is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmtui.core import naming, specs
from kvmtui.core.errors import Refused
from kvmtui.core.sizing import BootKind, DiskOrigin
from kvmtui.core.specs import BootSpec, DiskSpec, NewVolume, NicSpec, SeedSpec, VmSpec, VolumeName
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1 << 20
IMAGE = VolumeName("default", "debian.qcow2")
OWN = VolumeName("default", "web-1.qcow2")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGxv ann@home"
VM = VmSpec(
    uuid="6f1c2a2e-5a0e-4a0d-9d3a-0c6f5d1f2b11",
    name="web-1",
    vcpus=2,
    memory=2048 * MIB,
    accel="kvm",
    disk=DiskSpec(DiskOrigin.LINKED, OWN, 20 << 30, IMAGE),
    boot=BootSpec(),
    nic=NicSpec("network", "default"),
    seed=SeedSpec("ann", (KEY,), "web-1.example.net", VolumeName("default", "web-1-seed.iso")),
)
# Each turns a terminal, a path or a line into something else.
HOSTILE = ("a\x1b[31m", "a\nb", "a\x00b", "a\u202eb", "a\u009bb", "a\u200bb", "a\udcffb")


def _refused(make: Callable[[], object]) -> str:
    """Return the sentence of a refusal, which can be shown as it is."""
    with pytest.raises(Refused) as raised:
        make()
    text = raised.value.text
    assert text.endswith(".")
    assert safe(text, limit=1000) == text
    return text


@pytest.mark.parametrize("name", ["a", "web-1", "Web_1.example", "9lives", "a+b", "x" * 64])
def test_a_name_that_every_tool_can_take(name: str) -> None:
    naming.vm_name(name)
    assert replace(VM, name=name).name == name


@pytest.mark.parametrize("name", ["-a", ".a", "a/b", "../a", "a b", "$(reboot)", "a;b", "ü", "x" * 65, *HOSTILE])
def test_a_name_that_is_refused(name: str) -> None:
    assert "name" in _refused(lambda: replace(VM, name=name))


def test_a_missing_name_is_told_with_an_example() -> None:
    with pytest.raises(Refused, match="A name is missing") as raised:
        naming.vm_name("")
    assert raised.value.hint == "For example: web-1"


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "a/b", ".", "..", "", "x" * 256, "é" * 128, "a\nb"]
)
def test_a_volume_is_never_a_path(name: str) -> None:
    _refused(lambda: VolumeName("default", name))
    _refused(lambda: NewVolume("default", name, MIB))


@pytest.mark.parametrize("name", ["Windows Server 2022.iso", "日本語.qcow2", "-odd", "[red]x", "a\u202eb"])
def test_a_volume_that_is_there_may_have_an_odd_name_and_a_new_one_not(name: str) -> None:
    assert VolumeName("default", name).name == name
    _refused(lambda: NewVolume("default", name, MIB))


@pytest.mark.parametrize(
    "make",
    [
        lambda: NewVolume("default", "a", 0),
        lambda: NewVolume("default", "a", MIB - 1),
        lambda: NewVolume("default", "a", 1 << 61),
        lambda: NewVolume("default", "a", -1, backing=IMAGE),
        lambda: NewVolume("default", "a", MIB, "vmdk"),
        lambda: NewVolume("default", "a", MIB, backing=IMAGE, copy_of=IMAGE),
        lambda: NewVolume("default", "a", MIB, "raw", backing=IMAGE),
        lambda: NewVolume("default", IMAGE.name, 0, copy_of=IMAGE),
        lambda: NewVolume("a/b", "a", MIB),
        lambda: NewVolume("", "a", MIB),
    ],
)
def test_a_new_volume_that_makes_no_sense(make: Callable[[], object]) -> None:
    _refused(make)


def test_a_volume_with_an_image_may_be_as_large_as_that() -> None:
    assert NewVolume("default", "a.qcow2", 0, backing=IMAGE).capacity == 0
    assert NewVolume("default", "a.raw", 0, "raw", copy_of=IMAGE).capacity == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: DiskSpec(DiskOrigin.NEW, OWN),
        lambda: DiskSpec(DiskOrigin.NEW, OWN, 20 << 30, IMAGE),
        lambda: DiskSpec(DiskOrigin.LINKED, OWN),
        lambda: DiskSpec(DiskOrigin.COPY, None, 0, IMAGE),
        lambda: DiskSpec(DiskOrigin.LINKED, OWN, 0, IMAGE, format="raw"),
        lambda: DiskSpec(DiskOrigin.COPY, IMAGE, 0, IMAGE),
        lambda: DiskSpec(DiskOrigin.EXISTING),
        lambda: DiskSpec(DiskOrigin.NONE, OWN),
        lambda: DiskSpec(DiskOrigin.EXISTING, OWN, format=""),
        lambda: DiskSpec(DiskOrigin.EXISTING, OWN, format="raw'/><x"),
        lambda: DiskSpec(DiskOrigin.EXISTING, OWN, path="pool/volume"),
        lambda: DiskSpec(DiskOrigin.EXISTING, OWN, path="/srv/../etc/shadow"),
        lambda: DiskSpec(DiskOrigin.EXISTING, OWN, path="/srv/a\nb"),
    ],
)
def test_a_disk_that_makes_no_sense(make: Callable[[], object]) -> None:
    _refused(make)


@pytest.mark.parametrize(
    "make",
    [
        lambda: BootSpec(BootKind.ISO),
        lambda: BootSpec(BootKind.DISK, IMAGE),
        lambda: BootSpec(BootKind.ISO, IMAGE, "relative.iso"),
        lambda: BootSpec(BootKind.KERNEL),
        lambda: BootSpec(BootKind.KERNEL, kernel="vmlinuz"),
        lambda: BootSpec(BootKind.KERNEL, kernel="/boot/../vmlinuz"),
        lambda: BootSpec(BootKind.KERNEL, kernel="/boot/vmlinuz", initrd="initrd"),
        lambda: BootSpec(BootKind.KERNEL, kernel="/boot/vmlinuz", arguments="a\nb"),
        lambda: BootSpec(BootKind.KERNEL, kernel="/boot/vmlinuz", arguments="x" * 2001),
        lambda: BootSpec(BootKind.DISK, kernel="/boot/vmlinuz"),
        lambda: BootSpec(BootKind.DISK, arguments="quiet"),
    ],
)
def test_a_start_that_makes_no_sense(make: Callable[[], object]) -> None:
    _refused(make)


@pytest.mark.parametrize("user", ["", "Ann", "1st", "-x", "a b", "root:x", "a" * 33, "a\nb", "ü"])
def test_a_user_that_no_guest_would_take(user: str) -> None:
    _refused(lambda: SeedSpec(user, (), "web-1"))


@pytest.mark.parametrize(
    "key",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 AAAA\nssh-rsa BBBB",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        'command="reboot" ssh-ed25519 AAAA',
        "ssh-ed25519 AAAA a\x1b[31m",
        "ssh-ed25519 " + "A" * 20_000,
        "passwd: x",
    ],
)
def test_a_key_that_is_none(key: str) -> None:
    _refused(lambda: SeedSpec("ann", (key,), "web-1"))


@pytest.mark.parametrize(
    "key",
    [
        KEY,
        "ssh-rsa AAAAB3NzaC1yc2E=",
        "ecdsa-sha2-nistp256 AAAAE2VjZHNh ann on her laptop",
        "sk-ssh-ed25519@openssh.com AAAAGnNr ann",
    ],
)
def test_a_key_of_each_kind(key: str) -> None:
    assert SeedSpec("ann", (key,), "web-1").keys == (key,)


@pytest.mark.parametrize("name", ["", "-a", "a-", "a..b", "a_b", "a b", "a" * 64, "ü.net", "a.", "a\nb"])
def test_a_host_name_that_is_none(name: str) -> None:
    _refused(lambda: SeedSpec("ann", (), name))


@pytest.mark.parametrize(
    ("kind", "source"),
    [("network", ""), ("network", " "), ("network", "a/b"), ("network", "a\nb"), ("user", "x"), ("bridge", "")]
    + [("bridge", name) for name in ("br 0", "br/0", "x" * 16, "..", "a\x1bb")],
)
def test_a_card_that_can_be_plugged_in_nowhere(kind: str, source: str) -> None:
    _refused(lambda: NicSpec(kind, source))


@pytest.mark.parametrize(
    "changes",
    [
        {"uuid": "not a uuid"},
        {"uuid": "6F1C2A2E-5A0E-4A0D-9D3A-0C6F5D1F2B11"},
        {"vcpus": 0},
        {"vcpus": 4097},
        {"memory": MIB},
        {"memory": 1 << 50},
        {"accel": "xen"},
        {"title": "a\nb"},
        {"title": "a\u202eb"},
        {"disk": DiskSpec(DiskOrigin.NONE)},
        {"disk": DiskSpec(DiskOrigin.NEW, OWN, 20 << 30)},
        {"boot": BootSpec(BootKind.ISO, IMAGE)},
        {"seed": SeedSpec("ann", (), "web-1", OWN)},
    ],
)
def test_a_vm_that_makes_no_sense(changes: dict[str, object]) -> None:
    _refused(lambda: replace(VM, **changes))  # type: ignore[arg-type]


def test_every_way_to_make_a_vm() -> None:
    iso = BootSpec(BootKind.ISO, VolumeName("iso", "install.iso"))
    kernel = BootSpec(BootKind.KERNEL, kernel="/boot/vmlinuz", initrd="/boot/initrd", arguments="console=ttyS0 quiet")
    new = DiskSpec(DiskOrigin.NEW, OWN, 20 << 30)
    for disk, boot in (
        (VM.disk, BootSpec()),
        (DiskSpec(DiskOrigin.COPY, OWN, 0, IMAGE), BootSpec()),
        (DiskSpec(DiskOrigin.EXISTING, OWN, format="vmdk"), BootSpec()),
        (new, iso),
        (new, kernel),
        (DiskSpec(DiskOrigin.NONE), iso),
        (DiskSpec(DiskOrigin.NONE), kernel),
    ):
        assert replace(VM, disk=disk, boot=boot).boot is boot
    assert replace(VM, nic=None, seed=None).nic is None


@given(st.text(max_size=80))
def test_any_text_is_taken_or_refused_in_words(text: str) -> None:
    checks = (naming.vm_name, naming.volume_name, naming.new_volume_name, naming.host_name, naming.public_key)
    for check in checks:
        said = _said_by(check, text)
        assert safe(said, limit=1000) == said
        if not said:
            assert "/" not in text or check is naming.public_key
            assert "\n" not in text


def _said_by(check: Callable[[str], None], text: str) -> str:
    """Return the sentence of a refusal, "" when there is none."""
    try:
        check(text)
    except Refused as error:
        return error.text
    return ""


def test_sizes_are_said_as_people_say_them() -> None:
    with pytest.raises(Refused, match="16M to 64T of memory"):
        specs.memory(1)
    with pytest.raises(Refused, match="1 to 4096 vCPUs"):
        specs.vcpus(0)
