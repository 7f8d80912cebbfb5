"""Making VMs on a real host: by the form and without a screen; what fails leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.real.lab import Host, Terminal, until
from tests.real.program import KVMTUI, READING, SETTINGS, Home, Program, kvmtui

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 1 << 20
IMAGE = "default/cloud.qcow2"
SMALL = ("--vcpus", "1", "--memory", "128M", "--accel", "qemu")
DONE, FAILED, USAGE = range(3)
INTERRUPTED = 130


def volumes(host: Host, pool: str = "default") -> set[str]:
    """What a pool really holds now."""
    host.virsh("pool-refresh", pool)
    return {line.split()[0] for line in host.virsh("vol-list", pool).splitlines() if line.strip()}


def machines(host: Host) -> set[str]:
    return set(host.virsh("list", "--all", "--name").split())


@pytest.fixture
def host(hv1: Host) -> Iterator[Host]:
    """A host with a cloud image; what a test makes there goes with it."""
    hv1.add_cloud_image()
    before, had = machines(hv1), volumes(hv1)
    yield hv1
    for name in machines(hv1) - before:
        if name in hv1.virsh("list", "--name").split():
            hv1.virsh("destroy", name)
        hv1.virsh("undefine", name)
    for name in volumes(hv1) - had:
        hv1.virsh("vol-delete", "--pool", "default", name)


@pytest.fixture
def home(host: Host) -> Home:
    return Home({"hv1": host.uri})


def create(home: Home, name: str, *more: str) -> tuple[int, dict[str, Any]]:
    """Make a VM without a screen; returns the exit code and the document."""
    done = kvmtui("vm", "create", name, *SMALL, *more, "--json", home=home)
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return done.returncode, found


def message(found: dict[str, Any]) -> str:
    """What the document says of the end."""
    return str(found["error"]) if "error" in found else str(found["tasks"][0]["message"])


def replace_text(program: Program, text: str) -> None:
    """Write over what a field says, and go on to the next one."""
    program.keys("ctrl+u")
    program.type_text(text)
    program.keys("enter")


def open_form(program: Program) -> None:
    program.keys("n")
    program.wait("n  VM")
    program.keys("n")
    program.wait(r"^ New VM")
    program.wait(r"name \*")


def do_it(program: Program, shown: str) -> None:
    """Press [Review], which has the focus; read it, and do it."""
    program.keys("enter")
    program.wait(r"\[Do it\]")
    program.wait(shown)
    time.sleep(READING)
    program.press_away("enter", r"\[Do it\]")


def test_the_form_makes_a_guest_from_an_image_and_a_seed(host: Host) -> None:
    """A linked disk, a seed with a key of ~/.ssh; the guest mounts and reads the seed, and is called as it says."""
    with Program.on(host) as program:
        open_form(program)
        program.type_text("web-1")
        program.keys("enter", "enter")  # the host is chosen
        replace_text(program, "1")
        replace_text(program, "128M")
        program.keys("down", "enter")  # runs on: qemu
        program.keys("enter")  # starts from its disk
        program.keys("down", "enter")  # built upon an image
        program.wait(r"disk +built upon an image")
        program.keys("home", "enter")
        program.wait(rf"image \* +{re.escape(IMAGE)}")
        program.keys("enter")  # the pool
        replace_text(program, "256M")
        program.keys("enter", "enter")  # network, seed
        replace_text(program, "ann")
        program.keys("enter")  # the key is chosen
        program.keys("enter", "enter")  # host name, start
        do_it(program, r"web-1.qcow2, 256M, builds upon default/cloud.qcow2")
        program.wait_task("create web-1")
        program.wait_vm("web-1", "on")
        assert {"web-1.qcow2", "web-1-seed.iso"} <= volumes(host)
        key = open(os.path.expanduser("~/.ssh/id_ed25519.pub")).read().split()[1]  # noqa: PTH111, PTH123, SIM115
        with Terminal(host.command("virsh", "-c", "qemu:///system", "console", "web-1"), 250, 30) as console:
            console.wait("Connected to domain")
            host.virsh("reset", "web-1")
            console.wait(re.escape(f"seed: hostname=web-1 user=ann key=ssh-ed25519 {key}"), timeout=60)
            console.wait("web-1 login:", timeout=60)
        until(lambda: host.agent("web-1", "guest-get-host-name") == {"host-name": "web-1"}, "the agent", timeout=60)
        program.leave()


def test_a_copy_a_new_disk_and_an_existing_volume(host: Host, home: Home) -> None:
    """Each origin of a disk; a full copy is as large as it was asked for, and starts."""
    code, found = create(home, "copied", "--image", IMAGE, "--disk", "copy", "--size", "1G", "--seed", "sata")
    assert (code, message(found)) == (DONE, "copied was made on hv1 and started.")
    assert found["tasks"][0]["vm"] == "copied"
    assert found["tasks"][0]["uuid"] == host.virsh("domuuid", "copied")
    info = json.loads(host.output("qemu-img", "info", "-U", "--output=json", "/var/lib/libvirt/images/copied.qcow2"))
    assert (info["format"], info["virtual-size"], info.get("backing-filename")) == ("qcow2", 1024 * MIB, None)
    xml = host.virsh("dumpxml", "copied")
    assert re.search(r"<target dev='sda' bus='sata'", xml)
    kernel, initrd = str(host.image.kernel), str(host.image.initramfs)
    code, found = create(
        home, "direct", "--kernel", kernel, "--initrd", initrd, "--disk", "new", "--size", "64M", "--no-start"
    )
    assert (code, message(found)) == (DONE, "direct was made on hv1; it is off.")
    host.virsh("undefine", "direct")
    code, found = create(home, "again", "--volume", "default/direct.qcow2", "--no-start", "--network", "none")
    assert code == DONE, found
    assert "direct.qcow2" in host.virsh("domblklist", "again")


def test_what_is_refused_or_fails_leaves_nothing(host: Host, home: Home, tmp_path: Path) -> None:
    """By the program, by libvirt's validation, by the start: each says why, and the host is as before."""
    assert create(home, "first", "--image", IMAGE, "--disk", "linked", "--no-start")[0] == DONE
    before = machines(host), volumes(host)
    linked = ("--image", IMAGE, "--disk", "linked")

    def devices(xml: str) -> tuple[str, str]:
        file = tmp_path / f"devices-{len(list(tmp_path.iterdir()))}.xml"
        file.write_text(xml)
        return "--devices", str(file)

    cases = (
        ("first", linked, "hv1 has a VM called first"),
        ("x", (*linked, "--network", "nosuch"), "network has no choice nosuch"),
        ("x", ("--image", "default/nosuch.qcow2"), "image has no choice"),
        ("x", (*linked, "--size", "1M"), "the disk cannot be smaller"),
        ("x", (*linked, *devices("<disk>")), "cannot be read"),
        (
            "x",
            (*linked, *devices("<disk type='nonsense'/>")),
            "x was not made: .*(nonsense|XML|schema).* Nothing is left",
        ),
        (
            "x",
            (*linked, *devices("<interface type='bridge'><source bridge='nobridge'/></interface>")),
            "x was not made: .*nobridge.* Nothing is left",
        ),
    )
    for name, options, says in cases:
        code, found = create(home, name, *options)
        assert code == FAILED, (options, found)
        assert re.search(says, message(found)), (options, found)
        assert (machines(host), volumes(host)) == before, options


