"""VMs that a real libvirt lets somebody name after the corpus: what the program writes, and what it acts upon."""

from __future__ import annotations

import re
import uuid
from typing import TYPE_CHECKING, NamedTuple
from xml.sax.saxutils import escape

import libvirt
import pytest

from kvmtui.core.text import safe
from tests.hostile.corpus import TEXTS
from tests.hostile.painting import assert_harmless
from tests.real.lab import until
from tests.real.program import Home, Program, kvmtui

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.real.lab import Host

OWN = re.compile(
    r"\x1b\[[0-9;]*m|\x1b\[[0-9]+;[0-9]+H|\x1b\[[0-9]*[CK]|\x1b\[\?(?:25|2026)[hl]|\x1b\]52;c;[A-Za-z0-9+/=]*\x07"
    r"|\x1b\]22;[a-z-]*\x07"
)
"""All that the program itself sends to a terminal while it runs: looks, places, cursor, pointer, and what is copied."""
ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
VICTIM = "x\x9d52;c;ZXZpbA==\x9c\u202e[@click=app.quit]q\x9b2J"
VM = """<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid><title>{title}</title>
<description>{title}</description><memory unit='MiB'>16</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type></os>
<cpu mode='custom'><model>qemu64</model></cpu><devices>
<emulator>/usr/bin/qemu-system-x86_64</emulator></devices></domain>"""


class Planted(NamedTuple):
    """What stands on the host."""

    host: Host
    names: dict[str, str]  # by UUID
    victim: str  # the UUID of the one that is acted upon
    other: str  # of one that runs too


@pytest.fixture(scope="module")
def planted(hv2: Host) -> Iterator[Planted]:
    """Define a VM for each item that libvirt takes as a name, and start two."""
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    conn = libvirt.open(hv2.uri)
    names: dict[str, str] = {}
    legal = [text for text in TEXTS if text and len(text.encode("utf-8", "replace")) < 200 and not ILLEGAL.search(text)]
    try:
        for text in (VICTIM, "bystander", *legal[::4]):
            title = escape(text.replace("\n", " ").replace("\r", " "))
            document = VM.format(name=escape(text), uuid=uuid.uuid4(), title=title)
            try:
                domain = conn.defineXML(document)
            except libvirt.libvirtError:
                continue
            names[domain.UUIDString()] = domain.name()
        ids = {name: key for key, name in names.items()}
        for name in (VICTIM, "bystander"):
            conn.lookupByUUIDString(ids[name]).createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
        yield Planted(hv2, names, ids[VICTIM], ids["bystander"])
    finally:
        for key in names:
            domain = conn.lookupByUUIDString(key)
            if domain.isActive():
                domain.destroy()
            domain.undefine()
        conn.close()


def states(planted: Planted) -> dict[str, bool]:
    conn = libvirt.open(planted.host.uri)
    try:
        return {key: bool(conn.lookupByUUIDString(key).isActive()) for key in planted.names}
    finally:
        conn.close()


def test_names_that_libvirt_takes_reach_the_terminal_as_text(planted: Planted) -> None:
    assert len(planted.names) > 80, "libvirt took hardly any"
    with Program.on(planted.host) as program:
        raw = program.record()
        program.keys("2")
        program.wait(r"VMs \d+ on")
        for _ in range(len(planted.names) // 20 + 2):
            program.keys("pagedown")
        program.wait_quiet(0.3)
        program.type_text(f"/{planted.victim}")
        program.keys("enter")
        program.wait(r"^>.*\\x9d52;c")
        for key in ("i", "escape", "enter", ">", ">", ">", ">", "escape", "y", "n", "escape"):
            program.keys(key)
            program.wait_quiet(0.2)
        before = states(planted)
        assert before[planted.victim]
        program.keys("!", "f")
        program.read_dialog(re.escape(f"Force off {safe(VICTIM)} on "))
        program.keys("!")
        until(lambda: not states(planted)[planted.victim], "the victim is off", timeout=60)
        assert states(planted) == before | {planted.victim: False}
        assert states(planted)[planted.other]
        program.wait_quiet(0.5)
        sent = bytes(raw).decode()
        program.leave()
    assert_harmless(OWN.sub("", sent).replace("\r", "").replace("\n", ""))
    assert "ZXZpbA==\x07" not in sent
    for record in program.home.journal():
        assert record["vm_uuid"] == planted.victim


def test_the_command_line_tells_them_as_they_are(planted: Planted) -> None:
    home = Home({"hv2": planted.host.uri})
    told = kvmtui("vms", home=home, on=None)
    assert_harmless(told.stdout.replace("\n", ""))
    assert told.stdout.count("\n") > len(planted.names)
    shown = kvmtui("vm", "show", planted.victim, home=home)
    assert shown.returncode == 0
    assert safe(VICTIM) in shown.stdout
    assert_harmless((shown.stdout + shown.stderr).replace("\n", ""))
