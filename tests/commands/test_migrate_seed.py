"""A VM that was made with a seed takes it along: libvirt copies nothing that is read-only."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.backend.demo.moves import has_volume
from kvmtui.commands import registry
from kvmtui.commands.base import Target
from kvmtui.commands.moving import lines_of, plan_of, read_case
from kvmtui.core.errors import BackendError
from kvmtui.core.inventory import Disk, TaskPhase, Volume
from tests.fleet_lab import Lab, running, virtual

if TYPE_CHECKING:
    from pathlib import Path

    from kvmtui.core.inventory import TaskView

SEED = "/srv/nvme/images/app-3-seed.iso"


def seeded(lab: Lab) -> Target:
    """Give app-3 on hv1 a seed, and return it."""
    ref = lab.ref("app-3")
    host = lab.world.host("hv1")
    guest = host.guest(ref.uuid)
    disk = Disk("vdb", "disk", "virtio", "file", SEED, "raw", readonly=True)
    guest.vm = replace(guest.vm, disks=(*guest.vm.disks, disk))
    host.volumes[SEED] = Volume("nvme", "app-3-seed.iso", SEED, "iso", 374_784, 374_784)
    return next(Target.of_vm(entry, vm) for entry, vm in lab.engine.fleet.vms() if vm.name == "app-3")


async def move(lab: Lab, target: Target) -> TaskView:
    command = registry.by_id("vm.migrate")
    assert command is not None
    (view,) = await lab.engine.wait(lab.engine.submit(command, [target], {"to": "hv2"}))
    return view


@virtual
async def test_the_seed_is_there_before_the_vm_is(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        view = await move(lab, seeded(lab))
        assert view.phase is TaskPhase.DONE, view.message
        assert f"{SEED} stay on hv1." in view.message
        assert has_volume(lab.world.host("hv2"), SEED)
        verbs = [call.verb for call in lab.world.calls]
        assert verbs.index("put") < verbs.index("move")


@virtual
async def test_a_move_that_breaks_off_takes_the_seed_away_again(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        target = seeded(lab)
        lab.world.moves.break_off(target.uuid, 40)
        view = await move(lab, target)
        assert view.phase is TaskPhase.FAILED
        assert "What had been copied to hv2 was deleted." in view.message
        assert not has_volume(lab.world.host("hv2"), SEED)


@virtual
async def test_a_seed_that_cannot_be_brought_stops_the_move_before_it_begins(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        target = seeded(lab)
        lab.world.faults.refuse(BackendError("No space left on device."), verb="put", host="hv2")
        view = await move(lab, target)
        assert view.phase is TaskPhase.FAILED
        assert view.message.startswith("No space left on device. app-3 still runs on hv1.")
        assert "move" not in [call.verb for call in lab.world.calls]


@virtual
async def test_the_virsh_lines_bring_it_too(tmp_path: Path) -> None:
    async with running(tmp_path) as lab:
        target = seeded(lab)
        case = await read_case(lab.engine.scene(), lab.engine.backend, target, {"hv2"})
        plan, _ = plan_of(case, "hv2", {"to": "hv2"})
        lines = lines_of(case, "hv2", plan)
        assert f"vol-download {SEED} app-3-seed.iso" in lines[0]
        assert "vol-create-as nvme app-3-seed.iso" in lines[1]
        assert "vol-upload --pool nvme app-3-seed.iso app-3-seed.iso" in lines[2]
        assert " migrate --live " in lines[3]
