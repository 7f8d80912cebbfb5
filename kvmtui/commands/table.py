"""The table of all commands in the guide (docs/commands.md), made from the rows.

`python -m kvmtui.commands.table docs/commands.md` writes it anew between the two marks of that file.
"""

from __future__ import annotations

import sys
from pathlib import Path

from kvmtui.commands.base import Command, Level, Noun, Target
from kvmtui.commands.registry import ALL, DEFAULT
from kvmtui.core.inventory import VmState

BEGIN, END = "<!-- commands: made from the rows -->", "<!-- end of commands -->"
_ASKS = {
    Level.LOOK: "nothing",
    Level.EASY: "nothing",
    Level.ORDINARY: "`enter`",
    Level.FORCED: "`!` again",
    Level.LOSS: "the name",
}
_EXAMPLE = {
    Noun.VM: Target("hv1", "", "", "web-1", VmState.OFF),
    Noun.HOST: Target("hv1", "", "", "hv1", None, "qemu+ssh://root@hv1/system"),
    Noun.TASK: Target("hv1", "", "", "start web-1", None),
}


def markdown() -> str:
    """Return the table."""
    lines = ["| id | key | does | asks | virsh |", "| --- | --- | --- | --- | --- |"]
    lines += [f"| {' | '.join(_cells(command))} |" for command in ALL]
    return "\n".join(lines)


def _cells(command: Command) -> tuple[str, ...]:
    keys = DEFAULT.text(command.id)
    answers = {question.name: question.initial for question in command.questions}
    virsh = "`<br>`".join(command.virsh(_EXAMPLE[command.noun], answers).splitlines())
    return (
        f"`{command.id}`",
        f"`{keys}`" if keys else "",
        command.help,
        _ASKS[command.level],
        f"`{virsh}`" if virsh else "",
    )


def renewed(text: str) -> str:
    """Return the guide's page with the table of now."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{markdown()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(renewed(page.read_text("utf-8")), "utf-8")
