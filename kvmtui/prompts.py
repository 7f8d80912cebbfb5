"""Questions of logins, in the order they came, until a person has answered them or they were taken back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from kvmtui.backend.base import Prompt


class Waiting:
    """A question that waits for its answer."""

    def __init__(self, prompt: Prompt, answer: asyncio.Future[str | None]) -> None:
        self.prompt = prompt
        self._answer = answer

    def answer(self, text: str | None) -> None:
        """Answer it; None gives the login up."""
        if not self._answer.done():
            self._answer.set_result(text)


class Prompts:
    """Between those who ask (`ask` is a `backend.base.Asker`) and the screen that shows one question at a time."""

    def __init__(self) -> None:
        self._waiting: list[Waiting] = []
        self._watchers: list[Callable[[], None]] = []

    @property
    def first(self) -> Waiting | None:
        """The question to show."""
        return self._waiting[0] if self._waiting else None

    @property
    def count(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back whenever a question came or went; returns what ends that."""
        self._watchers.append(callback)

        def end() -> None:
            if callback in self._watchers:
                self._watchers.remove(callback)

        return end

    async def ask(self, prompt: Prompt) -> str | None:
        """Wait for a person's answer; being cancelled takes the question back."""
        waiting = Waiting(prompt, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._tell()
        try:
            return await waiting._answer  # noqa: SLF001 - its own class
        finally:
            self._waiting.remove(waiting)
            self._tell()

    def _tell(self) -> None:
        for callback in tuple(self._watchers):
            callback()
