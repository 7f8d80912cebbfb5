"""What the next start changes, item by item and in people's words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kvmtui.core.inventory import Disk, Nic
from kvmtui.core.next_boot import differences
from tests.core.makers import GIB, HOSTILE, a_vm

VDA = Disk("vda", "disk", "virtio", "file", "/srv/a.qcow2", "qcow2")
CD = Disk("sda", "cdrom", "sata", "file", "/srv/debian.iso", "raw", readonly=True)
NIC = Nic("52:54:00:00:00:01", "vnet3", "virtio", "network", "prod")
CARD = f"interface {NIC.mac}"
LIVE = a_vm(disks=(VDA, CD), nics=(NIC,), firmware="BIOS")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"memory_max": 4 * GIB}, "memory 2.0G -> 4.0G"),
        ({"vcpus": 8, "vcpus_max": 8}, "vCPUs 4 -> 8"),
        ({"vcpus_max": 8}, "most vCPUs 4 -> 8"),
        ({"firmware": "UEFI"}, "firmware BIOS -> UEFI"),
        ({"tpm": True}, "TPM no -> yes"),
        ({"nvram": "/n.fd"}, "NVRAM none -> /n.fd"),
        ({"immovable": ("host device (pci)",)}, "host devices none -> host device (pci)"),
        ({"disks": (VDA,)}, "cdrom sda removed"),
        ({"disks": (VDA, CD, replace(VDA, target="vdb", source="/srv/b"))}, "disk vdb added: /srv/b"),
        ({"disks": (VDA, replace(CD, source=""))}, "cdrom sda /srv/debian.iso -> empty"),
        ({"disks": (replace(VDA, bus="sata"), CD)}, "disk vda disk on virtio -> disk on sata"),
        ({"disks": (replace(VDA, readonly=True), CD)}, "disk vda disk on virtio -> disk on virtio, read-only"),
        ({"nics": ()}, f"{CARD} removed"),
        (
            {"nics": (replace(NIC, source="lab"),)},
            f"{CARD} network prod (virtio) -> network lab (virtio)",
        ),
        (
            {"nics": (replace(NIC, model="e1000"),)},
            f"{CARD} network prod (virtio) -> network prod (e1000)",
        ),
    ],
)
def test_each_difference_is_named(changes: dict[str, object], said: str) -> None:
    assert [one.sentence for one in differences(LIVE, replace(LIVE, **changes))] == [said]  # type: ignore[arg-type]


def test_what_always_differs_is_none() -> None:
    assert differences(LIVE, replace(LIVE, memory=GIB, domain_id=None, nics=(replace(NIC, target=""),))) == ()


@pytest.mark.parametrize("text", HOSTILE)
def test_what_it_says_is_safe(text: str) -> None:
    other = replace(
        LIVE, firmware=text, nvram=text, disks=(replace(VDA, source=text, bus=text),), nics=(replace(NIC, source=text),)
    )
    for one in (*differences(LIVE, other), *differences(other, LIVE)):
        assert one.sentence.isprintable()
