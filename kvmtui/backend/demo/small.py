"""The small fleet, described by hand: three hosts and 41 VMs with the troubles that real ones have."""

from __future__ import annotations

from kvmtui.backend.demo import roles
from kvmtui.backend.demo.plan import HostPlan, VmPlan
from kvmtui.core.inventory import Reason, VmState

_WEB = ("prod", "web")
_DATA = (("nvme", 20), ("nvme", 320))


def ci_runner(number: int) -> VmPlan:
    """Return a VM that a pipeline makes and ends."""
    return VmPlan(
        f"ci-runner-{number:02d}",
        roles.CI,
        8,
        16,
        tags=("ci",),
        os="Ubuntu 24.04",
        persistent=False,
        description="Made by the pipeline; it has no stored definition.",
    )


_HV1 = (
    VmPlan(
        "web-frontend-prod-01",
        roles.WEB,
        4,
        2,
        share=0.66,
        tags=_WEB,
        touchy=1.25,
        memory_use=0.85,
        pending=(8, 4),
        title="Shop frontend, first of two",
        description="Takes 8 vCPUs and 4 GiB at its next start.",
    ),
    VmPlan("web-frontend-prod-02", roles.WEB, 4, 2, share=0.42, tags=_WEB, touchy=0.45),
    VmPlan("web-1", roles.WEB, 4, 2, share=0.31, tags=_WEB, touchy=0.4),
    VmPlan("web-2", roles.WEB, 4, 2, share=0.35, tags=_WEB, touchy=0.6, memory_use=0.6),
    VmPlan("web-3", roles.WEB, 4, 2, share=0.27, tags=_WEB, touchy=0.35),
    VmPlan("app-1", roles.APP, 2, 4, share=0.4, tags=("prod", "app"), touchy=0.3),
    VmPlan("app-2", roles.APP, 2, 4, share=0.33, tags=("prod", "app"), touchy=0.25),
    VmPlan("app-3", roles.APP, 2, 4, share=0.45, tags=("prod", "app"), touchy=0.15, memory_use=0.76),
    VmPlan(
        "db-2",
        roles.DB,
        8,
        64,
        state=VmState.PAUSED,
        reason=Reason.POOL_FULL,
        tags=("prod", "db"),
        disks=(("nvme", 20), ("nvme", 600)),
        title="Orders, replica",
        os="Debian 12",
    ),
    VmPlan("db-3", roles.DB, 8, 64, share=0.2, tags=("prod", "db"), disks=(("hdd", 20), ("hdd", 500)), touchy=0.2),
    VmPlan("kafka-1", roles.QUEUE, 8, 24, tags=("prod", "queue"), disks=_DATA, networks=("prod", "mgmt")),
    VmPlan("dns-1", roles.INFRA, 1, 1, tags=("prod", "infra"), disks=(("hdd", 8),), os="Alpine 3.19"),
    VmPlan("ci-runner-07", roles.CI, 8, 16, tags=("ci",), os="Ubuntu 24.04", autostart=False, touchy=0.5),
    VmPlan("ci-runner-08", roles.CI, 8, 16, tags=("ci",), os="Ubuntu 24.04", autostart=False, touchy=0.4),
    VmPlan(
        "build-1", roles.CI, 16, 32, share=0.1, tags=("ci",), os="Fedora 40", autostart=False, disks=(("hdd", 200),)
    ),
    VmPlan("analytics-nightly", roles.BATCH, 8, 24, tags=("batch",), disks=(("hdd", 20), ("hdd", 900))),
    VmPlan(
        "win-rds-1",
        roles.OFFICE,
        4,
        16,
        os="Windows Server 2022",
        tags=("office",),
        stale=True,
        uefi=True,
        disks=(("hdd", 120),),
        networks=("br-office",),
    ),
    VmPlan(
        "mail",
        roles.MAIL,
        4,
        8,
        state=VmState.OFF,
        reason=Reason.SHUTDOWN,
        tags=("prod", "mail"),
        disks=(("nvme", 20), ("hdd", 400)),
        title="Mail and calendars",
    ),
)

