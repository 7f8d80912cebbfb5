"""The keys that look, move and mark: each once, for the bindings, the footer, the help page and rebinding.

What changes a VM is a `Command` (kvmtui.commands); nothing here changes anything.
"""

from __future__ import annotations

from typing import NamedTuple

from textual.binding import Binding


class Action(NamedTuple):
    """A key of a screen: `id` is what people rebind, `keys` are Textual's key names, comma separated."""

    id: str
    keys: str
    shown: str  # the key as a person reads it
    label: str
    help: str
    method: str  # the screen's `action_*`


GO = (
    Action("go.fleet", "1", "1", "Fleet", "Hosts above, VMs below.", "app.go('fleet')"),
    Action("go.vms", "2", "2", "VMs", "All VMs, with the whole height.", "app.go('vms')"),
    Action("go.tasks", "7", "7", "Tasks", "Tasks and the journal.", "app.go('tasks')"),
    Action("go.hosts", "9", "9", "Hosts", "All hosts, with the whole height.", "app.go('hosts')"),
    Action("go.log", "0", "0", "log", "The virsh lines of what was really done, and what others did.", "app.go('log')"),
    Action("go.last", "minus", "-", "last place", "Back to the last place.", "app.go_last"),
    Action(
        "go.older", "left_square_bracket", "[", "older place", "One place back in the history.", "app.go_history(-1)"
    ),
    Action(
        "go.newer", "right_square_bracket", "]", "newer place", "One place forward in the history.", "app.go_history(1)"
    ),
    Action("go.back", "q", "q", "back", "Back one; at Fleet it quits.", "app.back_or_quit"),
    Action("go.quit", "Q", "Q", "quit", "Quit; asks while tasks run.", "app.leave"),
    Action("go.palette", "ctrl+p", "ctrl-p", "palette", "Every command by name, key or virsh word.", "app.palette"),
    Action("go.help", "question_mark", "?", "help", "This screen and its keys.", "app.help"),
    Action("new.menu", "n", "n", "new", "Make something new: `n` `n` makes a VM.", "new_menu"),
    Action("go.command", "colon", ":", "command", "Run a command by name, e.g. `:start web-1`.", "command_line"),
    Action("view.repaint", "ctrl+l", "ctrl-l", "repaint", "Paint the whole screen anew.", "app.repaint"),
    Action(
        "view.suspend", "ctrl+z", "ctrl-z", "suspend", "Leave to the shell; `fg` comes back.", "app.suspend_process"
    ),
)
"""Live on every screen."""

LIST = (
    Action("list.look", "enter,d", "enter", "look", "Look inside.", "look"),
    Action(
        "list.filter", "slash", "/", "find", "Filter: words, or `cpu>80 state:running host:hv1 -name:test`.", "filter"
    ),
    Action("list.faults", "f", "f", "faults", "Only what is wrong.", "faults"),
    Action("list.sort", "o", "o", "sort by", "`o` and a column's letter sorts by it.", "sort_menu"),
    Action("list.reverse", "O", "O", "reverse", "Reverse the order.", "reverse"),
    Action(
        "list.resort", "equals_sign", "=", "sort now", "Sort again now: the order is held while you work.", "resort"
    ),
    Action("list.group", "z", "z", "group", "Group by host, state, tag or OS; again folds.", "group"),
    Action("list.wide", "w", "w", "wide", "All columns that fit, or the usual ones.", "wide"),
    Action("list.columns", "W", "W", "columns", "Choose the columns.", "columns"),
    Action("list.read", "r", "r", "read again", "Read the host of the cursor's row anew.", "read_again"),
    Action("list.why", "l", "l", "why", "Why it is in this state, and its journal.", "why"),
    Action("list.facts", "i", "i", "facts", "Facts, and the virsh line of every command.", "facts"),
    Action("list.copy", "y", "y", "copy", "Copy name, UUID, address, MAC, virsh line or XML.", "copy"),
)
"""Live where VMs or hosts are listed."""

