"""Nothing runs: each word of a line that can be pasted is one word, and no address makes ssh run anything."""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from kvmtui.backend.base import Display
from kvmtui.backend.libvirt import uri
from kvmtui.commands.base import Noun, Target
from kvmtui.commands.making_lines import upload_lines
from kvmtui.commands.registry import of_noun
from kvmtui.commands.ways import way_to
from kvmtui.core.errors import ConfigError
from kvmtui.core.inventory import VmState
from tests.hostile.corpus import TEXTS, of

if TYPE_CHECKING:
    from pathlib import Path

    from kvmtui.commands.base import Command

UUID = "8bb653f1-039f-4f4c-9715-d02e27570463"
URI = "qemu+ssh://root@hv1/system"


def a_target(name: str, address: str = URI) -> Target:
    return Target("hv1", "host", UUID, name, VmState.RUNNING, address)


def calls_of(line: str) -> list[list[str]]:
    """Return the words of each call of a line, as a shell would part them."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    calls: list[list[str]] = [[]]
    for word in lexer:
        if word == "&&":
            calls.append([])
        else:
            calls[-1].append(word)
    return calls


@pytest.mark.parametrize("command", of_noun(Noun.VM), ids=lambda one: one.id)
def test_a_printed_line_is_virsh_with_the_words_that_are_meant(command: Command) -> None:
    for name in TEXTS:
        answers = {question.name: question.initial for question in command.questions}
        if command.id == "vm.migrate":
            answers["to"] = name
        for key in ("name", "title", "description"):
            if key in answers:
                answers[key] = name
        if "tags" in answers:
            answers["tags"] = name
        line = command.virsh(a_target(name), answers)
        for words in calls_of(line):
            assert words[:3] == ["virsh", "-c", URI], line
            assert not words[3].startswith("-")
            vm = words[4] if words[4] != "--live" else UUID
            assert vm in (name, UUID) or command.id == "vm.migrate", line
            assert vm == UUID or (vm.isascii() and vm[0].isalpha()), line


def test_what_looks_like_an_option_is_given_as_a_text() -> None:
    rows = {command.id: command for command in of_noun(Noun.VM)}
    for text in ("--help", "-rf", "--edit"):
        renamed = shlex.split(rows["vm.rename"].virsh(a_target("web"), {"name": text}))
        assert renamed[-2:] == ["--new-name", text]
        described = calls_of(rows["vm.describe"].virsh(a_target("web"), {"title": text, "description": text}))
        assert [words[-2:] for words in described] == [["--new-desc", text]] * 2
        for line in upload_lines(a_target("web"), f"/iso/{text}", text):
            words = shlex.split(line)
            assert all(words[at - 1] in ("--pool", "--vol", "--name") for at, word in enumerate(words) if word == text)


def test_a_shell_runs_none_of_it(tmp_path: Path) -> None:
    """A real shell reads the lines, with a virsh that only writes down its words."""
    fake = tmp_path / "virsh"
    fake.write_text('#!/bin/sh\nfor word; do printf "%s\\n" "$word" | tr "\\n" "~"; printf "|"; done\necho\n')
    fake.chmod(0o755)
    names = [
        text
        for text in (*of("commands"), *of("markup")[::3], *of("shapes")[::3])
        if "\0" not in text and len(text) < 500
    ]
    rows = {command.id: command for command in of_noun(Noun.VM)}
    lines = [rows["vm.describe"].virsh(a_target(name), {"title": name, "description": name}) for name in names]
    lines += [line for name in names for line in upload_lines(a_target("x"), "/nowhere/x.iso", name or "p", name)]
    done = subprocess.run(
        ["sh", "-c", "\n".join(lines)],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    said = [line for line in done.stderr.decode().splitlines() if "/nowhere/x.iso" not in line]
    assert said == []
    assert done.stdout.count(b"\n") == 4 * len(names)
    assert [path.name for path in tmp_path.iterdir()] == ["virsh"]


BAD_ADDRESSES = [
    "qemu+ssh://-oProxyCommand=touch%20x/system",
    "qemu+ssh://host;reboot/system",
    "qemu+ssh://host$(reboot)/system",
    "qemu+ssh://`reboot`/system",
    "qemu+ssh://user;x@host/system",
    "qemu+ssh://-oProxyCommand=x@host/system",
    "qemu+ssh://host/system?command=/tmp/evil",
    "qemu+ssh://host/system?netcat=/tmp/evil",
    "qemu+ssh://host/system?socket=/a;b",
    "qemu+ssh://host/system?keyfile=/a'b",
    "qemu+ssh://host/system?keyfile=-oX",
    "qemu+ssh://host/system?known_hosts=/dev/null&known_hosts_verify=ignore",
    "qemu+ext://host/system?command=/bin/sh",
    "qemu+libssh2://host/system",
    "qemu+unix:///system?socket=/a b",
    "qemu://host/system?pkipath=../x",
    "qemu+ssh://user:secret@host/system",
    "qemu+ssh://host/../../etc",
    "qemu+ssh://host:99999/system",
    "qemu+ssh://[::1/system",
    "lxc:///",
    "xen:///",
    "esx://x/",
    "test:///default;x",
    "test+ssh://host/-x y",
]


def test_an_address_is_harmless_or_refused() -> None:
    for text in BAD_ADDRESSES:
        with pytest.raises(ConfigError):
            uri.check(text)
    for text in TEXTS:
        forms = (
            text,
            f"qemu+ssh://{text}/system",
            f"qemu+ssh://{text}@hv1/system",
            f"qemu+ssh://hv1/{text}",
            f"qemu+ssh://hv1/system?{text}",
            f"qemu+ssh://hv1/system?keyfile={text}",
            f"qemu+ssh://hv1/system?socket={text}",
            f"qemu+unix:///system?socket={text}",
            f"qemu+tls://hv1/system?pkipath={text}",
        )
        for form in forms:
            try:
                address = uri.parse(form)
            except ConfigError:
                continue
            assert uri.parse(address.text()) == address
            assert not set(address.host) & set(" ;&|<>$`'\"\\(){}*?!~#\n")
            assert not address.host.startswith("-")
            assert not address.user.startswith("-")
            assert all(value.startswith("/") or value.isalnum() for _, value in address.parameters), form


@pytest.mark.parametrize("address", ["qemu:///system", URI, "qemu+tcp://hv1/system", "test:///default"])
def test_the_way_to_a_screen_is_words_or_nothing(address: str) -> None:
    for text in TEXTS:
        for display in (
            Display("vnc", text, 5900, None, "", ""),
            Display("vnc", "", None, None, text, ""),
            Display("vnc", "", None, None, f"/run/{text}", ""),
            Display(text, "127.0.0.1", 5900, 5901, "", ""),
        ):
            way = way_to(display, address)
            assert shlex.split(way.line) == list(way.tunnel)
            for word in way.tunnel[1:]:
                assert not word.startswith("-o")
                assert not set(word) & set("!,;$`\n%'\"") or word.startswith("TCP-LISTEN:")
            if way.tunnel[:1] == ("socat",):
                assert way.tunnel[2].startswith("UNIX-CONNECT:/")


def test_a_refused_address_is_one_sentence_without_its_password() -> None:
    for text in BAD_ADDRESSES:
        with pytest.raises(ConfigError) as refusal:
            uri.parse(text)
        assert refusal.value.text.endswith(".")
        assert "\n" not in refusal.value.text
        assert "secret" not in str(refusal.value)
