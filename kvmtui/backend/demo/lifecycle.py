"""What the verbs do to simulated guests, and what happens to these by themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.backend.base import ShutdownMode, Wake, WakeKind
from kvmtui.backend.demo.guest import GIB, MIB
from kvmtui.core.errors import BackendError, Busy, Conflict, NotFound, NotSupported
from kvmtui.core.inventory import AgentState, Job, Reason, VmState

if TYPE_CHECKING:
    from kvmtui.backend.demo.guest import Guest
    from kvmtui.backend.demo.host import SimHost
    from kvmtui.backend.demo.world import World
    from kvmtui.core.inventory import Vm

BOOT = 20.0  # seconds until the agent answers
RESTORE = 4.0  # seconds, from a saved state
REBOOT_KEYS = frozenset({29, 56, 111})  # ctrl, alt, delete
_QEMU_ENDS = 0.6  # seconds between a guest's end and that of its process
_SAVE_STEP = 0.5  # seconds between two steps of a save
_FULL = 256 * MIB  # a pool with less than this left stops its guests
_RUNS_DRY = 9.0  # seconds until it wants to write there


class Lifecycle:
    """The life of guests; each verb raises BackendError kinds, and nothing changes when it does."""

    def __init__(self, world: World) -> None:
        """Act in `world`."""
        self._world = world

    # --- verbs ---

    def start(self, host: SimHost, uuid: str) -> None:
        guest = self._free(host, uuid)
        vm = guest.vm
        if vm.is_active:
            raise Conflict(f"{vm.name} on {host.name} is on already.")
        for disk in vm.disks:
            if disk.source in host.deleted:
                raise BackendError(
                    f"{vm.name} cannot start on {host.name}: its disk {disk.source} is not there.",
                    hint="Restore the disk, or take it out of the definition.",
                )
        networks = {network.name for network in host.networks}
        for nic in vm.nics:
            if nic.kind == "network" and nic.source not in networks:
                raise NotFound(f"{vm.name} cannot start on {host.name}: there is no network {nic.source}.")
        guest.clear()
        guest.started = self._world.advance(host)[0]
        restored = vm.saved
        ready = vm.agent is not AgentState.NONE
        self._enter(
            host,
            guest,
            VmState.RUNNING,
            Reason.RESTORED if restored else Reason.BOOTED,
            replace(
                vm,
                domain_id=host.new_id(),
                saved=False,
                nics=tuple(replace(nic, target=host.new_tap()) for nic in vm.nics),
                agent=AgentState.DISCONNECTED if ready else AgentState.NONE,
            ),
        )
        self.boot(host, guest, RESTORE if restored else BOOT)

    def shutdown(self, host: SimHost, uuid: str, mode: ShutdownMode) -> None:
        guest = self._guest_that_hears(host, uuid, mode)
        if not guest.deaf and guest.vm.state is VmState.RUNNING:
            self._world.after(self._farewell(host, guest), guest, lambda: self._end(host, guest))

    def reboot(self, host: SimHost, uuid: str, mode: ShutdownMode) -> None:
        guest = self._guest_that_hears(host, uuid, mode)
        if not guest.deaf and guest.vm.state is VmState.RUNNING:
            self._world.after(self._farewell(host, guest), guest, lambda: self._boot_again(host, guest))

    def reset(self, host: SimHost, uuid: str) -> None:
        self._boot_again(host, self._active(host, uuid))

    def force_off(self, host: SimHost, uuid: str) -> None:
        guest = host.guest(uuid)  # its own kind of job in libvirt: it waits for no other
        if not guest.vm.is_active:
            raise Conflict(f"{guest.vm.name} on {host.name} is off already.")
        self.off(host, guest, Reason.DESTROYED)

    def pause(self, host: SimHost, uuid: str) -> None:
        guest = self._active(host, uuid)
        if guest.vm.state is VmState.SUSPENDED:
            raise Conflict(f"{guest.vm.name} on {host.name} is suspended by its guest.", hint="Wake it first.")
        if guest.vm.state is not VmState.PAUSED:
            self._enter(host, guest, VmState.PAUSED, Reason.USER, guest.vm)

    def resume(self, host: SimHost, uuid: str) -> None:
        guest = self._active(host, uuid)
        if guest.vm.state is VmState.SUSPENDED:
            raise Conflict(f"{guest.vm.name} on {host.name} is suspended by its guest.", hint="Wake it instead.")
        if guest.vm.state is not VmState.PAUSED:
            raise Conflict(f"{guest.vm.name} on {host.name} is not paused.")
        self._enter(host, guest, VmState.RUNNING, Reason.UNPAUSED, guest.vm)
        self.boot(host, guest, self._left_of_boot(host, guest))

    def wake(self, host: SimHost, uuid: str) -> None:
        guest = self._active(host, uuid)
        if guest.vm.state is not VmState.SUSPENDED:
            raise Conflict(f"{guest.vm.name} on {host.name} is not suspended, so there is nothing to wake.")
        self._enter(host, guest, VmState.RUNNING, Reason.WOKEN, guest.vm)

    def save(self, host: SimHost, uuid: str) -> None:
        """Begin to write the guest's memory to its host; its job tells how far that is."""
        guest = self._active(host, uuid)
        vm = guest.vm
        if not vm.persistent:
            raise Conflict(f"{vm.name} on {host.name} is transient, so no saved state can be kept for it.")
        if vm.immovable:
            raise NotSupported(f"{vm.name} on {host.name} cannot be saved: {vm.immovable[0]}.")
        self._enter(host, guest, VmState.PAUSED, Reason.SAVING, replace(vm, job=Job("save", 0.0, ours=True)))
        steps = max(4, min(24, round((guest.memory.rss or 0) / GIB)))
        self._save_step(host, guest, 0, steps)

    def saving(self, host: SimHost, uuid: str) -> float | None:
        """Return how far the writing is, in percent; None when it has ended."""
        guest = host.guests.get(uuid)
        job = guest.vm.job if guest is not None else None
        return job.percent if job is not None and job.kind == "save" else None

    def check_saved(self, host: SimHost, uuid: str) -> None:
        """Raise unless there is a saved state now."""
        vm = host.guest(uuid).vm
        if not vm.saved and vm.reason is not Reason.RESTORED:
            raise BackendError(f"Saving {vm.name} on {host.name} was cancelled; the VM is {vm.state}.")

    def _save_step(self, host: SimHost, guest: Guest, step: int, steps: int) -> None:
        if step == steps:
            guest.vm = replace(guest.vm, saved=True)
            self.off(host, guest, Reason.SAVED)
            return
        self._world.put(host, guest, replace(guest.vm, job=Job("save", round(100 * step / steps), ours=True)))
        self._world.after(_SAVE_STEP, guest, lambda: self._save_step(host, guest, step + 1, steps))

    def drop_saved(self, host: SimHost, uuid: str) -> None:
        guest = self._free(host, uuid)
        if guest.vm.saved:
            self._world.put(host, guest, replace(guest.vm, saved=False))

    def nmi(self, host: SimHost, uuid: str) -> None:
        self._running(host, uuid)

    def send_keys(self, host: SimHost, uuid: str, keycodes: tuple[int, ...]) -> None:
        guest = self._running(host, uuid)
        if not 1 <= len(keycodes) <= 16:
            raise Conflict(f"{len(keycodes)} keys cannot be pressed together on {guest.vm.name}.", hint="At most 16.")
        if set(keycodes) >= REBOOT_KEYS and not guest.deaf and guest.vm.os.split(" ")[0] != "Windows":
            self._world.after(self._farewell(host, guest), guest, lambda: self._boot_again(host, guest))

    # --- what happens by itself ---

    def off(self, host: SimHost, guest: Guest, reason: Reason) -> None:
        """End the guest's process; a transient VM is gone with it."""
        vm = guest.vm
        vcpus, memory = guest.pending or (vm.vcpus, vm.memory_max)
        guest.pending = None
        ended = replace(
            vm,
            domain_id=None,
            job=None,
            vcpus=vcpus,
            vcpus_max=vcpus if vm.pending else vm.vcpus_max,
            memory=memory,
            memory_max=memory,
            pending=False,
            nics=tuple(replace(nic, target="") for nic in vm.nics),
            agent=AgentState.NONE if vm.agent is AgentState.NONE else AgentState.DISCONNECTED,
        )
        if not vm.persistent:
            self._world.advance(host)
            del host.guests[vm.uuid]
            host.regroup()
            guest.epoch += 1
            self._world.tell(host.name, Wake(WakeKind.VM, vm.uuid, VmState.OFF, reason))
            return
        self._enter(host, guest, VmState.OFF, reason, ended)

    def stop_for_space(self, host: SimHost, guest: Guest) -> None:
        """Pause a guest whose disk can take no more."""
        self._enter(host, guest, VmState.PAUSED, Reason.POOL_FULL, guest.vm)

    def _enter(self, host: SimHost, guest: Guest, state: VmState, reason: Reason, vm: Vm) -> None:
        guest.epoch += 1
        self._world.put(host, guest, replace(vm, state=state, reason=reason))

    def boot(self, host: SimHost, guest: Guest, seconds: float) -> None:
        """Keep a guest busy until it is up; where its pool is full it does not get far."""
        guest.boot_until = self._world.clock.monotonic() + seconds * self._world.address.pace
        self._world.after(seconds, guest, lambda: self._up(host, guest))
        if any((pool := host.pool(disk.pool)) is not None and pool.available < _FULL for disk in guest.disks[1:]):
            self._world.after(_RUNS_DRY, guest, lambda: self.stop_for_space(host, guest))

    def _up(self, host: SimHost, guest: Guest) -> None:
        if guest.vm.agent is AgentState.DISCONNECTED and guest.vm.state is VmState.RUNNING:
            self._world.put(host, guest, replace(guest.vm, agent=AgentState.CONNECTED))

    def _boot_again(self, host: SimHost, guest: Guest) -> None:
        now, _ = self._world.advance(host)
        guest.epoch += 1
        guest.started = now
        guest.memory_due = 0.0
        agent = AgentState.NONE if guest.vm.agent is AgentState.NONE else AgentState.DISCONNECTED
        self._world.put(host, guest, replace(guest.vm, agent=agent))
        self.boot(host, guest, BOOT)

    def _end(self, host: SimHost, guest: Guest) -> None:
        self._enter(host, guest, VmState.STOPPING, Reason.NONE, guest.vm)
        self._world.after(_QEMU_ENDS, guest, lambda: self.off(host, guest, Reason.SHUTDOWN))

    def _farewell(self, host: SimHost, guest: Guest) -> float:
        """Return how long the guest needs to end its services, after it has booted."""
        return self._left_of_boot(host, guest) + 2.5 + 0.25 * guest.vm.vcpus + guest.phase % 3.0

    def _left_of_boot(self, host: SimHost, guest: Guest) -> float:
        """Return the seconds, at an ordinary pace, until the guest is up."""
        now, _ = self._world.advance(host)
        pace = self._world.address.pace
        return max(0.0, guest.boot_until - now) / pace if pace else 0.0

    # --- checks ---

    def _free(self, host: SimHost, uuid: str) -> Guest:
        guest = host.guest(uuid)
        if guest.vm.job is not None:
            raise Busy(f"{guest.vm.name} on {host.name} is busy: {guest.vm.job.kind}.", hint="Wait for its end.")
        if guest.hung:
            raise Busy(
                f"{guest.vm.name} on {host.name} does not answer its host, which waited 30 s for it.",
                hint="Force it off, or look at its QEMU process on the host.",
            )
        return guest

    def _active(self, host: SimHost, uuid: str) -> Guest:
        guest = self._free(host, uuid)
        if not guest.vm.is_active:
            raise Conflict(f"{guest.vm.name} on {host.name} is off.", hint="Start it first.")
        return guest

    def _running(self, host: SimHost, uuid: str) -> Guest:
        guest = self._active(host, uuid)
        if guest.vm.state is not VmState.RUNNING:
            raise Conflict(f"{guest.vm.name} on {host.name} is {guest.vm.state}.", hint="Resume it first.")
        return guest

    def _guest_that_hears(self, host: SimHost, uuid: str, mode: ShutdownMode) -> Guest:
        guest = self._active(host, uuid)
        if mode is ShutdownMode.AGENT and guest.vm.agent is not AgentState.CONNECTED:
            raise NotSupported(
                f"The guest agent of {guest.vm.name} on {host.name} is not connected.", hint="Use ACPI instead."
            )
        return guest
