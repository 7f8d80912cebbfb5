"""A running guest goes from one real host to another, and is what it was; and what cannot go says why."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.real.lab import Guest, GuestSpec, Host, until
from tests.real.lab.process import output
from tests.real.program import READING, Home, Program, kvmtui

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    MakeGuest = Callable[[Host, GuestSpec], Guest]

pytestmark = pytest.mark.timeout(300)  # they wait for guests to boot, to count and to go, and clear them away

DONE, FAILED = 0, 1
WIDE = (200, 50)
COUNTS = 20  # numbers that a guest is given the time to count


@pytest.fixture
def home(hv1: Host, hv2: Host) -> Home:
    """A configuration with both hosts."""
    return Home({"hv1": hv1.uri, "hv2": hv2.uri})


def verb(home: Home, *arguments: str, exit_code: int = DONE) -> dict[str, Any]:
    """What a headless verb says as JSON."""
    done = kvmtui("vm", *arguments, "--json", home=home)
    assert done.returncode == exit_code, f"{done.stdout}\n{done.stderr}"
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def has_no_gap(numbers: list[int]) -> bool:
    """Whether it counted on and on, from 1."""
    return numbers == list(range(1, len(numbers) + 1))


def test_a_guest_counts_on_while_it_goes_to_another_host_with_its_disk(
    hv1: Host, hv2: Host, home: Home, make_guest: MakeGuest
) -> None:
    """Headless: a copied disk; its autostart and its tags arrive; the old disk stays, and keeps it from going back."""
    guest = make_guest(hv1, GuestSpec("mover", disk_mib=32, counts=True)).start().wait_booted()
    verb(home, "autostart-on", "mover")
    verb(home, "tags", "mover", "--tags", "prod web")
    guest.execute("/bin/sh", "-c", "echo kept >/tmp/told; echo on-disk >/dev/vda; sync")
    until(lambda: len(guest.counted()) > COUNTS, "it counts")
    uuid = guest.uuid

    (task,) = verb(home, "migrate", "mover", "--to", "hv2", "--yes")["tasks"]
    guest.moved(hv2)
    assert (task["phase"], task["host"], task["to"]) == ("done", "hv1", "hv2")
    assert task["message"].startswith("mover runs on hv2 now. It starts with that host, too.")
    assert "migrate --live --p2p" in task["virsh"]
    assert "autostart mover" in task["virsh"]
    assert guest.state() == "running"
    assert guest.uuid == uuid
    assert "mover" not in hv1.virsh("list", "--all", "--name").split()
    assert "enable" in hv2.virsh("dominfo", "mover").partition("Autostart:")[2].splitlines()[0]
    assert "prod" in hv2.virsh("metadata", "mover", "--uri", "https://kvmtui.dev/xmlns/1")
    assert guest.read_proc("/tmp/told").strip() == "kept"
    assert guest.execute("/bin/sh", "-c", "head -c 7 /dev/vda") == "on-disk"
    before = len(guest.counted())
    until(lambda: len(guest.counted()) > before + COUNTS, "it counts on")
    assert has_no_gap(guest.counted())

    hv1.virsh("pool-refresh", "default")
    back = verb(home, "migrate", "mover", "--to", "hv1", "--yes", exit_code=FAILED)
    assert "hv1 has something else at" in back["errors"][0]["error"] + back["errors"][0]["hint"]
    assert guest.state() == "running"


# --- on the screen ---------------------------------------------------------------------------


def open_form(program: Program, name: str) -> None:
    """Press m on a VM, and wait until all hosts have said what they have for it."""
    program.select(name)
    program.keys("m")
    program.wait(rf"Move {name} on hv1")
    program.wait(r"\[Review\]")


def review(program: Program, fields: int, shown: str) -> None:
    """Go on by so many fields to [Review], press it, and wait for what it says."""
    program.keys(*["tab"] * fields, "enter")
    program.wait(shown)


def do_it(program: Program) -> None:
    """Read the review, and do what it says."""
    program.wait(r"\[Do it\]")
    time.sleep(READING)
    program.press_away("enter", r"\[Do it\]")


def agree(program: Program) -> None:
    """Say that the risk was read; the field stands before the bandwidth and [Review], where the focus is."""
    program.keys("shift+tab", "shift+tab", "space")
    program.wait(r"agree +\[x\]")


def test_a_guest_with_a_disk_that_both_hosts_see_goes_when_its_risk_was_read(
    hv1: Host, hv2: Host, make_guest: MakeGuest
) -> None:
    for host in (hv1, hv2):
        host.share()
    guest = make_guest(hv1, GuestSpec("sharer", disk_mib=16, counts=True, shared=True)).start().wait_booted()
    until(lambda: len(guest.counted()) > COUNTS, "it counts")
    with Program.on(hv1, hv2, size=WIDE) as program:
        open_form(program, "sharer")
        program.wait(r"to host \* +>?\(x\) hv2 +\S+ free, shares its disks, libvirt calls it unsafe")
        review(program, 4, "before you agree to this: ")
        assert "Do it" not in program.text()
        agree(program)
        review(program, 2, "You agree to this: ")
        program.wait(r"virsh -c \S+ migrate --live --p2p .*--unsafe")
        do_it(program)
        program.wait_task("move sharer")
        guest.moved(hv2)
        program.wait(r"^>x.sharer +gone \d\d:\d\d: moved to hv2, you")
        program.keys("escape")
        program.wait_vm("sharer", r"on +hv2")
        assert guest.state() == "running"
        assert "sharer" not in hv1.virsh("list", "--all", "--name").split()
        before = len(guest.counted())
        until(lambda: len(guest.counted()) > before + COUNTS, "it counts on")
        assert has_no_gap(guest.counted())
        (begin, end) = program.home.journal()
        assert (begin["to"], end["to"], end["result"]) == ("hv2", "hv2", "done")
        program.leave()


def test_a_move_that_is_cancelled_leaves_the_guest_where_it_was(hv1: Host, hv2: Host, make_guest: MakeGuest) -> None:
    guest = make_guest(hv1, GuestSpec("stayer", disk_mib=64, counts=True)).start().wait_booted()
    guest.execute("/bin/sh", "-c", "head -c 48000000 /dev/urandom >/dev/vda; sync")
    with Program.on(hv1, hv2, size=WIDE) as program:
        open_form(program, "stayer")
        program.keys("tab", "tab")
        program.type_text("1")  # MiB a second
        review(program, 1, r"--copy-storage-all --migrate-disks vda --bandwidth 1")
        do_it(program)
        program.wait_vm("stayer", r"to hv2, \d+ %")
        program.wait(r"^> stayer hv1 to hv2  \d+ %  \S+ MiB/s  \d+ \w+ left; \S+ to send")
        program.keys("7")
        program.wait(r"^>.*stayer +hv1 +running \d+ %")
        program.keys("!", "c")
        program.confirm(r"Cancel move stayer\?", "!")
        program.wait(r"stayer +hv1 +cancelled")
        program.wait(r"stayer still runs on hv1")
        program.keys("1")
        program.wait_vm("stayer", r"on +hv1")
        assert guest.state() == "running"
        assert "stayer" not in hv2.virsh("list", "--all", "--name").split()
        hv2.virsh("pool-refresh", "default")
        assert "stayer" not in hv2.virsh("vol-list", "default"), "what had been copied was deleted"
        before = len(guest.counted())
        until(lambda: len(guest.counted()) > before + COUNTS, "it counts on")
        assert has_no_gap(guest.counted())
        program.leave()


def test_a_vm_that_is_off_goes_with_its_definition(hv1: Host, hv2: Host, make_guest: MakeGuest) -> None:
    guest = make_guest(hv1, GuestSpec("sleeper"))
    hv1.virsh("autostart", "sleeper")
    uuid = guest.uuid
    with Program.on(hv1, hv2, size=WIDE) as program:
        open_form(program, "sleeper")
        review(program, 2, "Moves the definition of sleeper, which is off, to hv2")
        program.wait(r"migrate --offline --p2p --persistent --undefinesource sleeper")
        do_it(program)
        program.wait_task("move sleeper")
        guest.moved(hv2)
        assert (guest.state(), guest.uuid) == ("shut off", uuid)
        assert "sleeper" not in hv1.virsh("list", "--all", "--name").split()
        assert "enable" in hv2.virsh("dominfo", "sleeper").partition("Autostart:")[2].splitlines()[0]
        program.keys("escape")
        program.wait_vm("sleeper", r"off, should be on +hv2")
        program.chord("x", "s", "sleeper")
        program.wait_vm("sleeper", r"on +hv2")
        guest.wait_booted()
        program.leave()


# --- what cannot go --------------------------------------------------------------------------


def define(host: Host, name: str, *, devices: str = "", **more: str) -> None:
    """Define a VM that costs nothing: it has no system, and halts when it is started."""
    parts = {"memory": "16", "uuid": str(uuid4()), "cpu": "<cpu mode='custom' check='none'><model>qemu64</model></cpu>"}
    parts |= more
    xml = (
        f"<domain type='qemu'><name>{name}</name><uuid>{parts['uuid']}</uuid>"
        f"<memory unit='MiB'>{parts['memory']}</memory><vcpu>1</vcpu>"
        f"<os><type arch='x86_64' machine='q35'>hvm</type></os>{parts['cpu']}<features><acpi/></features>"
        f"<devices><controller type='usb' model='none'/>{devices}</devices></domain>"
    )
    output(["virsh", "-q", "-c", host.uri, "define", "/dev/stdin"], stdin=xml)


def disk(path: str) -> str:
    return (
        f"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{path}'/>"
        "<target dev='vda' bus='virtio'/></disk>"
    )


def card(kind: str, source: str) -> str:
    attribute = "network" if kind == "network" else "bridge"
    return f"<interface type='{kind}'><source {attribute}='{source}'/></interface>"


LANS = "<network><name>lan9</name><bridge name='lan9br'/></network>"
AMX = (
    "<cpu mode='custom' match='exact' check='partial'><model>qemu64</model>"
    "<feature policy='require' name='amx-tile'/></cpu>"
)
REASONS = {
    "r-uuid": "A VM with its UUID is defined on hv2: r-stranger",
    "r-name": "hv2 has another VM called r-name",
    "r-memory": r"hv2 has \S+ of memory free, and r-memory needs 24G",
    "r-network": "hv2 has no network called lan9",
    "r-bridge": "hv2 has no bridge called br-none",
    "r-disk": "hv2 has no active pool with the folder /var/lib/libvirt/elsewhere|no pool that answers there holds",
    "r-snapshot": "r-snapshot has 1 snapshot",
}


@pytest.fixture
def obstacles(hv1: Host, hv2: Host) -> Iterator[None]:
    """VMs on hv1, each with one thing in its way to hv2."""
    same = str(uuid4())
    elsewhere = "/var/lib/libvirt/elsewhere"
    for host in (hv1, hv2):
        host.output("mkdir", "-p", elsewhere)
    for path in (f"{elsewhere}/r-disk.qcow2", "/var/lib/libvirt/images/r-snapshot.qcow2"):
        hv1.output("qemu-img", "create", "-q", "-f", "qcow2", path, "1M")
    output(["virsh", "-q", "-c", hv1.uri, "net-define", "/dev/stdin"], stdin=LANS)
    define(hv1, "r-uuid", uuid=same)
    define(hv2, "r-stranger", uuid=same)
    define(hv1, "r-name")
    define(hv2, "r-name")
    define(hv1, "r-memory", memory=str(23 * 1024))
    define(hv1, "r-cpu", cpu=AMX)
    define(hv1, "r-network", devices=card("network", "lan9"))
    define(hv1, "r-bridge", devices=card("bridge", "br-none"))
    define(hv1, "r-disk", devices=disk(f"{elsewhere}/r-disk.qcow2"))
    define(hv1, "r-snapshot", devices=disk("/var/lib/libvirt/images/r-snapshot.qcow2"))
    hv1.virsh("snapshot-create-as", "r-snapshot", "before")
    for name in ("r-memory", "r-disk"):
        hv1.virsh("start", name)
    yield
    for host in (hv1, hv2):
        for name in host.virsh("list", "--all", "--name").split():
            if name.startswith("r-"):
                if name in host.virsh("list", "--name").split():
                    host.virsh("destroy", name)
                host.virsh("undefine", name, "--snapshots-metadata")
        host.output("rm", "-rf", elsewhere)
    hv1.output("rm", "-f", "/var/lib/libvirt/images/r-snapshot.qcow2")
    hv1.virsh("net-undefine", "lan9")


@pytest.mark.usefixtures("obstacles")
def test_a_host_that_cannot_take_a_vm_says_why(hv1: Host, hv2: Host) -> None:
    before = [host.virsh("list", "--all", "--name") for host in (hv1, hv2)]
    with Program.on(hv1, hv2, size=WIDE) as program:
        for name, why in REASONS.items():
            program.keys("escape")
            program.wait_gone("esc clears it")
            program.type_text(f"/name:{name} host:hv1")
            program.keys("enter")
            program.wait(rf"^>..{name} ")
            program.keys("m")
            program.wait(rf"Move {name} on hv1")
            program.wait(why)
            assert re.search(r"to host \* +>?\( \) hv2", program.text()), f"{name}: hv2 can be chosen"
            program.keys("space")
            program.keys("tab", "tab", "tab", "enter")  # there is nothing to review
            program.keys("escape")
            program.wait_gone(rf"Move {name} on hv1")
        open_form(program, "r-cpu")
        review(program, 2, r"It cannot start on hv2 with the CPU that it asks for: .*amx-tile")
        program.keys("escape", "escape")
        program.leave()
    assert [host.virsh("list", "--all", "--name") for host in (hv1, hv2)] == before


def test_two_hosts_that_say_they_are_one_move_nothing_between_them(
    hv1: Host, own_host: Host, make_guest: MakeGuest
) -> None:
    conf = own_host.folder / "etc/libvirtd.conf"
    conf.write_text(conf.read_text().replace(own_host.uuid, hv1.uuid))
    own_host.restart()
    make_guest(hv1, GuestSpec("twin-host", agent=False))
    home = Home({"hv1": hv1.uri, own_host.name: own_host.uri})
    told = verb(home, "migrate", "hv1/twin-host", "--to", own_host.name, "--yes", exit_code=FAILED)
    assert re.search("the same host", told["errors"][0]["error"]), told
    assert "twin-host" in hv1.virsh("list", "--all", "--name").split()


def test_a_move_goes_on_when_the_program_is_left(hv1: Host, hv2: Host, make_guest: MakeGuest) -> None:
    guest = make_guest(hv1, GuestSpec("goer", disk_mib=64, counts=True)).start().wait_booted()
    guest.execute("/bin/sh", "-c", "head -c 40000000 /dev/urandom >/dev/vda; sync")
    with Program.on(hv1, hv2, size=WIDE) as program:
        open_form(program, "goer")
        program.keys("tab", "tab")
        program.type_text("4")
        review(program, 1, r"--bandwidth 4")
        do_it(program)
        program.wait_vm("goer", r"to hv2, \d+ %")
        program.keys("Q")
        program.confirm(r"Quit while a task runs\?")
        assert program.wait_exit() == 0
        assert hv1.virsh("domjobinfo", "goer").split()[2] != "None", "it is still being moved"
        guest.moved(hv2).wait_state("running", timeout=90)
        until(lambda: "goer" not in hv1.virsh("list", "--all", "--name").split(), "it has left hv1", timeout=60)
        assert program.home.journal()[-1]["result"] == "unknown"
        until(lambda: len(guest.counted()) > COUNTS, "it counts on")
        assert has_no_gap(guest.counted())
        told = verb(program.home, "migrate", "goer", "--to", "hv1", "--yes", exit_code=FAILED)
        assert "hv1 has something else at" in told["errors"][0]["error"], "how the move ended is known by then"


def test_over_ssh_the_hosts_reach_each_other_without_what_is_only_true_here(
    hv1: Host, hv2: Host, make_guest: MakeGuest
) -> None:
    guest = make_guest(hv1, GuestSpec("tunneller")).start().wait_booted()
    home = Home({"hv1": hv1.ssh_uri, "hv2": hv2.ssh_uri})
    (task,) = verb(home, "migrate", "tunneller", "--to", "hv2", "--yes")["tasks"]
    guest.moved(hv2)
    assert task["message"] == "tunneller runs on hv2 now."
    assert task["virsh"].endswith(f"tunneller 'qemu+ssh://root@{hv2.address}/system?no_tty=1'")
    assert guest.state() == "running"


def test_when_its_host_dies_on_the_way_the_outcome_is_unknown_until_it_answers_again(
    own_host: Host, hv2: Host, make_guest: MakeGuest
) -> None:
    name = own_host.name
    guest = make_guest(own_host, GuestSpec("castaway", disk_mib=64)).start().wait_booted()
    guest.execute("/bin/sh", "-c", "head -c 48000000 /dev/urandom >/dev/vda; sync")
    guest.moved(hv2).moved(own_host)  # it may be on either
    with Program.on(own_host, hv2, size=WIDE) as program:
        program.ask("migrate castaway --to hv2 --bandwidth 1")
        program.confirm(rf"Move castaway on {name}\?")
        program.wait_vm("castaway", r"to hv2, \d+ %")
        own_host.kill9()
        program.wait_task("move castaway", "unknown", timeout=90)
        program.keys("7")
        program.wait(rf"castaway +{name} +unknown")
        program.wait(rf"{name} could not be asked: .*hv2 does not have it\..*Whether it was done is not known")
        program.keys("1")
        own_host.start()
        program.wait_vm("castaway", rf"on +{name}", timeout=60)
        program.select("castaway")
        program.keys("m")
        program.wait(rf"Move castaway on {name}", timeout=30)
        program.keys("escape")
        assert guest.state() == "running"
        program.leave()
