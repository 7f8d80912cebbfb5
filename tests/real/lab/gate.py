"""Things of a host that take for ever, until they are let go on: a libvirt hook, and a storage pool's refresh."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.real.lab.process import until

if TYPE_CHECKING:
    from tests.real.lab.host import Host

HOOK = """#!/bin/sh
if [ "$2 $3" = "{when}" ]; then
    touch {marker}
    while [ ! -e {go_on} ]; do sleep 0.05; done
fi
"""


class Gate:
    """A libvirt hook that holds up what a host does until it is opened."""

    def __init__(self, host: Host, when: str) -> None:
        self.reached, self._go_on = host.folder / "reached", host.folder / "go-on"
        hook = host.folder / "etc/hooks/qemu"
        hook.parent.mkdir(exist_ok=True)
        self.open()
        hook.write_text(HOOK.format(when=when, marker=self.reached, go_on=self._go_on))
        hook.chmod(0o755)
        host.restart()

    def open(self) -> None:
        self._go_on.touch()

    def shut(self) -> None:
        """Hold up what comes from now on."""
        self.reached.unlink(missing_ok=True)
        self._go_on.unlink(missing_ok=True)

    def wait_reached(self) -> None:
        until(self.reached.exists, "the hook has been reached")


LVM = """#!/bin/sh
case $(basename $0) in
vgs)
    while [ -e {hang} ]; do sleep 0.1; done
    echo "1073741824:536870912"
    ;;
pvs) echo "  /dev/none slow" ;;
esac
"""
POOL = (
    "<pool type='logical'><name>slow</name><source><name>slow</name></source><target><path>/dev</path></target></pool>"
)


class SlowPool:
    """A running pool `slow` of a host, of logical volumes that do not exist; its refresh can be made to hang.

    libvirt asks LVM's programs, by their paths: here these are scripts, which the host alone sees.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._hang = host.folder / "hang"
        self._refresh: subprocess.Popen[bytes] | None = None
        programs, originals = host.folder / "sbin", host.folder / "sbin.original"
        originals.mkdir()
        programs.mkdir()
        for name in ("vgs", "lvs", "pvs", "vgchange", "vgscan"):
            (programs / name).write_text(LVM.format(hang=self._hang))
            (programs / name).chmod(0o755)
        others = f"for one in {originals}/*; do [ -e {programs}/${{one##*/}} ] || ln -s $one {programs}/; done"
        host.output("sh", "-ec", f"mount --bind /usr/sbin {originals}; {others}; mount --bind {programs} /usr/sbin")
        host.restart()
        definition = host.folder / "slow.xml"
        definition.write_text(POOL)
        host.virsh("pool-define", str(definition))
        host.virsh("pool-start", "slow")

    def hang(self) -> None:
        """Begin a refresh that does not end."""
        self._hang.touch()
        self._refresh = subprocess.Popen(
            ["virsh", "-q", "-c", self._host.uri, "pool-refresh", "slow"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(self._is_locked, "libvirt lists no pools any more")

    def _is_locked(self) -> bool:
        try:
            subprocess.run(
                ["virsh", "-q", "-c", self._host.uri, "pool-list"], timeout=1, check=True, capture_output=True
            )
        except subprocess.TimeoutExpired:
            return True
        return False

    def go_on(self) -> None:
        """Let it end."""
        self._hang.unlink(missing_ok=True)
        if self._refresh is not None:
            self._refresh.wait(30)
            self._refresh = None
