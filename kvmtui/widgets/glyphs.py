"""The signs that the widgets draw, once for any terminal and once in ASCII."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmtui.core.text import ELLIPSIS, cell_width

if TYPE_CHECKING:
    from collections.abc import Mapping


class Glyphs(NamedTuple):
    """One set of signs; each is one cell wide but `dash`, which may be repeated."""

    ascii: bool
    cursor: str
    mark: str
    ellipsis: str
    dash: str  # of rules
    descending: str
    ascending: str
    levels: str  # nine: nothing, then eight heights
    axis: str
    corner: str
    tick: str
    flag_on: str
    flag_off: str
    prompt: str
    event: str

    def fit(self, text: str) -> str:
        """Replace in a text of the program's own what this set has a stand-in for."""
        return text.replace(ELLIPSIS, self.ellipsis) if self.ascii else text


UNICODE = Glyphs(
    ascii=False,
    cursor=">",
    mark="*",
    ellipsis=ELLIPSIS,
    dash="─",
    descending="▼",
    ascending="▲",
    levels=" ▁▂▃▄▅▆▇█",
    axis="│",
    corner="└",
    tick="┤",
    flag_on="x",
    flag_off=" ",
    prompt="›",
    event="▾",
)
ASCII = Glyphs(
    ascii=True,
    cursor=">",
    mark="*",
    ellipsis="~",
    dash="-",
    descending="v",
    ascending="^",
    levels=" .:-=+*%#",
    axis="|",
    corner="+",
    tick="+",
    flag_on="x",
    flag_off=" ",
    prompt=">",
    event="v",
)


STAND_INS = str.maketrans(
    {
        ELLIPSIS: ASCII.ellipsis,
        "\u00a0": " ",
        "\u00b7": ".",
        "\u203a": ">",
        **dict.fromkeys("│┃║╎", "|"),
        **dict.fromkeys("─━═╌", "-"),
        **dict.fromkeys("▶►▸→", ">"),
        **dict.fromkeys("◀◄◂←", "<"),
        **dict.fromkeys("▲▴↑", "^"),
        **dict.fromkeys("▼▾↓", "v"),
        **{chr(code): "#" for code in range(0x2588, 0x25A0)},
        **{chr(code): " " for code in range(0x2580, 0x2588)},  # of our own, the ends of a scrollbar
        **{chr(code): "+" for code in range(0x2500, 0x2580) if chr(code) not in "│┃║╎─━═╌"},
    }
)
"""What stands for the signs of others on a terminal that has no more than ASCII."""


def in_ascii(text: str, *, letters: bool) -> str:
    """Return a text of as many cells without signs; with `letters` what is none stays, else it becomes `?`."""
    if text.isascii():
        return text
    text = text.translate(STAND_INS)
    return text if letters else "".join(one if one.isascii() else "?" * cell_width(one) for one in text)


def is_utf8(environ: Mapping[str, str]) -> bool:
    """Tell whether the locale's variables name an encoding that has everything."""
    locale = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or ""
    return locale.partition(".")[2].partition("@")[0].lower().replace("-", "") == "utf8"


def glyphs_for(environ: Mapping[str, str]) -> Glyphs:
    """Return the set that the terminal can show, after TERM and the locale's variables."""
    return UNICODE if is_utf8(environ) and environ.get("TERM") != "linux" else ASCII
