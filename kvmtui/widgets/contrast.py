"""Text that can be read on whatever it stands, after the contrast that the theme asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.style import Style
from textual.color import Color

if TYPE_CHECKING:
    from textual.app import App

USUAL = 4.5
WHITE, BLACK = Color(255, 255, 255), Color(0, 0, 0)
STEPS = 10


def contrast(one: Color, other: Color) -> float:
    """Return the contrast of two colours after WCAG: from 1 for the same to 21 for black and white."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def readable(text: Color, background: Color, least: float = USUAL) -> Color:
    """Return a colour like `text` that has at least this contrast with the background."""
    aim = max(WHITE, BLACK, key=lambda one: contrast(one, background))
    steps = (text.blend(aim, step / STEPS) for step in range(STEPS + 1))
    return next((one for one in steps if contrast(one, background) >= least), aim)


def readable_on(style: Style, behind: Style, app: App[object]) -> Style:
    """Return a text's style with that of its line behind it; where colours cannot be worked out, without its own."""
    both = style + behind
    text, background = both.color, both.bgcolor
    if text is None or background is None or text.is_default or background.is_default or behind.reverse:
        return both.without_color if behind.reverse else both
    least = float(app.theme_variables.get("kvmtui-contrast", USUAL))
    found = readable(Color.from_rich_color(text), Color.from_rich_color(background), least)
    return both + Style(color=found.rich_color)
