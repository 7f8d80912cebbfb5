"""The rules of ARCHITECTURE.md that the import contracts cannot see: what is loaded, said, locked and packaged."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import pkgutil
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

import kvmtui.core

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "kvmtui"
MODULES = sorted(PACKAGE.rglob("*.py"))
CORE_MODULES = sorted(module.name for module in pkgutil.walk_packages(kvmtui.core.__path__, "kvmtui.core."))
PUBLIC_INDEX = ("https://pypi.org/", "https://files.pythonhosted.org/")
# Written apart, so that this file does not hold what it looks for.
WORKPLACE = re.compile(r"(?<![\w.)-])/(?:work/|root/\." + r"pyenv|tmp/" + r"brief|opt/" + r"(?:wheels|pypi))")
GPL = re.compile(r"(?<!L)(?<!Lesser )\bA?GPL|(?<!Lesser )(?<!Library or )General Public License", re.IGNORECASE)


def loaded_by(*arguments: str) -> set[str]:
    """Return the modules that a fresh interpreter has loaded after running `arguments`, whatever its exit code."""
    # Reported by -X importtime, since the program may leave through sys.exit.
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    assert lines, done.stderr
    return {line.rpartition("|")[2].strip() for line in lines[1:]}


def tops(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def imports_of(module: Path) -> set[str]:
    """Return the top-level packages that `module` imports anywhere in its text."""
    imported = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            imported.add((node.module or "").partition(".")[0])
    return imported


def repository_files() -> list[Path]:
    """Return the files of the repository; those that git ignores belong to the machine."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


@pytest.mark.parametrize("arguments", ["--version", "--help", "vms --json", "hosts --json", "tasks --json"])
def test_what_prints_and_leaves_loads_no_textual(arguments: str) -> None:
    loaded = loaded_by("-m", "kvmtui", *arguments.split())
    assert "kvmtui.cli" in loaded
    assert "textual" not in tops(loaded)


def test_the_version_is_told_without_libvirt_or_any_dependency() -> None:
    loaded = loaded_by("-m", "kvmtui", "--version")
    assert "kvmtui.cli" in loaded
    assert not {"libvirt", "psutil", "rich", "textual"} & tops(loaded)


def test_the_engine_loads_neither_textual_nor_libvirt() -> None:
    loaded = loaded_by("-c", "import kvmtui.engine")
    assert "kvmtui.engine" in loaded
    assert not {"textual", "libvirt"} & tops(loaded)


def test_the_demo_fleet_needs_no_libvirt() -> None:
    loaded = loaded_by("-c", "import kvmtui.backend.demo")
    assert "kvmtui.backend.demo" in loaded
    assert "libvirt" not in tops(loaded)


def test_core_needs_nothing_but_the_standard_library() -> None:
    # -S: no site-packages, so what is not in the standard library cannot be found.
    imports = "; ".join(f"import {name}" for name in CORE_MODULES)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.append({str(ROOT)!r}); {imports}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def test_every_module_says_what_it_is() -> None:
    assert [path for path in MODULES if not ast.get_docstring(ast.parse(path.read_text()))] == []


@pytest.mark.parametrize(
    ("imported", "places"),
    [
        ({"libvirt", "libvirt_qemu", "libvirt_lxc", "libvirtmod", "libvirtaio"}, ["backend/libvirt"]),
        ({"textual"}, ["app.py", "screens", "theme.py", "widgets"]),
    ],
    ids=["libvirt", "textual"],
)
def test_a_foreign_package_stays_in_its_place(imported: set[str], places: list[str]) -> None:
    outside = [path for path in MODULES if not any(path.is_relative_to(PACKAGE / place) for place in places)]
    assert [path for path in outside if imported & imports_of(path)] == []


def test_nothing_in_the_repository_names_the_place_it_was_written_in() -> None:
    found = []
    for path in repository_files():
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if WORKPLACE.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert not found


def test_the_lock_names_the_public_index_alone() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    for package in lock["package"]:
        source = package["source"]
        assert source == {"editable": "."} or source["registry"].startswith(PUBLIC_INDEX), package["name"]
        for file in [package["sdist"]] if "sdist" in package else []:
            assert file["url"].startswith(PUBLIC_INDEX)
        for wheel in package.get("wheels", ()):
            assert wheel["url"].startswith(PUBLIC_INDEX)


def test_no_dependency_is_under_the_gpl() -> None:
    locked = {package["name"] for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    found = []
    for distribution in importlib.metadata.distributions():
        metadata = distribution.metadata
        name = metadata["Name"].lower().replace("_", "-")
        fields = [metadata.get_all(field) or [] for field in ("License-Expression", "License", "Classifier")]
        # A whole licence text may stand in License; its first line names it.
        said = [text.partition("\n")[0] for texts in fields for text in texts]
        if name in locked and any(GPL.search(text) for text in said):
            found.append((name, said))
    assert not found


def test_architecture_is_one_page() -> None:
    assert len((ROOT / "ARCHITECTURE.md").read_text().splitlines()) <= 150


def test_the_wheel_holds_the_whole_package(tmp_path: Path) -> None:
    (built,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(built) as wheel:
        names = set(wheel.namelist())
    files = {path.relative_to(ROOT).as_posix() for kind in ("*.py", "*.tcss") for path in PACKAGE.rglob(kind)}
    assert files <= names
    assert any(name.endswith(".tcss") for name in files)
    assert not {name for name in names if not name.startswith(("kvmtui/", "kvmtui-"))}


def test_make_and_ci_call_scripts_that_are_there() -> None:
    called = set(re.findall(r"@(scripts/\w+)", (ROOT / "Makefile").read_text()))
    assert called
    for name in (*called, ".ci/run"):
        assert os.access(ROOT / name, os.X_OK), f"{name} cannot be run"
