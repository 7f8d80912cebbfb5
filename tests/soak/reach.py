"""Which places, dialogs and commands a game got to, and which there are: what is never reached is not tried."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from kvmtui.commands import registry
from kvmtui.commands.base import Level
from kvmtui.commands.registry import LEADERS
from kvmtui.screens import host, vm
from kvmtui.screens.page import Page
from kvmtui.screens.running import OTHERS, PLACES
from kvmtui.screens.tabs import TabbedPage
from kvmtui.widgets.confirm import ConfirmScreen
from kvmtui.widgets.form import Form
from kvmtui.widgets.login import LoginScreen
from tests.soak.weather import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from textual.screen import Screen

    from kvmtui.app import KvmtuiApp
    from kvmtui.commands.base import Command

MARK = "reached "  # what the line begins with by which a game says it
IN_PLACE = frozenset({"vm.console", "vm.display"})  # shown by the screen itself: nothing is sent


def name_of_screen(app: KvmtuiApp) -> str:
    """Return what is on top, as exactly as it makes a difference to the code behind it."""
    screen: Screen[object] = app.screen
    if isinstance(screen, ConfirmScreen):
        return f"confirm {screen.answering.question.level.name.lower()}"
    if isinstance(screen, Form):
        worker = app._asking._work
        return f"form {worker.name if worker is not None else '?'}"
    if isinstance(screen, LoginScreen):
        return f"login {screen.prompt.kind.value}"
    return _name_of_page(screen) if isinstance(screen, Page) else type(screen).__name__


def _name_of_page(page: Page) -> str:
    if page.menu.is_open:
        return "menu of letters" if page.is_choosing else f"menu {page._leader}"
    if bar := page.text_bar():
        return ":" if bar is page.command_line else "find"
    if isinstance(page, TabbedPage):
        return f"{page.where().name} {page.tab}"
    return page.where().name


def _screens() -> set[str]:
    return {
        *PLACES,
        *(f"vm {name}" for name, _ in vm.TAB_NAMES),
        *(f"host {name}" for name, _ in host.TAB_NAMES if name != "local"),  # the hosts of the demo are elsewhere
        *(f"menu {leader}" for leader in LEADERS),
        *("menu of letters", "find", ":"),
        *(f"confirm {level.name.lower()}" for level in Level if level >= Level.ORDINARY),
        *(f"form {command.id}" for command in registry.ALL if command.form),
        *("login secret", "login host key", "login confirm", "login notice"),
        *("ConsoleScreen", "ConsoleHelp", "HelpScreen", "PaletteScreen", "FactsScreen", "CopyScreen", "ColumnsScreen"),
        *("DisplayScreen", "PreviewScreen"),
    }


class Reach:
    """Counts what one game, or many, got to."""

    def __init__(self, counts: Mapping[str, int] | None = None) -> None:
        self.counts = Counter(counts or {})

    def saw(self, app: KvmtuiApp) -> None:
        """Count what is on top."""
        self.counts[f"screen {name_of_screen(app)}"] += 1

    def asked(self, command: Command) -> None:
        """Count a command that somebody asked for, whether or not it could be done."""
        self.counts[f"asked {command.id}"] += 1

    def sent(self, command: Command, count: int) -> None:
        """Count what was then given to the engine."""
        self.counts[f"sent {command.id}"] += count

    def entered(self, line: str) -> None:
        """Count a line after `:`."""
        self.counts[f"line {(line.split() or [''])[0].lower()}"] += 1

    def is_new(self, line: str) -> bool:
        """Tell whether what a line after `:` asks for has not been done yet."""
        word = line.split(maxsplit=1)[0]
        ids = [command.id for command in registry.ALL if command.verb == word]
        kind = "asked" if IN_PLACE.intersection(ids) else "sent"
        return not any(self.counts[f"{kind} {id_}"] for id_ in ids) if ids else not self.counts[f"line {word}"]

    def broke(self, faults: Mapping[str, int]) -> None:
        """Count what went wrong with the fleet meanwhile."""
        self.counts.update({f"fault {name}": count for name, count in faults.items()})

    def __str__(self) -> str:
        """Give one line of text, for `added`."""
        return MARK + json.dumps(self.counts)

    def added(self, said: str) -> None:
        """Add what a game printed."""
        for line in said.splitlines():
            if line.startswith(MARK):
                self.counts.update(json.loads(line.removeprefix(MARK)))

    def missing(self) -> list[str]:
        """Return what there is and was never reached."""
        there = {
            *(f"screen {name}" for name in _screens()),
            *(f"asked {command.id}" for command in registry.ALL),
            *(f"sent {command.id}" for command in registry.ALL if command.id not in IN_PLACE),
            *(f"line {name}" for name in (*PLACES, *OTHERS)),
            *(f"fault {name}" for name in KINDS),
        }
        return sorted(there - self.counts.keys())

    def table(self) -> str:
        """Return how often each thing was reached, a line for each kind, and what never was."""
        lines = [f"  {kind}: {self._of(kind)}" for kind in ("screen", "asked", "sent", "line", "fault")]
        return "\n".join([*lines, f"  never: {', '.join(self.missing()) or 'nothing'}"])

    def _of(self, kind: str) -> str:
        found: Iterable[tuple[str, int]] = ((name, count) for name, count in self.counts.most_common())
        return ", ".join(
            f"{name.removeprefix(kind + ' ')} {count}" for name, count in found if name.startswith(f"{kind} ")
        )
