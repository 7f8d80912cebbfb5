"""`python -m benchmarks [NAME...] [--json FILE]`: measures, prints a table, and says what reaches its mark.

What needs a libvirt host with running guests is measured inside a lab (tests/real), which needs root and QEMU; where
there is none, those figures are left out and the table says so. The exit code tells whether it could be measured, not
whether the marks were reached.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Figure, document, machine, table
from benchmarks.recording import Missing
from benchmarks.scenes import GUESTS, OWN_HOSTS, SCENES, SIZE, WITHOUT_LAB
from tests.real.lab import LabError

if TYPE_CHECKING:
    from collections.abc import Sequence

TOP = Path(__file__).resolve().parent.parent
NO_LAB = "no libvirt host could be built here"


def main() -> int:
    """Measure what the arguments name."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("scenes", nargs="*", metavar="NAME", help=f"what to measure: {', '.join(SCENES)}; all")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to a file, too")
    parser.add_argument("--inside", type=Path, metavar="FILE", help=argparse.SUPPRESS)
    given = parser.parse_args()
    unknown = [name for name in given.scenes if name not in SCENES]
    if unknown:
        parser.error(f"there is no {unknown[0]}: there is {', '.join(SCENES)}")
    names = [name for name in SCENES if not given.scenes or name in given.scenes]
    # A stamp is late by as long as another thread of this process holds the interpreter.
    sys.setswitchinterval(0.0005)
    if given.inside:
        figures, left_out = measure(names)
        given.inside.write_text(json.dumps(document(figures, left_out, {})))
        return 0
    return outside(names, given.json)


def outside(names: Sequence[str], file: Path | None) -> int:
    """Measure here what needs no host, and the rest inside a lab."""
    for folder in ("kvmtui", "benchmarks"):
        compileall.compile_dir(TOP / folder, quiet=1)
    where = machine()
    crowd = ["-m", "tests.real.lab", "bench", "--crowd", str(GUESTS), "--on-host", "--", sys.executable]
    figures: list[Figure] = []
    left_out: dict[str, str] = {}
    for chosen, launcher in (
        ([name for name in names if name not in WITHOUT_LAB | OWN_HOSTS], crowd),
        ([name for name in names if name in OWN_HOSTS], []),
    ):
        found, failed = measure_in_lab(chosen, launcher) if chosen else ([], {})
        figures += found
        left_out |= failed
    found, failed = measure([name for name in names if name in WITHOUT_LAB])
    figures += found
    left_out |= failed
    print(f"at {SIZE}")
    print(table(figures, left_out, where))
    if file is not None:
        file.write_text(json.dumps(document(figures, left_out, where), indent=2) + "\n")
    return 1 if left_out else 0


def measure(names: Sequence[str]) -> tuple[list[Figure], dict[str, str]]:
    """Return the figures, and why some could not be had."""
    figures: list[Figure] = []
    left_out: dict[str, str] = {}
    for name in names:
        print(f"measuring {name}", file=sys.stderr, flush=True)
        began = time.monotonic()
        try:
            figures += SCENES[name]()
        except (Missing, LabError) as error:
            left_out[name] = str(error)
        print(f"{name} took {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return figures, left_out


def measure_in_lab(names: Sequence[str], launcher: Sequence[str]) -> tuple[list[Figure], dict[str, str]]:
    """Measure in the namespaces of a lab; `launcher` stands before this program's own arguments to Python."""
    with tempfile.TemporaryDirectory(prefix="kvmtui-bench-") as folder:
        result = Path(folder) / "figures.json"
        command = [sys.executable, *launcher, "-m", "benchmarks", *names, "--inside", str(result)]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        subprocess.run(
            [TOP / "tests/real/run", "--exec", *command],
            cwd=TOP,
            env=environment,
            stdout=sys.stderr,
            check=False,
        )
        if not result.exists():
            return [], dict.fromkeys(names, NO_LAB)
        found = json.loads(result.read_text())
    figures = [Figure(**{key: value for key, value in one.items() if key != "reached"}) for one in found["figures"]]
    return figures, found["left_out"]


if __name__ == "__main__":
    sys.exit(main())
