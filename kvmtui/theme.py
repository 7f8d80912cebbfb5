"""The themes of kvmtui's own, beside Textual's: dark, light, high contrast, colour-blind safe, 16 colours and none."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from textual.color import Color
from textual.filter import LineFilter
from textual.theme import Theme

from kvmtui.core.fields import Tone
from kvmtui.widgets.contrast import readable
from kvmtui.widgets.glyphs import in_ascii

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT = "kvmtui"
SIXTEEN = "16-colour"
PLAIN = "no-colour"
NAMES = {"ansi": SIXTEEN, "default": DEFAULT}
"""Short names for the configuration."""
CONSOLES = frozenset(("linux", "vt100", "vt102", "vt220", "ansi"))
"""Terminals whose dim text can hardly be read, or is not dim."""
_COLOURFUL = ("alacritty", "foot", "ghostty", "kitty", "wezterm")  # have all colours, and COLORTERM is lost over ssh

_ANSI = {
    # What Textual's own 16-colour theme says of the parts of a line of text.
    "ansi-background": "ansi_black",
    "ansi-foreground": "ansi_white",
    "border-blurred": "ansi_default",
    "input-cursor-background": "ansi_default",
    "input-cursor-foreground": "ansi_default",
    "input-cursor-text-style": "reverse",
    "input-selection-background": "ansi_default",
    "input-selection-foreground": "ansi_default",
}

THEMES = (
    Theme(
        name=DEFAULT,
        primary="#5fafd7",
        secondary="#87afaf",
        accent="#5fd7d7",
        warning="#d7af5f",
        error="#ff6b6b",
        success="#87af5f",
        foreground="#d0d0d0",
        background="#121212",
        surface="#1c1c1c",
        panel="#262626",
        dark=True,
    ),
    Theme(
        name="kvmtui-light",
        primary="#005f87",
        secondary="#5f5f87",
        accent="#005f87",
        warning="#7a5200",
        error="#af0000",
        success="#005f00",
        foreground="#1c1c1c",
        background="#f7f7f5",
        surface="#ececea",
        panel="#e6e6e6",
        dark=False,
    ),
    Theme(
        name="high-contrast",
        primary="#00ffff",
        secondary="#ffffff",
        accent="#00ffff",
        warning="#ffff00",
        error="#ff8a8a",
        success="#00ff00",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#1c1c1c",
        dark=True,
        variables={
            "kvmtui-muted": "#c8c8c8",
            "kvmtui-contrast": "7",
            "kvmtui-bar": "#c8c8c8",
            "kvmtui-cursor": "#ffffff",
            "kvmtui-blurred": "#303030",
        },
    ),
    # Blue, orange and yellow after Okabe and Ito: told apart with any common colour vision.
    Theme(
        name="colour-blind",
        primary="#56b4e9",
        secondary="#999999",
        accent="#56b4e9",
        warning="#f0e442",
        error="#ff8a3d",
        success="#1aa3e6",
        foreground="#d8d8d8",
        background="#101010",
        surface="#1a1a1a",
        panel="#2a2a2a",
        dark=True,
    ),
    # The terminal's own sixteen colours on its own background.
    Theme(
        name=SIXTEEN,
        ansi=True,
        primary="ansi_cyan",
        secondary="ansi_cyan",
        accent="ansi_cyan",
        warning="ansi_yellow",
        error="ansi_red",
        success="ansi_green",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        dark=True,
        variables=_ANSI,
    ),
    # Bold, dim and reversed text alone, for NO_COLOR.
    Theme(
        name=PLAIN,
        ansi=True,
        primary="ansi_default",
        secondary="ansi_default",
        accent="ansi_default",
        warning="ansi_default",
        error="ansi_default",
        success="ansi_default",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        dark=True,
        variables=_ANSI
        | {"kvmtui-warn-style": "bold", "kvmtui-bad-style": "bold reverse", "kvmtui-accent-style": "bold"},
    ),
)
"""Registered by the app."""

OURS = frozenset(each.name for each in THEMES)
UNPROVED = ("ansi-dark", "ansi-light")
"""Textual's own for a terminal's sixteen colours, of which nobody knows how they look on each other."""
_TEXTS = ("primary", "secondary", "accent", "warning", "error", "success")
_READABLE, _PLAIN_TEXT = 5.0, 12.0  # contrasts: of coloured text, and of plain text, which may be dimmed
_CALM = 0.35  # how much of the difference between a pane and the background is left
_mended: dict[str, Theme] = {}


def mended(one: Theme) -> Theme:
    """Return one of Textual's themes with texts that can be read on all of its panes; ours are as they are."""
    if one.name in OURS or one.ansi:
        return one
    found = _mended.get(one.name)
    if found is None:
        found = _mended[one.name] = _mend(one)
    return found


def _mend(one: Theme) -> Theme:
    made = one.to_color_system().generate()
    base = Color.parse(made["background"])
    surface, panel = (base.blend(Color.parse(made[name]), _CALM) for name in ("surface", "panel"))
    panes = (base, surface, panel)

    def text(color: Color, least: float) -> Color:
        # Pane by pane: what is changed for one goes away from all, since all are light, or all are dark.
        for pane in panes:
            color = readable(color, pane, least)
        return color

    plain = text(Color.parse(made["foreground"]), _PLAIN_TEXT)
    colours = {name: text(Color.parse(made[name]), _READABLE).hex for name in _TEXTS}
    muted = text(base.blend(plain, 0.6), _READABLE).hex
    return replace(
        one,
        primary=colours["primary"],
        secondary=colours["secondary"],
        accent=colours["accent"],
        warning=colours["warning"],
        error=colours["error"],
        success=colours["success"],
        foreground=plain.hex,
        background=base.hex,
        surface=surface.hex,
        panel=panel.hex,
        variables={f"text-{name}": colour for name, colour in colours.items()}
        | {"text-muted": muted, "kvmtui-muted": muted},
    )


