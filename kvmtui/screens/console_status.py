"""What the console says of itself in its status line, and over its screen when it is not live: texts, no widgets."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from kvmtui.consoles import Phase
from kvmtui.core.fields import Tone
from kvmtui.core.text import cell_width, safe, shorten
from kvmtui.screens.actions import CONSOLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.style import Style

    from kvmtui.consoles import ConsoleSession


class Mode(Enum):
    """What keys are for."""

    GUEST = "guest"  # all but the prefix go to the guest
    PREFIX = "prefix"  # the next one is ours
    SCROLL = "scroll"  # they move in the scrollback
    SEARCH = "search"  # they are the text that is looked for


class Standing(NamedTuple):
    """How the page stands, beside its session."""

    mode: Mode
    prefix: str  # as a person reads it
    scrolled: int = 0  # lines above the guest's screen
    whole: int = 0  # lines there are above it
    text: str = ""  # the text that is looked for
    note: str = ""  # one sentence about the last key
    pasted: int | None = None  # percent of a paste
    several: bool = False  # whether more than one console is open
    rows: str = ""  # which rows are seen, where not all are


TONES = {
    Phase.OPENING: Tone.MUTED,
    Phase.LIVE: Tone.GOOD,
    Phase.WAITING: Tone.WARN,
    Phase.TAKEN: Tone.WARN,
    Phase.FAILED: Tone.BAD,
    Phase.CLOSED: Tone.MUTED,
}
SCROLL_HINT = "j k pages g G move  / finds  n N next  y copies  q ends"


def status(session: ConsoleSession, standing: Standing, width: int, tones: Mapping[Tone, Style]) -> Text:
    """Return the one line below the guest's screen."""
    prefix, muted, accent = standing.prefix, tones[Tone.MUTED], tones[Tone.ACCENT]
    if standing.mode is Mode.PREFIX:
        return _prefix_line(session, standing, width, tones)
    if standing.mode is Mode.SEARCH:
        line = Text.assemble(("/", accent), safe(standing.text), ("_", accent), no_wrap=True)
        return _sided(line, Text("enter finds upwards, esc ends", muted), width)
    place = Text(no_wrap=True)
    if standing.note:
        place.append(f" {standing.note}", tones[Tone.WARN])
    elif standing.mode is Mode.SCROLL or standing.scrolled:
        place.append(f" {standing.scrolled} of {standing.whole} lines up", tones[Tone.WARN])
    if standing.mode is Mode.SCROLL:
        return _sided(place, Text(SCROLL_HINT, muted), width)
    hint = Text.assemble((prefix, accent), (" d", accent), (" leaves", muted), ("  ?", accent), (" helps", muted))
    if standing.pasted is not None:
        hint = Text(f"pasting {standing.pasted} %, ctrl-c stops it", muted)
    room = max(8, width - hint.cell_len - 1 - place.cell_len)
    line = _named(session, min(room, 24)) if standing.note else _who(session, standing, room, tones)
    line.append_text(place)
    return _sided(line, hint, width)


def _named(session: ConsoleSession, room: int) -> Text:
    line = Text(no_wrap=True)
    line.append(f" {shorten(safe(session.name), room)}", "bold")
    return line


def _who(session: ConsoleSession, standing: Standing, room: int, tones: Mapping[Tone, Style]) -> Text:
    said = session.phase.value
    if session.phase is Phase.LIVE and session.why:
        said = session.why
    rows = f"  {standing.rows}" if standing.rows else ""
    where = "" if said == session.why else f" on {safe(session.ref.host, limit=40)}"
    tone = Tone.WARN if session.phase is Phase.LIVE and session.why else TONES[session.phase]
    taken = cell_width(where) + cell_width(said) + cell_width(rows) + 3
    line = _named(session, max(8, room - taken))
    line.append(where, tones[Tone.MUTED])
    line.append(f"  {said}", tones[tone])
    if line.cell_len + cell_width(rows) <= room:  # half a number would be another one
        line.append(rows, tones[Tone.MUTED])
    if line.cell_len > room:
        line.truncate(room)
    return line


def _prefix_line(session: ConsoleSession, standing: Standing, width: int, tones: Mapping[Tone, Style]) -> Text:
    """Return what may follow the prefix, as far as it is of use now and there is room."""
    prefix, several = standing.prefix, standing.several
    waits = session.phase in (Phase.WAITING, Phase.TAKEN, Phase.FAILED)
    useful = {
        "console.take": session.phase is Phase.TAKEN,
        "console.retry": waits,
        "console.keys": not waits,
        "console.size": not waits,
        "console.itself": not waits,
        "console.next": several,
        "console.last": several,
    }
    offered = [action for action in CONSOLE if action.label and useful.get(action.id, True)]
    for least in ("console.itself", "console.keys", "console.size", "console.find", "console.scroll", "console.last"):
        if len(prefix) + 1 + sum(len(one.shown) + len(one.label) + 3 for one in offered) > width:
            offered = [action for action in offered if action.id != least]
    line = Text(f" {prefix}", tones[Tone.ACCENT], no_wrap=True)
    for action in offered:
        line.append_text(
            Text.assemble("  ", (action.shown, tones[Tone.ACCENT]), (f" {action.label}", tones[Tone.MUTED]))
        )
    return line


def _sided(line: Text, right: Text, width: int) -> Text:
    if line.cell_len + right.cell_len + 1 <= width:
        line.pad_right(width - line.cell_len - right.cell_len)
        line.append_text(right)
    return line


def said_over(session: ConsoleSession, prefix: str) -> tuple[str, ...]:
    """Return what is said over the guest's screen while nobody can type; () when somebody can."""
    match session.phase:
        case Phase.OPENING:
            return (f"Opening the console of {safe(session.name)} on {safe(session.ref.host)} ...",)
        case Phase.WAITING:
            return (session.why, f"{prefix} t tries now, {prefix} d leaves it waiting, {prefix} x closes it.")
        case Phase.TAKEN:
            return (session.why, f"{prefix} ! takes it over, {prefix} t tries again, {prefix} x closes this one.")
        case Phase.FAILED:
            return (session.why, f"{prefix} t tries again, {prefix} x closes this one.")
        case _:
            return ()
