"""The questions that making a VM, or a volume, can ask, each as it stands before anything is known of a host. Pure."""

from __future__ import annotations

from dataclasses import replace

from kvmtui.commands.base import Choice, FieldKind, Question
from kvmtui.core import naming
from kvmtui.core.sizing import BootKind, DiskOrigin, disk_fault, memory_fault, said_by, vcpus_fault

NO = "none"
"""The answer that there is to be no network, or no seed."""

NAME = Question(
    "name",
    "name",
    FieldKind.TEXT,
    "What the VM is called: letters, digits, and . _ + - inside.",
    required=True,
    check=said_by(naming.vm_name),
)
HOST = Question("host", "host", FieldKind.ONE, "Where it is made.", required=True)
VCPUS = Question(
    "vcpus", "CPUs", FieldKind.TEXT, "How many virtual CPUs.", initial="2", required=True, check=vcpus_fault
)
MEMORY = Question("memory", "memory", FieldKind.TEXT, "As in 2G.", initial="2G", required=True, check=memory_fault)
ACCEL = Question(
    "accel",
    "runs on",
    FieldKind.ONE,
    "What carries out the guest's instructions.",
    initial="kvm",
    choices=(
        Choice("kvm", "kvm", "the host's own CPU, at its speed"),
        Choice("qemu", "qemu", "emulated: many times slower"),
    ),
)
BOOT = Question(
    "boot",
    "starts from",
    FieldKind.ONE,
    "What it starts from.",
    initial=BootKind.DISK.value,
    choices=(
        Choice(BootKind.DISK, "its disk", "a cloud image, or a system that is there"),
        Choice(BootKind.ISO, "an ISO", "to install from"),
        Choice(BootKind.KERNEL, "a kernel", "and an initrd, files on the host"),
    ),
)
ISO = Question("iso", "ISO", FieldKind.ONE, "As POOL/VOLUME, or file for one of this machine.", required=True)
KERNEL = Question(
    "kernel",
    "kernel",
    FieldKind.TEXT,
    "Its path on the host.",
    required=True,
    check=said_by(lambda text: naming.host_path(text, "The kernel")),
)
INITRD = Question(
    "initrd",
    "initrd",
    FieldKind.TEXT,
    "Its path on the host, if there is one.",
    check=lambda text: said_by(lambda path: naming.host_path(path, "The initrd"))(text) if text else "",
)
ARGUMENTS = Question(
    "arguments",
    "kernel words",
    FieldKind.TEXT,
    "What the kernel is told, such as console=ttyS0.",
    check=said_by(naming.kernel_arguments),
)
DISK = Question(
    "disk",
    "disk",
    FieldKind.ONE,
    "Its first disk.",
    initial=DiskOrigin.NEW.value,
    choices=(
        Choice(DiskOrigin.COPY, "a full copy of an image"),
        Choice(DiskOrigin.LINKED, "built upon an image", "made at once; the image must stay as it is"),
        Choice(DiskOrigin.NEW, "new and empty"),
        Choice(DiskOrigin.EXISTING, "a volume that is there"),
        Choice(DiskOrigin.NONE, "none"),
    ),
)
IMAGE = Question("image", "image", FieldKind.ONE, "As POOL/VOLUME, or file for one of this machine.", required=True)
FILE_HERE = Question(
    "file", "file here", FieldKind.TEXT, "An image or ISO of this machine, sent to the host's pool.", required=True
)
VOLUME = Question("volume", "volume", FieldKind.ONE, "The disk that is there, as POOL/VOLUME.", required=True)
POOL = Question("pool", "pool", FieldKind.ONE, "Where new volumes are made.", required=True)
SIZE = Question(
    "size",
    "size",
    FieldKind.TEXT,
    "How large the disk is, as in 20G; of an image: as large as that, when nothing is said.",
    check=lambda text: disk_fault(text) if text else "",
)
NETWORK_CARD = Question(
    "network", "network", FieldKind.ONE, "A network of the host, bridge:NAME, or none.", required=True
)
SEED = Question(
    "seed",
    "seed",
    FieldKind.ONE,
    "What a cloud image is told at its first start: user, key, host name.",
    initial=NO,
    choices=(
        Choice("virtio", "yes", "as a disk"),
        Choice("sata", "yes, on SATA", "as a CD, for guests that want one"),
        Choice(NO, "no"),
    ),
)
USER = Question(
    "user", "user", FieldKind.TEXT, "Who may log in, and become root.", required=True, check=said_by(naming.user_name)
)
KEYS = Question("keys", "ssh keys", FieldKind.SOME, "Public keys of ~/.ssh, or paths of such files.", initial=())
HOSTNAME = Question(
    "hostname",
    "host name",
    FieldKind.TEXT,
    "What the guest calls itself; as the VM, when nothing is said.",
    check=lambda text: said_by(naming.host_name)(text) if text else "",
)
START = Question("start", "start", FieldKind.FLAG, "Start it when it is made.", initial=True)
FORMAT = Question(
    "format",
    "format",
    FieldKind.ONE,
    "Of a new disk.",
    initial="qcow2",
    choices=(Choice("qcow2", "qcow2"), Choice("raw", "raw")),
    option=True,
)
TITLE = Question(
    "title",
    "title",
    FieldKind.TEXT,
    "One line that says what it is for.",
    check=said_by(lambda text: naming.one_line(text, "The title")),
    option=True,
)
DEVICES = Question("devices", "devices", FieldKind.TEXT, "A file of this machine: XML of further devices.", option=True)


def _anyhow(question: Question) -> Question:
    """Return a question as it stands when it is not asked: nothing is an answer then."""
    check = question.check
    if question is NAME:
        return question
    return replace(question, required=False, check=check and (lambda text: check(text) if text else ""))


QUESTIONS = tuple(
    _anyhow(question)
    for question in (
        NAME,
        HOST,
        VCPUS,
        MEMORY,
        ACCEL,
        BOOT,
        ISO,
        KERNEL,
        INITRD,
        ARGUMENTS,
        DISK,
        IMAGE,
        FILE_HERE,
        VOLUME,
        POOL,
        SIZE,
        NETWORK_CARD,
        SEED,
        USER,
        KEYS,
        HOSTNAME,
        START,
        FORMAT,
        TITLE,
        DEVICES,
    )
)
"""All that can be asked, in the order of the form."""

UPLOAD_FILE = replace(FILE_HERE, label="file", help="A file of this machine.")
UPLOAD_NAME = Question(
    "name",
    "name",
    FieldKind.TEXT,
    "What the volume is called; as the file, when nothing is said.",
    check=lambda text: said_by(naming.new_volume_name)(text) if text else "",
)
