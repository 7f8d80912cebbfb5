"""The signs that the widgets draw, once for any terminal and once in ASCII."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kvmtui.core.text import ELLIPSIS

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


def glyphs_for(environ: Mapping[str, str]) -> Glyphs:
    """Return the set that the terminal can show, after TERM and the locale's variables."""
    locale = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or ""
    encoding = locale.partition(".")[2].partition("@")[0].lower().replace("-", "")
    return UNICODE if encoding == "utf8" and environ.get("TERM") != "linux" else ASCII
