"""The way to a VM's screen: where it is served, the lines that lead there, and a key that opens it in a window."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text

from kvmtui.commands.ways import way_to
from kvmtui.core.errors import KvmtuiError
from kvmtui.core.fields import Tone
from kvmtui.core.text import cell_width, safe, shorten
from kvmtui.screens.sheet import in_signs, wrap
from kvmtui.screens.viewer import PROGRAM, readiness, start
from kvmtui.widgets.dialog import Dialog
from kvmtui.widgets.driver import name_of
from kvmtui.widgets.lines import Lines
from kvmtui.widgets.textview import TextView
from kvmtui.widgets.work import work

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult

    from kvmtui.commands.base import Target
    from kvmtui.commands.ways import Way
    from kvmtui.screens.face import Face


class DisplayScreen(Dialog[None]):
    """What there is to know at the foot of the screen; no password ever stands here."""

    DEFAULT_CSS = """
    DisplayScreen { align: left bottom; background: transparent; }
    DisplayScreen > TextView { height: auto; background: $panel; padding: 0 1; }
    DisplayScreen > Lines { height: auto; background: $panel; padding: 0 1; }
    """
    AUTO_FOCUS: ClassVar[str | None] = ""
    view = cached_property(lambda _: TextView())
    foot = cached_property(lambda _: Lines())

    def __init__(self, target: Target) -> None:
        super().__init__()
        self._target = target
        self._simulated = target.uri.startswith("demo:")
        self._ways: tuple[Way, ...] | None = None
        self._ready = readiness(os.environ)
        self._said = "Asking where it is ..."

    @property
    def face(self) -> Face:
        """The app, as far as a screen may know it."""
        return cast("Face", self.app)

    def compose(self) -> ComposeResult:
        """Compose the text and the line of keys."""
        yield self.view
        yield self.foot

    def on_mount(self) -> None:
        """Ask the host."""
        self._show()
        self.run_worker(work(self._read), exclusive=True)

    def on_resize(self) -> None:
        """Fit the text to the width."""
        self._show()

    # --- what it says ----------------------------------------------------------------------------

    async def _read(self) -> None:
        console = self.face.backend(self._target.host).console
        try:
            found = await console.displays(self._target.uuid)
        except KvmtuiError as error:
            self._say(safe(str(error), limit=400))
            return
        self._ways = tuple(way_to(display, self._target.uri) for display in found)
        self._say("")

    def _say(self, sentence: str) -> None:
        self._said = sentence
        self._show()

    def _show(self) -> None:
        tones, width = self.face.tones, max(20, self.app.size.width - 2)
        lines = [Text.assemble(("Screen of ", tones[Tone.MUTED]), (self._titled(width - 10), tones[Tone.ACCENT]))]
        for way in self._ways or ():
            lines += self._lines_of(way, width)
        if self._ways == ():
            lines.append(Text("It has none: its definition holds neither VNC nor SPICE."))
        if self._ways and not self._can_open:
            lines += [Text(piece, tones[Tone.MUTED]) for piece in wrap(self._why_not, width)]
        foot = [Text(piece, tones[Tone.WARN]) for piece in wrap(self._said, width)] if self._said else []
        foot.append(Text(shorten("   ".join(self._keys()), width), tones[Tone.MUTED]))
        self.view.styles.max_height = max(3, self.app.size.height - len(foot))
        self.view.show([in_signs(line, self.face.glyphs) for line in lines])
        self.foot.show([in_signs(line, self.face.glyphs) for line in foot])

    def _titled(self, width: int) -> str:
        return shorten(f"{safe(self._target.name)} on {safe(self._target.host)}", max(10, width))

    def _lines_of(self, way: Way, width: int) -> list[Text]:
        """Return what is said of one display; a line to be copied is parted only where it does not fit."""
        tones = self.face.tones
        lines = [Text(piece) for piece in wrap(f"{way.at}.", width)]
        for label, text in (("reach it", way.line), ("look", way.address and f"{PROGRAM} {way.address}")):
            if not text:
                continue
            whole = cell_width(text) <= width - 11
            pieces = [text] if whole else wrap(text, width - 11)
            for number, piece in enumerate(pieces):
                head = f"  {label if not number else '':<9}"
                lines.append(Text.assemble((head, tones[Tone.MUTED]), (piece, tones[Tone.ACCENT]), no_wrap=True))
        if way.why:
            lines += [Text(f"  {piece}", tones[Tone.WARN]) for piece in wrap(way.why, width - 2)]
        return lines

    def _keys(self) -> list[str]:
        found = []
        if self._can_open:
            found.append(f"enter opens it in {PROGRAM}")
        if self._copyable:
            found.append("y copies the line")
        return [*found, "esc goes back"]

    @property
    def _can_open(self) -> bool:
        return bool(self._ready.program) and not self._simulated and self._first is not None

    @property
    def _why_not(self) -> str:
        if self._simulated:
            return "This VM is simulated: nothing listens there."
        return self._ready.why if self._first is not None else ""

    @property
    def _first(self) -> Way | None:
        """The first display that can be reached."""
        return next((way for way in self._ways or () if way.host), None)

    @property
    def _copyable(self) -> str:
        way = self._first
        return "" if way is None else way.line or way.address

    # --- keys ------------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        """Take every key."""
        key = name_of(event)
        event.stop()
        event.prevent_default()
        if key in ("escape", "q", "v"):
            self.dismiss()
        elif key == "enter" and self._can_open:
            self._say("Opening it ...")
            self.run_worker(work(self._open), exclusive=True)
        elif key == "y" and self._copyable:
            self.app.copy_to_clipboard(self._copyable)
            self._say("Copied, if the terminal takes it; else shift-drag it above.")
        elif key in ("up", "down", "pageup", "pagedown"):
            self.view.action_by({"up": -1, "down": 1, "pageup": -10, "pagedown": 10}[key])

    async def _open(self) -> None:
        """Read the display anew, with its password, and open the window."""
        target = self._target
        try:
            displays = await self.face.backend(target.host).console.displays(target.uuid, secret=True)
            found = [(way_to(display, target.uri), display.password) for display in displays]
            way, password = next(((way, password) for way, password in found if way.host), (None, ""))
            if way is None:
                self._say("It cannot be reached any more.")
                return
            await start(self._ready.program, way, f"{target.name} on {target.host}", password)
        except KvmtuiError as error:
            self._say(safe(str(error), limit=400))
            return
        self._say(f"{PROGRAM} was started; it stays when kvmtui ends.")