def test_a_full_disk_leaves_nothing(host: Host, home: Home) -> None:
    """The figures of the pool are old: the copy runs full on the host itself, which says so."""
    host.output("mkdir", "-p", "/var/lib/libvirt/tiny")
    host.output("mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", "/var/lib/libvirt/tiny")
    host.virsh("pool-define-as", "tiny", "dir", "--target", "/var/lib/libvirt/tiny")
    host.virsh("pool-start", "tiny")
    try:
        code, found = create(home, "x", "--image", IMAGE, "--disk", "copy", "--pool", "tiny")
        assert code == FAILED
        assert re.search(r"left, and this needs", message(found)), found
        host.output("mount", "-o", "remount,size=64m", "/var/lib/libvirt/tiny")
        host.virsh("pool-refresh", "tiny")
        host.output("mount", "-o", "remount,size=6m", "/var/lib/libvirt/tiny")
        code, found = create(home, "x", "--image", IMAGE, "--disk", "copy", "--pool", "tiny")
        assert code == FAILED
        assert re.search(r"x was not made: .*[Nn]o space left.* Nothing is left of it", message(found)), found
        assert "x" not in machines(host)
        assert volumes(host, "tiny") == set()
        assert host.output("ls", "/var/lib/libvirt/tiny") == ""
    finally:
        host.virsh("pool-destroy", "tiny")
        host.virsh("pool-undefine", "tiny")
        host.output("umount", "/var/lib/libvirt/tiny")


