"""Going from screen to screen: forward, back, and through the history of places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from kvmtui.screens.fleet import FleetPage
from kvmtui.screens.page import Page
from kvmtui.screens.places import Place, Places

if TYPE_CHECKING:
    from textual.app import App

    from kvmtui.core.inventory import Fleet, VmRef
    from kvmtui.state_file import StateFile

BASES = ("fleet", "vms", "hosts")
"""The places that the first screen itself is."""


class Surface(Protocol):
    """What going somewhere needs of the app."""

    @property
    def memory(self) -> StateFile: ...
    @property
    def fleet(self) -> Fleet: ...
    @property
    def page(self) -> Page | None: ...
    def tell(self, text: str, *, bad: bool = False) -> None: ...


class Navigator:
    """Shows the screen of a place; a page's module is loaded when it is first gone to."""

    def __init__(self, app: App[int], surface: Surface) -> None:
        self._app = app
        self._surface = surface
        last = surface.memory.get("place")
        self._places = Places(Place(last if isinstance(last, str) and last in BASES else "fleet"))

    @property
    def here(self) -> Place:
        """The place that is shown."""
        return self._places.here

    def open_vm(self, ref: VmRef, tab: str = "") -> None:
        """Show a VM's page over what is shown."""
        from kvmtui.screens.vm import VmPage

        if self._surface.fleet.vm(ref) is None:
            self._surface.tell("That VM is gone.")
            return
        self._places.visit(Place("vm", ref.host, ref.uuid))
        self._app.push_screen(VmPage(ref, tab))

    def open_host(self, host: str, tab: str = "") -> None:
        """Show a host's page over what is shown."""
        from kvmtui.screens.host import HostPage

        self._places.visit(Place("host", host))
        self._app.push_screen(HostPage(host, tab))

    def go(self, name: str) -> None:
        """Go to a place of the key table."""
        self._places.visit(Place(name))
        self._show(Place(name))

    def go_last(self) -> None:
        """Go to the place that was shown before this one."""
        place = self._places.last
        self._places.visit(place)
        self._show(place)

    def step(self, by: int) -> None:
        """Go back or forward in the history."""
        place = self._places.step(by)
        if place is None:
            self._surface.tell("There is no older place." if by < 0 else "There is no newer place.")
        else:
            self._show(place)

    def back(self) -> bool:
        """Go back one; False at the fleet, where there is nothing to go back to."""
        page = self._surface.page
        if len(self._app.screen_stack) > 1:
            self._app.pop_screen()
            below = self._app.screen
            if isinstance(below, Page):
                self._places.visit(below.where())
        elif isinstance(page, FleetPage) and page.view != "fleet":
            self.go("fleet")
        else:
            return False
        return True

    def _show(self, place: Place) -> None:
        while len(self._app.screen_stack) > 1:
            self._app.pop_screen()
        base = self._app.screen
        if isinstance(base, FleetPage) and place.name in BASES:
            base.view = place.name
            self._surface.memory.set("place", place.name)
            return
        page = self._page_of(place)
        if page is not None:
            self._app.push_screen(page)

    def _page_of(self, place: Place) -> Page | None:
        """Return a place's page; None when what it shows is gone."""
        fleet = self._surface.fleet
        if place.name == "tasks":
            from kvmtui.screens.tasks import TasksPage

            return TasksPage()
        if place.name == "log":
            from kvmtui.screens.log import LogPage

            return LogPage()
        if place.name == "vm" and fleet.vm(place.ref) is not None:
            from kvmtui.screens.vm import VmPage

            return VmPage(place.ref)
        if place.name == "host" and fleet.host(place.host) is not None:
            from kvmtui.screens.host import HostPage

            return HostPage(place.host)
        return None
