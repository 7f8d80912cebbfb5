"""What the guests boot: Debian's cloud kernel with an initramfs made here, or one sector that halts."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.real.lab.process import output

HERE = Path(__file__).parent

MODULES = (
    "drivers/acpi/button",
    "drivers/input/evdev",
    "drivers/virtio/virtio_ring",
    "drivers/virtio/virtio",
    "drivers/virtio/virtio_pci_modern_dev",
    "drivers/virtio/virtio_pci_legacy_dev",
    "drivers/virtio/virtio_pci",
    "drivers/block/virtio_blk",
    "net/core/failover",
    "drivers/net/net_failover",
    "drivers/net/virtio_net",
    "drivers/char/virtio_console",
    "drivers/virtio/virtio_balloon",
)
"""What the cloud kernel needs beyond itself, in the order of loading."""

SEED_MODULES = (
    "drivers/scsi/scsi_common",
    "drivers/scsi/scsi_mod",
    "drivers/scsi/virtio_scsi",
    "drivers/cdrom/cdrom",
    "drivers/scsi/sr_mod",
    "fs/isofs/isofs",
)
"""What a cloud image needs besides to read a CD: as a disk on virtio, or as a drive on virtio-scsi."""

CLOUD_MIB = 48
CLOUD_WORDS = "console=ttyS0 quiet lab.name=cloud lab.cloud"

# cli; hlt; jmp back to the hlt: interrupts are off, so the virtual CPU never wakes and costs nothing.
HALT = b"\xfa\xf4\xeb\xfd"


@dataclass(frozen=True, slots=True)
class Image:
    """The files that guests start from, read by all of them."""

    kernel: Path
    initramfs: Path
    halt_disk: Path

    @property
    def cloud(self) -> Path:
        """A bootable qcow2 that stands for a cloud image; made when it is asked for first (0.5 s)."""
        file = self.initramfs.with_name("cloud.qcow2")
        if not file.exists():
            _pack_disk(self, file)
        return file


def build_image(folder: Path) -> Image:
    """Make the image in `folder`, once: what is there is taken (0.2 s)."""
    kernel = newest_kernel()
    image = Image(kernel=kernel, initramfs=folder / "initramfs.cpio", halt_disk=folder / "halt.img")
    if not image.initramfs.exists():
        folder.mkdir(parents=True, exist_ok=True)
        # The firmware finds no disk geometry in less than a cylinder.
        image.halt_disk.write_bytes((HALT.ljust(510, b"\0") + b"\x55\xaa").ljust(1 << 20, b"\0"))
        tree = folder / "initramfs"
        _fill(tree, Path("/lib/modules") / kernel.name.removeprefix("vmlinuz-") / "kernel")
        _pack(tree, image.initramfs)
        shutil.rmtree(tree)
    return image


def _pack_disk(image: Image, disk: Path) -> None:
    """Make a disk that a BIOS boots, without a mount: a FAT with a boot loader, the kernel and the initramfs."""
    raw = disk.with_suffix(".raw")
    config = disk.with_suffix(".cfg")
    config.write_text(f"DEFAULT lab\nLABEL lab\nLINUX /vmlinuz\nINITRD /initrd\nAPPEND {CLOUD_WORDS}\n")
    with raw.open("wb") as file:
        file.truncate(CLOUD_MIB << 20)
    # In this geometry a cylinder is a MiB.
    output(["mformat", "-i", str(raw), "-h", "64", "-s", "32", "-t", str(CLOUD_MIB), "-v", "CLOUD", "::"])
    for source, name in ((image.kernel, "vmlinuz"), (image.initramfs, "initrd"), (config, "syslinux.cfg")):
        output(["mcopy", "-i", str(raw), str(source), f"::{name}"])
    output(["syslinux", "--install", str(raw)])
    output(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), f"{disk}.part"])
    Path(f"{disk}.part").rename(disk)
    raw.unlink()


def newest_kernel() -> Path:
    """Debian's newest installed cloud kernel."""

    def version(path: Path) -> list[int]:
        return [int(number) for number in re.findall(r"\d+", path.name)]

    return max(Path("/boot").glob("vmlinuz-*-cloud-amd64"), key=version)


def _fill(tree: Path, modules: Path) -> None:
    for name in (
        "bin",
        "sbin",
        "usr/bin",
        "usr/sbin",
        "proc",
        "sys",
        "dev",
        "run",
        "tmp",
        "etc/acpi/PWRF",
        "lib/modules",
    ):
        (tree / name).mkdir(parents=True)
    shutil.copy(_program("busybox"), tree / "bin/busybox")
    (tree / "bin/sh").symlink_to("busybox")
    for order, names in (("order", MODULES), ("order-seed", SEED_MODULES)):
        for module in names:
            shutil.copy(modules / f"{module}.ko", tree / "lib/modules")
        (tree / "lib/modules" / order).write_text("\n".join(Path(module).name for module in names) + "\n")
    agent = _program("qemu-ga")
    shutil.copy(agent, tree / "usr/sbin/qemu-ga")
    for library in sorted(set(re.findall(r"/\S+\.so\S*", output(["ldd", agent])))):
        copy = tree / library.lstrip("/")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, copy)
    for script, place in (
        ("guest-init.sh", "init"),
        ("guest-power.sh", "sbin/shutdown"),
        ("guest-power.sh", "etc/acpi/PWRF/00000080"),
        ("guest-udhcpc.sh", "etc/udhcpc.sh"),
        ("guest-seed.sh", "etc/seed.sh"),
        ("guest-count.sh", "bin/count"),
    ):
        shutil.copy(HERE / script, tree / place)
        (tree / place).chmod(0o755)


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise FileNotFoundError(name)
    return path


def _pack(tree: Path, archive: Path) -> None:
    # Not compressed: the emulated CPU would need longer to unpack it than QEMU to load it.
    names = sorted(
        str(Path(folder, name).relative_to(tree)) for folder, dirs, files in os.walk(tree) for name in dirs + files
    )
    output(
        ["cpio", "--create", "--format=newc", "--quiet", f"--directory={tree}", f"--file={archive}.part"],
        stdin="\n".join(names) + "\n",
    )
    Path(f"{archive}.part").rename(archive)
