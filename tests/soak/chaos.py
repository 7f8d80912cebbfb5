"""Faults and other people's work on real hosts, at random, and whether the program tells the truth meanwhile and after.

Runs inside the namespaces of a lab: `tests/real/run --exec .venv/bin/python -m tests.soak.chaos --minutes 5`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import sys
import time
from collections import deque

from tests.real.lab import Lab, LabError, inside_lab
from tests.real.lab.terminal import ESCAPE_REST
from tests.real.program import SETTINGS, Home, Program, kvmtui
from tests.soak.havoc import World
from tests.soak.hosts import REMEMBERED, WALK, WHOLE, Broken, _leave, errors_of
from tests.soak.truth import COLUMNS, Told, differences, differences_of_json, fresh_of

OVER_SSH = "carol"
SIZE = (240, 60)
LASTS = (3.0, 8.0, 15.0, 45.0)  # seconds of a round of faults
SETTLES = 90.0  # seconds after the last fault within which all that is shown is true
LATE = 24.0  # seconds after which what is not true yet is told
PAINTS = 20.0  # seconds within which a key paints, on a machine that does a lot else
MARKED = 30.0  # seconds within which a host that does not answer is marked: 10, and a busy machine
SAFE = (
    *(keys for keys in WALK if not {"f", "w", "p"} & set(keys)),
    ("escape", "9", "enter", ">", ">", ">", "<", "escape"),
    ("2", "G", "enter", ">", ">", ">", ">", ">", "escape"),
    ("l", "escape", "g", "enter", "<", "r", "escape"),
    ("2", "space", "space", "+", "u", "ctrl+d", "ctrl+u"),
    ("1", "tab", "j", "enter", "escape", "tab"),
)
"""What a person presses who changes nothing, and leaves no filter or column behind."""


class Watcher:
    """The program in a terminal, whose keys are pressed and whose screen is read."""

    def __init__(self, program: Program, chance: random.Random) -> None:
        self.program = program
        self.chance = chance
        self.paints: list[float] = []
        self.sent: deque[str] = deque(maxlen=REMEMBERED)

    def walk(self) -> None:
        """Press some keys that change nothing, and see one paint."""
        for key in self.chance.choice(SAFE):
            self.sent.append(key)
            self.program.keys(key)
            time.sleep(0.05)
        if (code := self.program.process.poll()) is not None:
            raise Broken(f"the program ended with {code}")
        self.paint()

    def paint(self) -> None:
        """Raise Broken unless a key paints."""
        time.sleep(ESCAPE_REST)
        before, began = self.program.received, time.monotonic()
        self.program._send(b"\x0c")
        while self.program.received < before + WHOLE:
            if time.monotonic() > began + PAINTS:
                raise Broken(f"no key has painted for {PAINTS:.0f} s")
            time.sleep(0.005)
        self.paints.append(time.monotonic() - began)

    def listed(self) -> str:
        """The screen with the list of all VMs."""
        program = self.program
        program.keys("escape", "escape", "escape", "escape", "2", "home")
        with contextlib.suppress(AssertionError):
            program.wait(r"^ +VM +STATE +HOST +UUID", 5)
        program.keys("end")
        time.sleep(0.3)
        return program.text()


def _marked(world: World, screen: str) -> None:
    """Raise Broken when a host that has not answered for long is shown as if it had."""
    for name, since in list(world.silent.items()):
        if time.time() - since > MARKED and (fresh := fresh_of(screen, name)):
            raise Broken(f"{name} has not answered for {time.time() - since:.0f} s, and is shown as fresh: {fresh}")


def _settle(world: World, watcher: Watcher, home: Home) -> float:
    """Wait until all that is shown is true; returns after how many seconds it was. Raises Broken otherwise."""
    world.join()
    began = time.monotonic()
    late: list[str] = []
    while True:
        told, found = _compared(world, watcher, began)
        took = time.monotonic() - began
        if told is not None and not found:
            break
        if took > LATE:
            late = found or late
        if found and took > SETTLES and told == world.told():
            raise Broken("\n".join([f"not true after {took:.0f} s:", *found]))
        time.sleep(1.0)
    for one in late:
        print(f"        late: {one}")
    documents = [kvmtui(what, "--json", home=home) for what in ("vms", "hosts")]
    for done in documents:
        if done.returncode != 0:
            raise Broken(f"--json ended with {done.returncode}: {done.stderr}")
    vms, hosts = (json.loads(done.stdout) for done in documents)
    if found := differences_of_json(vms["vms"], told) + _of_hosts(world, hosts["hosts"], told):
        raise Broken("\n".join(found))
    return took


def _compared(world: World, watcher: Watcher, began: float) -> tuple[list[Told] | None, list[str]]:
    """Return what virsh tells, None while it tells nothing, and in what the screen differs from it."""
    try:
        told = world.told()
    except LabError as error:  # something is still under way there
        if time.monotonic() - began > 2 * SETTLES:
            raise Broken(f"virsh does not come to rest: {error}") from None
        return None, []
    return told, differences(watcher.listed(), told)


def _of_hosts(world: World, rows: list[dict[str, dict[str, str]]], told: list[Told]) -> list[str]:
    """Return in what `hosts --json` is not what virsh tells."""
    found = []
    shown = {str(row["name"]): row for row in rows}
    for host in world.hosts:
        row = shown[host.name]
        mine = [one for one in told if one.host == host.name]
        pools = world.local(host, "pool-list", "--name").split()
        says: dict[str, tuple[object, object]] = {
            "condition": (row["condition"]["kind"], "up"),
            "uuid": (row["uuid"], host.uuid),
            "vms": (row["vms"], len(mine)),
            "active": (row["active"], sum(one.id is not None for one in mine)),
            "pool": ((row["pool"] or {}).get("name"), pools[0] if pools else None),
        }
        found += [
            f"{host.name}: {what} is told as {said!r}, and is {so!r}" for what, (said, so) in says.items() if said != so
        ]
    return found


def _round(world: World, watcher: Watcher, home: Home) -> float:
    """Break something and let others work; returns how many seconds after the end of it all was shown as it is."""
    chance = world.chance
    until = time.monotonic() + chance.choice(LASTS)
    for _ in range(chance.choice((0, 1, 1, 2, 2))):
        world.act()
    ends = [world.fault() for _ in range(chance.choice((0, 1, 1, 2, 2)))]
    for _ in range(chance.choice((0, 1, 3))):
        world.act()
    while time.monotonic() < until:
        watcher.walk()
        if chance.random() < 0.3:
            world.act()
        _marked(world, watcher.listed())
    for end in ends:
        end()
    return _settle(world, watcher, home)


def play(lab: Lab, minutes: float, seed: int) -> None:
    """Break things for so long; raises Broken when the program was found to lie, freeze or end."""
    chance = random.Random(seed)  # noqa: S311 - a game must come again the same way
    world = World(lab, chance)
    uris = {host.name: host.ssh_uri if host.name == OVER_SSH else host.uri for host in world.hosts}
    home = Home(uris, SETTINGS)
    state = home.folder / "state/kvmtui/state.json"
    state.parent.mkdir(parents=True, mode=0o700)
    state.write_text(json.dumps({"columns": list(COLUMNS), "place": "vms"}))
    program = Program(home, "--read-only", size=SIZE)
    watcher = Watcher(program, chance)
    settled: list[float] = []
    began = time.monotonic()
    try:
        program.wait(r"hosts 3/3", 60)
        while (at := time.monotonic() - began) < 60 * minutes:
            settled.append(_round(world, watcher, home))
            print(f"  minute {at / 60:5.1f}: round {len(settled)}, true after {settled[-1]:.0f} s", flush=True)
        if faults := errors_of(program):
            raise Broken(faults[0])
        _leave(program)
    except (AssertionError, LabError, OSError) as error:
        error.add_note("\n".join([f"seed {seed}", *world.done, f"keys: {list(watcher.sent)}", program.told()]))
        raise
    finally:
        program.close()
    paints = sorted(watcher.paints)
    counts = ", ".join(f"{what} {count}" for what, count in world.counts.most_common())
    print(f"{len(settled)} rounds: {counts}")
    print(f"true after {sorted(settled)[len(settled) // 2]:.0f} s, {max(settled):.0f} s at most")
    print(f"a key paints in {1000 * paints[int(0.95 * len(paints))]:.0f} ms at p95, {1000 * paints[-1]:.0f} at most")


def main() -> int:
    """Build the hosts and play; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None)
    asked = parser.parse_args()
    if not inside_lab():
        parser.error("run it by tests/real/run --exec")
    seed = random.SystemRandom().randrange(1_000_000) if asked.seed is None else asked.seed
    print(f"seed {seed}", flush=True)
    with Lab() as lab:
        play(lab, asked.minutes, seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
