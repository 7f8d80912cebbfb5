"""What changes a VM's definition but not its hardware."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.backend.libvirt import api
from kvmtui.backend.libvirt.xml import vm as vm_xml
from kvmtui.backend.libvirt.xml.reading import legal
from kvmtui.core.errors import BackendError
from kvmtui.core.inventory import Vm, VmState

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.backend.libvirt.lane import Session
    from kvmtui.backend.libvirt.lanes import Lanes

READ_SECONDS = 10.0
DEFINE_SECONDS = 35.0  # libvirt itself says "busy" after 30 s

_DESCRIPTION, _TITLE, _ELEMENT = 0, 1, 2  # virDomainMetadataType
_NO_METADATA = 80  # VIR_ERR_NO_DOMAIN_METADATA

# virDomainUndefineFlagsValues
_SAVED = 1
_SNAPSHOTS = 2
_NVRAM, _KEEP_NVRAM = 4, 8
_CHECKPOINTS = 16
_TPM, _KEEP_TPM = 32, 64
_TPM_SINCE = 8_009_000


class LibvirtDefinition:
    """The definition facet of one host."""

    def __init__(self, lanes: Callable[[], Lanes], changed: Callable[[str], None]) -> None:
        """`changed` is told the UUID of each VM that may be another than was read."""
        self._lanes = lanes
        self._changed = changed

    async def set_autostart(self, uuid: str, *, on: bool) -> None:
        await self._change(uuid, lambda session: session.domain(uuid).setAutostart(int(on)))

    async def rename(self, uuid: str, name: str) -> None:
        if legal(name) != name:
            raise BackendError("The name holds a control character, which a definition cannot keep.")
        await self._change(uuid, lambda session: session.domain(uuid).rename(name, 0))

    async def set_text(self, uuid: str, *, title: str | None, description: str | None) -> None:
        """Set title and description; None leaves a part alone, "" removes it.

        libvirt takes control characters here, and then writes XML that nothing can read: they are replaced.
        """
        parts = [(kind, text) for kind, text in ((_TITLE, title), (_DESCRIPTION, description)) if text is not None]

        def change(session: Session) -> None:
            domain = session.domain(uuid)
            for kind, text in parts:
                domain.setMetadata(kind, legal(text) or None, None, None, _affects(domain))

        await self._change(uuid, change)

    async def set_tags(self, uuid: str, tags: tuple[str, ...]) -> None:
        """Keep the tags with the VM, under kvmtui's namespace in its metadata."""
        clean = tuple(legal(tag) for tag in tags)

        def change(session: Session) -> None:
            domain = session.domain(uuid)
            text = vm_xml.with_tags(_own_metadata(domain), clean)
            domain.setMetadata(_ELEMENT, text, vm_xml.PREFIX, vm_xml.NAMESPACE, _affects(domain))

        await self._change(uuid, change)

    async def undefine(self, uuid: str, *, nvram: bool, snapshots: bool, saved: bool) -> None:
        """Remove the definition; without `nvram` the NVRAM file and the TPM's state stay where they are."""

        def change(session: Session) -> None:
            flags = (_SAVED if saved else 0) | (_SNAPSHOTS if snapshots else 0)
            if session.conn.getType() != "TEST":  # the test driver knows neither checkpoints nor NVRAM
                flags |= _CHECKPOINTS if snapshots else 0
                flags |= _NVRAM if nvram else _KEEP_NVRAM
                if session.conn.getLibVersion() >= _TPM_SINCE:
                    flags |= _TPM if nvram else _KEEP_TPM
            session.domain(uuid).undefineFlags(flags)

        await self._change(uuid, change)

    async def xml(self, uuid: str, *, inactive: bool = False) -> str:
        """Return the live (or stored) definition without secrets."""
        flags = api.XML_INACTIVE if inactive else 0
        return await self._lanes().detail(lambda session: session.domain(uuid).XMLDesc(flags), READ_SECONDS)

    async def stored(self, uuid: str) -> Vm:
        """Return the VM as its next start makes it."""
        text = await self.xml(uuid, inactive=True)
        known = vm_xml.read(text)
        if known is None:
            raise BackendError("The stored definition cannot be read as XML.")
        return Vm(
            uuid=uuid,
            name=known.name,
            state=VmState.OFF,
            vcpus=known.vcpus,
            vcpus_max=known.vcpus_max,
            memory=known.memory,
            memory_max=known.memory_max,
            title=known.title,
            disks=known.disks,
            nics=known.nics,
            firmware=known.firmware,
            nvram=known.nvram,
            tpm=known.tpm,
            machine=known.machine,
            cpu_model=known.cpu_model,
            immovable=known.immovable,
        )

    async def _change(self, uuid: str, work: Callable[[Session], object]) -> None:
        try:
            await self._lanes().detail(work, DEFINE_SECONDS, change=True)
        finally:
            self._changed(uuid)


def _affects(domain: api.Domain) -> int:
    """Return which of the live and the stored definition there are to change."""
    live = api.AFFECT_LIVE if domain.isActive() else 0
    return live | (api.AFFECT_CONFIG if domain.isPersistent() else 0)


def _own_metadata(domain: api.Domain) -> str:
    flags = api.AFFECT_CONFIG if domain.isPersistent() else api.AFFECT_LIVE
    try:
        return domain.metadata(_ELEMENT, vm_xml.NAMESPACE, flags)
    except api.LibvirtError as error:
        if api.fault(error).code == _NO_METADATA:
            return ""
        raise
