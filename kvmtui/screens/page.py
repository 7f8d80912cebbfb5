"""What every screen has: the status line above, and below it the selection, the marks, the keys and the menus."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual import on
from textual.screen import Screen
from textual.widgets import Static

from kvmtui.commands.base import Noun, Target
from kvmtui.core.fields import Tone
from kvmtui.core.text import cell_width, safe, vm_name
from kvmtui.screens.actions import GO, bindings
from kvmtui.screens.places import Place
from kvmtui.screens.status import header, task_line
from kvmtui.widgets.chords import Cancelled, Chord, Dropped, Leader
from kvmtui.widgets.commandline import CommandLine
from kvmtui.widgets.lines import Line
from kvmtui.widgets.menu import LeaderMenu, MenuEntry
from kvmtui.widgets.room import LEAST, is_small
from kvmtui.widgets.selecting import LastingText
from kvmtui.widgets.table import ResourceTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.widget import Widget

    from kvmtui.commands.base import Command
    from kvmtui.core.inventory import Fleet
    from kvmtui.screens.face import Face
    from kvmtui.widgets.chords import Step
    from kvmtui.widgets.textline import TextBar

ORDINARY = "x"
FORCE = "!"
ALWAYS = ("help", "closes")
"""What the footer says however little room there is."""
MENU_HINTS = [("a letter", "does it"), ("esc", "closes")]
JUDGED = 20  # of many marked VMs, how many are judged for the menu; the dialog judges all


class Page(LastingText, Screen[None]):
    """A screen that shows some part of the fleet; the app gives it each new fleet while it is shown."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(GO)]
    AUTO_FOCUS = None
    help_title = ""
    help_text: ClassVar[tuple[str, ...]] = ()
    """What `?` says of the screen, in its own words."""

    # The parts are held, not looked up: while a screen is being taken away they go first, and what a host still says
    # then would find none.
    head = cached_property(lambda _: Line(id="head"))
    doing = cached_property(lambda _: Line(id="task"))
    about = cached_property(lambda _: Line(id="about"))
    marked = cached_property(lambda _: Line(id="marked"))
    keys = cached_property(lambda _: Line(id="keys"))
    small = cached_property(lambda _: Static(id="small", markup=False))
    menu = cached_property(lambda _: LeaderMenu())
    command_line = cached_property(lambda page: CommandLine(page.face.complete))

    def __init__(self) -> None:
        super().__init__()
        self._fixed: tuple[Target, ...] = ()
        self._fixed_hidden: tuple[Target, ...] = ()
        self._fixed_noun = Noun.VM
        self._leader = ""
        self._take_letter: Callable[[str], None] | None = None

    def compose(self) -> ComposeResult:
        """Compose the frame around the body."""
        yield self.head
        yield from self.body()
        yield self.doing
        yield self.about
        yield self.marked
        yield self.menu
        yield self.command_line
        yield self.keys
        yield self.small

    def on_resize(self) -> None:
        """Ask for more room where there is too little."""
        width, height = self.app.size
        self.small.display = is_small(width, height)
        needs = f"kvmtui needs {LEAST[0]} columns and {LEAST[1]} lines"
        full = f"{needs}, and this terminal has {width} and {height}: give it more room, or press Q to quit."
        self.small.update(full if width >= 30 and height >= 6 else f"{needs}; Q quits.")

    def body(self) -> Iterator[Widget]:
        """Yield the widgets between the status line and the foot."""
        raise NotImplementedError

    def where(self) -> Place:
        """Return the place that this is."""
        return Place("fleet")

    @property
    def face(self) -> Face:
        """The app, as far as a screen may know it."""
        return cast("Face", self.app)

    @property
    def bound(self) -> frozenset[str]:
        """The ids of the actions that have a key here."""
        return frozenset(binding.id for _, binding in self._bindings if binding.id)

    @property
    def fleet(self) -> Fleet:
        """The newest fleet."""
        return self.face.fleet

    def on_screen_resume(self) -> None:
        """Catch up with what happened while another screen was shown."""
        self.show_fleet(self.fleet)

    # -- showing

    def show_fleet(self, fleet: Fleet) -> None:
        """Show the newest fleet: the frame's lines here, the body in each screen."""
        tones, width = self.face.tones, self.size.width
        consoles = self.face.open_consoles
        self.head.say(header(fleet, self.face.problems, self.face.now(), width, tones, consoles=consoles))
        self.doing.say(task_line(fleet, width, tones))
        self.show_foot()

    def show_foot(self) -> None:
        """Show the lines about the selection and the keys that work on it."""
        self.about.say(self.about_line())
        self.marked.say(self.marked_line())
        self.keys.say(self.keys_line())

    def about_line(self) -> Text:
        """Return the line about the selection."""
        return Text()

    def marked_line(self) -> Text:
        """Return the line about marks, or about what the keys act on."""
        return Text()

    def key_hints(self) -> Iterator[tuple[str, str]]:
        """Yield the keys that work on the selection now, with a word each."""
        yield ":", "go"
        yield "?", "help"

    def keys_line(self) -> Text:
        """Return the footer."""
        tones, shown = self.face.tones, self.face.key_map.instead_of
        hints = MENU_HINTS if self.menu.is_open else [(shown(usual), word) for usual, word in self.key_hints()]
        kept = [hint for hint in hints if hint[1] in ALWAYS]
        for hint in hints:
            if hint not in kept and hints_width([*kept, hint]) <= self.size.width:
                kept.append(hint)
        text = Text(no_wrap=True)
        for key, word in sorted(kept, key=hints.index):
            text.append("  " if text else "")
            text.append(key, tones[Tone.ACCENT])
            text.append(f" {word}", tones[Tone.MUTED])
        return text

    # -- what commands act on

    def noun(self) -> Noun:
        """Say what the commands of this screen act on."""
        return Noun.VM

    def targets(self) -> tuple[Target, ...]:
        """Return what a command would act on now."""
        return ()

    def hidden_targets(self) -> tuple[Target, ...]:
        """Return those of the marked ones that a filter hides."""
        return ()

    # -- keys

    def text_bar(self) -> TextBar | None:
        """Return the bar that keys are text for at the moment."""
        return self.command_line if self.command_line.active else None

    def open_text(self, key: str) -> bool:
        """Open the bar that `:` or `/` stands for, in the same key event; False when there is none here."""
        if key == ":":
            self.command_line.open()
            return True
        return False

    def text_fed(self, bar: TextBar, *, entered: bool) -> None:
        """Do what follows from a key that a bar took, before the next key."""
        if entered and bar is self.command_line:
            self.face.run_line(bar.text)

    def action_command_line(self) -> None:
        """Open the `:` line."""
        self.command_line.open()

    def step_back(self) -> bool:
        """Undo the first thing that `esc` can undo here; False when the screen itself is to be left."""
        if self.menu.is_open:
            self.close_menu()
            return True
        return False

    def take_step(self, step: Step) -> None:
        """Do what a step of the leader keys says."""
        match step:
            case Leader(leader):
                self._open_menu(leader)
            case Chord(leader, letter):
                self._run_chord(leader, letter)
            case Dropped(_, sentence):
                self.close_menu()
                self.face.tell(sentence)
            case Cancelled():
                self.close_menu()
            case _:
                pass

    def close_menu(self) -> None:
        """Take the menu away, and what it was opened for."""
        self.menu.close()
        self.keys.say(self.keys_line())
        self._leader = ""
        self._take_letter = None
        self._fixed = self._fixed_hidden = ()

    def _open_menu(self, leader: str) -> None:
        """Fix the targets now, and show what can be done to them."""
        self._leader = leader
        self._fixed, self._fixed_hidden = self.targets(), self.hidden_targets()
        self._fixed_noun = self.noun()
        self.face.marks.this_row = False
        everything = (*self._fixed, *self._fixed_hidden)
        if not everything:
            self._show_menu("Nothing is selected.", ())
            return
        entries = []
        for letter, command in self.face.bindings.menu(self._fixed_noun, leader):
            entries.append(MenuEntry(letter, command.label, self.refusal(command, everything)))
        self._show_menu(f"{leader}  {self.title_of(everything)}", entries, forced=leader == FORCE)

    def refusal(self, command: Command, targets: Sequence[Target]) -> str:
        """Return why a command can be run on none of these; "" when it can on one of them."""
        if len(targets) > 1 and not command.many:
            return "It is for one at a time."
        verdicts = [self.face.judge(command, target) for target in targets[:JUDGED]]
        return "" if any(verdict.allowed for verdict in verdicts) else verdicts[0].refusal

    def _show_menu(self, title: str, entries: Sequence[MenuEntry], *, forced: bool = False) -> None:
        self.menu.open(title, entries, forced=forced)
        self.keys.say(self.keys_line())

    def title_of(self, targets: tuple[Target, ...]) -> str:
        """Return what a menu or dialog acts on: the full name, or how many."""
        if len(targets) == 1:
            only = targets[0]
            where = f" on {only.host}" if only.uuid and self._fixed_noun is Noun.VM else ""
            state = f"  ({only.state.value})" if only.state is not None else ""
            name = vm_name(only.name, only.uuid) if only.state is not None else safe(only.name)
            hidden = "  hidden by the filter" if self._fixed_hidden else ""
            return f"{name}{where}{state}{hidden}"
        hidden = f" ({len(self._fixed_hidden)} hidden by the filter)" if self._fixed_hidden else ""
        return f"{len(targets)} marked VMs{hidden}"

    def _run_chord(self, leader: str, letter: str) -> None:
        targets, hidden, noun = self._fixed, self._fixed_hidden, self._fixed_noun
        self.close_menu()
        command = self.face.bindings.by_chord(noun, leader, letter)
        if command is None:
            self.face.tell(f"{leader} {letter} does nothing to a {noun.word}.")
        elif not targets and not hidden:
            self.face.tell("Nothing is selected.")
        else:
            self.face.request(command, targets, hidden)

    @on(ResourceTable.MenuWanted)
    def _menu_wanted(self) -> None:
        """Open the ordinary menu for the row that was clicked; the mouse offers nothing that forces."""
        self.face.lead(ORDINARY)

    @on(LeaderMenu.Picked)
    def _picked(self, event: LeaderMenu.Picked) -> None:
        event.stop()
        if self.is_choosing:
            self.take_letter(event.letter)
        elif self._leader == ORDINARY:
            self.face.let_go()
            self._run_chord(ORDINARY, event.letter)

    # -- menus of letters that change nothing by themselves

    @property
    def is_choosing(self) -> bool:
        """Whether the next key is a letter of a menu that `open_letters` showed."""
        return self._take_letter is not None

    def open_letters(self, title: str, entries: Sequence[MenuEntry], take: Callable[[str], None]) -> None:
        """Show letters; `take` is told the one that is pressed next, any other key closes the menu."""
        letters = {entry.letter for entry in entries if not entry.reason}
        self._take_letter = lambda letter: take(letter) if letter in letters else None
        self._show_menu(title, entries)

    def take_letter(self, key: str) -> None:
        """Do what a letter of the menu stands for."""
        take = self._take_letter
        self.close_menu()
        if take is not None:
            take(key)

    def open_sort_menu(self, letters: Mapping[str, str]) -> None:
        """Show the letters of the columns; the next key sorts by one."""
        entries = [MenuEntry(letter, name) for letter, name in letters.items()]
        self.open_letters("sort by", entries, lambda letter: self.sort_by(letters[letter]))

    def action_new_menu(self) -> None:
        """Show what can be made."""
        self.open_letters("new", [MenuEntry("n", "VM")], lambda _letter: self.face.make_vm(self.host_here()))

    def host_here(self) -> str | None:
        """Return the host of what is selected."""
        targets = self.targets()
        return targets[0].host if targets else None

    def sort_by(self, name: str) -> None:
        """Order what is listed by a field."""
        raise NotImplementedError


def hints_width(hints: Sequence[tuple[str, str]]) -> int:
    """Return the cells that keys take with a word each."""
    return sum(cell_width(key) + 1 + cell_width(word) for key, word in hints) + 2 * (len(hints) - 1)


def named(target: Target) -> str:
    """Return how a target is called in a sentence."""
    if target.uuid and target.state is not None:
        return f"{vm_name(target.name, target.uuid)} on {safe(target.host)}"
    return safe(target.name)
