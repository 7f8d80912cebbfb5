"""The questions that moving a VM can ask, each as it stands before anything is known of another host. Pure."""

from __future__ import annotations

from kvmtui.commands.base import Choice, FieldKind, Question
from kvmtui.core.secrets import without_secrets


def _bandwidth_fault(text: str) -> str:
    good = not text or (len(text) <= 6 and text.isascii() and text.isdecimal() and int(text) > 0)
    return "" if good else "A bandwidth is a whole number of MiB a second, as in 100."


def _via_fault(text: str) -> str:
    good = not text or ("://" in text and text.isprintable() and not text.startswith("-") and " " not in text)
    if good and without_secrets(text) != text:
        return "An address cannot hold a password: libvirt of the VM's host logs in to the other one by a key."
    return "" if good else "This is no libvirt address; one is as in qemu+ssh://root@hv2.example/system."


TO = Question("to", "to host", FieldKind.ONE, "The host that it goes to.", required=True)
STORAGE = Question(
    "copy-storage",
    "copy disks",
    FieldKind.ONE,
    "Whether its disks are copied while it runs; auto copies those that the other host lacks.",
    initial="auto",
    choices=(Choice("auto", "auto"), Choice("yes", "yes, copy them"), Choice("no", "no, both hosts have them")),
)
UNSAFE = Question(
    "unsafe",
    "agree",
    FieldKind.FLAG,
    "I have read why libvirt would call it unsafe, and agree.",
    initial=False,
)
BANDWIDTH = Question(
    "bandwidth",
    "at most MiB/s",
    FieldKind.TEXT,
    "The most that it may send in a second, in MiB; empty for all that there is.",
    check=_bandwidth_fault,
)
VIA = Question(
    "via",
    "via",
    FieldKind.TEXT,
    "The libvirt address at which its host reaches the other one; empty takes the one known here.",
    option=True,
    check=_via_fault,
)
QUESTIONS = (TO, STORAGE, UNSAFE, BANDWIDTH, VIA)
