"""The tab of a VM's page that says how it stands with its console, and shows the end of what it wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from kvmtui.core.fields import Tone
from kvmtui.core.text import shorten
from kvmtui.screens.sheet import wrap
from kvmtui.screens.tabs import TextTab

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.style import Style

    from kvmtui.consoles import ConsoleSession
    from kvmtui.core.inventory import Fleet, VmRef

LEAST = 3  # lines of a console that are shown however low the page is


class ConsoleTab(TextTab):
    """Follows an open console without taking keys; `c` opens the page that does."""

    def __init__(self, ref: VmRef) -> None:
        super().__init__()
        self._ref = ref
        self._end: Callable[[], None] | None = None
        self._waits = False

    def opened(self) -> None:
        """Hear of what the guest writes."""
        session = self._session()
        if session is not None and self._end is None:
            self._end = session.watch(self._wrote)

    def closed(self) -> None:
        """Hear no more of it."""
        if self._end is not None:
            self._end()
            self._end = None

    def on_unmount(self) -> None:
        """The same when the page is left."""
        self.closed()

    def _session(self) -> ConsoleSession | None:
        if not self.face.open_consoles:
            return None
        return next((one for one in self.face.consoles.sessions if one.ref == self._ref), None)

    def _wrote(self) -> None:
        """Show what is new, at most twice a second."""
        if not self._waits and self.is_attached:
            self._waits = True
            self.set_timer(0.5, self._show_again)

    def _show_again(self) -> None:
        self._waits = False
        self.show_fleet(self.face.fleet)

    def show_fleet(self, fleet: Fleet) -> None:
        """Show how it stands."""
        del fleet
        width = self.size.width - 1
        if width < 1 or not self.is_mounted:
            return
        tones, session = self.face.tones, self._session()
        key = self.face.bindings.text("vm.console") or ":console"
        prefix = self.face.key_map.prefix
        if session is None:
            hint = f"{key} opens it: every key then goes to the guest, and {prefix} d leaves."
            self.say([Text("No console of this VM is open."), *_lines(hint, width, tones[Tone.MUTED])])
            return
        said = session.why or "It is open and goes on reading."
        emulator = session.emulator
        texts = [emulator.text(line) for line in range(emulator.rows)]
        while texts and not texts[-1]:
            texts.pop()
        lines = [
            *_lines(f"{session.phase.value}: {said}", width, tones[Tone.WARN if session.why else Tone.GOOD]),
            Text(f"{key} goes there.", tones[Tone.MUTED]),
            Text(),
        ]
        end = texts[-max(LEAST, self.size.height - len(lines)) :]
        self.say([*lines, *(Text(shorten(text, width), no_wrap=True) for text in end)])


def _lines(text: str, width: int, style: Style) -> list[Text]:
    return [Text(piece, style) for piece in wrap(text, width)]
