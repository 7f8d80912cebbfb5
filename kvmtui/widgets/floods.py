"""Pastes that come as keys, as through an old tmux, `screen` or a serial line: known by how much comes at once. Pure.

A person whose link stalls for seconds sends at once what was typed meanwhile: a line, a chord, a key held down. Nobody
types this much in that time.
"""

from __future__ import annotations

from itertools import pairwise

from kvmtui.widgets.chords import QUIET, TOGETHER
from kvmtui.widgets.framing import ESC, Kind, Token

FLOOD = 200  # characters, each other than the one before it: what is typed in 20 s
HELD = 1000  # characters in all: a key held down for half a minute
LONGEST_HOLD = 0.25  # seconds for which pieces are gathered at most
MOST_HELD = 1 << 16  # characters that are gathered at most

_LINE_ENDS = "\r\n\t"
_NO_KEYS = ("\x1b[<", "\x1b[M", "\x1b[?", "\x1b[I", "\x1b[O")
"""How the sequences begin that no key sends: the mouse, the focus, the terminal's answers."""


class Gatherer:
    """Puts pieces of text together that come closer than anybody types: a slow line brings a paste key by key.

    The first piece after a pause goes through at once, as do escape sequences. Times are monotonic seconds.
    """

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._size = 0
        self._began = 0.0
        self._last = float("-inf")

    @property
    def deadline(self) -> float | None:
        """When what is held back is due, if nothing comes before; None: nothing is."""
        return min(self._last + TOGETHER, self._began + LONGEST_HOLD) if self._pieces else None

    def take(self, text: str, now: float) -> str:
        """Take what one read brought; return what is due now, or ""."""
        together = now - self._last < TOGETHER
        self._last = now
        if not self._pieces:
            if not together or ESC in text:
                return text
            self._began = now
        self._pieces.append(text)
        self._size += len(text)
        late = now - self._began >= LONGEST_HOLD
        return self.release() if late or self._size >= MOST_HELD or ESC in text else ""

    def release(self) -> str:
        """Return all that is held back."""
        text = "".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        return text


class Sieve:
    """Makes one paste of the keys of a flood, and of what follows it closely."""

    def __init__(self) -> None:
        self._until = float("-inf")

    def sift(self, tokens: list[Token], now: float, *, literal: bool) -> list[Token]:
        """Return the tokens of one read; `literal`: keys go to a guest, and none of them may be lost."""
        if len(tokens) < FLOOD and now >= self._until:
            return tokens
        return self._for_guest(tokens, now) if literal else self._for_us(tokens, now)

    def _for_us(self, tokens: list[Token], now: float) -> list[Token]:
        """Leave of a flood its text alone: an arrow or an escape in it was no more typed than the rest."""
        text = "".join(token.text for token in tokens if _writes(token))
        if not self._floods(text, now, least=1):
            return tokens
        first = next(index for index, token in enumerate(tokens) if _writes(token))
        kept = [(index, token) for index, token in enumerate(tokens) if _is_no_key(token)]
        before = [token for index, token in kept if index < first]
        return [*before, Token(Kind.PASTE, text), *(token for index, token in kept if index > first)]

    def _for_guest(self, tokens: list[Token], now: float) -> list[Token]:
        """Make a paste of each long run of text; the keys between stay what they are."""
        out: list[Token] = []
        run: list[Token] = []
        for token in (*tokens, None):
            if token is not None and _writes(token):
                run.append(token)
                continue
            text = "".join(each.text for each in run)
            out += [Token(Kind.PASTE, text)] if self._floods(text, now, least=2) else run
            run = []
            if token is not None:
                out.append(token)
        return out

    def _floods(self, text: str, now: float, *, least: int) -> bool:
        """Whether nobody typed this: there is too much of it, or it follows such a text (with `least` characters)."""
        others = sum(one != other for one, other in pairwise(text)) + 1 if text else 0
        if others < FLOOD and len(text) < HELD and not (now < self._until and others >= least):
            return False
        if len(text) > 1:  # one key by itself, right behind a paste, does not prolong it
            self._until = now + QUIET
        return True


def _writes(token: Token) -> bool:
    return token.kind is Kind.KEY and (token.text.isprintable() or token.text in _LINE_ENDS)


def _is_no_key(token: Token) -> bool:
    if token.kind is Kind.SEQUENCE:
        return token.text.startswith(_NO_KEYS)
    return token.kind not in (Kind.KEY, Kind.ESCAPE)
