"""What the program writes is its user's alone, and no secret is in it, nor in anything that it says."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import stat
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from rich.segment import Segments

from kvmtui import cli, logs
from kvmtui.app import KvmtuiApp
from kvmtui.backend import backend_for
from kvmtui.backend.demo import World
from kvmtui.backend.libvirt import errors, uri
from kvmtui.backend.libvirt.xml.devices import displays
from kvmtui.cli.output import Output
from kvmtui.commands.ways import way_to
from kvmtui.config import HostConfig, Settings
from kvmtui.core.errors import BackendError, ConfigError
from kvmtui.core.inventory import ConditionKind, TaskPhase, TaskView
from kvmtui.core.secrets import without_secrets
from kvmtui.engine import Engine
from kvmtui.journal import Journal
from kvmtui.screens.viewer import _write
from kvmtui.state_file import StateFile
from kvmtui.widgets.terminal_app import TerminalApp
from tests.commands.making_bench import FULL, bench
from tests.screens.harness import Desk, desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PASSWORD = "hunter2-Zq9"
SAYINGS = (
    f"qemu+tcp://root:{PASSWORD}@hv1/system",
    f"cannot open qemu://admin:{PASSWORD}@hv1:16514/system?x=y",
    f"qemu+tcp://root:a@b{PASSWORD}@hv1/system",
    f"<graphics type='vnc' passwd='{PASSWORD}' port='5900'/>",
    f'<graphics type="spice" passwd="{PASSWORD}"/>',
    f"passwd={PASSWORD}",
    f"the password: {PASSWORD}, was wrong",
    f"PASSWORD = '{PASSWORD} and more'",
    f'{{"execute":"guest-set-user-password","arguments":{{"username":"root","password":"{PASSWORD}"}}}}',
    f"plain_text_passwd: {PASSWORD}",
    f"token={PASSWORD}&x=1",
    f"<secret usage='x'>{PASSWORD}</secret>",
    f"-----BEGIN OPENSSH PRIVATE KEY-----\n{PASSWORD}\n-----END OPENSSH PRIVATE KEY-----",
    f"-----BEGIN PRIVATE KEY-----\n{PASSWORD} and cut off",
    f"passphrase: {PASSWORD}",
)


@pytest.mark.parametrize("said", SAYINGS)
def test_no_password_is_told_or_written(said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert PASSWORD not in without_secrets(said)
    for opening in (True, False):
        assert PASSWORD not in str(errors.translate(errors.Fault(1, 7, said), "hv1", opening=opening))
        assert PASSWORD not in str(errors.translate(errors.Fault(38, 0, said), "hv1", opening=opening))
    journal = Journal(tmp_path / "journal.jsonl")
    journal.end(TaskView("1", "c", "l", "h", "", "v", "", "u", TaskPhase.FAILED, 1.0, message=said, virsh=said))
    log = logs.set_up("debug", tmp_path / "log")
    logging.getLogger("kvmtui.x").debug("it said: %s", said)
    for path in (journal.path, log):
        assert PASSWORD not in path.read_text(), path
    for as_json in (True, False):
        Output(json=as_json).error(BackendError(said, hint=said))
        written = capsys.readouterr()
        assert PASSWORD not in written.out + written.err


def test_sentences_without_a_secret_stay_as_they_are() -> None:
    for said in (
        "virsh -c qemu+ssh://root@hv1:2222/system?keyfile=/a start web-1",
        "hv1 asks for a password.",
        "The tokens of the secret service are at hv1.",
        "ssh -N -L 15900:127.0.0.1:5900 root@hv1",
    ):
        assert without_secrets(said) == said


@pytest.mark.parametrize(
    "address",
    [
        f"qemu+ssh://root:{PASSWORD}@hv1/system",
        f"xen://root:{PASSWORD}@hv1/system",
        f"qemu+bad://root:{PASSWORD}@hv1/system",
        f"qemu+ssh://root:{PASSWORD}@hv1:99999/system",
        f"qemu+ssh://root:{PASSWORD}/x@hv1/system",
        f"qemu+ssh://root:{PASSWORD} @hv1/system",
        f"qemu+ssh://root:a@b{PASSWORD}@hv1/nowhere",
    ],
)
def test_a_refused_address_does_not_tell_its_password(
    address: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError) as refusal:
        uri.parse(address)
    assert PASSWORD not in str(refusal.value)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for words in (("vms",), ("vms", "--json"), ("hosts", "--json")):
        assert cli.main(["-c", address, "--log-level", "debug", *words]) != 0
        written = capsys.readouterr()
        assert PASSWORD not in written.out + written.err
    assert PASSWORD not in everything_in(tmp_path)


def test_a_password_in_the_configuration_is_told_by_no_verb(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("LIBVIRT_DEFAULT_URI", f"qemu+tcp://root:{PASSWORD}@hv1/system")
    for text in (
        f'[hosts.hv1]\nuri = "qemu+ssh://root:{PASSWORD}@hv1/system"',
        f'[hosts.hv1]\nuri = "qemu+ssh://hv1/system"\npassword = "{PASSWORD}"',
        f'password = "{PASSWORD}"',
        f'[ui]\ntheme = "{PASSWORD}',
        "",
    ):
        path = tmp_path / "config.toml"
        path.write_text(text)
        for words in (("vms",), ("vms", "--json"), ("doctor",), ("doctor", "--json")):
            assert cli.main(["--config", str(path), "--log-level", "debug", *words]) != 0
            written = capsys.readouterr()
            assert PASSWORD not in written.out + written.err, (text, words)
    assert PASSWORD not in everything_in(tmp_path / "state")


def everything_in(folder: Path) -> str:
    return "".join(path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file())


NODE = f"""<node><cpu><mhz>2000</mhz><model>i686</model><active>4</active></cpu><domain type='test'>
<name>one</name><uuid>11111111-1111-4111-8111-111111111111</uuid><memory unit='KiB'>1048576</memory><vcpu>2</vcpu>
<os><type>hvm</type></os><devices><graphics type='vnc' port='5901' passwd='{PASSWORD}'>
<listen type='address' address='127.0.0.1'/></graphics></devices></domain></node>"""


async def test_xml_that_is_shown_or_copied_holds_no_password(tmp_path: Path) -> None:
    path = tmp_path / "node.xml"
    path.write_text(NODE)
    backend = backend_for(f"test://{path}")
    backend.listen(lambda _wake: None)
    await backend.connect()
    try:
        [uuid] = (await backend.inventory()).vms
        for inactive in (True, False):
            assert PASSWORD not in await backend.definition.xml(uuid, inactive=inactive)
        [shown] = await backend.console.displays(uuid)
        assert shown.password == ""
        assert PASSWORD not in way_to(shown, "qemu+ssh://hv1/system").line
    finally:
        await backend.close()
    [secret] = displays(NODE.removeprefix("<node>").partition("</cpu>")[2].removesuffix("</node>"))
    way = way_to(secret, "qemu+ssh://hv1/system")
    assert PASSWORD not in " ".join(map(str, way))


async def test_the_screen_shows_no_password_of_an_error() -> None:
    async with desk(size=(160, 40)) as it:
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(logs._SafeFormatter("%(message)s"))
        logging.getLogger().addHandler(handler)
        try:
            for said in SAYINGS:
                error = errors.translate(errors.Fault(1, 10, said), "hv1")
                it.faults.calm()
                it.faults.refuse(error, verb="set_autostart", times=1)
                await it.go_to("web-1")
                await it.press("x", "a" if not it.vm("web-1").autostart else "n")
                await it.until(lambda: it.toasts)
                assert PASSWORD not in it.text
            for key in "70":
                await it.press(key)
                assert PASSWORD not in it.text
        finally:
            logging.getLogger().removeHandler(handler)
        assert PASSWORD not in stream.getvalue()
        assert PASSWORD not in everything_in(it.engine.journal.path.parent)
        document = json.dumps([task.message for task in it.tasks])
        assert PASSWORD not in document


async def test_an_address_that_is_refused_for_its_password_is_shown_without_it(tmp_path: Path) -> None:
    """On the pages of hosts and in virsh's line: everything that tells where a host is."""
    address = f"qemu+ssh://root:{PASSWORD}@hv1/system"
    engine = Engine(Settings(hosts=(HostConfig("hv1", address),)), journal=Journal(tmp_path / "journal.jsonl"))
    app = KvmtuiApp(engine, StateFile(tmp_path / "state.json"), headless=True)
    await engine.start()
    try:
        async with app.run_test(size=(160, 40)):
            it = Desk(app, engine, World())
            await it.until(lambda: it.entry("hv1").condition.kind is ConditionKind.DENIED)
            await it.press("9", "home")
            await it.until_text("An address cannot hold a password.", "***@hv1")
            for keys in (("l",), ("escape", "i"), ("escape", "y"), ("enter",), (">",), (">",), ("1",), ("0",)):
                await it.press(*keys)
                assert PASSWORD not in it.text + app.clipboard, keys
    finally:
        await engine.stop()
    assert PASSWORD not in everything_in(tmp_path)


