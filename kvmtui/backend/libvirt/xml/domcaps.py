"""What a host's domain capabilities document says of VMs with one kind of acceleration."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmtui.backend.libvirt.xml.reading import attribute, number, parse, text_of

if TYPE_CHECKING:
    from xml.etree import ElementTree as ET

# What QEMU gives on a /dev/kvm that cannot run a system of today. Each real 64-bit CPU gives at least one other.
_NO_64_BIT = frozenset(
    {"486", "pentium", "pentium2", "pentium3", "qemu32", "kvm32", "coreduo", "n270", "athlon", "base", "max", "host"}
)


class DomainCapabilities(NamedTuple):
    """The parts of the document that a new VM depends on."""

    arch: str
    machine: str
    vcpus_max: int
    disk_buses: tuple[str, ...]
    cpu_modes: tuple[str, ...]
    cpu_model: str  # what host-model would be, or the first usable custom model
    usable_models: tuple[str, ...]
    tells_models: bool
    rng: bool
    graphics: tuple[str, ...]
    videos: tuple[str, ...]

    @property
    def is_crippled(self) -> bool:
        """Whether no 64-bit CPU can be given, although the document lists models: the acceleration is not real."""
        return self.tells_models and self.arch == "x86_64" and set(self.usable_models) <= _NO_64_BIT


def read(text: str) -> DomainCapabilities:
    """Read the document; what it does not hold stays empty."""
    root = parse(text)
    modes = [] if root is None else [mode for mode in root.iterfind("cpu/mode") if mode.get("supported") == "yes"]
    models = [] if root is None else root.findall("cpu/mode[@name='custom']/model")
    usable = tuple((model.text or "").strip() for model in models if model.get("usable") == "yes")
    host_model = text_of(root, "cpu/mode[@name='host-model']/model").strip()
    return DomainCapabilities(
        arch=text_of(root, "arch").strip(),
        machine=text_of(root, "machine").strip(),
        vcpus_max=number(attribute(root, "vcpu", "max")),
        disk_buses=_values(root, "devices/disk", "bus"),
        cpu_modes=tuple(mode.get("name", "") for mode in modes),
        cpu_model=host_model or next(iter(usable), ""),
        usable_models=usable,
        tells_models=any(model.get("usable") in {"yes", "no"} for model in models),
        rng=attribute(root, "devices/rng", "supported") != "no",
        graphics=_values(root, "devices/graphics", "type"),
        videos=_values(root, "devices/video", "modelType"),
    )


def _values(root: ET.Element | None, path: str, enum: str) -> tuple[str, ...]:
    found = None if root is None else root.find(path)
    if found is None or found.get("supported") == "no":
        return ()
    return tuple((value.text or "").strip() for value in found.iterfind(f"enum[@name='{enum}']/value"))
