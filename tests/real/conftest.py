"""Real hosts and guests for the tests of this folder: built once per run, and shared by tests that leave them whole."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.real.lab import Guest, GuestSpec, Host, Lab, inside_lab
from tests.real.program import Program

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

HERE = Path(__file__).parent

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder, and skip them outside the lab's namespaces."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.real)
            if not inside_lab():
                item.add_marker(pytest.mark.skip(reason="needs the namespaces of a lab: run tests/real/run"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show, for a test that failed, what its programs showed and logged."""
    report = yield
    if report.failed and item.path.is_relative_to(HERE):
        for number, program in enumerate(Program.of_this_test, 1):
            report.sections.append((f"screen of program {number}, {report.when}", program.told()))
    if report.when == "teardown":
        Program.of_this_test.clear()
    return report


@pytest.fixture(autouse=True)
def _no_default_uri(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a program that a test starts on a lab host find that host's own libvirtd."""
    monkeypatch.delenv("LIBVIRT_DEFAULT_URI", raising=False)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The lab of this run, without hosts of its own accord."""
    with Lab() as built:
        yield built


@pytest.fixture(scope="session")
def hv1(lab: Lab) -> Host:
    """A host for all tests that leave it whole: up, answering, without VMs but those the test makes, and `guest`."""
    return lab.host("hv1")


@pytest.fixture(scope="session")
def hv2(lab: Lab) -> Host:
    """A second host, as hv1."""
    return lab.host("hv2")


@pytest.fixture(scope="session")
def guest(lab: Lab, hv1: Host) -> Guest:
    """A booted guest on hv1 with a disk, a card and an agent, for tests that leave it running."""
    return lab.guest(hv1, GuestSpec("shared", disk_mib=64)).start().wait_booted()


@pytest.fixture
def own_host(lab: Lab) -> Iterator[Host]:
    """A host for one test, which may do with it what it likes."""
    host = lab.host(f"own{next(_numbers)}")
    yield host
    lab.drop(host)


@pytest.fixture
def make_guest(lab: Lab) -> Iterator[Callable[[Host, GuestSpec], Guest]]:
    """Define guests for one test on any host; they are removed after it, in whatever state they are."""
    made: list[Guest] = []

    def make(host: Host, spec: GuestSpec) -> Guest:
        guest = lab.guest(host, spec)
        made.append(guest)
        return guest

    yield make
    for guest in made:
        guest.remove()