async def test_what_a_fault_of_the_program_tells_holds_no_value_and_no_escape() -> None:
    app = TerminalApp(headless=True)
    async with app.run_test():
        answer = PASSWORD
        try:
            raise ValueError(f"passwd='{answer}' \x1b]0;title\x07")  # noqa: TRY301 - as any bug
        except ValueError:
            app._fatal_error()
        (shown,) = app._exit_renderables
        assert isinstance(shown, Segments)
        told = "".join(segment.text for segment in shown.segments)
    assert "Traceback (most recent call last)" in told
    assert "ValueError: passwd=*** \\x1b]0;title\\x07" in told
    assert PASSWORD not in told


async def test_a_password_among_the_devices_of_a_new_vm_is_not_in_its_review(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    devices = tmp_path / "devices.xml"
    devices.write_text(f"<graphics type='vnc' port='-1' passwd='{PASSWORD}'/>")
    async with bench(tmp_path) as it:
        given = {"name": "new-1", **FULL, "devices": str(devices)}
        _, _, lines, document = await it.asked("vm.create", given)
        assert 'passwd="***"' in document
        assert PASSWORD not in document + "".join(lines)
        done = await it.do(**given)
        assert done.phase is TaskPhase.DONE
        (defined,) = [call.args[0] for call in it.world.calls if call.verb == "define"]
        assert f'passwd="{PASSWORD}"' in str(defined)
        assert PASSWORD not in repr(done) + it.engine.journal.path.read_text()


# --- rights


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def assert_private(folder: Path) -> None:
    """See that nobody else could read anything under a folder."""
    found = [folder, *folder.rglob("*")]
    for path in found:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            continue
        rights = stat.S_IMODE(mode)
        assert not rights & 0o077, (path, oct(rights))
        if stat.S_ISREG(mode) and path.suffix != "":
            assert rights in (0o600, 0o700), (path, oct(rights))


@pytest.mark.usefixtures("open_umask")
def test_files_are_their_users_alone_whatever_the_umask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, run = tmp_path / "home", tmp_path / "run"
    home.mkdir(mode=0o700)
    run.mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(home))
    for name in ("STATE_HOME", "CONFIG_HOME", "DATA_HOME", "CACHE_HOME"):
        monkeypatch.delenv(f"XDG_{name}", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(run))
    log = logs.set_up("debug")
    for _ in range(120):
        logging.getLogger("kvmtui").debug("x" * 19_000)
    journal = Journal(most_bytes=2000)
    task = TaskView("1", "c", "l", "h", "", "v", "", "u", TaskPhase.DONE, 1.0, message="m")
    for number in range(40):
        journal.begin(replace(task, id=str(number)))
        journal.end(replace(task, id=str(number)))
    state = StateFile()
    state.set("theme", "x")
    state.save()
    way = way_to(displays("<d><devices><graphics type='vnc' port='5900'/></devices></d>")[0], "qemu:///system")
    screen = _write(way, "web-1", PASSWORD)
    kept = {path.name for path in log.parent.iterdir()}
    assert {
        "kvmtui.log",
        "kvmtui.log.1",
        "journal.jsonl",
        "journal.jsonl.1",
        "journal.jsonl.lock",
        "state.json",
    } <= kept
    assert stat.S_IMODE(screen.stat().st_mode) == 0o600
    assert_private(home)
    assert_private(run)
    for handler in list(logging.getLogger().handlers):
        if isinstance(handler, logs._PrivateFile):
            logging.getLogger().removeHandler(handler)
            handler.close()


