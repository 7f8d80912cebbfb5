"""What ssh asks reaches a person, and the answer nobody but that ssh."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kvmtui.backend.base import Prompt, PromptKind
from kvmtui.backend.libvirt import ssh
from kvmtui.backend.libvirt.asking import AskingServer
from kvmtui.backend.libvirt.lane import Lane
from kvmtui.backend.libvirt.masters import Master
from kvmtui.backend.libvirt.uri import parse
from kvmtui.prompts import Prompts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PASSWORD = "root@hv1's password: "
URI = "qemu+ssh://root@hv1/system"


class Desk:
    """A person: what was asked, and what is answered."""

    def __init__(self) -> None:
        self.prompts = Prompts()
        self.server = AskingServer.of(self.prompts.ask)

    async def until(self, *, asks: bool) -> None:
        """Wait until a question is there, or until none is."""
        news = asyncio.Event()
        end = self.prompts.watch(news.set)
        async with asyncio.timeout(10):
            while (self.prompts.first is not None) is not asks:
                await news.wait()
                news.clear()
        end()

    async def next(self) -> Prompt:
        await self.until(asks=True)
        assert self.prompts.first is not None
        return self.prompts.first.prompt

    def answer(self, text: str | None) -> None:
        assert self.prompts.first is not None
        self.prompts.first.answer(text)

    async def ssh_asks(self, token: str, text: str, **more: str) -> tuple[int, bytes]:
        """Do what ssh does, and return our askpass's exit code and what it printed."""
        environment = {"PATH": os.environ["PATH"], "KVMTUI_LANE": token, "KVMTUI_ASK": str(self.server.address), **more}
        process = await asyncio.create_subprocess_exec(
            self.server.program, text, stdout=asyncio.subprocess.PIPE, env=environment
        )
        printed, _ = await process.communicate()
        return process.returncode or 0, printed


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    await made.server.start()
    yield made
    made.server.stop()


async def test_a_password_is_asked_for_and_given_to_that_ssh(desk: Desk) -> None:
    desk.server.expect("lane-1", "hv1")
    asking = asyncio.create_task(desk.ssh_asks("lane-1", PASSWORD))
    assert await desk.next() == Prompt("hv1", PASSWORD, PromptKind.SECRET, again=False)
    assert desk.server.is_asking("lane-1")
    desk.answer("sésame öffne dich")
    assert await asking == (0, "sésame öffne dich\n".encode())
    assert not desk.server.is_asking("lane-1")


async def test_what_let_somebody_in_is_not_asked_for_again_and_what_did_not_is(desk: Desk) -> None:
    desk.server.expect("lane-1", "hv1")
    asking = asyncio.create_task(desk.ssh_asks("lane-1", PASSWORD))
    await desk.next()
    desk.answer("wrong")
    await asking
    asking = asyncio.create_task(desk.ssh_asks("lane-1", PASSWORD))
    assert (await desk.next()).again
    desk.answer("right")
    await asking
    desk.server.forget("lane-1", let_in=True)
    desk.server.expect("lane-2", "hv1")
    assert await desk.ssh_asks("lane-2", PASSWORD) == (0, b"right\n")
    # It was changed on the host meanwhile: ssh asks the same lane once more.
    asking = asyncio.create_task(desk.ssh_asks("lane-2", PASSWORD))
    assert (await desk.next()).again
    desk.answer(None)
    assert await asking == (1, b"")
    desk.server.forget("lane-2", let_in=False)
    desk.server.expect("lane-3", "hv1")
    asking = asyncio.create_task(desk.ssh_asks("lane-3", PASSWORD))
    await desk.next()
    desk.answer(None)
    await asking


async def test_the_answer_for_one_host_is_none_for_another(desk: Desk) -> None:
    desk.server.expect("lane-1", "hv1")
    asking = asyncio.create_task(desk.ssh_asks("lane-1", "Password: "))
    await desk.next()
    desk.answer("secret")
    await asking
    desk.server.forget("lane-1", let_in=True)
    desk.server.expect("lane-2", "hv2")
    asking = asyncio.create_task(desk.ssh_asks("lane-2", "Password: "))
    assert (await desk.next()).host == "hv2"
    desk.answer(None)
    assert await asking == (1, b"")


async def test_who_knows_no_token_is_told_nothing(desk: Desk) -> None:
    assert await desk.ssh_asks("stranger", PASSWORD) == (1, b"")
    assert desk.prompts.first is None


async def test_an_ssh_that_has_gone_takes_its_question_along(desk: Desk) -> None:
    desk.server.expect("lane-1", "hv1")
    _, writer = await asyncio.open_unix_connection(desk.server.address)
    writer.write(b'{"token": "lane-1", "text": "Password: "}\n')
    await desk.next()
    writer.close()
    await desk.until(asks=False)
    assert not desk.server.is_asking("lane-1")


@pytest.mark.parametrize(
    ("text", "hint", "kind"),
    [
        ("Enter passphrase for key '/root/.ssh/id': ", "", PromptKind.SECRET),
        ("(root@hv1) Verification code: ", "", PromptKind.SECRET),
        (
            "The authenticity of host 'hv1' can't be established. Are you sure (yes/no/[fingerprint])? ",
            "",
            PromptKind.HOST_KEY,
        ),
        ("Allow use of key id_ed25519?", "confirm", PromptKind.CONFIRM),
        ("Confirm user presence for key", "none", PromptKind.NOTICE),
    ],
)
async def test_every_kind_of_question(desk: Desk, text: str, hint: str, kind: PromptKind) -> None:
    desk.server.expect("lane-1", "hv1")
    asking = asyncio.create_task(desk.ssh_asks("lane-1", text, SSH_ASKPASS_PROMPT=hint))
    prompt = await desk.next()
    assert (prompt.text, prompt.kind) == (text, kind)
    desk.answer("yes")
    assert await asking == (0, b"yes\n")


async def test_the_time_of_a_connection_does_not_run_while_a_person_thinks(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An ssh that asks, and then says that it was refused."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "ssh"
    lines = (
        "#!/bin/sh",
        'case " $* " in *" -G "*|*" -V "*) exit;; esac',
        f'"$SSH_ASKPASS" "{PASSWORD}" > {tmp_path}/answer',
        'echo "Permission denied (x)." >&2',
        "exit 255",
    )
    program.write_text("\n".join(lines))
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    lane = Lane(parse(URI), read_only=False, patience=0.0, on_end=lambda _lane: None, server=desk.server)
    opening = asyncio.create_task(lane.open(1.5))
    await desk.next()
    await asyncio.sleep(2.0)
    assert not opening.done()
    desk.answer("late")
    with pytest.raises(Exception, match="ssh on hv1"):
        await opening
    assert (tmp_path / "answer").read_text() == "late\n"


def test_from_the_ninth_lane_on_there_is_a_second_login() -> None:
    master = Master.of(parse("qemu+ssh://root@hv77/system"))
    claimed = [master.claim() for _ in range(9)]
    assert len(set(claimed[:8])) == 1
    assert claimed[8] != claimed[0]
    assert master.in_use == (2, 9, 16)
    Master.give_back(claimed[0])
    assert master.claim() == claimed[0]
    for control in claimed:
        Master.give_back(control)
    assert master.in_use is None


def test_without_a_person_to_ask_ssh_is_told_to_ask_nothing() -> None:
    text = ssh.lane_text("token", Path("/run/control"))
    assert "BatchMode=yes" in text
    assert "SSH_ASKPASS_REQUIRE=never" in text
    assert "SSH_ASKPASS=" not in text
