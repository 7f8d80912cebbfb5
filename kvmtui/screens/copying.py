"""What of a VM can be copied: each text with a letter; it is shown too, since many terminals take no clipboard."""

from __future__ import annotations

import shlex
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, NamedTuple, cast

from rich.text import Text

from kvmtui.commands.base import Target
from kvmtui.commands.virsh import vm_line, vm_word
from kvmtui.core.errors import KvmtuiError
from kvmtui.core.fields import Tone, VmRow, best_address
from kvmtui.core.text import cell_width, cut, safe, shorten, vm_name
from kvmtui.screens.sheet import in_signs, wrap
from kvmtui.widgets.dialog import Dialog
from kvmtui.widgets.driver import name_of
from kvmtui.widgets.lines import Lines
from kvmtui.widgets.textview import TextView
from kvmtui.widgets.work import work

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

    from kvmtui.screens.face import Face

LONGEST = 4000  # characters of a text
LONGEST_XML = 2_000_000
LABEL = 16  # cells
SHOW = ("vm", "show")


class Item(NamedTuple):
    """A text that can be copied; safe to show and to paste."""

    letter: str
    label: str
    text: str


def items(row: VmRow) -> list[Item]:
    """Return what there is to copy of a VM, but its XML, which has to be read."""
    vm, target = row.vm, Target.of_vm(row.entry, row.vm)
    found = [Item("n", "name", safe(vm.name, limit=LONGEST)), Item("u", "UUID", safe(vm.uuid, limit=LONGEST))]
    address = best_address(vm)
    if address is not None:
        found.append(Item("a", "address", safe(address.ip, limit=LONGEST)))
    if vm.nics:
        found.append(Item("m", "MAC", safe(vm.nics[0].mac, limit=LONGEST)))
    found += [
        Item("v", "virsh, its XML", safe(vm_line(target, "dumpxml"), limit=LONGEST)),
        Item("s", "virsh, start it", safe(vm_line(target, "start"), limit=LONGEST)),
        Item("k", "kvmtui", safe(shlex.join(("kvmtui", "-c", target.uri, *SHOW, vm_word(target))), limit=LONGEST)),
        Item("h", "host's address", safe(target.uri, limit=LONGEST)),
    ]
    return found


class CopyScreen(Dialog[None]):
    """A menu at the foot of the screen; what was copied stands above it, whole and by itself."""

    DEFAULT_CSS = """
    CopyScreen { align: left bottom; background: transparent; }
    CopyScreen > TextView { height: 0; background: $surface; }
    CopyScreen.-copied > TextView { height: auto; }
    CopyScreen > Lines { height: auto; background: $panel; padding: 0 1; }
    """
    AUTO_FOCUS: ClassVar[str | None] = ""
    view = cached_property(lambda _: TextView())
    menu = cached_property(lambda _: Lines(id="copy"))

    def __init__(self, row: VmRow) -> None:
        super().__init__()
        self._row = row
        self._items = items(row)
        self._said = ""
        self.copied = ""
        """What was copied last."""

    @property
    def face(self) -> Face:
        """The app, as far as a screen may know it."""
        return cast("Face", self.app)

    def compose(self) -> ComposeResult:
        """Compose the text that was copied and the menu."""
        yield self.view
        yield self.menu

    def on_mount(self) -> None:
        """Show the menu."""
        self._show()

    def on_resize(self) -> None:
        """Fit the menu to the width."""
        self._show()

    def _show(self) -> None:
        tones, width = self.face.tones, self.app.size.width - 2
        title = Text(no_wrap=True)
        title.append("Copy of ", tones[Tone.MUTED])
        name = vm_name(self._row.vm.name, self._row.vm.uuid)
        title.append(shorten(name, max(10, width - 12)), tones[Tone.ACCENT])
        lines = [title]
        for item in (*self._items, Item("x", "XML", "its definition, read from its host")):
            line = Text(no_wrap=True)
            line.append(f" {item.letter}  ", tones[Tone.ACCENT])
            line.append(f"{item.label:<{LABEL}}", tones[Tone.MUTED])
            line.append(
                shorten(item.text, max(8, width - LABEL - 4)), tones[Tone.MUTED if item.letter == "x" else Tone.NORMAL]
            )
            lines.append(line)
        said = self._said or "a letter copies   esc goes back"
        lines.append(Text(cut(said, width), tones[Tone.NORMAL if self._said else Tone.MUTED]))
        self.view.styles.max_height = max(3, self.app.size.height - len(lines))
        self.menu.show([in_signs(line, self.face.glyphs) for line in lines])

    def on_key(self, event: events.Key) -> None:
        """Take every key."""
        key = name_of(event)
        event.stop()
        event.prevent_default()
        if key in ("escape", "q", "y", "enter"):
            self.dismiss()
        elif key == "x":
            self._say("Reading the XML ...")
            self.run_worker(work(self._copy_xml), exclusive=True)
        elif (item := next((one for one in self._items if one.letter == key), None)) is not None:
            self.workers.cancel_node(self)  # what is copied last stays
            self._copy(item.label, item.text)
        elif key in ("up", "down", "pageup", "pagedown"):
            steps = {"up": -1, "down": 1, "pageup": -10, "pagedown": 10}
            self.view.action_by(steps[key])

    async def _copy_xml(self) -> None:
        row = self._row
        try:
            document = await self.face.backend(row.entry.name).definition.xml(row.vm.uuid)
        except KvmtuiError as error:
            self._say(f"The XML cannot be read: {safe(str(error), limit=400)}")
            return
        self._copy("XML", safe(document, limit=LONGEST_XML, newlines=True))

    def _copy(self, label: str, text: str) -> None:
        self.copied = text
        self.app.copy_to_clipboard(text)
        width = max(20, self.app.size.width)
        pieces = [
            piece for line in text.split("\n") for piece in ([line] if cell_width(line) <= width else wrap(line, width))
        ]
        self.add_class("-copied")
        self.view.show([Text(piece, no_wrap=True) for piece in pieces])
        self.view.action_first()
        self._say(f"{label.partition(',')[0]} copied, if the terminal takes it; else shift-drag above")

    def _say(self, sentence: str) -> None:
        self._said = sentence
        self._show()
