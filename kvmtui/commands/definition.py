"""What changes a VM's definition but not its hardware, as functions of the rows in `commands.vm`."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING

from kvmtui.commands.base import FieldKind, Question
from kvmtui.commands.judge import FINE, Finding
from kvmtui.commands.virsh import vm_line, word
from kvmtui.core.errors import BackendError, Refused
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kvmtui.backend.base import Backend
    from kvmtui.commands.base import Answers, Context, Scene, Target
    from kvmtui.core.inventory import HostEntry, Vm

NAMESPACE = "https://kvmtui.dev/xmlns/1"
"""What VMs' metadata of the project's own is kept under; the libvirt backend writes the same."""
PROOF_SECONDS = 10.0
"""How long a change whose answer did not come is looked for."""
_LONGEST_NAME = 200
_LONGEST_TAG = 64


def _is_plain(text: str) -> bool:
    """Whether a text has neither control characters nor ones that turn the line around."""
    return not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for char in text)


def name_fault(name: str) -> str:
    """Return what is wrong with a new name for a VM, "" when nothing is."""
    if not name.strip():
        return "A VM needs a name."
    if name != name.strip() or "/" in name or not _is_plain(name) or len(name) > _LONGEST_NAME:
        return (
            f"A name has no slash, no control character, no space at its ends, and at most {_LONGEST_NAME} characters."
        )
    return ""


def title_fault(title: str) -> str:
    """Return what is wrong with a title, "" when nothing is."""
    return "" if _is_plain(title) else "A title is one line without control characters."


def description_fault(text: str) -> str:
    """Return what is wrong with a description, "" when nothing is: XML holds no control characters."""
    good = _is_plain(text.replace("\n", " ").replace("\t", " "))
    return "" if good else "A description has no control characters but line ends and tabs."


def tags_in(text: str) -> tuple[str, ...]:
    """Return the tags of a text with spaces or commas between, each once, in their order."""
    return tuple(dict.fromkeys(text.replace(",", " ").split()))


def tags_fault(text: str) -> str:
    """Return what is wrong with a text of tags, "" when nothing is."""
    for tag in tags_in(text):
        if not _is_plain(tag) or len(tag) > _LONGEST_TAG:
            return f"A tag is one word of at most {_LONGEST_TAG} characters without control characters."
    return ""


NAME = Question("name", "new name", FieldKind.TEXT, "What it is called from now on.", required=True, check=name_fault)
TITLE = Question("title", "title", FieldKind.TEXT, "One line that says what it is for.", check=title_fault)
DESCRIPTION = Question(
    "description", "description", FieldKind.TEXT, "What the next admin should know.", check=description_fault
)
TAGS = Question(
    "tags", "tags", FieldKind.TEXT, "All its tags, with spaces or commas between; none removes all.", check=tags_fault
)


def renamable(_scene: Scene, _entry: HostEntry, vm: Vm) -> Finding:
    """Refuse what the hypervisor cannot carry over to the new name."""
    name = safe(vm.name)
    if vm.saved:
        return Finding(f"{name} has a saved state: it cannot be renamed.", "Start it, or drop its saved state, first.")
    if vm.snapshots:
        return Finding(f"{name} has snapshots: it cannot be renamed.", "Delete its snapshots first.")
    return FINE


async def _proved(context: Context, change: Awaitable[None], shown: Callable[[Vm | None], bool]) -> None:
    """Await a change; when its answer does not come, look whether it was made."""
    try:
        await change
    except BackendError as error:
        if not error.unknown or not await context.wait_for(shown, PROOF_SECONDS):
            raise


async def autostart_on(context: Context, target: Target, _answers: Answers) -> str:
    """Start it with its host."""
    await context.backend.definition.set_autostart(target.uuid, on=True)
    return f"{safe(target.name)} starts with its host."


async def autostart_off(context: Context, target: Target, _answers: Answers) -> str:
    """No longer start it with its host."""
    await context.backend.definition.set_autostart(target.uuid, on=False)
    return f"{safe(target.name)} no longer starts with its host."


async def rename(context: Context, target: Target, answers: Answers) -> str:
    """Give it another name, unless another VM of the host has it."""
    new = str(answers["name"])
    entry = context.scene().fleet.host(target.host)
    vms = entry.state.vms.values() if entry and entry.state else ()
    if new == target.name:
        raise Refused(f"{safe(new)} is what it is called already.")
    if any(vm.name == new and vm.uuid != target.uuid for vm in vms):
        raise Refused(f"{safe(target.host)} has another VM called {safe(new)}.", hint="Choose another name.")

    def shown(vm: Vm | None) -> bool:
        return vm is not None and vm.name == new

    await _proved(context, context.backend.definition.rename(target.uuid, new), shown)
    return f"{safe(target.name)} is now called {safe(new)}."


async def describe(context: Context, target: Target, answers: Answers) -> str:
    """Set title and description."""
    title, description = str(answers["title"]), str(answers["description"])

    def shown(vm: Vm | None) -> bool:
        return vm is not None and (vm.title, vm.description) == (title, description)

    change = context.backend.definition.set_text(target.uuid, title=title, description=description)
    await _proved(context, change, shown)
    return f"The title and description of {safe(target.name)} are set."


async def set_tags(context: Context, target: Target, answers: Answers) -> str:
    """Replace its tags."""
    tags = tags_in(str(answers["tags"]))

    def shown(vm: Vm | None) -> bool:
        return vm is not None and vm.tags == tags

    await _proved(context, context.backend.definition.set_tags(target.uuid, tags), shown)
    name = safe(target.name)
    return f"{name} has the tags {safe(', '.join(tags))}." if tags else f"{name} has no tags."


async def ask_text(backend: Backend, target: Target) -> tuple[Question, ...]:
    """Begin with the title and description that it has."""
    vm = await backend.vm(target.uuid)
    return (replace(TITLE, initial=vm.title), replace(DESCRIPTION, initial=vm.description))


async def ask_tags(backend: Backend, target: Target) -> tuple[Question, ...]:
    """Begin with the tags that it has."""
    vm = await backend.vm(target.uuid)
    return (replace(TAGS, initial=" ".join(vm.tags)),)


async def ask_name(backend: Backend, target: Target) -> tuple[Question, ...]:
    """Begin with the name that it has."""
    vm = await backend.vm(target.uuid)
    return (replace(NAME, initial=vm.name),)


def _where(target: Target) -> tuple[str, ...]:
    """Return the options for all that there is to change: the stored definition, the running VM."""
    live = ("--live",) if target.state is not None and target.state.is_active else ()
    return (*(("--config",) if target.persistent else ()), *live)


def describe_line(target: Target, answers: Answers) -> str:
    """Return the two virsh calls that set title and description."""
    where = _where(target)
    calls = (
        vm_line(target, "desc", *where, "--title", *word("--new-desc", str(answers.get("title", "")))),
        vm_line(target, "desc", *where, "--new-desc", str(answers.get("description", ""))),
    )
    return " && ".join(calls)


def tags_line(target: Target, answers: Answers) -> str:
    """Return the virsh call that sets the tags, as metadata under the project's own namespace."""
    where = _where(target)
    from html import escape  # noqa: PLC0415 - all of HTML's names load with it, and few starts need one

    tags = "".join(f"<tag>{escape(tag)}</tag>" for tag in tags_in(str(answers.get("tags", ""))))
    return vm_line(target, "metadata", *where, "--uri", NAMESPACE, "--key", "kvmtui", "--set", f"<vm>{tags}</vm>")