@pytest.mark.usefixtures("open_umask")
async def test_what_a_login_needs_is_its_users_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kvmtui.backend.libvirt import runtime
    from kvmtui.backend.libvirt.asking import AskingServer
    from kvmtui.backend.libvirt.ssh import Asks, write_wrapper

    run = tmp_path / "run"
    run.mkdir(mode=0o700)
    monkeypatch.setattr(runtime, "directory", lambda: run)
    monkeypatch.setattr(runtime, "unique", lambda prefix: run / f"{prefix}1")

    async def nobody(_prompt: Any) -> None:
        return None

    server = AskingServer(nobody)
    await server.start()
    write_wrapper("token", run / "m", Asks(server.program, server.address))
    assert_private(run)
    assert len(list(run.iterdir())) >= 3
    server.stop()


def test_the_program_itself_leaves_no_secret_and_no_open_file(tmp_path: Path) -> None:
    """With passwords in its environment, under an open umask."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    env |= {"HOME": str(tmp_path), "LIBVIRT_PASSWORD": PASSWORD, "SSHPASS": PASSWORD, "TERM": "xterm-256color"}
    env["XDG_RUNTIME_DIR"] = str(tmp_path / "run")
    (tmp_path / "run").mkdir(mode=0o700)
    program = "import os, sys; os.umask(0); from kvmtui.cli import main; sys.exit(main(sys.argv[1:]))"
    words = [sys.executable, "-c", program, "--log-level", "debug"]
    fleet = "demo:///?faults=none&pace=0"
    told = ""
    for verb in (("vm", "pause", "web-1", "--yes"), ("vm", "show", "web-1"), ("vms", "--json"), ("tasks", "--json")):
        done = subprocess.run(
            [*words, "-c", fleet, *verb], env=env, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        told += done.stdout + done.stderr
    assert PASSWORD not in told
    assert PASSWORD not in everything_in(tmp_path)
    tmp_path.chmod(0o700)
    assert_private(tmp_path)
    assert (tmp_path / ".local/state/kvmtui/journal.jsonl").exists()


def test_an_asyncio_that_is_watched_logs_no_answer(tmp_path: Path) -> None:
    """At the level of debug asyncio writes of its own; what it knows of a login are file numbers."""
    log = logs.set_up("debug", tmp_path / "log")

    async def work() -> None:
        future = asyncio.get_running_loop().create_future()
        future.set_result(f"password={PASSWORD}")
        logging.getLogger("asyncio").debug("done: %r", future)

    asyncio.run(work(), debug=True)
    assert PASSWORD not in log.read_text()