def test_an_image_is_sent_and_is_what_it_was(host: Host, home: Home) -> None:
    done = kvmtui("volume", "upload", str(host.image.cloud), "--pool", "default", "--name", "sent.qcow2", home=home)
    assert done.returncode == DONE, done
    assert done.stdout.startswith("cloud.qcow2 is now default/sent.qcow2 on hv1: 48M.")
    host.output("cmp", "/var/lib/libvirt/images/cloud.qcow2", "/var/lib/libvirt/images/sent.qcow2")
    assert re.search(r"Capacity: +48.00 MiB", host.virsh("vol-info", "--pool", "default", "sent.qcow2"))
    again = kvmtui("volume", "upload", str(host.image.cloud), "--name", "sent.qcow2", home=home)
    assert again.returncode == FAILED
    assert "has a volume sent.qcow2 already" in again.stderr


def test_ctrl_c_in_the_middle_of_sending_leaves_nothing(host: Host, home: Home, tmp_path: Path) -> None:
    before = volumes(host)
    file = large(tmp_path, 600)
    process = subprocess.Popen(
        [KVMTUI, "volume", "upload", str(file)],
        env={**os.environ, **home.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        assert "sending large.img to default" in process.stderr.readline()
        host.stop()  # so that it is in the middle for sure
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        host.cont()
        _, said = process.communicate(timeout=60)
    finally:
        host.cont()
        process.kill()
    assert process.returncode == INTERRUPTED, said
    assert "cancelled" in said
    assert volumes(host) == before


def test_a_task_that_sends_is_cancelled_in_the_list(host: Host, tmp_path: Path) -> None:
    """The ISO is brought in the form of the new VM; `! c` ends it, and neither volume nor VM is there."""
    before = machines(host), volumes(host)
    file = large(tmp_path, 600)
    with file.open("r+b") as opened:
        opened.seek(32_769)
        opened.write(b"CD001")
    with Program.on(host, settings=SETTINGS) as program:
        program.ask(f"create --name fetched --boot iso --iso file --file {file} --accel qemu --memory 128M --vcpus 1")
        program.wait(r"^ New VM")
        program.wait(r"starts from +an ISO")
        program.keys("shift+tab", "shift+tab")  # from the first field back to [Review]
        do_it(program, r"is sent to default/large.img|default/large.img\.")
        program.wait(r"sending large.img to default")
        host.stop()
        program.keys("7")
        program.wait("create +fetched")
        program.keys("!")
        program.wait(r"!  create fetched")
        program.keys("c")
        program.read_dialog("Cancel create fetched")
        program.keys("!")
        time.sleep(0.3)
        host.cont()
        program.wait(r"fetched .*cancelled", timeout=40)
        until(lambda: (machines(host), volumes(host)) == before, "nothing is left")
        program.leave()


def large(folder: Path, mib: int) -> Path:
    """A file that takes a while to send: blocks of zeros would not be sent at all."""
    file, block = folder / "large.img", os.urandom(MIB)
    with file.open("wb") as opened:
        for _ in range(mib):
            opened.write(block)
    return file
