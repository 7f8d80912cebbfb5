"""`make soak`: what only volume finds, in games with a seed each that is printed when something breaks.

    make soak                                          all of it, over two hours
    make soak ARGS="keys races"                        some parts of it
    make soak ARGS="keys --keys 5000"                  less of it
    make soak ARGS="keys --seed 4711 --keys 2500"      one game again
    make soak ARGS="hour --minutes 20"                 real hosts; needs what `make test` installs, and root
    make soak ARGS="chaos --seed 7 --minutes 20"       real hosts that break, and whether what is shown is true

A fault of the program, or a figure that is missed, makes the exit code 1.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.soak.reach import Reach

PARTS = ("keys", "races", "real", "hour", "chaos")
GAME = 2500  # keys of one game, and races
ENOUGH = 100_000  # keys that reach all there is
SCREEN_GAME = 100  # races by keys
SCREEN_SHARE = 50  # of so many races one is made by keys on the screen
HOUR, CHAOS = 60.0, 20.0  # minutes
TOP = Path(__file__).parents[2]
TAIL = 6000  # characters of a game that are shown when it broke


class Result(NamedTuple):
    """One line of the table."""

    what: str
    value: str
    reached: bool
    seconds: float


def quiet_home(folder: str) -> dict[str, str]:
    """Return an environment that keeps this machine's own files out of the games."""
    mine = {"HOME": folder, "XDG_RUNTIME_DIR": folder, "TMPDIR": folder, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    return {**os.environ, **mine, "TEXTUAL_ANIMATIONS": "none", "LIBVIRT_DEFAULT_URI": "test:///default"}


class Games(NamedTuple):
    """What came of many games."""

    broken: list[str]  # what those that broke said
    whole: list[str]  # what the others said


def games(module: str, seed: int, count: int, size: int, *words: str) -> Games:
    """Play games of a size until so many events were played; a game that breaks is told at once."""
    sizes = [min(size, count - at) for at in range(0, count, size)]

    def play(number: int) -> tuple[bool, str]:
        with TemporaryDirectory() as folder:
            argv = [sys.executable, "-m", module, str(seed + number), str(sizes[number]), *words]
            played = subprocess.run(argv, cwd=TOP, env=quiet_home(folder), capture_output=True, text=True, check=False)
        if played.returncode == 0:
            return True, played.stdout
        said = f"{' '.join(argv[1:])}\n{(played.stdout + played.stderr)[-TAIL:]}"
        print(said, flush=True)
        return False, said

    with ThreadPoolExecutor(max(1, (os.cpu_count() or 2) // 2 + 1)) as pool:
        played = list(pool.map(play, range(len(sizes))))
    return Games([said for whole, said in played if not whole], [said for whole, said in played if whole])


def play_keys(seed: int, count: int) -> list[Result]:
    """Play random keys on the demo fleet."""
    began = time.monotonic()
    broken, whole = games("tests.soak.game", seed, count, GAME)
    reach = Reach()
    for said in whole:
        reach.added(said)
    print(f"what they reached\n{reach.table()}")
    seconds, missing = time.monotonic() - began, reach.missing()
    return [
        Result(
            f"random keys on the demo fleet: {count}, seed {seed}", f"{len(broken)} games broke", not broken, seconds
        ),
        Result(
            "each screen, command, place and fault met in them",
            f"{len(missing)} were not" if missing else "all were",
            not missing or count < ENOUGH,
            seconds,
        ),
    ]


def race(seed: int, count: int) -> list[Result]:
    """Race on the engine and on the screen."""
    by_keys = count // SCREEN_SHARE
    found = []
    for what, number, size, words in (
        ("on the engine", count - by_keys, GAME, ()),
        ("by keys", by_keys, SCREEN_GAME, ("--screen",)),
    ):
        began = time.monotonic()
        broken, whole = games("tests.soak.races", seed, number, size, *words)
        sent = sum(int(said.split()[0]) for said in whole)
        wrong = f"0 wrong-target actions, {sent} sent" if not broken else f"{len(broken)} games with a wrong target"
        found.append(Result(f"races {what}: {number}, seed {seed}", wrong, not broken, time.monotonic() - began))
    return found


def on_hosts(what: str, *words: str, module: str = "tests.soak.hosts") -> list[Result]:
    """Run a part that needs a lab; it prints its own figures."""
    began = time.monotonic()
    argv = [str(TOP / "tests/real/run"), "--exec", sys.executable, "-m", module, *words]
    # Where it cannot run, the figures are missed.
    code = subprocess.run(argv, cwd=TOP, env={**os.environ, "KVMTUI_REQUIRE_REAL": "1"}, check=False).returncode
    return [Result(what, "see above" if code == 0 else f"exit code {code}", code == 0, time.monotonic() - began)]


def main() -> int:
    """Run the parts that the arguments name; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="make soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"which of {', '.join(PARTS)}; default: all")
    parser.add_argument("--seed", type=int, default=None, help="of the first game; default: another one each time")
    parser.add_argument("--keys", type=int, default=100_000, help="on the demo fleet (%(default)s)")
    parser.add_argument("--races", type=int, default=100_000, help="(%(default)s)")
    parser.add_argument("--real-keys", type=int, default=2_000, help="on real hosts, read-only (%(default)s)")
    parser.add_argument("--minutes", type=float, help=f"of the hour ({HOUR:g}), and of chaos ({CHAOS:g})")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"there is no part {min(unknown)}: there is {', '.join(PARTS)}")
    parts = asked.parts or PARTS
    seed = random.SystemRandom().randrange(1_000_000) if asked.seed is None else asked.seed
    print(f"seed {seed}", flush=True)
    results: list[Result] = []
    if "keys" in parts:
        results += play_keys(seed, asked.keys)
    if "races" in parts:
        results += race(seed, asked.races)
    same = ("--seed", str(seed))
    if "real" in parts:
        what = f"random keys on real hosts, read-only: {asked.real_keys}"
        results += on_hosts(what, "--keys", str(asked.real_keys), *same)
    if "hour" in parts:
        minutes = asked.minutes or HOUR
        results += on_hosts(f"{minutes:g} minutes on real hosts", "--minutes", str(minutes), *same)
    if "chaos" in parts:
        minutes = asked.minutes or CHAOS
        what = f"the truth on real hosts that break, {minutes:g} minutes, seed {seed}"
        results += on_hosts(what, "--minutes", str(minutes), *same, module="tests.soak.chaos")
    print()
    for result in results:
        print(f"{'ok  ' if result.reached else 'MISS'}  {result.seconds:6.0f} s  {result.what}: {result.value}")
    return 0 if all(result.reached for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
