"""Which keys ask for a change: a leader and a letter, really typed. Pure: knows keys and reads, no terminal."""

from __future__ import annotations

from typing import NamedTuple

ARROWS = frozenset({"up", "down", "left", "right", "pageup", "pagedown", "home", "end", "ctrl+d", "ctrl+u"})
MOVES = ARROWS | frozenset("jkgG")
TEXT_OPENERS = frozenset("/:")

TOGETHER = 0.010  # seconds: reads closer than this were not typed one after the other
QUIET = 0.3  # seconds without input that end a paste

MOUSE = "<mouse>"
PASTE = "<paste>"
TAIL = "<tail>"  # part of a broken escape sequence
REPLY = "<reply>"  # the terminal said something
OPEN = "<open>"  # the read ends inside an escape sequence


class Read(NamedTuple):
    """What one read(2) brought.

    `keys` are in order: a printable key by its character ("x", "!", " "), others by name ("up", "ctrl+d"), and what
    is no key as `<word>`. `at` is monotonic seconds.
    """

    number: int
    at: float
    keys: tuple[str, ...]


class Pass(NamedTuple):
    """Do what the key does by itself; with `text` it belongs to the field that `/` or `:` of the same read opened."""

    key: str
    text: bool = False


class Swallowed(NamedTuple):
    """Do nothing, say nothing."""


class Leader(NamedTuple):
    """A leader was pressed: fix the target now and show its menu."""

    leader: str


class Chord(NamedTuple):
    """The change was asked for."""

    leader: str
    letter: str


class Cancelled(NamedTuple):
    """The leader that waited waits no more; the key that ended it does nothing else."""

    leader: str


class Dropped(NamedTuple):
    """Keys came that nobody typed one by one; no leader waits any more."""

    keys: int
    sentence: str


Step = Pass | Swallowed | Leader | Chord | Cancelled | Dropped


def printable(key: str) -> bool:
    """Tell whether a key writes a character."""
    return len(key) == 1 and key.isprintable()


def letter(key: str) -> bool:
    """Tell whether a key can end a chord."""
    return len(key) == 1 and key.isascii() and key.isalpha()


def real(key: str) -> bool:
    """Tell a key from the other things that a read brings."""
    return not (len(key) > 1 and key.startswith("<"))


class Chords:
    """Feeds on keys in the order they came, each with its read, and says what each one means."""

    def __init__(self, leaders: str = "x!") -> None:
        self._leaders = frozenset(leaders)
        self.pending = ""
        """The leader that waits for its letter, or ""."""
        self._number = -1
        self._at = float("-inf")
        self._queue: list[tuple[str, Step]] = []
        self._burst: tuple[str, ...] = ()
        self._burst_pending = ""
        self._dropped = 0  # keys of the paste that is going on
        self._begun = False  # whether a field took the beginning of the read

    def reset(self) -> None:
        """Forget a leader that waits, and what came before."""
        self.pending = ""
        self._queue.clear()
        self._burst, self._burst_pending = (), ""
        self._begun = False

    def pass_by(self, key: str, read: Read | None = None) -> None:
        """Note that a field took a key: what is left of its read once the field is closed was not typed for a list."""
        left = self._queue if read is not None and read.number == self._number else []
        if read is not None and read.number != self._number:
            self._number, self._at = read.number, read.at
            left = self._pair(read.keys, [Swallowed()] * len(read.keys))
        after = next((index + 1 for index, (expected, _) in enumerate(left) if expected == key), len(left))
        left = left[after:]
        self.reset()
        self._queue, self._begun = left, bool(left)

    def feed(self, key: str, read: Read | None = None) -> Step:
        """Say what `key` means; without a read it stands alone."""
        if read is None:
            self._queue = self._pair((key,), self._plan((key,), self.pending) or self._drop((key,)))
        elif read.number != self._number:
            self._begin(read)
        elif self._begun:
            self._begun = False
            left = tuple(expected for expected, _ in self._queue)
            typed = not any(map(printable, read.keys))
            self._queue = self._pair(left, [Pass(key) for key in left] if typed else self._drop(left))
        step: Step = Swallowed()
        while self._queue:
            expected, meant = self._queue.pop(0)
            if expected == key:
                step = meant
                break
        if isinstance(step, Leader):
            self.pending = step.leader
        elif not isinstance(step, Swallowed):
            self.pending = ""
        return step

    def _begin(self, read: Read) -> None:
        gap, self._begun = read.at - self._at, False
        self._number, self._at = read.number, read.at
        if self._dropped and gap < QUIET and any(map(printable, read.keys)):
            self._queue = self._pair(read.keys, self._drop(read.keys))
            return
        self._dropped = 0
        if gap >= TOGETHER:
            self._burst, self._burst_pending = (), self.pending
        before, self._burst = len(self._burst), self._burst + read.keys
        plan = self._plan(self._burst, self._burst_pending)
        self._queue = self._pair(read.keys, self._drop(read.keys) if plan is None else plan[before:])

    @staticmethod
    def _pair(keys: tuple[str, ...], steps: list[Step]) -> list[tuple[str, Step]]:
        return [(key, step) for key, step in zip(keys, steps, strict=True) if real(key)]

    def _drop(self, keys: tuple[str, ...]) -> list[Step]:
        """Let only the movement keys that write nothing through."""
        out = [key for key in keys if real(key) and key not in ARROWS]
        self._dropped += len(out)
        many = "keys" if self._dropped != 1 else "key"
        if all(map(real, keys)):
            sentence = f"{self._dropped} {many} at once ignored: paste?"
        else:
            sentence = f"{self._dropped} {many} ignored: mixed with a paste, the mouse or a broken key sequence"
        steps: list[Step] = [Pass(key) if key in ARROWS else Swallowed() for key in keys]
        if out:
            steps[keys.index(out[0])] = Dropped(len(out), sentence)
        return steps

    def _plan(self, keys: tuple[str, ...], pending: str) -> list[Step] | None:
        """Return a step for each key; None: they were not typed one by one."""
        return self._after_leader(keys, pending) if pending else self._afresh(keys)

    def _after_leader(self, keys: tuple[str, ...], pending: str) -> list[Step] | None:
        first, rest = keys[0], keys[1:]
        passed: list[Step] = [Pass(key) for key in rest]
        if not ARROWS.issuperset(rest):
            return None
        return [Chord(pending, first) if letter(first) else Cancelled(pending), *passed]

    def _afresh(self, keys: tuple[str, ...]) -> list[Step] | None:
        start = next((index for index, key in enumerate(keys) if key not in MOVES), len(keys))
        before: list[Step] = [Pass(key) for key in keys[:start]]
        rest = keys[start:]
        if not rest:
            return before
        if rest[0] in TEXT_OPENERS:
            return [*before, Pass(rest[0]), *(Pass(key, text=True) for key in rest[1:])]
        if rest[0] == "." and rest[1:2] and rest[1] in self._leaders:  # the prefix "on the cursor's row alone"
            before.append(Pass("."))
            rest = rest[1:]
        if rest[0] in self._leaders:
            if len(rest) == 1:
                return [*before, Leader(rest[0])]
            after = self._after_leader(rest[1:], rest[0])
            return None if after is None else [*before, Leader(rest[0]), *after]
        if len(rest) == 1 or not any(map(printable, keys)):
            return [*before, *(Pass(key) for key in rest)]
        return None