GUESTS_DARK = TerminalTheme(
    (18, 18, 18),
    (208, 208, 208),
    [
        (0, 0, 0),
        (222, 74, 74),
        (80, 184, 80),
        (204, 170, 60),
        (70, 120, 220),
        (184, 90, 184),
        (60, 176, 184),
        (204, 204, 204),
    ],
    [
        (112, 112, 112),
        (255, 110, 110),
        (120, 224, 120),
        (244, 220, 110),
        (112, 164, 255),
        (232, 130, 232),
        (110, 228, 232),
        (255, 255, 255),
    ],
)
"""What the sixteen colours of guests look like on a dark theme; a 16-colour terminal has its own."""

GUESTS_LIGHT = TerminalTheme(
    (247, 247, 245),
    (28, 28, 28),
    [(0, 0, 0), (176, 0, 0), (0, 110, 0), (140, 96, 0), (0, 60, 170), (140, 0, 140), (0, 105, 115), (190, 190, 190)],
    [
        (95, 95, 95),
        (210, 40, 40),
        (20, 135, 20),
        (165, 115, 0),
        (40, 100, 220),
        (170, 40, 170),
        (0, 130, 140),
        (255, 255, 255),
    ],
)
"""The same on a light theme."""


class _WithoutColours(LineFilter):
    """Takes the colours away and leaves bold, dim, underlined and reversed text."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the same texts without colours."""
        del background
        return [
            Segment(text, style.without_color if style is not None else None, control)
            for text, style, control in segments
        ]


WITHOUT_COLOURS = _WithoutColours()


class Signs(LineFilter):
    """Draws with the signs that an ASCII terminal has; with `letters` it can show those of any language."""

    def __init__(self, *, letters: bool) -> None:
        super().__init__()
        self._letters = letters

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the same texts in as many cells."""
        del background
        if all(segment.text.isascii() for segment in segments):
            return segments
        return [Segment(in_ascii(text, letters=self._letters), style, control) for text, style, control in segments]


def wished(configured: str, remembered: object, environ: Mapping[str, str], *, colours: bool = True) -> str:
    """Return the theme to begin with: what the terminal must have, the configured one, the last one, the default."""
    if not colours:
        return PLAIN
    name = configured or (remembered if isinstance(remembered, str) and remembered != PLAIN else "")
    if not name:
        name = SIXTEEN if has_few_colours(environ) else DEFAULT
    return NAMES.get(name, name)


def has_few_colours(environ: Mapping[str, str]) -> bool:
    """Whether the terminal names no more than sixteen colours: on those a theme of more would turn into mud."""
    if environ.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit"):
        return False
    return environ.get("TERM", "").rpartition("-")[2] not in ("256color", "direct", *_COLOURFUL)


def defaults(current: Theme, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a theme need not set: muted text, how tones look, the cursor with the focus or not."""
    background, primary = current.background, current.primary
    styles = {
        "kvmtui-muted-style": "none",
        "kvmtui-good-style": "none",
        "kvmtui-warn-style": "none",
        "kvmtui-bad-style": "bold",
        "kvmtui-accent-style": "none",
        "kvmtui-contrast": "4.5",
    }
    if background is None or primary.startswith("ansi") or background.startswith("ansi"):
        # Sixteen colours cannot be blended, and some of them cannot be read on another: the cursor is reversed.
        return styles | {
            "kvmtui-muted": "ansi_default",
            "kvmtui-muted-style": "none" if environ.get("TERM", "") in CONSOLES else "dim",
            "kvmtui-bar": "ansi_white",
            "kvmtui-cursor": "ansi_default",
            "kvmtui-cursor-style": "reverse",
            "kvmtui-blurred": "ansi_default",
            "kvmtui-blurred-style": "bold",
        }
    base, tint = Color.parse(background), Color.parse(primary)
    return styles | {
        "kvmtui-muted": "#9a9a9a" if current.dark else "#5a5a5a",
        "kvmtui-bar": "#5a5a5a" if current.dark else "#a8a8a4",
        "kvmtui-cursor": base.blend(tint, 0.38).hex,
        "kvmtui-cursor-style": "bold",
        # A grey that 256 colours have, too: of a dark blend they would make a blue.
        "kvmtui-blurred": "#303030" if current.dark else base.blend(tint, 0.16).hex,
        "kvmtui-blurred-style": "none",
    }


def styles_of(variables: Mapping[str, str]) -> dict[Tone, Style]:
    """Return a Rich style for each tone from a theme's CSS variables."""

    def style(variable: str, tone: Tone) -> Style:
        looks = variables[f"kvmtui-{tone.value}-style"].replace("none", "")
        return Style(color=Color.parse(variables[variable]).rich_color) + Style.parse(looks)

    return {
        Tone.NORMAL: Style(),
        Tone.MUTED: style("kvmtui-muted", Tone.MUTED),
        Tone.GOOD: style("success", Tone.GOOD),
        Tone.WARN: style("warning", Tone.WARN),
        Tone.BAD: style("error", Tone.BAD),
        Tone.ACCENT: style("accent", Tone.ACCENT),
    }