_HV2 = (
    VmPlan(
        "db-1",
        roles.DB,
        8,
        64,
        share=0.11,
        tags=("prod", "db"),
        disks=_DATA,
        memory_use=0.69,
        title="Orders, primary",
        immovable=("PCI device 0000:3b:00.0 is passed through",),
    ),
    VmPlan(
        "erp",
        roles.OFFICE,
        8,
        16,
        share=0.004,
        tags=("prod", "office"),
        os="SLES 15",
        deaf=True,
        snapshots=2,
        memory_use=0.7,
        disks=(("nvme", 60), ("hdd", 500)),
        title="ERP",
        description="Vendor image. Does not react to the power button; the vendor's tool ends it.",
        agent=False,
    ),
    VmPlan("cache-1", roles.CACHE, 2, 8, share=0.11, tags=("prod", "cache"), talks=False, memory_use=0.88),
    VmPlan("cache-2", roles.CACHE, 2, 8, share=0.09, tags=("prod", "cache"), talks=False, memory_use=0.81),
    VmPlan("git-1", roles.STORE, 4, 24, tags=("prod", "dev"), disks=(("nvme", 40), ("hdd", 800)), snapshots=1),
    VmPlan("prometheus-1", roles.METRICS, 4, 16, tags=("infra",), disks=(("nvme", 20), ("nvme", 200))),
    VmPlan("grafana", roles.OFFICE, 2, 4, tags=("infra",)),
    VmPlan("registry", roles.STORE, 4, 8, tags=("dev",), disks=(("hdd", 600),), uefi=True),
    VmPlan("ldap-1", roles.INFRA, 2, 4, tags=("prod", "infra"), os="Rocky Linux 9"),
    VmPlan(
        "vpn-gw", roles.INFRA, 2, 2, tags=("prod", "infra"), os="OpenBSD 7.5", agent=False, networks=("br0", "mgmt")
    ),
    VmPlan("mail-relay", roles.MAIL, 2, 4, tags=("prod", "mail")),
    VmPlan("wiki", roles.OFFICE, 2, 4, tags=("office",)),
    VmPlan(
        "instance-0000002a",
        roles.APP,
        4,
        8,
        share=0.12,
        tags=(),
        owner="nova",
        title="tenant7-worker-3",
        os="Ubuntu 22.04",
        autostart=False,
        networks=("br-int",),
    ),
    VmPlan(
        "golden-debian-12",
        roles.INFRA,
        2,
        2,
        state=VmState.OFF,
        reason=Reason.SHUTDOWN,
        template=True,
        tags=("template",),
        title="Template: Debian 12 with cloud-init",
        disks=(("hdd", 10),),
    ),
    VmPlan(
        "old-crm",
        roles.OFFICE,
        2,
        8,
        state=VmState.OFF,
        reason=Reason.SAVED,
        saved=True,
        autostart=False,
        os="CentOS 7",
        tags=("office", "retire"),
        description="Kept until the audit in spring. Ask Dana before deleting.",
        disks=(("hdd", 160),),
        agent=False,
    ),
)

_HV3 = (
    VmPlan("web-4", roles.WEB, 4, 2, tags=_WEB),
    VmPlan("web-5", roles.WEB, 4, 2, tags=_WEB),
    VmPlan("app-4", roles.APP, 2, 4, tags=("prod", "app")),
    VmPlan("dns-2", roles.INFRA, 1, 1, tags=("prod", "infra"), os="Alpine 3.19", disks=(("hdd", 8),)),
    VmPlan("backup-1", roles.BACKUP, 4, 16, tags=("infra", "backup"), disks=(("nvme", 20), ("hdd", 5200))),
    VmPlan("logs-1", roles.METRICS, 8, 32, tags=("infra",), disks=(("nvme", 40), ("hdd", 1200))),
    VmPlan("s3-gateway", roles.STORE, 4, 8, tags=("prod", "storage"), disks=(("hdd", 800),), networks=("prod", "mgmt")),
    ci_runner(9),
)


def small_fleet() -> tuple[HostPlan, ...]:
    """Return the three hosts: a crowded one, a fine one, and one that is not always there."""
    return (
        HostPlan(
            "hv1",
            32,
            256,
            0.76,
            _HV1,
            pools=(("nvme", 1800, 0.99995), ("hdd", 8000, 0.61)),
            networks=("prod", "mgmt", "lab"),
            iowait=0.02,
            uptime_days=41.3,
        ),
        HostPlan(
            "hv2",
            32,
            256,
            0.19,
            _HV2,
            pools=(("nvme", 1800, 0.58), ("hdd", 8000, 0.37)),
            uptime_days=41.2,
            iowait=0.003,
        ),
        HostPlan(
            "hv3",
            32,
            256,
            0.33,
            _HV3,
            pools=(("nvme", 1800, 0.31), ("hdd", 12_000, 0.67)),
            libvirt=(9, 0, 0),
            qemu=(7, 2, 9),
            uptime_days=203.8,
            iowait=0.012,
        ),
    )
