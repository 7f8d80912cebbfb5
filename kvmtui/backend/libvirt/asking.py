"""What ssh asks while it logs in goes to a person through here; answers stay in the memory of this process.

ssh runs our askpass instead of using the terminal (`ssh.environment`). It connects to a socket in the private
directory and says under which lane's token it asks; the question then waits on the loop for its answer. A second
login to the same host, which opening many lanes can need, is answered by what was right before.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import socket
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from kvmtui.backend.base import Prompt, PromptKind
from kvmtui.backend.libvirt import askpass, runtime

if TYPE_CHECKING:
    from kvmtui.backend.base import Asker

_servers: dict[Asker, AskingServer] = {}

LONGEST = 65_536  # bytes of a question
_CREDENTIALS = struct.Struct("3i")  # of Linux: pid, uid, gid


class Login:
    """One attempt to log in, under a lane's token."""

    def __init__(self, host: str, account: str) -> None:
        self.host = host
        self.account = account
        self.asked: list[str] = []  # the texts of the questions that were answered
        self.waiting = 0  # questions that a person has not answered yet
        self.given: dict[str, str] = {}


class AskingServer:
    """Takes the questions of every ssh that this process started."""

    def __init__(self, ask: Asker) -> None:
        self._ask = ask
        self._logins: dict[str, Login] = {}
        self._known: dict[tuple[str, str], str] = {}  # by account and question: what let somebody in
        self._server: asyncio.Server | None = None
        self._opening = asyncio.Lock()
        self._turn = asyncio.Lock()
        self.address = Path()
        self.program = Path()

    @classmethod
    def of(cls, ask: Asker) -> AskingServer:
        """Return the server of those who are asked by `ask`: all hosts share it."""
        server = _servers.get(ask)
        if server is None:
            server = _servers[ask] = cls(ask)
        return server

    async def start(self) -> None:
        """Listen; nothing when it does already."""
        async with self._opening:
            if self._server is not None:
                return
            self.address = runtime.unique("a")
            self.program = runtime.unique("p")
            self._server = await asyncio.start_unix_server(self._serve, self.address, limit=LONGEST)
            self.address.chmod(0o600)
            handle = os.open(self.program, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                argv = (sys.executable, "-I", "-S", askpass.__file__)
                file.write(f'#!/bin/sh\nexec {shlex.join(argv)} "$@"\n')

    def expect(self, token: str, host: str, *, account: str = "") -> None:
        """Know who is about to log in to `host`, as a person calls it; equal accounts have equal answers."""
        self._logins[token] = Login(host, account or host)

    def is_asking(self, token: str) -> bool:
        """Tell whether a person is being asked for this lane: its time does not run meanwhile."""
        login = self._logins.get(token)
        return login is not None and login.waiting > 0

    def forget(self, token: str, *, let_in: bool) -> None:
        """End an attempt; what was right is remembered for this host."""
        login = self._logins.pop(token, None)
        if login is None:
            return
        for text, answer in login.given.items():
            if let_in:
                self._known[login.account, text] = answer
            elif self._known.get((login.account, text)) == answer:
                del self._known[login.account, text]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Being cancelled, when the program ends, is no fault for asyncio to write down.
        with contextlib.suppress(OSError, ValueError, asyncio.LimitOverrunError, asyncio.CancelledError):
            answer = await self._answered(reader) if _is_ours(writer) else None
            if answer is not None:
                writer.write(answer.encode("utf-8", "surrogateescape") + b"\n")
                await writer.drain()
        writer.close()

    async def _answered(self, reader: asyncio.StreamReader) -> str | None:
        said = json.loads(await reader.readline())
        login = self._logins.get(str(said.get("token", "")))
        if login is None:
            return None
        text, hint = str(said.get("text", "")), str(said.get("hint", ""))
        again = text in login.asked
        known = self._known.get((login.account, text))
        if known is not None and not again:
            answer: str | None = known
        else:
            login.waiting += 1
            try:
                answer = await self._of_person(Prompt(login.host, text, kind_of(text, hint), again=again), reader)
            finally:
                login.waiting -= 1
        if answer is not None:
            login.asked.append(text)
            login.given[text] = answer
        return answer

    async def _of_person(self, prompt: Prompt, reader: asyncio.StreamReader) -> str | None:
        """Ask; an ssh that has given up meanwhile takes its question along."""
        asking = asyncio.ensure_future(self._ask(prompt))
        leaving = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait((asking, leaving), return_when=asyncio.FIRST_COMPLETED)
            return asking.result() if asking.done() else None
        finally:
            for work in (asking, leaving):
                work.cancel()

    def stop(self) -> None:
        """Listen no more, and forget every answer."""
        self._known.clear()
        self._logins.clear()
        if self._server is not None:
            self._server.close()


def kind_of(text: str, hint: str) -> PromptKind:
    """Return how a question of ssh is answered."""
    if hint == "none":
        return PromptKind.NOTICE
    if "(yes/no" in text:
        return PromptKind.HOST_KEY
    return PromptKind.CONFIRM if hint == "confirm" else PromptKind.SECRET


def _is_ours(writer: asyncio.StreamWriter) -> bool:
    """Tell whether it is a process of this user that asks."""
    line = writer.get_extra_info("socket")
    packed = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(packed)[1]) == os.geteuid()
