"""What the program was told is understood, or refused with one sentence that says where and what."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvmtui import logs, paths
from kvmtui.config import Arguments, Settings, load
from kvmtui.config_table import Table
from kvmtui.core.errors import ConfigError, Unreachable
from kvmtui.core.inventory import Guard
from kvmtui.host_choice import Machine
from kvmtui.state_file import StateFile
from tests.fleet_lab import virtual

if TYPE_CHECKING:
    from collections.abc import Callable

BARE = Machine(hostname="desk")
FULL = """
label = "prod"
read_only = true
[ui]
theme = "nord"
refresh = 5
mouse = false
[hosts.hv1]
uri = "qemu+ssh://root@hv1.example.org/system"
groups = ["rack1"]
guard = "read-only"
[hosts.hv2]
uri = "qemu+tls://hv2/system"
[groups]
all = ["hv1", "hv2"]
[policy]
allowed_owners = ["nova"]
host_reserve = "4G"
[keys]
allow_single = true
"vm.force-off" = "! o"
[monitor]
resync = 120
backoff_most = 30.0
balloon_period = 10
[tasks]
parallel_per_host = 2
"""


def told(tmp_path: Path, text: str = "", machine: Machine = BARE, **arguments: object) -> Settings:
    """Load a configuration file of that text."""
    file = tmp_path / "config.toml"
    file.write_text(text)
    return load(Arguments(config=file, **arguments), machine=machine)  # type: ignore[arg-type]


def left_in(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


def uris(settings: Settings) -> list[str]:
    return [host.uri for host in settings.hosts]


def names(settings: Settings) -> list[str]:
    return [host.name for host in settings.hosts]


# --- the file --------------------------------------------------------------------------------


def test_everything_in_the_file_counts(tmp_path: Path) -> None:
    settings = told(tmp_path, FULL)
    assert settings.label == "prod"
    assert settings.read_only
    assert (settings.theme, settings.refresh, settings.mouse) == ("nord", 5.0, False)
    assert names(settings) == ["hv1", "hv2"]
    assert settings.hosts[0].guard is Guard.READ_ONLY
    assert settings.hosts[0].groups == ("rack1", "all")
    assert settings.hosts[1].groups == ("all",)
    assert settings.policy.allowed_owners == {"nova"}
    assert settings.policy.host_reserve == 4 << 30
    assert settings.keys == {"vm.force-off": "! o"}
    assert settings.allow_single
    assert (settings.resync, settings.backoff_most, settings.balloon_period) == (120.0, 30.0, 10)
    assert settings.parallel_per_host == 2


def test_without_a_file_everything_has_its_usual_value() -> None:
    settings = load(Arguments(connect=("test:///default",)), machine=BARE)
    assert settings.refresh == 2.0
    assert settings.balloon_period is None
    assert settings.keys == {}
    assert not settings.demo


def test_the_usual_place_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    paths.config_file().parent.mkdir(parents=True)
    paths.config_file().write_text('label = "lab"\n[hosts.a]\nuri = "test:///default"\n')
    settings = load(Arguments(), machine=BARE)
    assert settings.label == "lab"
    assert names(settings) == ["a"]


def test_the_command_line_overrides_the_file(tmp_path: Path) -> None:
    settings = told(tmp_path, FULL, theme="dracula", refresh=1.0, mouse=True, log_level="debug")
    assert (settings.theme, settings.refresh, settings.mouse, settings.log_level) == ("dracula", 1.0, True, "debug")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[ui]\nrefesh = 2", "unknown key `refesh` in [ui]; did you mean `refresh`?"),
        ("[ui]\nxyz = 2", "unknown key `xyz` in [ui]."),
        ("lable = 'prod'", "unknown key `lable` in the top of the file; did you mean `label`?"),
        ("[monitors]\nresync = 2", "unknown table [monitors]; did you mean `monitor`?"),
        (
            "[hosts.hv1]\nuri='test:///default'\ngard='ask'",
            "unknown key `gard` in [hosts.hv1]; did you mean `guard`?",
        ),
        (
            "[hosts.hv1]\nuri='test:///default'\n[groups]\nweb=['hv2']",
            "unknown host `hv2` in [groups] web; did you mean `hv1`?",
        ),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_real_one(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        told(tmp_path, text)
    assert refused.value.text == said
    assert str(tmp_path) in refused.value.hint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[ui]\nrefresh = 'fast'", '[ui] refresh: it is a number of seconds between 0.2 and 3600, not "fast".'),
        ("[ui]\nrefresh = true", "[ui] refresh: it is a number of seconds between 0.2 and 3600, not true."),
        ("[ui]\nrefresh = 0.001", "[ui] refresh: it is a number of seconds between 0.2 and 3600, not 0.001."),
        ("[ui]\nrefresh = nan", "[ui] refresh: it is a number of seconds between 0.2 and 3600, not NaN."),
        ("[ui]\ntheme = 3", "[ui] theme: it is a text in quotes, not 3."),
        ("[ui]\nmouse = 'no'", '[ui] mouse: it is true or false, not "no".'),
        ("ui = 3", "ui: it is a table, written [ui], not 3."),
        ('hosts.a = "x"', '[hosts] a: it is a table, written [hosts.a], not "x".'),
        ("[tasks]\nstop_after = 1.5", "[tasks] stop_after: it is a whole number between 1 and 10000, not 1.5."),
        ("[policy]\nhost_reserve = 'much'", '[policy] host_reserve: it is a size like "4G", not "much".'),
        (
            "[policy]\nallowed_owners = ['me']",
            '[policy] allowed_owners: each is one of nova, oVirt, KubeVirt, not "me".',
        ),
        ("[keys]\n'vm.start' = 3", "[keys] vm.start: it is a text in quotes, not 3."),
        (
            "[hosts.hv1]\nuri='test:///default'\nguard='none'",
            '[hosts.hv1] guard: it is one of read-only, ask, free, not "none".',
        ),
        ("[hosts.hv1]\nguard='ask'", "[hosts.hv1] needs a `uri`."),
    ],
)
def test_a_wrong_value_is_one_sentence_with_file_key_and_value(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        told(tmp_path, text)
    assert refused.value.text == f"{tmp_path / 'config.toml'}: {said}"


def test_a_file_from_another_editor_is_read(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b'\xef\xbb\xbflabel = "prod"\r\n[ui]\r\n\trefresh\t= 5\r\n')
    settings = load(Arguments(config=tmp_path / "config.toml", demo=""), machine=BARE)
    assert (settings.label, settings.refresh) == ("prod", 5.0)


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There is no configuration file"):
        load(Arguments(config=tmp_path / "none.toml"), machine=BARE)
    (tmp_path / "config.toml").write_bytes(b"label = '\xff'")
    with pytest.raises(ConfigError, match="is not UTF-8 at byte 9"):
        load(Arguments(config=tmp_path / "config.toml"), machine=BARE)
    with pytest.raises(ConfigError, match="is no TOML"):
        told(tmp_path, "label = ")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(Arguments(config=tmp_path), machine=BARE)
    with pytest.raises(ConfigError, match="is larger than 4 MiB"):
        load(Arguments(config=Path("/dev/zero")), machine=BARE)  # which never ends


@given(st.one_of(st.text(), st.floats(), st.integers(), st.booleans(), st.lists(st.integers(), max_size=3)))
def test_no_value_slips_through_the_bounds(value: object) -> None:
    table = Table("file", "ui", {"refresh": value})
    with suppress(ConfigError):
        assert 0.2 <= table.number("refresh", 2.0, 0.2, 3600.0) <= 3600.0


# --- which host ------------------------------------------------------------------------------


def test_addresses_named_on_the_command_line_come_first(tmp_path: Path) -> None:
    asked = ("qemu+ssh://root@hv9/system", "qemu:///system", "qemu+tcp://hv9:16510/system", "qemu:///system")
    settings = told(tmp_path, FULL, connect=asked)
    assert uris(settings) == list(dict.fromkeys(asked))
    assert names(settings) == ["hv9", "desk", "hv9-2"]


def test_hosts_and_groups_may_be_named_on_the_command_line(tmp_path: Path) -> None:
    assert names(told(tmp_path, FULL, connect=("hv2",))) == ["hv2"]
    assert names(told(tmp_path, FULL, connect=("all",))) == ["hv1", "hv2"]
    assert names(told(tmp_path, FULL, connect=("rack1", "test:///default"))) == ["hv1", "test"]
    with pytest.raises(ConfigError, match=r"no host or group `hv3` in .*; did you mean `hv\d`\?"):
        told(tmp_path, FULL, connect=("hv3",))


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("hv3", "qemu+ssh://root@hv3/system"),
        ("ann@hv3.example.org", "qemu+ssh://ann@hv3.example.org/system"),
        ("hv3; reboot", "qemu+ssh://root@hv1/system"),
    ],
)
def test_a_name_where_no_host_is_configured_is_answered_with_an_address(tmp_path: Path, word: str, meant: str) -> None:
    with pytest.raises(ConfigError) as raised:
        told(tmp_path, connect=(word,))
    assert "is no address, and no host of that name is configured" in raised.value.text
    assert raised.value.hint == f"Write an address like {meant}."


def test_a_given_address_of_a_configured_host_is_not_opened_twice(tmp_path: Path) -> None:
    settings = told(tmp_path, FULL, connect=("hv2", "qemu+tls://hv2/system"))
    assert names(settings) == ["hv2"]


@pytest.mark.parametrize(
    ("machine", "uri"),
    [
        (Machine("desk", "qemu+tcp://hv7/system", system_socket=True, daemon=True), "qemu+tcp://hv7/system"),
        (Machine("desk", system_socket=True, daemon=True), "qemu:///system"),
        (Machine("desk", system_socket=True), "qemu:///system"),
        (Machine("desk", daemon=True), "qemu:///session"),
    ],
)
def test_without_a_configured_host_it_is_this_machines(tmp_path: Path, machine: Machine, uri: str) -> None:
    for headless in (False, True):
        settings = told(tmp_path, machine=machine, headless=headless)
        assert uris(settings) == [uri]
        assert not settings.demo
    assert names(told(tmp_path, FULL, machine=machine)) == ["hv1", "hv2"]


def test_without_any_libvirt_the_screen_shows_the_demo_and_says_why_in_one_line(tmp_path: Path) -> None:
    settings = told(tmp_path)
    assert settings.demo
    assert settings.demo_why.startswith("No libvirt here: this is a demo.")
    assert len(settings.demo_why) <= 80
    assert len(settings.hosts) >= 3


def test_headless_verbs_never_fall_back_to_the_demo(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="There is no libvirt on this machine"):
        told(tmp_path, headless=True)


def test_a_demo_that_was_asked_for_has_its_size_and_no_excuse(tmp_path: Path) -> None:
    settings = told(tmp_path, FULL, demo="50x5000")
    assert settings.demo
    assert settings.demo_why == ""
    assert len(settings.hosts) == 50
    assert settings.hosts[49].name == "hv50"
    for wrong in ("50", "x5", "0x5", "5x", "50 x 5", "99999x1", "1x1000000"):
        with pytest.raises(ConfigError, match="--demo takes HOSTSxVMS"):
            told(tmp_path, demo=wrong)
    with pytest.raises(ConfigError, match="exclude each other"):
        told(tmp_path, demo="", connect=("qemu:///system",))


def test_a_demo_fleet_beside_a_real_host_is_not_called_a_demo(tmp_path: Path) -> None:
    settings = told(tmp_path, connect=("demo:///?hosts=2&vms=4", "test:///default"))
    assert names(settings) == ["hv1", "hv2", "test"]
    assert not settings.demo


def test_an_address_that_would_run_a_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        told(tmp_path, connect=("qemu+ssh://hv1/system?command=/tmp/evil",))
    with pytest.raises(ConfigError):
        told(tmp_path, "[hosts.a]\nuri = 'qemu+ext://hv1/system?command=/tmp/evil'")


@pytest.mark.parametrize("name", ["a/b", "a:b", "", " a", "a\\u001bb"])
def test_a_hosts_name_can_be_typed_and_shown(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="a host's name"):
        told(tmp_path, f'[hosts."{name}"]\nuri = "test:///default"')


# --- what is remembered, and the log ---------------------------------------------------------


@virtual
async def test_what_is_remembered_is_written_once_after_a_rest(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    state = StateFile(path)
    for number in range(50):
        state.set("sort", number)
        await asyncio.sleep(0.1)
    assert not path.exists()
    await asyncio.sleep(1.1)
    assert json.loads(path.read_text()) == {"sort": 49}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert StateFile(path).get("sort") == 49
    assert left_in(tmp_path) == ["state.json"]


def test_two_programs_keep_each_others_keys(tmp_path: Path) -> None:
    one, other = StateFile(tmp_path / "s"), StateFile(tmp_path / "s")
    one.set("theme", "nord")
    one.save()
    other.set("place", ["hv1"])
    other.save()
    assert StateFile(tmp_path / "s").get("theme") == "nord"
    assert StateFile(tmp_path / "s").get("place") == ["hv1"]


@pytest.mark.parametrize("text", ["", "{", "[1]", "\x00", '{"a":' * 5000])
def test_a_state_file_that_is_broken_is_ignored_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    path = tmp_path / "state.json"
    path.write_text(text)
    state = StateFile(path)
    assert state.get("sort", "name") == "name"
    assert "is ignored" in caplog.text
    state.set("sort", "cpu")
    state.save()
    assert StateFile(path).get("sort") == "cpu"


def test_a_state_that_cannot_be_written_is_only_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "s").mkdir()
    state = StateFile(tmp_path / "s")
    state.set("sort", "cpu")
    state.save()
    assert "could not be written" in caplog.text
    assert state.get("sort") == "cpu"


def test_the_log_is_private_and_harmless_to_read(tmp_path: Path) -> None:
    path = logs.set_up("info", tmp_path / "kvmtui.log")
    try:
        logging.getLogger("kvmtui.x").info("a name: %s", "evil\x1b[2J\x9b")
        logging.getLogger("kvmtui.x").debug("not this")
    finally:
        root = logging.getLogger()
        for handler in [one for one in root.handlers if type(one).__name__ == "_PrivateFile"]:
            root.removeHandler(handler)
            handler.close()
        root.setLevel(logging.WARNING)
    text = path.read_text()
    assert "a name: evil" in text
    assert "\x1b" not in text
    assert "\x9b" not in text
    assert "not this" not in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("kept", [paths.journal_file, paths.remembered_file, paths.log_file])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(
    kept: Callable[[], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    file = kept()
    assert file.parent == tmp_path / "kvmtui"
    os.mkfifo(file)
    with pytest.raises(ConfigError, match=r"is no file\. Remove it"):
        kept()


def test_a_home_that_cannot_be_written_to_keeps_nobody_from_looking(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/proc/nobody")
    assert paths.state_dir() == Path("/proc/nobody/.local/state/kvmtui")
    StateFile().save()
    with pytest.raises(OSError, match="No such file"):
        logs.set_up("info")
    own = logging.Logger("kvmtui.y")  # noqa: LOG001 - one without any handler, as the program's are then
    own.warning("nothing of this reaches the screen")
    assert capfd.readouterr() == ("", "")


def test_a_user_without_any_home_is_told_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_app: str) -> Path:
        raise RuntimeError("could not determine the home directory")

    for found in (unknown, lambda _app: Path("~/.config/kvmtui")):
        monkeypatch.setattr("platformdirs.user_config_path", found)
        with pytest.raises(ConfigError, match=r"No home folder is known .* Set HOME"):
            load(Arguments(), machine=BARE)


def test_a_folder_for_sockets_that_cannot_be_looked_into_is_another_users(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    closed = tmp_path / "file"
    closed.write_text("")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(closed / "below"))
    assert paths.runtime_dir() == Path(f"/tmp/kvmtui-{os.geteuid()}")


def test_the_folder_for_sockets_is_private(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = paths.runtime_dir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    path.chmod(0o755)
    assert stat.S_IMODE(paths.runtime_dir().stat().st_mode) == 0o700
    path.rmdir()
    path.symlink_to(tmp_path)
    with pytest.raises(ConfigError, match="belongs to somebody else"):
        paths.runtime_dir()


@pytest.mark.parametrize(
    "table", ["", "[ui]", "[monitor]", "[tasks]", "[policy]", "[hosts.hv1]\nuri = 'test:///default'"]
)
def test_a_name_that_is_not_known_is_refused_in_every_table(tmp_path: Path, table: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"{table}\nnothing_of_ours = 1\n")
    with pytest.raises(ConfigError, match="nothing_of_ours"):
        load(Arguments(config=path, demo=""))
