"""Making a VM on the screen: `n` `n`, a form that asks anew as it is filled in, and what is kept of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kvmtui.core.errors import BackendError
from kvmtui.core.inventory import Guard, TaskPhase, VmState
from kvmtui.screens.preview import PreviewScreen
from kvmtui.widgets.fields import Choices, FieldRow
from kvmtui.widgets.foot import Review
from kvmtui.widgets.form import Form
from tests.screens.harness import Desk, desk

if TYPE_CHECKING:
    from pathlib import Path

    from textual.widget import Widget

    from kvmtui.config import HostConfig

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBvzQ ann@desk"
DEBIAN = "nvme/debian-13-genericcloud-amd64.qcow2"


@pytest.fixture(autouse=True)
def _hands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a key in ~/.ssh, and let [Do it] be pressed at once."""
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/id_ed25519.pub").write_text(f"{KEY}\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("kvmtui.widgets.form.GUARD", 0.0)
    monkeypatch.setattr("kvmtui.widgets.form.PAUSE", 0.0)


def form_of(it: Desk) -> Form:
    assert isinstance(it.app.screen, Form)
    return it.app.screen


def rows(it: Desk) -> dict[str, FieldRow]:
    return form_of(it)._rows


async def open_form(it: Desk) -> None:
    await it.press("n", "n")
    await opened(it)


async def opened(it: Desk) -> None:
    """Wait until the form can be filled in."""
    await it.until(lambda: isinstance(it.app.screen, Form) and bool(it.app.screen.query("#keys")), "the form")
    await it.settle()


async def go(it: Desk, field: str) -> None:
    """Put the focus on a field."""
    await it.until(lambda: field in rows(it), field)
    rows(it)[field].field.focus()
    await it.settle()


async def choose(it: Desk, field: str, value: str) -> None:
    """Choose an answer with the arrows."""
    await go(it, field)
    found = rows(it)[field].field
    assert isinstance(found, Choices)
    at = [choice.value for choice in rows(it)[field].question.choices].index(value)
    await it.press("home", *["down"] * at, "space")
    await asked(it)


async def asked(it: Desk) -> None:
    """Wait until the form has asked anew."""
    await it.until(lambda: not any(worker.is_running for worker in it.app.workers if worker.group != "default"))
    await it.settle()


async def fill(it: Desk, name: str = "new-1") -> None:
    """Answer what is needed: a VM that builds upon an image."""
    await go(it, "name")
    await it.press("ctrl+u", *name)
    await choose(it, "disk", "linked")
    await choose(it, "image", DEBIAN)


async def review(it: Desk) -> None:
    form_of(it).query_one("#review").focus()
    await it.press("enter")
    await it.until(lambda: form_of(it).query_one("#do").display, "the review")


def said(it: Desk) -> str:
    return form_of(it).query_one("#said", Review).whole


async def test_n_n_opens_the_form_on_the_cursors_host() -> None:
    async with desk(size=(100, 36)) as it:
        await it.go_to("db-1")
        await it.press("n")
        assert "n  VM" in it.menu_text()
        await it.press("z")
        assert not it.page.menu.is_open
        await open_form(it)
        assert form_of(it).answers["host"] == "hv2"
        assert it.line_of("host *").split()[:3] == ["host", "*", "hv2"]
        await it.press("escape")
        await it.until(lambda: not isinstance(it.app.screen, Form))
        assert it.calls == []


async def test_the_form_makes_the_vm() -> None:
    async with desk(size=(100, 36)) as it:
        await it.go_to("db-1")
        await open_form(it)
        await fill(it)
        await review(it)
        assert "builds upon nvme/debian-13-genericcloud-amd64.qcow2" in said(it)
        assert "1 ssh key, host name new-1" in said(it)
        await it.press("enter")
        (task, *_) = await it.until_done()
        assert (task.vm, task.phase, task.host) == ("new-1", TaskPhase.DONE, "hv2")
        await it.until_state("new-1", VmState.RUNNING)
        assert [call.verb for call in it.calls] == ["create_volume", "upload", "define", "start"]
        await open_form(it)
        assert form_of(it).answers["name"] == ""


async def test_what_is_wrong_stands_beside_its_field_while_it_is_typed() -> None:
    async with desk(size=(100, 36)) as it:
        await it.go_to("db-1")
        await open_form(it)
        await it.press(*"db-1")
        await asked(it)
        at = it.lines.index(it.line_of("name *"))
        assert it.lines[at + 1].strip() == "hv2 has a VM called db-1."
        await it.press("backspace", "9")
        await asked(it)
        assert "has a VM called" not in it.text
        await go(it, "memory")
        await it.press("ctrl+u", *"2")
        await asked(it)
        assert "write it with its unit, such as 2G" in it.text
        form_of(it).query_one("#review").focus()
        await it.press("enter")
        await it.until(lambda: "fields need a look" in said(it))
        assert not form_of(it).query_one("#do").display
        assert form_of(it).answers["name"] == "db-9"


async def test_the_fields_follow_what_it_starts_from_and_nothing_typed_is_lost() -> None:
    async with desk(size=(100, 36)) as it:
        await open_form(it)
        await fill(it)
        await go(it, "user")
        await it.press("ctrl+u", *"dana")
        await choose(it, "boot", "iso")
        assert "user" not in rows(it)
        assert "iso" in rows(it)
        assert form_of(it).answers["disk"] == "linked"
        await choose(it, "boot", "disk")
        answers = form_of(it).answers
        assert (answers["user"], answers["image"], answers["name"]) == ("dana", DEBIAN, "new-1")


