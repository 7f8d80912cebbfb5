"""What a host's capabilities document says."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmtui.backend.libvirt.xml.reading import attribute, number, parse, size, text_of

if TYPE_CHECKING:
    from xml.etree import ElementTree as ET


class Cell(NamedTuple):
    """A NUMA cell: its CPUs, memory in bytes and pages (size in bytes -> how many)."""

    id: int
    cpus: tuple[int, ...]
    memory: int
    pages: dict[int, int]


class Capabilities(NamedTuple):
    """The parts of the document that are shown."""

    uuid: str
    arch: str
    cpu_model: str
    kvm: bool
    features: tuple[str, ...]
    iommu: bool | None
    cells: tuple[Cell, ...]


def host_uuid(text: str) -> str:
    """Return the host's UUID, "" when the driver gives none."""
    root = parse(text)
    return text_of(root, "host/uuid").strip()


def read(text: str) -> Capabilities:
    """Read the document; what it does not hold stays empty."""
    root = parse(text)
    if root is None:
        return Capabilities("", "", "", kvm=False, features=(), iommu=None, cells=())
    iommu = attribute(root, "host/iommu", "support")
    vendor, model = text_of(root, "host/cpu/vendor"), text_of(root, "host/cpu/model")
    return Capabilities(
        uuid=text_of(root, "host/uuid").strip(),
        arch=text_of(root, "host/cpu/arch"),
        cpu_model=" ".join(part for part in (vendor, model) if part),
        kvm=any(domain.get("type") == "kvm" for domain in root.iterfind("guest/arch/domain")),
        features=tuple(feature.get("name", "") for feature in root.iterfind("host/cpu/feature")),
        iommu=None if not iommu else iommu == "yes",
        cells=tuple(_cell(cell) for cell in root.iterfind("host/topology/cells/cell")),
    )


def _cell(cell: ET.Element) -> Cell:
    pages = {
        number(page.get("size")) * 1024: number(page.text)
        for page in cell.iterfind("pages")
        if page.get("unit") == "KiB"
    }
    return Cell(
        id=number(cell.get("id")),
        cpus=tuple(number(cpu.get("id")) for cpu in cell.iterfind("cpus/cpu")),
        memory=size(cell.find("memory")),
        pages=pages,
    )