MARK = (
    Action("mark.one", "space", "space", "mark", "Mark the row and step on.", "mark"),
    Action("mark.screen", "plus", "+", "mark screen", "Mark all that is on the screen now.", "mark_screen"),
    Action("mark.invert", "asterisk", "*", "invert marks", "Invert the marks of what is listed.", "mark_invert"),
    Action("mark.none", "u", "u", "unmark all", "Unmark all.", "unmark"),
    Action(
        "mark.skip", "full_stop", ".", "this row only", "The next command is for the cursor's row alone.", "this_row"
    ),
)
"""Live where VMs are listed."""

PANES = (
    Action("pane.next", "tab", "tab", "next pane", "The next pane.", "next_pane"),
    Action("pane.zoom", "Z", "Z", "zoom", "The focused pane alone, or all panes.", "zoom"),
    Action("pane.side", "p", "p", "detail", "A live detail pane at the side.", "side"),
)

TABS = (
    Action("tab.next", "greater_than_sign,tab", ">", "next tab", "The next tab.", "tab(1)"),
    Action("tab.last", "less_than_sign", "<", "last tab", "The tab before.", "tab(-1)"),
)
"""Live on pages with tabs."""

SHOWN = tuple(action for action in LIST if action.id in ("list.read", "list.why", "list.facts", "list.copy"))
"""Live on the page of one thing."""

GRAPHS = (
    Action("graph.back", "left", "left", "read back", "The read-out one step back in time.", "read(-1)"),
    Action("graph.on", "right", "right", "read on", "The read-out one step on in time.", "read(1)"),
    Action("graph.in", "plus", "+", "shorter", "A shorter time, down to a minute.", "zoom(-1)"),
    Action("graph.out", "minus", "-", "longer", "A longer time, up to all that is kept.", "zoom(1)"),
    Action("graph.device", "d", "d", "device", "The next disk and interface, or all together.", "device"),
)
"""Live on the graphs of a VM."""

XML = (Action("xml.stored", "t", "t", "live or stored", "The definition that runs, or the stored one.", "stored"),)
"""Live on the XML of a VM."""

CONSOLE = (
    Action("console.leave", "d,escape", "d", "leave", "Leave; the console stays open.", "leave"),
    Action("console.close", "x", "x", "close", "Close this console.", "close_console"),
    Action("console.take", "exclamation_mark", "!", "take over", "Take it from somebody else; asks first.", "take"),
    Action("console.retry", "t", "t", "try now", "Try to open it now.", "retry"),
    Action("console.find", "slash", "/", "find", "Find a text in the scrollback.", "find"),
    Action("console.scroll", "v", "v", "scroll", "Scroll back by keys; the wheel does so, too.", "scroll"),
    Action("console.next", "n", "n", "next", "The next console.", "step(1)"),
    Action("console.last", "p", "p", "last", "The console before.", "step(-1)"),
    Action("console.number", "1,2,3,4,5,6,7,8,9", "1-9", "", "The console of that number.", "number"),
    Action("console.keys", "k", "k", "keys", "Press keys on the VM's keyboard, such as ctrl-alt-del.", "chord"),
    Action("console.size", "r", "r", "size", "Tell the guest the size: types `stty rows 35 cols 120`.", "tell_size"),
    Action("console.itself", "right_square_bracket", "]", "itself", "Send the prefix itself to the guest.", "itself"),
    Action("console.help", "question_mark", "?", "help", "These keys.", "explain"),
)
"""What may follow the prefix in a console; all other keys are the guest's."""

PREFIX = Action("console.prefix", "", "ctrl-]", "prefix", "The one key that is not the guest's in a console.", "")
"""Rebound to another ctrl key in the configuration."""

RESERVED = {
    "3": "the page of top consumers",
    "4": "the storage page",
    "5": "the networks page",
    "6": "the balance page",
    "8": "the alarms page",
    "s": "ssh to the guest or host",
    "e": "the hardware form",
    "E": "editing XML",
    "b": "snapshots and backups",
    "F": "saved views",
}
"""Keys that a later version uses; pressing one says so, so that no habit forms."""


def bindings(*groups: tuple[Action, ...]) -> list[Binding]:
    """Return Textual bindings for these groups; their ids are what a key map names.

    They have priority, so that a key acts before the next one of the same read is looked at: a leader after `space`
    finds the mark that it set.
    """
    return [
        Binding(action.keys, action.method, action.label, show=False, id=action.id, priority=True)
        for group in groups
        for action in group
    ]