async def test_another_host_brings_its_own_pools_and_keeps_the_answers() -> None:
    async with desk(size=(100, 36)) as it:
        await it.go_to("db-1")
        await open_form(it)
        await fill(it)
        before = [choice.note for choice in rows(it)["pool"].question.choices]
        await choose(it, "host", "hv3")
        after = [choice.note for choice in rows(it)["pool"].question.choices]
        assert after != before
        assert form_of(it).answers["name"] == "new-1"
        it.faults.patience = 0.01
        it.faults.silence("hv1")
        await choose(it, "host", "hv1")
        await it.until(lambda: "hv1" in said(it), "why hv1 cannot be read")
        assert form_of(it).answers["name"] == "new-1"


async def test_what_was_answered_is_there_again_after_escape_and_after_a_failure() -> None:
    async with desk(size=(100, 36)) as it:
        await it.go_to("db-1")
        await open_form(it)
        await fill(it)
        await it.press("escape")
        await open_form(it)
        assert form_of(it).answers["name"] == "new-1"
        assert form_of(it).answers["image"] == DEBIAN
        it.faults.refuse(BackendError("No space left on device."), verb="create_volume", times=1)
        await review(it)
        await it.press("enter")
        (task, *_) = await it.until_done()
        assert task.message == "new-1 was not made: No space left on device. Nothing is left of it."
        await open_form(it)
        assert form_of(it).answers["name"] == "new-1"


async def test_the_definition_and_the_lines_can_be_read_before() -> None:
    async with desk(size=(100, 36)) as it:
        await open_form(it)
        await fill(it)
        form_of(it).query_one("#look").focus()
        await it.press("enter")
        await it.until(lambda: isinstance(it.app.screen, PreviewScreen), "the preview")
        await it.until_text("THE SAME BY HAND", "cat >user-data")
        await it.press("end")
        await it.until_text("</domain>")
        await it.press("escape")
        await it.until(lambda: isinstance(it.app.screen, Form))
        assert form_of(it).answers["name"] == "new-1"
        assert it.calls == []


async def test_a_key_after_the_review_takes_it_back() -> None:
    async with desk(size=(100, 36)) as it:
        await open_form(it)
        await fill(it)
        await review(it)
        await go(it, "vcpus")
        await it.press("ctrl+u", "3")
        await asked(it)
        assert not form_of(it).query_one("#do").display
        await review(it)
        assert "3 CPUs" in said(it)


async def test_a_line_begins_the_form() -> None:
    async with desk(size=(100, 36)) as it:
        await it.say(f"create hv3 --name new-1 --disk linked --image {DEBIAN} --no-start --size 20G")
        await opened(it)
        answers = form_of(it).answers
        assert (answers["host"], answers["name"], answers["start"]) == ("hv3", "new-1", False)
        await review(it)
        assert "It is not started." in said(it)


async def test_a_file_is_sent_by_a_line(tmp_path: Path) -> None:
    file = tmp_path / "own.img"
    file.write_bytes(bytes(1 << 20))
    async with desk(size=(100, 36)) as it:
        await it.say(f"upload hv2 --file {file} --pool nvme")
        await opened(it)
        await review(it)
        assert "is sent to nvme/own.img on hv2" in said(it)
        await it.press("enter")
        (task, *_) = await it.until_done()
        assert (task.label, task.phase) == ("upload", TaskPhase.DONE)


async def test_a_host_that_cannot_be_changed_is_passed_over() -> None:
    def guarded(config: HostConfig) -> HostConfig:
        return replace(config, guard=Guard.READ_ONLY) if config.name == "hv2" else config

    async with desk(size=(100, 36), configs=guarded) as it:
        await it.go_to("db-1")
        await open_form(it)
        assert form_of(it).answers["host"] != "hv2"
        blocked = {choice.value: choice.blocked for choice in rows(it)["host"].question.choices}
        assert "read-only" in blocked["hv2"]
        assert blocked["hv1"] == ""


async def test_a_read_only_program_says_so() -> None:
    async with desk(size=(100, 36), read_only=True) as it:
        await it.press("n", "n")
        await it.until(lambda: any("read-only" in each for each in it.toasts), "why not")
        assert not isinstance(it.app.screen, Form)


async def test_what_is_typed_faster_than_it_is_painted_reaches_its_fields() -> None:
    async with desk(size=(100, 36)) as it:
        await open_form(it)
        await it.send(it.typed(*"old", "ctrl+u", *"new-1", "enter", "enter", "ctrl+u", "3", "tab", "ctrl+u", *"4G"))
        await asked(it)
        answers = form_of(it).answers
        assert (answers["name"], answers["vcpus"], answers["memory"]) == ("new-1", "3", "4G")


async def test_the_palette_makes_one_too() -> None:
    async with desk(size=(100, 36)) as it:
        await it.go_to("db-1")
        await it.press("ctrl+p", *"vm.create", "enter")
        await opened(it)
        assert form_of(it).answers["host"] == "hv2"


@pytest.mark.parametrize("size", [(60, 15), (80, 24)])
async def test_the_field_with_the_focus_is_seen_on_a_small_screen(size: tuple[int, int]) -> None:
    async with desk(size=size) as it:
        await open_form(it)
        for name in ("image", "seed", "start", "name"):
            await go(it, name)
            await it.settle()
            field = rows(it)[name].field

            def seen(field: Widget = field) -> bool:
                room = form_of(it).query_one("#fields").region
                return room.contains_region(field.region) and room.bottom <= size[1] - 2

            await it.until(seen, name)
            await it.until_text("[Review]", "esc back")
