"""The shell lines that make the same VM by hand: to read, to learn from, to put into a script. Pure."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from kvmtui.commands.making_fields import NO
from kvmtui.commands.making_plan import EXTENSIONS, Reader
from kvmtui.commands.making_stock import FILE
from kvmtui.commands.virsh import line, word
from kvmtui.core.sizing import DiskOrigin
from kvmtui.core.units import parse_size

if TYPE_CHECKING:
    from kvmtui.commands.base import Answers, Target

_MADE = (DiskOrigin.NEW, DiskOrigin.LINKED, DiskOrigin.COPY)


def shell_lines(target: Target, answers: Answers, image_format: str = "") -> tuple[str, ...]:
    """Return the lines that do the same; `image_format` is the image's, where it is known."""
    reader = Reader(answers)
    name, pool = reader.text("name") or "NAME", reader.text("pool") or "POOL"
    origin = DiskOrigin(reader.text("disk") or DiskOrigin.NEW)
    lines: list[str] = []
    if FILE in (reader.text("iso"), reader.text("image")):
        lines += upload_lines(target, reader.text("file"), pool)
    if origin in _MADE:
        lines += _disk_lines(target, reader, origin, image_format)
    if reader.text("seed") not in ("", NO):
        seed = f"{name}-seed.iso"
        made = shlex.join(
            ["xorriso", "-as", "mkisofs", "-V", "cidata", "-J", "-r", "-o", seed, "user-data", "meta-data"]
        )
        lines += [made, *upload_lines(target, seed, pool)]
    lines.append(line(target, "define", "--validate", f"{name}.xml"))
    if reader.on("start"):
        lines.append(line(target, "start", name))
    return tuple(lines)


def upload_lines(target: Target, file: str, pool: str, name: str = "") -> tuple[str, str]:
    """Return the two calls that bring a file into a pool."""
    file = _path(file)
    volume = name or file.rpartition("/")[2]
    length = f'"$(stat -c %s {shlex.quote(file)})"'
    words = (*word("--pool", pool), *word("--name", volume))
    made = f"{line(target, 'vol-create-as', *words)} {length} --format {_format_of(volume)}"
    return made, line(target, "vol-upload", "--pool", pool, *word("--vol", volume), *word("--file", file))


def _path(file: str) -> str:
    """Return a file as a shell takes it between quotes, where ~ is a letter, and stat, where - begins an option."""
    if file.startswith("~"):
        try:
            return str(Path(file).expanduser())
        except RuntimeError:  # nobody has that name
            return file
    return f"./{file}" if file.startswith("-") else file


def _amount(text: str) -> str:
    """Return a size as virsh takes it: whole numbers, of which GB are fewer bytes than here."""
    if not text:
        return ""
    amount, unit = parse_size(text), ""
    for larger in "KMGTPE":
        if not amount or amount % 1024:
            break
        amount, unit = amount // 1024, larger
    return f"{amount}{unit}"


def _format_of(name: str) -> str:
    return "qcow2" if name.lower().endswith((".qcow2", ".qcow")) else "raw"


def _disk_lines(target: Target, reader: Reader, origin: DiskOrigin, image_format: str) -> list[str]:
    name, pool = reader.text("name") or "NAME", reader.text("pool") or "POOL"
    kind = "qcow2" if origin is DiskOrigin.LINKED else reader.text("format") or "qcow2"
    volume = f"{name}{EXTENSIONS.get(kind, '')}"
    amount = _amount(reader.text("size"))
    if origin is DiskOrigin.NEW:
        return [line(target, "vol-create-as", *word("--pool", pool), volume, amount or "20G", "--format", kind)]
    image_pool, _, image = reader.text("image").partition("/")
    if reader.text("image") == FILE:
        image_pool, image = pool, reader.text("file").rpartition("/")[2]
    if origin is DiskOrigin.COPY:
        made = [line(target, "vol-clone", "--pool", pool, *word("--vol", image), volume)]
        if image_pool != pool:
            xml = (
                f'<volume><name>{volume}</name><capacity>0</capacity><target><format type="{kind}"/></target></volume>'
            )
            words = (*word("--pool", pool), "/dev/stdin", *word("--vol", image))
            create = line(target, "vol-create-from", *words, "--inputpool", image_pool)
            made = [f"echo {shlex.quote(xml)} | {create}"]
        return [*made, line(target, "vol-resize", "--pool", pool, volume, amount)] if amount else made
    # A backing volume of another pool has to be given by its path.
    path = line(target, "vol-path", "--pool", image_pool, *word("--vol", image))
    backing = shlex.quote(image) if image_pool == pool else f'"$({path})"'
    create = line(target, "vol-create-as", *word("--pool", pool), volume, amount or "0", "--format", kind)
    return [f"{create} --backing-vol {backing} --backing-vol-format {image_format or _format_of(image)}"]
