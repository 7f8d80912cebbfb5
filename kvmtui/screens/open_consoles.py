"""The consoles that are open, whichever screen is shown, and the one screen that shows them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from kvmtui.commands import registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import App

    from kvmtui.commands.base import Answers, Context, Target
    from kvmtui.consoles import Consoles, ConsoleSession
    from kvmtui.core.inventory import VmRef
    from kvmtui.engine import Engine
    from kvmtui.screens.console_typist import Typists

MOST = 9  # one for each digit


class Surface(Protocol):
    """What showing a console needs of the app."""

    def let_go(self) -> None: ...
    def tell(self, text: str, *, bad: bool = False) -> None: ...


class OpenConsoles:
    """Opens consoles and shows them; what they are made of is loaded with the first."""

    def __init__(self, app: App[int], surface: Surface, engine: Engine) -> None:
        self._app = app
        self._surface = surface
        self._engine = engine
        self._consoles: Consoles | None = None
        self._typists: Typists | None = None

    def __len__(self) -> int:
        return 0 if self._consoles is None else len(self._consoles.sessions)

    @property
    def consoles(self) -> Consoles:
        """The sessions."""
        if self._consoles is None:
            from kvmtui.consoles import Consoles

            engine = self._engine
            self._consoles = Consoles(
                engine.backend,
                lambda: engine.fleet,
                engine.watch,
                wall=engine.clock.now,
                oversee=engine.oversee,
            )
        return self._consoles

    @property
    def typists(self) -> Typists:
        """What types to them."""
        if self._typists is None:
            from kvmtui.screens.console_typist import Typists

            self._typists = Typists(self._surface.tell)
        return self._typists

    def close_all(self) -> None:
        """End every session."""
        if self._consoles is not None:
            self._consoles.close_all()

    def open(self, targets: Sequence[Target]) -> None:
        """Open a console on each target, and show the first."""
        if len(self) + len(targets) > MOST:
            self._surface.tell(f"At most {MOST} consoles are open at once.", bad=True)
            return
        sessions = [self.consoles.open(target.ref, target.name) for target in targets]
        self._show(sessions[0])

    def take(self, targets: Sequence[Target]) -> None:
        """Open a console whoever holds it, as a task: the journal tells of it."""
        target, command = targets[0], registry.by_id("vm.take-console")
        if command is None:
            return
        session = self.consoles.open(target.ref, target.name)
        self._show(session)

        async def run(_context: Context, _target: Target, _answers: Answers) -> str:
            from kvmtui.consoles import take_over

            return await take_over(session)

        self._engine.submit(replace(command, run=run), (target,), {})

    def come_back(self, ref: VmRef) -> bool:
        """Show the console of a VM that has one open, however it stands with its host; False when it has none."""
        found = [session for session in self.consoles.sessions if session.ref == ref] if len(self) else []
        if found:
            self._show(found[0])
        return bool(found)

    def show_newest(self) -> None:
        """Show the console that was opened last."""
        if len(self):
            self._show(self.consoles.sessions[-1])
        else:
            self._surface.tell("No console is open: c on a VM opens one.")

    def _show(self, session: ConsoleSession) -> None:
        from kvmtui.screens.console import ConsoleScreen

        if isinstance(self._app.screen, ConsoleScreen):
            self._app.screen.choose(session)
        else:
            self._surface.let_go()
            self._app.clear_notifications()  # nothing may cover what the guest writes; outcomes stand among the tasks
            self._app.push_screen(ConsoleScreen(session))
