"""What this terminal can show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvmtui.doctor.finding import Area, Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmtui.doctor.machine import Machine

LEAST = (60, 15)
USUAL = (80, 24)
COLOURFUL = ("alacritty", "foot", "ghostty", "kitty", "wezterm")  # as the screen judges them


def findings(machine: Machine) -> Iterator[Finding]:
    """Yield what was found."""
    if not machine.screen.is_terminal:
        yield Finding(Area.TERMINAL, "terminal", Verdict.NOTE, "The output is no terminal: nothing of it is checked.")
        return
    yield _size(machine)
    yield _signs(machine)
    yield _colours(machine)
    yield from _between(machine)


def _size(machine: Machine) -> Finding:
    columns, rows = machine.screen.columns, machine.screen.rows
    if not columns or not rows:
        text = (
            "The terminal does not tell its size, as a serial line does not: it is taken for 80 columns and 25 lines."
        )
        return Finding(Area.TERMINAL, "size", Verdict.NOTE, text, "stty cols 80 rows 25, with what it really has")
    said = f"The terminal has {columns} columns and {rows} lines"
    if columns < LEAST[0] or rows < LEAST[1]:
        text = f"{said}; the screen needs {LEAST[0]} and {LEAST[1]}."
        return Finding(Area.TERMINAL, "size", Verdict.BAD, text, "make the window larger, or use `kvmtui vms`")
    if columns < USUAL[0] or rows < USUAL[1]:
        return Finding(Area.TERMINAL, "size", Verdict.NOTE, f"{said}; some columns are left out.")
    return Finding(Area.TERMINAL, "size", Verdict.OK, f"{said}.")


def _signs(machine: Machine) -> Finding:
    environ = machine.environ
    locale = environ.get("LC_ALL") or environ.get("LC_CTYPE") or environ.get("LANG") or ""
    if locale.partition(".")[2].partition("@")[0].lower().replace("-", "") != "utf8":
        text = f"The locale is {locale or 'not set'}, which is not UTF-8: everything is drawn in ASCII."
        return Finding(Area.TERMINAL, "characters", Verdict.NOTE, text, "export LC_ALL=C.UTF-8")
    if environ.get("TERM") == "linux":
        text = "The console of Linux has few signs: bars and graphs are drawn in ASCII."
        return Finding(Area.TERMINAL, "characters", Verdict.NOTE, text)
    return Finding(Area.TERMINAL, "characters", Verdict.OK, "UTF-8: bars and graphs are drawn with their own signs.")


def _colours(machine: Machine) -> Finding:
    environ = machine.environ
    term = environ.get("TERM", "")
    if environ.get("NO_COLOR"):
        return Finding(
            Area.TERMINAL, "colours", Verdict.NOTE, "NO_COLOR is set: nothing is coloured.", "unset NO_COLOR"
        )
    if term in ("", "dumb", "unknown"):
        text = f"TERM is {term or 'not set'}: the screen cannot be drawn."
        return Finding(Area.TERMINAL, "colours", Verdict.BAD, text, "export TERM=xterm-256color")
    if environ.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit"):
        return Finding(Area.TERMINAL, "colours", Verdict.OK, f"{term} with all colours.")
    if term.rpartition("-")[2] in ("256color", "direct", *COLOURFUL):
        return Finding(Area.TERMINAL, "colours", Verdict.OK, f"{term} with 256 colours or more.")
    text = f"{term} with 16 colours, by what it says of itself."
    return Finding(Area.TERMINAL, "colours", Verdict.NOTE, text, "export COLORTERM=truecolor, if it can show more")


def _between(machine: Machine) -> Iterator[Finding]:
    """Yield what stands between the program and the person."""
    environ = machine.environ
    if environ.get("TMUX"):
        text = "Inside tmux: copying to the clipboard needs `set -s set-clipboard on` there; it is always printed too."
        yield Finding(Area.TERMINAL, "tmux", Verdict.OK, text)
    elif environ.get("STY"):
        yield Finding(Area.TERMINAL, "screen", Verdict.OK, "Inside screen.")
    if environ.get("SSH_CONNECTION"):
        yield Finding(Area.TERMINAL, "ssh", Verdict.OK, "Over ssh; `ssh -C` sends a tenth of the bytes.")
