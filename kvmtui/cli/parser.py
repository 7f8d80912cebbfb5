"""argparse as people read it: short usage, verbs without their other names, a guess at what was meant."""

from __future__ import annotations

import argparse
import shutil
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from kvmtui.cli.output import UsageError, write

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

MOST_WIDE = 100  # columns: longer lines are hard to read
FIRST = {
    "--demo": "stands before the verb, as in `kvmtui --demo vms`",
    "--theme": "is for the screen, which has no verb",
    "--no-mouse": "is for the screen, which has no verb",
}
"""What is said of options that do not stand behind a verb."""
GAP = 28  # columns before the explanations


class Help(argparse.HelpFormatter):
    """Lays the help out; in an epilog, lines and blank lines stay as they are written."""

    def __init__(self, prog: str) -> None:
        width = min(shutil.get_terminal_size().columns, MOST_WIDE) - 1
        super().__init__(prog, max_help_position=GAP, width=width)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings:
            # "start (on, restore)": a verb's other names are not worth the room.
            return super()._format_action_invocation(action).partition(" (")[0]
        names = ", ".join(action.option_strings)
        if action.nargs == 0:
            return names
        return f"{names} {self._format_args(action, self._get_default_metavar_for_optional(action))}"

    def _format_action(self, action: argparse.Action) -> str:
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - argparse has no public name for it
            verbs: list[argparse.Action] = action._get_subactions()  # noqa: SLF001 - as above
            return "".join(map(self._format_action, verbs))
        return super()._format_action(action)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(
            line if line.startswith(" ") or not line else super(Help, self)._fill_text(line, width, indent)
            for line in text.splitlines()
        )


class Parser(argparse.ArgumentParser):
    """Raises instead of leaving, so that an error can be told as JSON too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - what argparse takes
        super().__init__(*args, **{"add_help": False, "allow_abbrev": False, "formatter_class": Help, **kwargs})

    def add_verbs(self, dest: str, *, required: bool = True) -> Verbs:
        """Add the verbs that may follow; which one did stands under `dest`."""
        return self.add_subparsers(
            dest=dest, metavar="VERB", title="verbs", required=required, parser_class=Parser, prog=self.prog
        )

    def add_rest(self) -> argparse._ArgumentGroup:
        """Add --help in a group, and return the group for what belongs beside it."""
        group = self.add_argument_group("options")
        group.add_argument("-h", "--help", action="help", help="tell this, and leave")
        return group

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong with the command line."""
        unknown = message.removeprefix("unrecognized arguments: ")
        if unknown != message:
            raise UsageError(_unknown(unknown), hint=self._more)
        sentence = message[:1].upper() + message[1:]
        raise UsageError(f"{sentence.rstrip('.')}.", usage=self.format_usage(), hint=self._more)

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        """Write the help as all else is written: argparse would not say that nothing takes it."""
        if file is None:
            write(self.format_help())
        else:
            super().print_help(file)

    @property
    def _more(self) -> str:
        return f"`{self.prog} --help` tells more."

    def _check_value(self, action: argparse.Action, value: object) -> None:
        choices = [str(one) for one in action.choices or ()]
        if action.choices is None or value in choices:
            return
        word = str(value)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - argparse has no public name for it
            raise UsageError(f"{self.prog} has no verb `{word}`{self._meant(word, choices)}", hint=self._more)
        name = "/".join(action.option_strings) or action.metavar
        raise UsageError(f"{name} is one of {', '.join(choices)}, not `{word}`.", hint=self._more)

    def _meant(self, word: str, verbs: list[str]) -> str:
        """Return a guess at which verb was meant, else a full stop."""
        from difflib import get_close_matches  # noqa: PLC0415 - only a mistake needs it

        found = get_close_matches(word.lower(), verbs, n=1, cutoff=0.5)
        if self.prog == "kvmtui":
            from kvmtui.commands.base import Noun  # noqa: PLC0415 - only a mistake needs it
            from kvmtui.commands.registry import of_noun  # noqa: PLC0415 - only a mistake needs it

            of_vms = {name: row.verb for row in of_noun(Noun.VM) for name in (row.verb, *row.aliases)}
            of_vms |= {name: name for name in ("show", "display", "create")}
            near = get_close_matches(word.lower(), of_vms, n=1, cutoff=0.75)
            if near and (not found or near[0] == word.lower()):
                return f"; did you mean `kvmtui vm {of_vms[near[0]]}`?"
        return f"; did you mean `{self.prog} {found[0]}`?" if found else "."


def _unknown(words: str) -> str:
    """Return what to say of words that nothing takes there."""
    first = words.strip().partition(" ")[0].partition("=")[0]
    if first in FIRST:
        return f"{first} {FIRST[first]}."
    if first.startswith("-"):
        return f"There is no option {first} here."
    return f"Nothing is to stand behind that: {words.strip() or 'a text that is empty'}."


Verbs: TypeAlias = "argparse._SubParsersAction[Parser]"  # noqa: SLF001 - argparse has no public name for it
"""The verbs of a parser."""
