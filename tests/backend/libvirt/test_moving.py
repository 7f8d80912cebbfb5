"""What moving a VM depends on, read from documents that may hold anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmtui.backend.libvirt.gauge import Gauge
from kvmtui.backend.libvirt.xml import moving
from kvmtui.core.errors import ConfigError
from tests.backend.contract import HOSTILE

GIB = 1 << 30

DOMAIN = """
<domain type='kvm' id='3'>
  <name>web-1</name><uuid>57f4dbef-cb13-4e95-9825-c91743b5d73e</uuid>
  <memory unit='GiB'>4</memory><currentMemory unit='GiB'>2</currentMemory><vcpu current='2'>4</vcpu>
  <os><type arch='x86_64' machine='pc-q35-8.2'>hvm</type><nvram>/var/lib/nvram/web-1.fd</nvram></os>
  <cpu mode='custom' match='exact' check='full'>
    <model fallback='forbid'>EPYC-Milan</model><feature policy='require' name='pcid'/>
  </cpu>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='none'/><source file='/srv/web-1.qcow2' index='1'/>
      <backingStore type='file' index='2'>
        <format type='qcow2'/><source file='/srv/base.qcow2'/><backingStore/>
      </backingStore>
      <target dev='vda' bus='virtio'/>
    </disk>
    <disk type='file' device='cdrom'>
      <source file='/iso/debian.iso' startupPolicy='optional'/><target dev='sda' bus='sata'/><readonly/>
    </disk>
    <disk type='network' device='disk'>
      <driver name='qemu' type='raw'/><source protocol='rbd' name='vms/web-1'/><target dev='vdb' bus='virtio'/>
    </disk>
    <disk type='file' device='floppy'><target dev='fda' bus='fdc'/></disk>
    <interface type='network'>
      <mac address='52:54:00:00:00:01'/><source network='prod' bridge='virbr0'/>
    </interface>
    <interface type='bridge'><mac address='52:54:00:00:00:02'/><source bridge='br0'/></interface>
    <tpm model='tpm-crb'><backend type='emulator'/></tpm>
  </devices>
