"""What the prefix and `?` show in a console."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.screens.actions import CONSOLE
from kvmtui.screens.text_page import TextPage, keys, paragraph

if TYPE_CHECKING:
    from kvmtui.screens.sheet import Sheet

ABOUT = "Every key goes to the guest, also ctrl-c, escape and tab. Only {prefix} is kept: one of these may follow."
MORE = (
    (
        "A console that was left stays open and goes on reading; c on its VM comes back, {prefix} x closes it. When the"
        " VM restarts, or moves to another host of the fleet, its console opens again by itself; a line says where"
        " output may be missing. Leaving kvmtui closes all."
    ),
    (
        "The wheel scrolls back; the next key that is typed goes to the guest and shows its screen again. In a program"
        " that has the screen for itself, such as an editor or a pager, the wheel sends arrow keys."
    ),
    "Scrolling by {prefix} v: j k, pages, g G move, / finds, n and N go on finding, y copies what is seen, q ends.",
    (
        "To copy with the mouse, hold shift while you drag (option in some terminals): the terminal selects, not"
        " kvmtui. A paste goes to the guest, in pieces that a serial line keeps up with; ctrl-c stops a long one."
    ),
    "Nothing tells a guest how large its serial console is: {prefix} r at a shell lets programs use all of it.",
)


class ConsoleHelp(TextPage):
    """A page of text over the console."""

    def write(self, sheet: Sheet) -> None:
        """Say the keys behind the prefix, and what else to know."""
        prefix = self.face.key_map.prefix
        sheet.head("A CONSOLE")
        paragraph(sheet, ABOUT.format(prefix=prefix))
        rows = [(f"{prefix} {action.shown}", "", action.help) for action in CONSOLE]
        keys(sheet, "Keys", rows, key=max(len(row[0]) for row in rows) + 2, label=0)
        for text in MORE:
            sheet.blank()
            paragraph(sheet, text.format(prefix=prefix))
