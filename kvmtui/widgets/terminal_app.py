"""Textual's app as this program wants it on a terminal, whatever the program is about."""

from __future__ import annotations

import logging
import os
import signal
import traceback
from functools import partial
from typing import TYPE_CHECKING

from rich.segment import Segment, Segments
from textual.app import App

from kvmtui import theme
from kvmtui.core.secrets import without_secrets
from kvmtui.core.text import safe
from kvmtui.widgets import glyphs, strips, timers
from kvmtui.widgets.driver import ReadDriver
from kvmtui.widgets.notices import show_notices, take_away_frames
from kvmtui.widgets.room import is_small

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rich.style import Style
    from textual import events
    from textual.filter import LineFilter
    from textual.geometry import Size
    from textual.notifications import SeverityLevel
    from textual.theme import Theme
    from textual.timer import Timer

    from kvmtui.core.fields import Tone

_log = logging.getLogger(__name__)
LONGEST_TRACEBACK = 100_000  # characters
SENTENCES = 3  # that stand on the screen at once
SETTLED = 0.25  # seconds without another size after which a terminal has taken its last one


class TerminalApp(App[int], inherit_bindings=False):
    """Themes of which each text can be read, few sentences at once, whole pictures, and an end without a traceback."""

    def __init__(self, *, headless: bool = False) -> None:
        super().__init__(driver_class=None if headless else ReadDriver)
        strips.install()
        timers.install()
        self.glyphs = glyphs.glyphs_for(os.environ)
        self.tones: Mapping[Tone, Style] = {}
        self._signs = theme.Signs(letters=glyphs.is_utf8(os.environ))
        self._ends = False
        self._was_sized = False
        self._cramped = False  # whether the terminal has too little room for anything but a sentence that says so
        self._unsaid: dict[str, Callable[[], None]] = {}  # what came while there was no room for it
        self._settling: Timer | None = None  # until the whole screen is painted in a size that stays
        for each in theme.THEMES:
            self.register_theme(each)
        for name in theme.UNPROVED:
            self.unregister_theme(name)
        self.ansi_theme_dark, self.ansi_theme_light = theme.GUESTS_DARK, theme.GUESTS_LIGHT

    # -- looks

    def begin_with_theme(self, configured: str, remembered: object) -> None:
        """Use the theme that is wished for and that this terminal can show."""
        first = theme.wished(configured, remembered, os.environ, colours=not self.no_color)
        self.theme = first if first in self.available_themes else theme.DEFAULT

    def has_theme(self, name: str) -> bool:
        """Whether there is a theme of this name, or of this short one."""
        return theme.NAMES.get(name, name) in self.available_themes

    def choose_theme(self, name: str) -> None:
        """Use another theme from now on, or say which there are."""
        if self.has_theme(name):
            self.theme = theme.NAMES.get(name, name)
        else:
            self.tell(f"There is no theme {name}: there is {', '.join(sorted(self.available_themes))}.", bad=True)

    def take_tones(self) -> None:
        """Make the styles of the tones anew, from the theme of now."""
        self.tones = theme.styles_of(self.theme_variables)

    def get_theme(self, theme_name: str) -> Theme | None:
        """Return a theme of which every text can be read."""
        found = super().get_theme(theme_name)
        return None if found is None else theme.mended(found)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Return the variables that themes need not set."""
        return theme.defaults(self.current_theme, os.environ)

    def refresh_css(self, animate: bool = True) -> None:  # noqa: FBT002 - as Textual has it
        """Apply the styles anew; as long as there is no screen to apply them to, only note what they are made of."""
        if self.screen_stack:
            super().refresh_css(animate)
        else:
            self.stylesheet.set_variables(self.get_css_variables())

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return what is done to each line before it is sent: what the terminal does not show is taken away."""
        filters = (theme.WITHOUT_COLOURS,) if self.no_color else super().get_line_filters()
        return (*filters, self._signs) if self.glyphs.ascii else filters

    # -- sentences

    def tell(self, text: str, *, bad: bool = False) -> None:
        """Say one sentence for a moment."""
        self.notify(safe(text, limit=400), severity="error" if bad else "information", timeout=8, markup=False)

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """Say it beside the newest of what was said before, each sentence once: the list must stay in sight."""
        _log.info("said: %s", message)
        if self._cramped:
            late = partial(self.notify, message, title=title, severity=severity, timeout=timeout, markup=markup)
            self._unsaid = {**dict([*self._unsaid.items()][1 - SENTENCES :]), message: late}
            return
        older = [one for one in self._notifications if one.message != message][1 - SENTENCES :]
        for one in [one for one in self._notifications if one not in older]:
            self._unnotify(one, refresh=False)
        super().notify(message, title=title, severity=severity, timeout=timeout, markup=markup)
        if self.screen_stack:
            take_away_frames(self.screen, self._notifications)

    # -- the terminal

    def type_through(self, *, on: bool) -> None:
        """Have keys read as they were typed, for a guest."""
        if isinstance(self._driver, ReadDriver):
            self._driver.literal = on

    def action_repaint(self) -> None:
        """Paint the whole screen anew."""
        if self._driver is not None:
            self._driver.write("\x1b[2J")
        self._paint_all()

    def on_resize(self, event: events.Resize) -> None:
        """Paint the whole screen once more when the size has settled.

        What was on its way to the terminal for another size lands on this one, and a size that comes back is no
        change to the toolkit.
        """
        if self._settling is not None:
            self._settling.stop()
            self._settling = None
        if self._was_sized:
            self._settling = self.set_timer(SETTLED, self._paint_all)
        self._was_sized = True
        self._make_room(event.size)

    def _make_room(self, size: Size) -> None:
        """Let nothing cover the sentence of a terminal that is too small; say what was to be said once it is not."""
        self._cramped = is_small(*size)
        show_notices(self.screen_stack, shown=not self._cramped)
        if not self._cramped:
            unsaid, self._unsaid = self._unsaid, {}
            for say in unsaid.values():
                say()

    def _paint_all(self) -> None:
        if self.screen_stack:  # there is none while the program ends
            self.refresh(repaint=True, layout=True)
            self.screen.refresh(repaint=True, layout=True)

    def action_suspend_process(self) -> None:
        """Leave to the shell, with whatever started this program: `make` would wait for it otherwise."""
        if self._driver is not None and self._driver.can_suspend:
            os.kill(0, signal.SIGTSTP)

    # -- the end

    async def _shutdown(self) -> None:
        self._ends = True
        await super()._shutdown()

    def _handle_exception(self, error: Exception) -> None:
        """End the program with a traceback, unless it ends anyway: its screens are half gone then, and done with."""
        if self._ends:
            _log.warning("while the program ended: %r", error, exc_info=error)
        else:
            super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """End with the traceback alone: Textual's own tells what variables hold, and one may hold a password."""
        self.bell()
        told = safe(without_secrets(traceback.format_exc()), limit=LONGEST_TRACEBACK, newlines=True)
        self._exit_renderables.append(Segments([Segment(told)]))
        self._close_messages_no_wait()
