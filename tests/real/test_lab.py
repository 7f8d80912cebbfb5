"""The lab itself: what the other tests of this folder take for granted."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pycdlib
import pytest

from tests.real.lab import Guest, GuestSpec, Host, Lab, LabError, until

if TYPE_CHECKING:
    from collections.abc import Callable

    MakeGuest = Callable[[Host, GuestSpec], Guest]

RUN = Path(__file__).parent / "run"


def test_two_hosts_are_two_machines(hv1: Host, hv2: Host) -> None:
    assert (hv1.virsh("hostname"), hv2.virsh("hostname")) == ("hv1", "hv2")
    assert hv1.address != hv2.address
    for host in (hv1, hv2):
        assert f"<uuid>{host.uuid}</uuid>" in host.virsh("capabilities")
        assert "default   active" in host.virsh("net-list")
        assert "default   active" in host.virsh("pool-list")


def test_a_host_answers_over_ssh_without_a_question(hv2: Host) -> None:
    listed = subprocess.run(["virsh", "-c", hv2.ssh_uri, "hostname"], capture_output=True, text=True, check=False)
    assert (listed.stdout.strip(), listed.stderr) == ("hv2", "")


def test_a_program_on_a_host_finds_the_hosts_own_libvirtd(hv2: Host) -> None:
    process = hv2.run(["virsh", "-c", "qemu:///system", "hostname"], {"LC_ALL": "C"})
    assert process.communicate(timeout=30) == ("hv2\n\n", "")
    assert hv2.output("hostname") == "hv2\n"
    assert hv2.output("pwd") == f"{Path.cwd()}\n"


def test_a_guest_boots_and_its_agent_tells_of_it(guest: Guest) -> None:
    assert guest.state() == "running"
    assert guest.read_proc("/proc/sys/kernel/hostname") == "shared\n"
    assert "MemAvailable:" in guest.read_proc("/proc/meminfo")
    assert guest.address().startswith(f"192.168.{guest.host.address.split('.')[-1]}.")
    until(lambda: "usable" in guest.host.virsh("dommemstat", guest.name), "the balloon tells the guest's memory")
    assert Path(f"/proc/{guest.host.qemu_pid(guest.name)}/comm").read_text().startswith("qemu-system")


def test_life_of_a_guest(hv2: Host, make_guest: MakeGuest) -> None:
    guest = make_guest(hv2, GuestSpec("life", disk_mib=16))
    assert guest.state() == "shut off"
    guest.start().wait_booted()

    hv2.virsh("reboot", "life")
    guest.wait_booted(boots=2)

    hv2.virsh("managedsave", "life")
    assert guest.state() == "shut off"
    guest.start()
    assert float(guest.read_proc("/proc/uptime").split()[0]) > 0
    assert guest.boots() == 2, "a restored guest goes on instead of booting"

    hv2.virsh("shutdown", "life")
    guest.wait_state("shut off")


@pytest.mark.parametrize("mode", ["acpi", "agent"])
def test_a_guest_heeds_the_power_button_and_the_agent(hv2: Host, make_guest: MakeGuest, mode: str) -> None:
    guest = make_guest(hv2, GuestSpec("heeds")).start().wait_booted()
    hv2.virsh("shutdown", "heeds", "--mode", mode)
    guest.wait_state("shut off")


def test_a_stubborn_guest_hears_and_goes_on(hv2: Host, make_guest: MakeGuest) -> None:
    guest = make_guest(hv2, GuestSpec("stubborn", stubborn=True)).start().wait_booted()
    hv2.virsh("shutdown", "stubborn")
    until(lambda: "will not" in guest.console_log.read_text(), "the guest hears the request")
    assert guest.state() == "running"
    hv2.virsh("destroy", "stubborn")
    assert guest.state() == "shut off"


def test_a_loaded_guest_burns_its_share(hv2: Host, make_guest: MakeGuest) -> None:
    guest = make_guest(hv2, GuestSpec("busy", nic=False, load=50)).start().wait_booted()

    def ticks() -> tuple[int, int]:
        numbers = [int(word) for word in guest.read_proc("/proc/stat").splitlines()[0].split()[1:]]
        return sum(numbers), numbers[3]

    total, idle = ticks()
    until(lambda: ticks()[0] > total + 200, "two seconds of the guest's CPU have passed", pause=0.5)
    new_total, new_idle = ticks()
    assert 0.3 < 1 - (new_idle - idle) / (new_total - total) < 0.8


def seed(file: Path) -> Path:
    """Make a seed as an ISO image of the label that cloud-init looks for."""
    user = '#cloud-config\n{"users": [{"name": "admin", "ssh_authorized_keys": ["ssh-ed25519 QUJD a"]}]}'
    image = pycdlib.PyCdlib()
    image.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident="cidata")
    for name, text in (("user-data", user), ("meta-data", '{"instance-id": "i-1", "local-hostname": "web"}')):
        data = text.encode()
        iso_path = f"/{name.replace('-', '').upper()}.;1"
        image.add_fp(io.BytesIO(data), len(data), iso_path, rr_name=name, joliet_path=f"/{name}")
    image.write(str(file))
    image.close()
    return file


@pytest.mark.parametrize(
    "drive",
    [
        ("disk", "<target dev='vdb' bus='virtio'/>", ""),
        ("cdrom", "<target dev='sda' bus='scsi'/>", "<controller type='scsi' model='virtio-scsi'/>"),
    ],
    ids=["virtio", "virtio-scsi"],
)
def test_a_cloud_image_obeys_its_seed(
    hv2: Host, make_guest: MakeGuest, tmp_path: Path, drive: tuple[str, str, str]
) -> None:
    """The disk boots by itself, finds the label, and lets in who is named there."""
    device, target, more = drive
    file = seed(tmp_path / "seed.iso")
    devices = (
        f"<disk type='file' device='{device}'><driver name='qemu' type='raw'/><source file='{file}'/>{target}"
        f"<readonly/></disk>{more}"
    )
    guest = make_guest(hv2, GuestSpec("web", cloud=True, nic=False, devices=devices)).start().wait_booted()
    assert "seed: hostname=web user=admin key=ssh-ed25519 QUJD" in guest.console_log.read_text()
    with guest.hold_console() as console:
        console.keys("enter")
        console.wait("^web login:")
        console.type_text("admin\n")
        console.wait("^web:.*#")
        console.type_text("echo $USER from $(pwd)\n")
        console.wait("^admin from /home/admin$")


def test_a_cloud_image_without_a_seed_gives_a_shell(hv2: Host, make_guest: MakeGuest) -> None:
    guest = make_guest(hv2, GuestSpec("cloud", cloud=True, nic=False)).start().wait_booted()
    assert "seed: none" in guest.console_log.read_text()
    with guest.hold_console() as console:
        console.type_text("echo $((6 * 7))\n")
        console.wait("^42$")


def test_all_hosts_see_the_shared_folder_and_nothing_else(hv1: Host, hv2: Host) -> None:
    folder = hv1.share()
    assert hv2.share() == folder
    image = hv1.add_cloud_image("shared", "seen.qcow2")
    hv2.virsh("pool-refresh", "shared")
    assert hv2.virsh("vol-path", "seen.qcow2", "--pool", "shared") == str(image)
    hv1.add_cloud_image(name="unseen.qcow2")
    hv2.virsh("pool-refresh", "default")
    assert "unseen.qcow2" not in hv2.virsh("vol-list", "default")
    hv1.virsh("vol-delete", "unseen.qcow2", "default")
    hv1.virsh("vol-delete", "seen.qcow2", "shared")


def test_a_guest_counts_on_while_it_moves(hv1: Host, hv2: Host, make_guest: MakeGuest) -> None:
    """Its console and its own log go on with the next number on the other host."""
    hv1.share()
    guest = make_guest(hv1, GuestSpec("counter", disk_mib=16, shared=True, counts=True)).start().wait_booted()
    guest.moved(hv2)
    hv1.virsh("migrate", "counter", hv2.uri, "--live", "--p2p", "--persistent", "--undefinesource", "--unsafe")
    assert guest.state() == "running"
    before = guest.counted()
    until(lambda: guest.counted()[-1] > before[-1] + 10, "it counts on")
    numbers = guest.counted()
    assert numbers == list(range(1, len(numbers) + 1))
    shown = [int(line) for line in guest.console_log.read_text().splitlines() if line.isdigit()]
    assert shown[: len(numbers)] == numbers


def test_a_console_has_one_holder(guest: Guest) -> None:
    with guest.hold_console() as first:
        first.type_text("uname\n")
        first.wait("^Linux$")
        with pytest.raises(LabError, match="Active console session exists"):
            guest.hold_console()
        with guest.hold_console(force=True) as second:
            assert first.wait_exit() >= 0
            second.type_text("uname -m\n")
            second.wait("^x86_64$")


def test_a_crowd_runs_and_idles(lab: Lab, own_host: Host) -> None:
    crowd = lab.crowd(own_host, 3)
    assert [guest.state() for guest in crowd] == ["running"] * 3
    assert "vda" in own_host.virsh("domblklist", crowd[0].name)


def test_a_frozen_libvirtd_answers_again(own_host: Host) -> None:
    own_host.stop()
    with pytest.raises(LabError, match="did not end in 1 s"):
        own_host.virsh("list", timeout=1)
    own_host.cont()
    assert own_host.virsh("list", "--name") == ""


def test_guests_survive_a_crash_of_libvirtd(own_host: Host, lab: Lab) -> None:
    (guest,) = lab.crowd(own_host, 1)
    before = own_host.pid
    own_host.kill9()
    with pytest.raises(LabError, match="Connection refused"):
        own_host.virsh("list")
    own_host.restart()
    assert own_host.pid != before
    assert guest.state() == "running"
    own_host.restart()
    assert guest.state() == "running"


def test_two_labs_do_not_meet() -> None:
    """Both have a host hv1 at the same address on a bridge of the same name, and both answer, at the same time."""
    script = "virsh -c $LAB_URIS capabilities | grep -m1 '<uuid>'; read -r _"
    command = [str(RUN), "--exec", sys.executable, "-m", "tests.real.lab", "hv1", "--", "bash", "-c", script]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as second,
    ):
        uuids = [lab.stdout.readline().strip() for lab in (first, second) if lab.stdout]
        for lab in (first, second):
            lab.communicate("\n", timeout=30)
    assert (first.returncode, second.returncode) == (0, 0)
    assert uuids[0].startswith("<uuid>")
    assert uuids[0] != uuids[1]
