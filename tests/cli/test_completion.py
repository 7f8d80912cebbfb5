"""Completion in a shell: what is offered behind each word, and that no name becomes a command."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kvmtui.cli.arguments import SHELLS
from kvmtui.cli.completion import places, plain
from kvmtui.commands.base import Noun
from kvmtui.commands.registry import of_noun
from kvmtui.core.inventory import TaskPhase, TaskView
from kvmtui.journal import Journal
from kvmtui.theme import PLAIN, SIXTEEN, THEMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.shell import Shell

    Offered = Callable[..., list[str]]

HOSTILE = "$(touch hit)"
DRIVER = """
source ./script
COMP_WORDS=(kvmtui "$@")
COMP_CWORD=$#
_kvmtui kvmtui "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def printed(command: list[str], folder: Path, environ: dict[str, str]) -> str:
    """Return what a shell prints, which complains of nothing."""
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    return done.stdout


@pytest.fixture
def typing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of somebody who types at a shell, with a configuration and a journal."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    config = tmp_path / "config/kvmtui/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(
        f"[hosts.hv1]\nuri = 'x:'\ngroups = ['row', '{HOSTILE}']\n[hosts.hv2]\nuri = 'x:'\n[hosts.'{HOSTILE}']\n"
        "[groups]\nrack = ['hv1']\n"
    )
    journal = Journal(tmp_path / "state/kvmtui/journal.jsonl")
    (tmp_path / "state/kvmtui").mkdir(parents=True)
    for at, (vm, command) in enumerate(
        (("web-1", "vm.start"), ("db-1", "vm.start"), ("old", "vm.start"), ("old", "vm.delete"), (HOSTILE, "vm.start"))
    ):
        task = TaskView(f"t{at}", command, "does", "hv1", "", vm, "", "ann", TaskPhase.DONE, float(at), float(at))
        journal.begin(task)
        journal.end(task)
    program = Path(sys.executable).parent
    return {**os.environ, "PATH": f"{program}:{os.environ['PATH']}", "HOME": str(tmp_path)}


@pytest.fixture
def offered(kvmtui: Shell, tmp_path: Path, typing: dict[str, str]) -> Offered:
    """What bash offers for the last of the words of a command line."""
    (tmp_path / "script").write_text(kvmtui.bare("completion", "bash").out)

    def ask(*words: str) -> list[str]:
        return printed(["bash", "--norc", "-c", DRIVER, "bash", *words], tmp_path, typing).split()

    return ask


def test_bash_offers_what_may_stand_there(offered: Offered) -> None:
    assert offered("v") == ["vms", "vm", "volume"]
    assert offered("vm", "sh") == ["show", "shutdown"]
    assert set(offered("vm", "shutdown", "web-1", "--")) >= {"--mode", "--timeout", "--yes", "--json", "--connect"}
    assert offered("vm", "shutdown", "web-1", "--mode", "") == ["default", "acpi", "agent"]
    assert offered("vm", "destroy", "--y") == ["--yes"], "virsh's words lead to the same"
    assert offered("--demo", "vms", "--so") == ["--sort"]
    assert offered("vms", "--sort", "stea") == ["steal"]
    assert offered("vms", "--columns", "name,stea") == ["name,steal"]
    assert offered("--log-level", "=", "d") == ["debug"]
    assert offered("--theme", "high") == ["high-contrast"]
    assert offered("completion", "") == ["bash", "zsh", "fish"]
    assert offered("--theme", "vm", "v") == ["vms", "vm", "volume"], "a value is no verb"
    assert offered("volume", "upload", "scr") == ["script"]


