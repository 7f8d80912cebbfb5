"""A newcomer's first minutes: no libvirt, no rights, no VMs, a host that is down, a slip in the configuration."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.real.lab import Host, until
from tests.real.program import KVMTUI, Home, Program, kvmtui

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOWHERE = "qemu+tcp://10.77.0.99/system"
HIDE = """
mount --make-rprivate /
mount -t tmpfs none /run/libvirt
for file in {files}; do [ ! -e "$file" ] || mount --bind /dev/null "$file"; done
exec "$@"
"""
DAEMONS = tuple(f"{folder}/{name}" for folder in ("/usr/sbin", "/usr/bin") for name in ("libvirtd", "virtqemud"))
GROUP = r"Join the group libvirt: sudo usermod -aG libvirt \$USER, then log in again; or run as root\."


def without(*files: str | Path) -> list[str]:
    """What runs a command on this machine as if it had no libvirt daemon, and these files were empty."""
    Path("/run/libvirt").mkdir(exist_ok=True)
    hidden = " ".join(f"'{file}'" for file in (*DAEMONS, *files))
    return ["unshare", "--mount", "sh", "-ec", HIDE.format(files=hidden), "sh"]


def run(
    home: Home, argv: Sequence[str], *arguments: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a headless verb to its end."""
    return subprocess.run(
        [*argv, KVMTUI, *arguments],
        env={**os.environ, **home.environment, **(env or {})},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def one_line(program: Program) -> str:
    """The screen as one line: a sentence may be broken between any two words."""
    return " ".join(program.text().split())


def ends(program: Program) -> str:
    """Wait until it has left by itself, with the terminal as it was, and return what it said."""
    until(lambda: program.process.poll() is not None, "the program ends", timeout=60)
    until(program.is_restored, "the terminal is as it was before", timeout=10)
    program.wait_quiet(0.2)
    assert "Traceback" not in program.text()
    return one_line(program)


@pytest.fixture
def nothing() -> Home:
    """A home without any configuration."""
    home = Home({})
    (home.folder / "config/kvmtui/config.toml").unlink()
    return home


def test_without_libvirt_it_shows_the_demo_and_says_so(nothing: Home) -> None:
    bare = without()
    with Program(nothing, argv=[*bare, KVMTUI], size=(80, 24)) as program:
        program.wait(r"^DEMO RW +hosts 3/3", timeout=60)
        program.wait("^No libvirt here: this is a demo. -c URI opens a host; `kvmtui doctor` says more.$")
        program.keys("j", "j")
        program.leave()
    listed = run(nothing, bare, "vms")
    assert (listed.returncode, listed.stdout) == (3, "")
    assert "There is no libvirt on this machine, and no host was named. Install libvirt-daemon-system" in listed.stderr
    told = run(nothing, bare, "doctor", "--json")
    found = {one["name"]: one for one in json.loads(told.stdout)["findings"]}
    assert found["daemon"]["mend"].startswith("sudo ")
    assert found["hosts"]["text"].startswith("No host is named, and this machine has no libvirt")
    assert "Traceback" not in told.stderr


def test_without_libvirts_library_one_sentence_says_what_to_install(nothing: Home) -> None:
    (binding,) = Path(sysconfig.get_path("platlib")).glob("libvirtmod.*.so")
    bare = without(binding)
    with Program(nothing, "-c", NOWHERE, argv=[*bare, KVMTUI], size=(80, 24)) as program:
        said = ends(program)
        assert program.process.returncode == 1
        assert said.startswith("kvmtui: libvirt's client library cannot be loaded:")
        assert "Install libvirt0" in said
    with Program(nothing, "--demo", argv=[*bare, KVMTUI], size=(80, 24)) as program:
        program.wait(r"^DEMO RW +hosts 3/3", timeout=60)
        program.leave()
    told = run(nothing, bare, "doctor")
    assert told.returncode == 1
    assert "libvirt0" in told.stdout


def test_without_rights_it_says_which_group_to_join(own_host: Host, nothing: Home) -> None:
    config = own_host.folder / "etc/libvirtd.conf"
    config.write_text(config.read_text() + 'unix_sock_rw_perms = "0770"\nunix_sock_ro_perms = "0770"\n')
    own_host.restart()
    nothing.folder.chmod(0o777)
    other = own_host.command_of_other()
    with Program(nothing, argv=[*other, KVMTUI], size=(80, 24)) as program:
        program.wait(rf"^ x {own_host.name} +denied: This user may not open libvirt's socket", timeout=60)
        program.wait(r"hosts 0/1 +VMs - +1 PROBLEM")
        until(
            lambda: (
                "This user may not open libvirt's socket on this machine. Join the group libvirt: sudo usermod"
                in one_line(program)
            ),
            "the first screen says in full what to do",
        )
        program.leave()
    told = run(nothing, other, "doctor", "--json")
    found = {one["name"]: one for one in json.loads(told.stdout)["findings"]}
    assert told.returncode == 1
    assert found["socket"]["verdict"] == "bad"
    assert found["socket"]["mend"].startswith("sudo usermod -aG ")
    assert "Join the group libvirt" in found[own_host.name]["mend"]
    listed = run(nothing, other, "vms")
    assert (listed.returncode, listed.stdout) == (3, "")
    assert "Join the group libvirt: sudo usermod -aG libvirt $USER" in listed.stderr


def test_where_polkit_says_no_it_says_which_group_to_join(own_host: Host, nothing: Home) -> None:
    config = own_host.folder / "etc/libvirtd.conf"
    config.write_text(config.read_text().replace('auth_unix_rw = "none"', 'auth_unix_rw = "polkit"'))
    own_host.restart()
    nothing.folder.chmod(0o777)
    other = own_host.command_of_other()
    with Program(nothing, argv=[*other, KVMTUI], size=(80, 24)) as program:
        program.wait(rf"^ x {own_host.name} +denied: ", timeout=60)
        until(lambda: "Join the group libvirt: sudo usermod" in one_line(program), "it says which group to join")
        program.leave()
    listed = run(nothing, other, "vms")
    assert (listed.returncode, listed.stdout) == (3, "")
    assert "Join the group libvirt" in listed.stderr


def test_without_vms_it_says_how_to_make_one(own_host: Host) -> None:
    home = Home({own_host.name: own_host.uri, "gone": NOWHERE})
    with Program(home, "-c", own_host.name, size=(80, 24)) as program:
        program.wait(r"hosts 1/1 +VMs 0 on", timeout=60)
        program.wait("No VMs yet: n n makes one.")
        program.keys("n", "n")
        program.wait("^ New VM")
        program.wait(r"name \*")
        program.keys("escape")
        program.wait_gone("^ New VM")
        program.leave()
    with Program(home, size=(80, 24)) as program:
        program.wait_host("gone", "down since .*: There is no route to 10.77.0.99", timeout=60)
        program.wait_host(own_host.name, r"\d+ %")
        until(
            lambda: (
                "None of the hosts that answer has VMs; n n makes one. gone: down since" in one_line(program)
                and "Is it on, and on this network?" in one_line(program)
            ),
            "the empty list says what is there and what is not",
        )
        program.leave()
    listed = kvmtui("vms", home=home)
    assert (listed.returncode, listed.stdout) == (0, "")
    assert "There is no route to 10.77.0.99" in listed.stderr
    assert "There are no VMs yet." in listed.stderr


SLIPS: Mapping[str, tuple[str, tuple[str, ...], str]] = {
    "a key that does not exist": (
        "[ui]\nrefesh = 2\n",
        (),
        "kvmtui: unknown key `refesh` in [ui]; did you mean `refresh`?",
    ),
    "a bracket that is missing": ("[ui\n", (), "is no TOML"),
    "a transport that does not exist": (
        '[hosts.hv1]\nuri = "qemu+shs://hv1/system"\n',
        (),
        "uses the transport 'shs', which kvmtui does not open. Use ssh, tls, tcp or unix.",
    ),
    "a host that is not there": (
        f'[hosts.hv1]\nuri = "{NOWHERE}"\n',
        ("-c", "hv3"),
        "no host or group `hv3` in",
    ),
    "a file that is not there": ("", ("--config", "/nowhere.toml"), "kvmtui: There is no configuration file /nowhere"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_one_sentence_and_the_terminal_is_as_before(nothing: Home, slip: str) -> None:
    text, arguments, said = SLIPS[slip]
    (nothing.folder / "config/kvmtui/config.toml").write_text(text)
    with Program(nothing, *arguments, size=(80, 24)) as program:
        seen = ends(program)
        assert program.process.returncode == 2
        assert said.replace(" ", "") in seen.replace(" ", "")


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_terminal_that_cannot_be_drawn_on_is_left_alone(nothing: Home, term: str) -> None:
    with Program(nothing, "--demo", size=(80, 24), env={"TERM": term}) as program:
        seen = ends(program)
        assert program.process.returncode == 1
        assert f"TERM is {term or 'not set'}: the screen cannot be drawn in such a terminal." in seen
        assert "export TERM=xterm-256color" in seen


def test_a_terminal_that_is_too_small_is_told_how_much_it_lacks(nothing: Home) -> None:
    with Program(nothing, "--demo", size=(50, 12)) as program:
        until(
            lambda: "kvmtui needs 60 columns and 15 lines, and this terminal has 50 and 12" in one_line(program),
            "it says how much room it needs",
            timeout=60,
        )
        program.resize(80, 24)
        program.wait("hosts 3/3", timeout=60)
        program.leave()


def test_what_the_doctor_says_mends_a_host_without_storage_and_network(own_host: Host, nothing: Home) -> None:
    def looked_at() -> dict[str, tuple[str, str]]:
        told = run(nothing, [], "doctor", "--json", "-c", own_host.uri)
        found = json.loads(told.stdout)["findings"]
        return {one["text"]: (one["verdict"], one["mend"]) for one in found if one["area"] == "hosts"}

    for kind in ("net", "pool"):
        own_host.virsh(f"{kind}-destroy", "default")
        own_host.virsh(f"{kind}-undefine", "default")
    found = looked_at()
    mends = [mend for _, mend in found.values() if mend]
    assert len(mends) == 2, found
    for mend in mends:
        done = subprocess.run(["sh", "-c", mend], capture_output=True, text=True, timeout=90, check=False)
        assert done.returncode == 0, f"{mend}: {done.stderr}"
    assert not [text for text, (_, mend) in looked_at().items() if mend]
