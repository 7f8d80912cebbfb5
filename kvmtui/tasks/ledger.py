"""What tasks write to the journal: a full disk keeps nobody from acting, and nothing from being written later."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from kvmtui.core.inventory import Severity

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.core.inventory import TaskView
    from kvmtui.journal import Journal

_log = logging.getLogger(__name__)
_AGAIN = 5.0  # seconds until what could not be written is tried once more


class Ledger:
    """Writes the beginnings and ends of tasks; `say` is told when that fails, and when it works again."""

    def __init__(self, journal: Journal, say: Callable[[str, str, Severity], None]) -> None:
        self._journal = journal
        self._say = say
        self._is_behind = False
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, view: TaskView) -> None:
        """Write that a task begins, or what is known of it while it runs."""
        self._try(lambda: self._journal.begin(view))

    def end(self, view: TaskView) -> None:
        """Write how a task ended."""
        self._try(lambda: self._journal.end(view))

    def close(self) -> str:
        """Write what is left, as far as there is room; returns what is lost, a sentence, or ""."""
        if self._timer is not None:
            self._timer.cancel()
        if self._journal.owes:
            self._try(self._journal.pay, again=False)
        lines = self._journal.owes
        return f"{lines} lines of the journal {self._journal.path} could not be written, and are lost." if lines else ""

    def _try(self, write: Callable[[], None], *, again: bool = True) -> None:
        try:
            write()
        except OSError as error:
            self._failed(error, again=again)
        else:
            self._worked()

    def _failed(self, error: OSError, *, again: bool) -> None:
        if not self._is_behind:
            self._is_behind = True
            _log.warning("the journal cannot be written: %s", error)
            why = error.strerror or str(error)
            detail = f"{why}; what is done is kept until it can be: {self._journal.path}"
            self._say("the journal cannot be written", detail, Severity.WARN)
        if again and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_AGAIN, self._retry)

    def _worked(self) -> None:
        if self._is_behind:
            self._is_behind = False
            self._say("the journal is written again", "with all that waited", Severity.INFO)

    def _retry(self) -> None:
        self._timer = None
        self._try(self._journal.pay)