def test_bash_offers_hosts_of_the_configuration_and_vms_of_the_journal(offered: Offered, tmp_path: Path) -> None:
    assert offered("-c", "") == ["hv1", "hv2", "rack", "row"]
    assert offered("vm", "migrate", "web-1", "--to", "") == ["hv1", "hv2"], "a VM moves to a host, not to a group"
    assert offered("vm", "migrate", "web-1", "--to", "=", "") == ["hv1", "hv2"], "so bash parts --to="
    assert offered("vm", "migrate", "web-1", "--to", "=") == ["hv1", "hv2"]
    assert offered("vm", "start", "") == ["db-1", "web-1"], "the newest first; what was deleted is gone"
    assert offered("vm", "start", "w") == ["web-1"]
    assert not (tmp_path / "hit").exists()


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
def test_fish_offers_the_same(kvmtui: Shell, tmp_path: Path, typing: dict[str, str]) -> None:
    folder = tmp_path / "config/fish/completions"
    folder.mkdir(parents=True)
    (folder / "kvmtui.fish").write_text(kvmtui.bare("completion", "fish").out)

    def ask(line: str) -> list[str]:
        told = printed(["fish", "-c", f"complete -C '{line}'"], tmp_path, typing)
        return [offer.partition("\t")[0] for offer in told.splitlines()]

    assert ask("kvmtui vm sh") == ["show", "shutdown"]
    assert ask("kvmtui vm destroy --y") == ["--yes"]
    assert ask("kvmtui vms --columns name,stea") == ["name,steal"]
    assert ask("kvmtui -c ") == ["hv1", "hv2", "rack", "row"]
    assert ask("kvmtui vm migrate web-1 --to=") == ["--to=hv1", "--to=hv2"]
    assert set(ask("kvmtui vm start ")) == {"db-1", "web-1"}
    assert not (tmp_path / "hit").exists()


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("kvmtui vm shutd", "kvmtui vm shutdown "),
        ("kvmtui vm destroy --y", "kvmtui vm destroy --yes "),
        ("kvmtui vms --columns name,stea", "kvmtui vms --columns name,steal "),
        ("kvmtui -c ra", "kvmtui -c rack "),
        ("kvmtui --log-level=d", "kvmtui --log-level=debug "),
        ("kvmtui vm start w", "kvmtui vm start web-1 "),
    ],
)
def test_zsh_completes_what_is_typed(
    kvmtui: Shell, tmp_path: Path, typing: dict[str, str], typed: str, line: str
) -> None:
    (tmp_path / "_kvmtui").write_text(kvmtui.bare("completion", "zsh").out)
    # A widget of its own writes what stands in the line behind the tabulator, so that no screen has to be read.
    (tmp_path / ".zshrc").write_text(
        "fpath=(~ $fpath); autoload -U compinit; compinit -u -D\n"
        "said() { zle expand-or-complete; print -rn -- $BUFFER > ~/line.new; mv ~/line.new ~/line }\n"
        "zle -N said; bindkey '^I' said; print -n ready > ~/ready\n"
    )
    ours, its = os.openpty()
    shell = subprocess.Popen(
        ["zsh", "-d", "-i"],
        cwd=tmp_path,
        env={**typing, "ZDOTDIR": str(tmp_path), "TERM": "vt100"},
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
    )
    os.close(its)
    try:
        _until(tmp_path / "ready", ours)
        os.write(ours, f"{typed}\t".encode())
        assert _until(tmp_path / "line", ours) == line
    finally:
        shell.kill()
        shell.wait()
        os.close(ours)


def _until(file: Path, terminal: int) -> str:
    """Return what a file holds as soon as it is there; what the terminal shows meanwhile is read away."""
    deadline = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < deadline, f"{file.name} is not written"
        if select.select([terminal], [], [], 0.05)[0]:
            os.read(terminal, 65536)
    return file.read_text()


def test_the_themes_that_are_offered_are_ours() -> None:
    (takes,) = {one.takes for place in places() for one in place.options if "--theme" in one.names}
    shown = {theme.name for theme in THEMES} - {SIXTEEN, PLAIN}
    assert set(takes) == shown | {"ansi"}


def test_a_name_that_a_shell_would_obey_is_not_offered() -> None:
    hostile = ["a b", "-x", "$(x)", "`x`", "a;b", "a\nb", "a'b", "*", "~", "", "x" * 200, "\x1b[2J", "web-1\n"]
    assert plain([*hostile, "web-1", "a.b_c+d"]) == ["web-1", "a.b_c+d"]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_script_has_every_verb_and_option(kvmtui: Shell, shell: str, tmp_path: Path) -> None:
    done = kvmtui.bare("completion", shell)
    assert (done.code, done.err) == (0, "")
    verbs = {name for place in places() for name, _ in place.verbs}
    assert {row.verb for row in of_noun(Noun.VM) if row.headless} | {
        "hosts",
        "vms",
        "tasks",
        "doctor",
        "create",
    } <= verbs
    for verb in verbs:
        assert verb in done.out
    for place in places():
        for option in place.options:
            for name in option.names:
                assert (name if shell != "fish" else name.lstrip("-")) in done.out, name
    script = tmp_path / "script"
    script.write_text(done.out)
    if shutil.which(shell):  # its own reader judges where it is installed
        subprocess.run([shell, "-n", str(script)], check=True, timeout=30)


def test_names_are_offered_without_a_configuration_and_with_a_broken_one(
    kvmtui: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert kvmtui.bare("completion", "hosts") == (0, "", "")
    assert kvmtui.bare("completion", "vms") == (0, "", "")
    (tmp_path / "kvmtui").mkdir(exist_ok=True)
    (tmp_path / "kvmtui/config.toml").write_bytes(b"[hosts\xff")
    assert kvmtui.bare("completion", "hosts") == (0, "", "")


def test_an_unknown_shell_is_said(kvmtui: Shell) -> None:
    done = kvmtui.bare("completion", "tcsh")
    assert done.code == 2
    assert "bash, zsh, fish" in done.err
