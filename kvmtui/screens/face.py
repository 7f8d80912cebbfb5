"""What a screen may know of the app: the newest fleet, the engine's narrow services, and where to go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.style import Style

    from kvmtui.backend.base import Backend
    from kvmtui.commands.base import Command, Judgement, Target
    from kvmtui.commands.registry import Bindings
    from kvmtui.consoles import Consoles
    from kvmtui.core.fields import Tone
    from kvmtui.core.inventory import Fleet, TaskView, VmRef
    from kvmtui.core.metrics import History
    from kvmtui.core.problems import Problem
    from kvmtui.screens.console_typist import Typists
    from kvmtui.screens.keymap import Keys
    from kvmtui.screens.marks import Marks
    from kvmtui.widgets.glyphs import Glyphs


class Memory(Protocol):
    """What the program remembers between two starts."""

    def get(self, name: str) -> object:
        """Return what was set, or None."""
        ...

    def set(self, name: str, value: object) -> None:
        """Remember it."""
        ...


class Face(Protocol):
    """The app as screens see it."""

    marks: Marks
    memory: Memory
    glyphs: Glyphs
    bindings: Bindings
    key_map: Keys

    @property
    def fleet(self) -> Fleet: ...
    @property
    def problems(self) -> Sequence[Problem]:
        """What is wrong with the fleet, worst first."""
        ...

    @property
    def tones(self) -> Mapping[Tone, Style]:
        """The styles of this theme."""
        ...

    @property
    def notice(self) -> str:
        """Why it is the demo that is shown, and what to install; "" when somebody asked for it."""
        ...

    @property
    def consoles(self) -> Consoles:
        """The open consoles."""
        ...

    @property
    def typists(self) -> Typists:
        """What types to them."""
        ...

    @property
    def open_consoles(self) -> int:
        """How many there are."""
        ...

    def type_through(self, *, on: bool) -> None:
        """Have keys read as they were typed, for a guest."""
        ...

    def now(self) -> float:
        """Return seconds since the epoch."""
        ...

    def idle_seconds(self) -> float:
        """Return seconds since the last key or mouse event."""
        ...

    def history(self, ref: VmRef) -> History | None: ...
    def backend(self, host: str) -> Backend: ...
    def judge(self, command: Command, target: Target) -> Judgement: ...
    def look_at(self, ref: VmRef | None, *, graphs: bool = False) -> None: ...
    def look_at_host(self, host: str | None) -> None: ...
    def read_again(self, host: str | None) -> None: ...
    def journal(self, limit: int) -> Sequence[TaskView]: ...
    def open_vm(self, ref: VmRef, tab: str = "") -> None: ...
    def open_host(self, host: str, tab: str = "") -> None: ...
    def request(self, command: Command, targets: Sequence[Target], hidden: Sequence[Target] = ()) -> None:
        """Ask what the command asks, and run it."""
        ...

    def make_vm(self, host: str | None) -> None:
        """Ask for a new VM, on that host if it can have one."""
        ...

    def lead(self, leader: str) -> None:
        """Do as if this leader key had been pressed."""
        ...

    def let_go(self) -> None:
        """Let no leader wait for its letter any more."""
        ...

    def run_line(self, text: str) -> None:
        """Run what was entered after `:`."""
        ...

    def complete(self, text: str) -> Sequence[str]:
        """Return what a text after `:` can become."""
        ...

    def tell(self, text: str, *, bad: bool = False) -> None:
        """Say one sentence for a moment."""
        ...

    def choose_theme(self, name: str) -> None:
        """Use another theme from now on."""
        ...
