"""The oracle of the chaos notices each kind of lie, and takes the truth for it."""

from __future__ import annotations

import pytest

from tests.soak.truth import Told, differences, differences_of_json, fresh_of

UUID = "dfee3ad3-ca58-4b93-bf30-9a3d8c8e2a01"
ON = Told("web", "alfa", UUID, "running", "booted", True, True, False, False, 1, 3, 16, ("/images/web-a", "/b"))
OFF = ON._replace(state="shut off", reason="destroyed", id=None, autostart=False, snapshots=0)
WIDTHS = {"state": 20, "host": 5, "uuid": 36, "most": 7, "autostart": 4, "snapshots": 5, "id": 5, "cpu": 6, "flags": 3}
TRUE = {
    "state": "on",
    "host": "alfa",
    "uuid": UUID,
    "most": "16M",
    "autostart": "yes",
    "snapshots": "1",
    "id": "3",
    "cpu": "0.0/1",
    "flags": "AS",
}
ROW = {
    "uuid": UUID,
    "name": "web",
    "host": "alfa",
    "state": "running",
    "reason": "booted",
    "autostart": True,
    "snapshots": 1,
    "id": 3,
    "memory_max": 16 << 20,
    "flags": ["autostart"],
    "disk": [{"source": "/images/web-a"}, {"source": "/b"}],
    "seen": {"live": True},
}


def screen(disks: str = "/imag…-a, /b", **other: str) -> str:
    """A list with one VM."""
    cells = " ".join(text.ljust(WIDTHS[what]) for what, text in (TRUE | other).items())
    return f"   VM     STATE\n>  {other.get('name', 'web'):12} {cells} {disks}\nweb on alfa"


def test_the_truth_is_no_lie() -> None:
    assert differences(screen(), [ON]) == []
    assert differences(screen(state="on, steal 12 %"), [ON]) == []
    assert differences(screen(state="on, no answer"), [ON._replace(stopped=True)]) == []
    off = screen(state="off: forced off", autostart="no", snapshots="0", id="-", cpu="-", flags="")
    assert differences(off, [OFF]) == []
    assert differences(off, [OFF._replace(reason="unknown")]) == [], "the program may know what libvirt has forgotten"
    assert differences_of_json([ROW], [ON]) == []


@pytest.mark.parametrize(
    "lie",
    [
        {"state": "off"},
        {"state": "on, no answer"},
        {"state": "on at 12:00:00"},
        {"host": "bravo"},
        {"most": "20M"},
        {"autostart": "no"},
        {"snapshots": "0"},
        {"id": "4"},
        {"cpu": "-"},
        {"flags": "A"},
        {"flags": "ANS"},
        {"disks": "/images/web-a"},
        {"disks": "/imag…-c, /b"},
    ],
)
def test_a_lie_is_noticed(lie: dict[str, str]) -> None:
    assert len(differences(screen(**lie), [ON])) == 1


def test_who_is_missing_and_who_should_be_is_noticed() -> None:
    assert differences(screen(), []) == [f"web {UUID} is shown as 'on', and is not there"]
    assert differences("", [ON]) == [f"web {UUID} is not shown"]
    assert differences_of_json([ROW], []) == [f"--json tells of {UUID}, and it is not there"]
    assert differences_of_json([], [ON]) == [f"--json does not tell of web {UUID}"]


def test_a_lie_in_json_is_noticed() -> None:
    for what, lie in (("state", "off"), ("reason", "migrated"), ("id", None), ("disk", []), ("seen", {"live": False})):
        assert len(differences_of_json([ROW | {what: lie}], [ON])) == 1


def test_what_is_shown_as_of_now_is_told_from_what_is_old() -> None:
    assert fresh_of(screen(), "alfa") == ["web on"]
    assert fresh_of(screen(), "bravo") == []
    assert fresh_of(screen(state="on at 12:00:00"), "alfa") == []
    assert fresh_of(screen(state="off, should be on"), "alfa") == ["web off, should be on"]