</domain>
"""


def test_a_definition_tells_all_that_a_move_depends_on() -> None:
    known = moving.read(DOMAIN)
    assert (known.arch, known.machine, known.accel) == ("x86_64", "pc-q35-8.2", "kvm")
    assert known.emulator == "/usr/bin/qemu-system-x86_64"
    assert (known.memory_max, known.vcpus_max) == (4 * GIB, 4)
    assert (known.networks, known.bridges) == (("prod",), ("br0",))
    assert known.kept == ("firmware settings (NVRAM)", "TPM state")
    assert (known.blockers, known.notes) == ((), ())
    vda, sda, vdb, fda = known.disks
    assert (vda.source, vda.format, vda.cache, vda.backing) == (
        "/srv/web-1.qcow2",
        "qcow2",
        "none",
        ("/srv/base.qcow2",),
    )
    assert (sda.readonly, sda.optional, sda.device) == (True, True, "cdrom")
    assert (vdb.kind, vdb.source) == ("network", "rbd:vms/web-1")
    assert fda.source == ""


def test_the_cpu_element_is_handed_on_as_it_is() -> None:
    cpu = moving.read(DOMAIN).cpu_xml
    assert cpu.startswith("<cpu ")
    assert cpu.endswith("</cpu>")
    assert "EPYC-Milan" in cpu
    assert (moving.cpu_mode(cpu), moving.cpu_check(cpu)) == ("custom", "full")
    assert moving.read("<domain type='kvm'><devices/></domain>").cpu_xml == ""
    assert (moving.cpu_mode(""), moving.cpu_check("")) == ("", "")


@pytest.mark.parametrize(
    ("part", "blocker"),
    [
        ("<devices><hostdev mode='subsystem' type='pci'/></devices>", "host device (pci)"),
        ("<devices><filesystem><driver type='virtiofs'/></filesystem></devices>", "virtiofs"),
        ("<devices><disk type='file'><target dev='vda'/><mirror type='file'/></disk></devices>", "block job"),
        ("<devices><disk type='nvme'><target dev='vda'/></disk></devices>", "NVMe"),
        ("<cpu><feature name='invtsc' policy='require'/></cpu><devices/>", "invariant clock"),
    ],
)
def test_what_ties_a_vm_to_its_host_is_named(part: str, blocker: str) -> None:
    blockers = moving.read(f"<domain type='kvm'>{part}</domain>").blockers
    assert len(blockers) == 1
    assert blocker in blockers[0]


def test_an_invariant_clock_with_a_fixed_frequency_is_no_hindrance() -> None:
    cpu = "<cpu><feature name='invtsc' policy='require'/></cpu>"
    clock = "<clock><timer name='tsc' frequency='2400000000'/></clock>"
    assert moving.read(f"<domain type='kvm'>{cpu}{clock}<devices/></domain>").blockers == ()


@pytest.mark.parametrize(
    ("part", "note"),
    [
        ("<memoryBacking><hugepages/></memoryBacking><devices/>", "huge pages"),
        ("<cputune><vcpupin vcpu='0' cpuset='1'/></cputune><devices/>", "pinned"),
        ("<numatune><memory mode='strict' nodeset='0'/></numatune><devices/>", "NUMA"),
        ("<devices><interface type='direct'><source dev='eno1'/></interface></devices>", "eno1"),
        ("<devices><interface><filterref filter='clean-traffic'/></interface></devices>", "clean-traffic"),
        ("<devices><hostdev type='usb'/></devices>", "USB"),
        ("<devices><filesystem type='mount'/></devices>", "shares a directory"),
        ("<devices><disk type='network'><auth username='x'/></disk></devices>", "secrets"),
    ],
)
def test_what_nobody_can_check_from_here_is_noted(part: str, note: str) -> None:
    notes = moving.read(f"<domain type='kvm'>{part}</domain>").notes
    assert len(notes) == 1
    assert note in notes[0]


def test_what_is_no_definition_says_nothing() -> None:
    assert moving.read("no XML") == moving.Movable()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_read_as_it_is(text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace("'", "&apos;")
    source = f"<interface type='network'><source network='{escaped}'/></interface>"
    assert moving.read(f"<domain type='kvm'><devices>{source}</devices></domain>").networks == (text,)


# --- pools and volumes -----------------------------------------------------------------------


def test_a_pool_of_a_server_names_it() -> None:
    text = (
        "<pool type='netfs'><name>nfs</name><source><host name='nas'/><dir path='/vms'/><format type='nfs'/></source>"
        "<target><path>/mnt/vms</path></target></pool>"
    )
    assert moving.pool(text) == moving.PoolFacts("/mnt/vms", "netfs:nas:/vms")


@pytest.mark.parametrize(
    "text",
    [
        "<pool type='dir'><source/>",
        "<pool type='netfs'><source><host name='localhost'/><dir path='/x'/></source>",
        "<pool type='netfs'><source><dir path='/x'/></source>",
        "<pool type='netfs'><source><host name='nas'/></source>",
    ],
)
def test_a_pool_that_does_not_say_where_it_comes_from_proves_nothing(text: str) -> None:
    assert moving.pool(f"{text}<target><path>/srv</path></target></pool>") == moving.PoolFacts("/srv", "")


def test_a_volume_tells_when_its_inode_was_changed_to_the_nanosecond() -> None:
    text = (
        "<volume type='file'><name>a</name><capacity unit='bytes'>1073741824</capacity>"
        "<allocation unit='bytes'>200704</allocation><target><path>/srv/a</path>"
        "<timestamps><mtime>1.5</mtime><ctime>1795381574.064865026</ctime></timestamps></target>"
        "<backingStore><path>/srv/base</path></backingStore></volume>"
    )
    assert moving.volume(text) == moving.VolumeFacts("/srv/a", GIB, 200704, 1795381574064865026, "/srv/base")


@pytest.mark.parametrize(
    ("said", "stamp"),
    [
        ("1795381574.064865026", 1795381574064865026),
        ("1795381574", 1795381574 * 10**9),
        ("1795381574.5", 17953815745 * 10**8),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1.x", None),
        ("\u0661.1", None),
    ],
)
def test_a_time_that_is_none_is_no_stamp(said: str, stamp: int | None) -> None:
    text = f"<volume><target><timestamps><ctime>{said}</ctime></timestamps></target></volume>"
    assert moving.volume(text).stamp == stamp


def test_cpus_of_hosts_are_compared_whatever_the_order_of_their_features() -> None:
    first, other = (
        f"<capabilities><host><cpu><model>EPYC</model>{features}</cpu></host></capabilities>"
        for features in ("<feature name='b'/><feature name='a'/>", "<feature name='a'/><feature name='b'/>")
    )
    assert moving.host_cpu(first) == moving.host_cpu(other) != ""
    assert moving.host_cpu("<capabilities/>") == ""


# --- how far it is ---------------------------------------------------------------------------


def test_a_job_of_another_kind_is_no_progress() -> None:
    gauge = Gauge(GIB)
    assert gauge.read({"type": 0}, 1.0) is None
    assert gauge.read({"type": 2, "operation": 2, "memory_total": GIB}, 1.0) is None


def test_what_is_left_of_memory_and_disks_tells_the_time() -> None:
    told = Gauge(GIB).read(
        {
            "type": 2,
            "operation": 5,
            "memory_total": GIB,
            "memory_remaining": GIB // 2,
            "disk_total": 3 * GIB,
            "disk_remaining": 0,
            "memory_bps": 100 << 20,
            "memory_dirty_rate": 1024,
            "memory_page_size": 4096,
            "memory_iteration": 2,
            "downtime": 300,
        },
        1.0,
    )
    assert told is not None
    assert told.percent == pytest.approx(87.5)
    assert (told.left, told.rate, told.dirty, told.downtime, told.iteration) == (GIB // 2, 100 << 20, 4 << 20, 300, 2)
    assert told.seconds_left == pytest.approx((GIB // 2) / (96 << 20))


def test_a_guest_that_writes_faster_than_it_is_sent_has_no_end_in_sight() -> None:
    stats: dict[str, int | str] = {
        "type": 2,
        "memory_total": GIB,
        "memory_remaining": GIB // 2,
        "memory_bps": 1 << 20,
        "memory_dirty_rate": 4096,
    }
    told = Gauge(GIB).read(stats, 1.0)
    assert told is not None
    assert told.seconds_left is None


def test_while_disks_are_copied_the_rate_is_what_really_goes() -> None:
    gauge = Gauge(GIB)
    stats: dict[str, int | str] = {"type": 2, "operation": 5, "disk_total": GIB, "disk_remaining": GIB}
    assert gauge.read(stats, 10.0) is not None
    told = gauge.read({**stats, "disk_remaining": GIB - (200 << 20)}, 12.0)
    assert told is not None
    assert told.rate == 100 << 20
    assert told.left == 2 * GIB - (200 << 20)


_amounts = st.integers(0, 1 << 40)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "type": st.just(2),
                "memory_total": _amounts,
                "memory_remaining": _amounts,
                "disk_total": _amounts,
                "disk_remaining": _amounts,
                "memory_bps": _amounts,
                "memory_dirty_rate": st.integers(0, 1 << 20),
            }
        ),
        max_size=8,
    )
)
def test_the_percentage_never_falls_back_nor_says_that_it_is_done(readings: list[dict[str, int | str]]) -> None:
    gauge, last = Gauge(GIB), 0.0
    for at, stats in enumerate(readings):
        told = gauge.read(stats, float(at))
        if told is not None and told.percent is not None:
            assert last <= told.percent <= 99.0
            last = told.percent
            assert told.seconds_left is None or told.seconds_left >= 0


# --- the address -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "source", "address"),
    [
        ("qemu+tcp://hv2/system", "qemu+tcp://hv1/system", "qemu+tcp://hv2/system"),
        ("qemu+tls://hv2:16999/system?pkipath=/home/me/pki", "qemu:///system", "qemu+tls://hv2:16999/system"),
        (
            "qemu+ssh://admin@hv2:2222/system?keyfile=/home/me/key&proxy=netcat",
            "qemu+ssh://root@hv1/system",
            "qemu+ssh://admin@hv2:2222/system?no_tty=1",
        ),
        ("qemu+tcp://[fd00::2]/system", "qemu+tcp://hv1/system", "qemu+tcp://[fd00::2]/system"),
        ("qemu:///system", "qemu+ssh://root@hv1:2222/system", "qemu+ssh://root@here/system?no_tty=1"),
        ("qemu:///system", "qemu+tcp://hv1/system", "qemu+tcp://here/system"),
        ("qemu:///system", "qemu:///system", ""),
        ("qemu+ssh://localhost:2201/system", "qemu+ssh://localhost:2202/system", ""),
        ("qemu+tcp://127.0.0.1/system", "qemu+tcp://hv1/system", ""),
        ("qemu+tcp://[::1]/system", "qemu+tcp://hv1/system", ""),
        ("qemu+ssh://hv2/session", "qemu+ssh://hv1/session", ""),
        ("test:///default", "qemu+tcp://hv1/system", ""),
    ],
)
def test_the_address_for_another_host_holds_nothing_that_is_only_true_here(
    target: str, source: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kvmtui.backend.libvirt import migration, uri

    monkeypatch.setattr("socket.gethostname", lambda: "here")

    def never() -> object:
        raise ConfigError("there is no connection")

    facet = migration.LibvirtMigration(never, uri.parse(target), lambda _: None)  # type: ignore[arg-type]
    assert facet.address_for(source) == address
