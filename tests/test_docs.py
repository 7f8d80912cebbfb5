"""The guide says what the program has: every id, key, field and verb, and its examples can be run."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from kvmtui.backend.libvirt import errors
from kvmtui.backend.libvirt.uri import _ALLOWED
from kvmtui.cli.arguments import parse
from kvmtui.cli.listing import listing
from kvmtui.cli.output import Exit
from kvmtui.commands.base import Noun
from kvmtui.commands.registry import ALL, DEFAULT, of_noun
from kvmtui.commands.table import renewed as commands_renewed
from kvmtui.config import Arguments, load
from kvmtui.core.fields import HOST_FIELDS, TASK_FIELDS, VM_FIELDS
from kvmtui.core.filters import parse as parse_filter
from kvmtui.host_choice import Machine
from kvmtui.screens import keymap
from kvmtui.screens.actions import GO, GRAPHS, LIST, MARK, PANES, TABS, XML
from scripts.screenshots import SHOTS
from scripts.tables import GROUPS, names_in, renewed, settings, settings_in

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))
NAMES = [page.name for page in PAGES]
GUIDE = {page.name: page.read_text("utf-8") for page in PAGES}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)", re.MULTILINE)
BARE = Machine(hostname="desk")
VARIES = re.compile(
    r"\bhv\d|\bweb-\d|\bvda\b|this machine|\.\.\.|`[^`]*`|'|\b\d[\d:]*|\bnova\b|[()]|\b(?:off|running|command)\b|---|"
    r"\[ui\]|vm\.\w+|\bx s\b|nothing was done|\bkeys\b"
)
"""What of a sentence is another host, VM, time or state each time."""


def blocks(page: str, language: str = "") -> list[str]:
    """The blocks of a page that are in a language; "" is a shell's."""
    return [text for named, text in FENCE.findall(GUIDE[page]) if named == language]


def called(page: str) -> list[str]:
    """The lines of a page that call kvmtui."""
    lines = [line for block in blocks(page) for line in block.splitlines()]
    lines = [line.removeprefix("$ ").partition("  #")[0].partition(" > ")[0].strip() for line in lines]
    return [line for line in lines if re.match(r"kvmtui( |$)", line) and "[" not in line]


