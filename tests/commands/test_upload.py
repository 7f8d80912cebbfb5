"""A file of this machine goes into a pool, all of it and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kvmtui.commands.streaming import LocalFile, Pace, Stream
from kvmtui.core.errors import Refused
from tests.commands.making_bench import bench

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("home_with_a_key")


async def test_a_file_is_sent_to_a_pool(tmp_path: Path) -> None:
    file = tmp_path / "own.img"
    file.write_bytes(bytes(1 << 20))
    async with bench(tmp_path) as it:
        done = await it.do("volume.upload", file=str(file), pool="nvme", name="mine.img")
        assert done.message == "own.img is now nvme/mine.img on hv2: 1.0M."
        assert "mine.img" in it.volumes()
        with pytest.raises(Refused, match=r"nvme has a volume mine\.img already"):
            await it.asked("volume.upload", {"file": str(file), "pool": "nvme", "name": "mine.img"})
        with pytest.raises(Refused, match="begins with a letter"):
            await it.asked("volume.upload", {"file": str(file), "pool": "nvme", "name": "../x"})


async def test_the_pool_with_the_most_room_is_offered_first(tmp_path: Path) -> None:
    async with bench(tmp_path) as it:
        (pools,) = [entry.state.pools for entry in it.engine.fleet.hosts if entry.name == "hv2" and entry.state]
        file = tmp_path / "own.img"
        file.write_bytes(bytes(512))
        _, full, _, _ = await it.asked("volume.upload", {"file": str(file)})
        assert full["pool"] == max(pools, key=lambda pool: pool.available).name != pools[0].name


def test_a_stream_never_gives_more_or_less_than_was_said(tmp_path: Path) -> None:
    file = tmp_path / "own.img"
    file.write_bytes(bytes(1024))
    stream = Stream.of_file(LocalFile.at(str(file)))
    with file.open("ab") as opened:
        opened.write(bytes(512))
    assert len(stream.read(4096)) == 1024
    assert stream.read(4096) == b""
    stream.close()
    stream = Stream.of_file(LocalFile.at(str(file)))
    file.write_bytes(bytes(512))
    stream.read(512)
    with pytest.raises(OSError, match="shorter"):
        stream.read(512)
    stream.close()


def test_how_far_it_is_says_bytes_rate_and_time_left() -> None:
    told: list[tuple[str, float | None]] = []

    class Told:
        def progress(self, message: str, percent: float | None = None) -> None:
            told.append((message, percent))

    at = [100.0]
    pace = Pace("sending x to default", 900 << 20, Told(), lambda: at[0])  # type: ignore[arg-type]
    for second in range(1, 4):
        at[0] += 1.0
        pace(second * (100 << 20))
        pace(second * (100 << 20))
    assert len(told) == 3
    assert told[-1] == ("sending x to default: 300/900M, 100M/s, 6.0 s left", 100 / 3)
