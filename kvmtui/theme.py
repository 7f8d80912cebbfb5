"""The themes of kvmtui's own, beside Textual's: the default, high contrast, colour-blind safe and 16 colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.style import Style
from rich.terminal_theme import TerminalTheme
from textual.color import Color
from textual.theme import Theme

from kvmtui.core.fields import Tone

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT = "kvmtui"

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
        variables={"kvmtui-muted": "#808080"},
    ),
    Theme(
        name="kvmtui-light",
        primary="#005f87",
        secondary="#5f5f87",
        accent="#005f87",
        warning="#875f00",
        error="#af0000",
        success="#005f00",
        foreground="#1c1c1c",
        background="#f7f7f5",
        surface="#ececea",
        panel="#dededb",
        dark=False,
    ),
    Theme(
        name="high-contrast",
        primary="#00ffff",
        secondary="#ffffff",
        accent="#00ffff",
        warning="#ffff00",
        error="#ff5f5f",
        success="#00ff00",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#303030",
        dark=True,
        variables={"kvmtui-muted": "#c0c0c0"},
    ),
    # Blue, orange and yellow after Okabe and Ito: told apart with any common colour vision.
    Theme(
        name="colour-blind",
        primary="#56b4e9",
        secondary="#999999",
        accent="#56b4e9",
        warning="#f0e442",
        error="#e69f00",
        success="#0099dd",
        foreground="#d8d8d8",
        background="#101010",
        surface="#1a1a1a",
        panel="#2a2a2a",
        dark=True,
    ),
)
"""Registered by the app. The 16-colour one is Textual's `ansi-dark`, which uses the terminal's own colours."""

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

SIXTEEN = "ansi-dark"
NAMES = {"ansi": SIXTEEN, "16-colour": SIXTEEN, "default": DEFAULT}
"""Short names for the configuration."""


def wished(configured: str, remembered: object, environ: Mapping[str, str]) -> str:
    """Return the theme to begin with: the configured one, the last one, or what the terminal can show."""
    name = configured or (remembered if isinstance(remembered, str) else "")
    if not name:
        name = SIXTEEN if environ.get("TERM", "") in ("linux", "vt100", "vt220", "ansi") else DEFAULT
    return NAMES.get(name, name)


def defaults(current: Theme) -> dict[str, str]:
    """Return the variables that a theme need not set: muted text, and the cursor with and without the focus."""
    background, primary = current.background, current.primary
    if background is None or primary.startswith("ansi") or background.startswith("ansi"):
        # Sixteen colours cannot be blended, and some of them cannot be read on another: the cursor is reversed.
        return {
            "kvmtui-muted": "ansi_bright_black",
            "kvmtui-cursor": "ansi_default",
            "kvmtui-cursor-style": "reverse",
            "kvmtui-blurred": "ansi_default",
            "kvmtui-blurred-style": "underline",
        }
    base, tint = Color.parse(background), Color.parse(primary)
    return {
        "kvmtui-muted": "#8a8a8a" if current.dark else "#5f5f5f",
        "kvmtui-cursor": base.blend(tint, 0.38).hex,
        "kvmtui-cursor-style": "bold",
        "kvmtui-blurred": base.blend(tint, 0.16).hex,
        "kvmtui-blurred-style": "none",
    }


def styles_of(variables: Mapping[str, str]) -> dict[Tone, Style]:
    """Return a Rich style for each tone from a theme's CSS variables."""

    def style(variable: str, *, bold: bool = False) -> Style:
        return Style(color=Color.parse(variables[variable]).rich_color, bold=bold or None)

    return {
        Tone.NORMAL: Style(),
        Tone.MUTED: style("kvmtui-muted"),
        Tone.GOOD: style("success"),
        Tone.WARN: style("warning"),
        Tone.BAD: style("error", bold=True),
        Tone.ACCENT: style("accent"),
    }