def anchor(heading: str) -> str:
    """What a link calls a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


# --- what the program has is in the guide ---------------------------------------------------------


def test_every_command_is_in_the_table_of_commands() -> None:
    assert commands_renewed(GUIDE["commands.md"]) == GUIDE["commands.md"], (
        "run: python -m kvmtui.commands.table docs/commands.md"
    )
    for command in ALL:
        assert f"`{command.id}`" in GUIDE["keys.md"], command.id


def test_every_key_is_in_the_page_of_keys() -> None:
    for action in (*GO, *LIST, *MARK, *PANES, *TABS, *GRAPHS, *XML):
        assert f"| `{action.shown}` | " in GUIDE["keys.md"], action.id
        assert f"`{action.id}`" in GUIDE["keys.md"], action.id


@pytest.mark.parametrize("page", NAMES)
def test_tables_are_what_the_program_says(page: str) -> None:
    assert renewed(GUIDE[page]) == GUIDE[page], "run: python -m scripts.tables docs/*.md"


def test_the_cheat_sheet_has_every_key_and_is_one_page() -> None:
    page = GUIDE["cheatsheet.md"]
    assert len(page.splitlines()) <= 120
    for command in ALL:
        keys = DEFAULT.text(command.id)
        assert command.noun is Noun.TASK or (f"`{keys}`" if keys else f"`:{command.verb}`") in page, command.id
    for name in GROUPS.keys() - {"tabs", "xml"}:
        assert f"cheat {name}" in names_in(page)
        for action in GROUPS[name]:
            assert f"`{action.shown}` " in page, action.id


def test_types_and_defaults_of_the_configuration_are_those_of_the_program() -> None:
    page = GUIDE["configuration.md"]
    assert set(settings_in(page)) == set(settings())
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \|$", page, re.MULTILINE)
    said = {key: (kind, default, meaning) for key, kind, default, meaning in rows}
    for table in settings().values():
        for key in table:
            assert all(said[key][part] for part in (0, 1, 2)), f"{key} has a type, a default and a meaning"


def test_every_field_is_explained() -> None:
    shown = {name for page in PAGES for name in names_in(page.read_text("utf-8"))}
    assert {"vm columns", "host columns", "task columns"} <= shown
    text = GUIDE["fleet.md"] + GUIDE["tasks.md"]
    found = [(field.title, field.name) for field in VM_FIELDS]
    found += [(field.title, field.name) for field in HOST_FIELDS]
    found += [(field.title, field.name) for field in TASK_FIELDS]
    for title, name in found:
        assert f"| {title} | `{name}`" in text


def test_every_key_of_the_configuration_is_explained(tmp_path: Path) -> None:
    asked: set[str] = set()

    class Noting(dict[str, object]):
        """Notes which keys are asked for."""

        def get(self, key: str, default: object = None) -> object:
            asked.add(key)
            found = super().get(key, default)
            return Noting(found) if isinstance(found, dict) else found

    file = tmp_path / "config.toml"
    file.write_text('[hosts.hv1]\nuri = "qemu:///system"\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kvmtui.config._read", lambda path, required: Noting(tomllib.loads(path.read_text())))
        patch.setattr("kvmtui.config_table.Table.table", _noting_table(Noting))
        load(Arguments(config=file), machine=BARE)
    assert {"uri", "label", "refresh", "resync", "stop_after", "allowed_owners", "allow_single"} <= asked
    for key in asked - {"hv1"}:
        assert re.search(rf"`\[?{key}(\.NAME)?\]?`", GUIDE["configuration.md"]), key


def _noting_table(noting: type[dict[str, object]]) -> object:
    from kvmtui.config_table import Table

    original = Table.table

    def table(self: Table, key: str) -> Table:
        found = original(self, key)
        found._values = noting(found._values)
        return found

    return table


def test_every_verb_of_the_command_line_is_in_its_page_with_its_options() -> None:
    text = GUIDE["command-line.md"]
    for command in of_noun(Noun.VM):
        if command.headless:
            assert f"`{command.verb}`" in text, command.id
            for question in command.questions:
                assert f"`--{question.name}" in text, f"{command.id} --{question.name}"
    for word in ("hosts", "vms", "tasks", "vm show"):
        assert f"kvmtui {word}" in text


def test_every_parameter_of_an_address_is_explained() -> None:
    for parameters in _ALLOWED.values():
        for name in parameters:
            assert f"`{name}`" in GUIDE["hosts.md"], name


# --- what the guide says can be done --------------------------------------------------------------


@pytest.mark.parametrize("page", [name for name in NAMES if called(name)])
def test_examples_can_be_called(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    for line in called(page):
        given = parse(shlex.split(line)[1:])
        if given is None:
            continue
        if given.noun == "vms":
            listing(given, VM_FIELDS, json=False)
        elif given.noun == "hosts":
            listing(given, HOST_FIELDS, json=False)
        elif given.noun == "tasks":
            listing(given, TASK_FIELDS, json=False)
    capsys.readouterr()


@pytest.mark.parametrize("page", [name for name in NAMES if blocks(name, "toml")])
def test_configurations_can_be_loaded(page: str, tmp_path: Path) -> None:
    for text in blocks(page, "toml"):
        file = tmp_path / "config.toml"
        file.write_text(text)
        settings = load(Arguments(config=file), machine=BARE)
        keymap.bind(settings.keys, allow_single=settings.allow_single)


def test_filters_can_be_read() -> None:
    rows = GUIDE["fleet.md"].partition("## Filter")[2].partition("## Groups")[0]
    examples = re.findall(r"^\| ((?:`[^`]+`(?:, )?)+) \|", rows, re.MULTILINE)
    assert len(examples) >= 8
    for cell in examples:
        for text in re.findall(r"`([^`]+)`", cell):
            parse_filter(text, VM_FIELDS)


@pytest.mark.parametrize("page", [*NAMES, "../README.md", "../CONTRIBUTING.md"])
def test_links_lead_somewhere(page: str) -> None:
    here = (ROOT / "docs" / page).resolve()
    for link in LINK.findall(here.read_text("utf-8")):
        if "://" in link:
            continue
        path, _, part = link.partition("#")
        target = (here.parent / path).resolve() if path else here
        assert target.exists(), link
        if part:
            assert part in {anchor(heading) for heading in HEADING.findall(target.read_text("utf-8"))}, link


def test_every_page_is_in_the_list_of_pages() -> None:
    for name in NAMES:
        assert name == "index.md" or f"({name})" in GUIDE["index.md"], name


def test_every_picture_is_there() -> None:
    for shot in SHOTS:
        assert (ROOT / "assets" / f"{shot.name}.svg").read_text("utf-8").startswith("<svg")


def test_sentences_are_those_of_the_program() -> None:
    source = "".join(path.read_text("utf-8") for path in sorted((ROOT / "kvmtui").rglob("*.py")))
    said = re.sub(r"\s+", " ", re.sub(r"[\"'] *\n\s*f?[\"']", "", source))
    tables = GUIDE["troubleshooting.md"].partition("## What is shown")[0]
    for row in re.findall(r"^\| ([^|]+?) \| [^|]+ \|$", tables, re.MULTILINE):
        for piece in VARIES.split(row):
            assert piece.strip(" .:;,=?") in said, f"{piece!r} of {row!r}"


def test_every_sentence_of_a_connection_that_failed_is_explained() -> None:
    rows = re.findall(r"^\| ([^|]+?) \| [^|]+ \|$", GUIDE["troubleshooting.md"], re.MULTILINE)
    found = [one for value in vars(errors).values() for one in (value if isinstance(value, tuple) else ())]
    signs = [one for one in (*found, *vars(errors).values()) if isinstance(one, errors._Sign)]
    assert len(signs) > 15
    for sign in signs:
        said = tuple(sign.text.format(host=host).rstrip(".") for host in ("hv1", "this machine"))
        assert any(row.startswith(said) for row in rows), said


def test_the_exit_codes_are_all_told() -> None:
    told = re.findall(r"^\| (\d+) \| ", GUIDE["command-line.md"].partition("## Exit codes")[2], re.MULTILINE)
    assert [int(code) for code in told] == sorted(Exit)
