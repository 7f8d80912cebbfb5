"""An upload: a volume that is made, filled from this machine and left only when it is whole.

The bytes go through a blocking stream on a lane of its own. The loop looks at how far they are, and ends the lane when
somebody wants it to stop and the lane does not hear.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from kvmtui.backend.libvirt import api, errors, volumes
from kvmtui.backend.libvirt.xml import volume as volume_xml
from kvmtui.core.errors import Aborted, BackendError, Unreachable
from kvmtui.core.images import HEADER, Image, look
from kvmtui.core.text import safe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from kvmtui.backend.base import Upload
    from kvmtui.backend.libvirt.lane import Lane, Session
    from kvmtui.backend.libvirt.lanes import Lanes
    from kvmtui.core.inventory import Volume

BLOCK = 262_120  # bytes that one of libvirt's packets holds
LOOK_SECONDS = 0.25
STOP_SECONDS = 3.0  # that a lane is given to hear that it should stop
CLEAN_SECONDS = 30.0
RECONNECT_SECONDS = 20.0  # that a lost connection is waited for to clean up
RETRY_SECONDS = 1.0
OWN_REFRESH_SECONDS = 1.0  # the host looks at the pool by itself after an upload, unless a copy is under way
REFRESH_SECONDS = 10.0
_SPARSE_SINCE = 8_000_000
_ZEROS = bytes(BLOCK)


class Sending:
    """One upload under way: what its thread and the loop tell each other by plain assignments."""

    def __init__(self, pool: str, name: str, kind: str, source: Upload) -> None:
        self.pool = pool
        self.name = name
        self.kind = kind
        self.source = source
        self.sent = 0
        self.is_given_up = False  # nobody waits for it any more
        self.is_made = False  # there is a volume that must be deleted when it fails
        self.lane: Lane | None = None

    @property
    def stop(self) -> bool:
        """Whether it is to end."""
        return self.is_given_up or self.source.stop

    @property
    def what(self) -> str:
        """The volume, as a sentence names it."""
        return safe(f"{self.pool}/{self.name}")

    def take_lane(self, lane: Lane) -> None:
        """Remember the lane that it runs on."""
        self.lane = lane


async def run(lanes: Callable[[], Lanes], sending: Sending, progress: Callable[[int], None]) -> Volume:
    """Carry it out; when it fails the volume is gone, or the error says that it is not."""
    work = asyncio.ensure_future(lanes().alone(partial(_carry_out, sending=sending), on_lane=sending.take_lane))
    try:
        await _watch(work, sending, progress)
    except BaseException:
        sending.is_given_up = True
        raise
    try:
        return work.result()
    except asyncio.CancelledError:
        raise _stopped() from None
    except BackendError as error:
        if not sending.is_made:
            raise
        raise await _cleaned(lanes, sending, error) from None


async def _watch(work: asyncio.Future[Volume], sending: Sending, progress: Callable[[int], None]) -> None:
    """Tell how far it is until it has ended; end it when somebody wants that and it does not by itself."""
    told = -1
    waited = 0.0
    while not work.done():
        await asyncio.wait((work,), timeout=LOOK_SECONDS)
        if sending.sent != told and not sending.stop:
            told = sending.sent
            progress(told)
        if sending.stop and not work.done():
            waited += LOOK_SECONDS
            if sending.lane is None:
                work.cancel()
            elif waited >= STOP_SECONDS:
                sending.lane.give_up(_stopped())


async def _cleaned(lanes: Callable[[], Lanes], sending: Sending, error: BackendError) -> BackendError:
    """Delete on another lane what could not be deleted on its own; return the error, which says how that went."""
    loop = asyncio.get_running_loop()
    until = loop.time() + RECONNECT_SECONDS
    while True:
        try:
            await lanes().detail(partial(_delete, sending=sending), CLEAN_SECONDS, change=True)
        except Unreachable as failure:
            if loop.time() >= until:
                return _left(sending, error, failure)
            await asyncio.sleep(RETRY_SECONDS)
        except BackendError as failure:
            return _left(sending, error, failure)
        else:
            return type(error)(error.text, hint=error.hint)


def _left(sending: Sending, error: BackendError, failure: BackendError) -> BackendError:
    return type(error)(
        f"{error.text} What was sent of {sending.what} may be left: {failure.text}",
        hint="Delete that volume before the next try.",
        unknown=True,
    )


def _stopped() -> Aborted:
    return Aborted("The upload was stopped; nothing of it is left.")


# What follows runs on a lane's thread.


def _carry_out(session: Session, sending: Sending) -> Volume:
    if sending.stop:
        raise _stopped()
    blocks = _blocks(sending)
    first = next(blocks, b"")
    image = look(first)
    if image.problem:
        raise BackendError(image.problem, hint=image.hint)
    if image.kind != sending.kind:
        raise BackendError(f"The file is {image.kind}, not {safe(sending.kind)}; nothing was sent.")
    pool = volumes.active_pool(session, sending.pool)
    volumes.need_free_name(pool, sending.name)
    text = volume_xml.read_pool(pool.XMLDesc(0))
    made = pool.createXML(volume_xml.build(sending.name, sending.source.size, "raw", pool=text), 0)
    sending.is_made = True
    try:
        _send(session, made, sending, first, blocks)
        return _whole(pool, sending, image)
    except BaseException as error:
        if not (isinstance(error, api.LibvirtError) and errors.is_lost(api.fault(error))):
            _remove(made, sending)
        raise


def _blocks(sending: Sending) -> Iterator[bytes]:
    """Yield what the source has, first a block that is large enough to tell what it is."""
    head = b""
    while len(head) < HEADER and (more := _read(sending, BLOCK - len(head))):
        head += more
    if head:
        yield head
    while more := _read(sending, BLOCK):
        yield more


def _read(sending: Sending, size: int) -> bytes:
    try:
        return sending.source.read(size)
    except OSError as error:
        why = error.strerror or str(error)
        raise BackendError(f"The file cannot be read: {why}; nothing of it is left on the host.") from error


def _send(session: Session, volume: api.Volume, sending: Sending, first: bytes, blocks: Iterator[bytes]) -> None:
    is_sparse = session.conn.getLibVersion() >= _SPARSE_SINCE
    stream = session.conn.newStream(0)
    volume.upload(stream, 0, 0, api.UPLOAD_SPARSE_STREAM if is_sparse else 0)
    try:
        _pump(stream, sending, chain((first,), blocks), is_sparse=is_sparse)
        stream.finish()
    except BaseException:
        with contextlib.suppress(api.LibvirtError):
            stream.abort()
        raise


def _pump(stream: api.Stream, sending: Sending, blocks: Iterable[bytes], *, is_sparse: bool) -> None:
    for block in blocks:
        if sending.stop:
            raise _stopped()
        _put(stream, block, is_sparse=is_sparse)
        sending.sent += len(block)
    if sending.sent != sending.source.size:
        raise BackendError("The file changed while it was read; nothing of it is left on the host.")


def _put(stream: api.Stream, block: bytes, *, is_sparse: bool) -> None:
    """Send a block, or word that it holds nothing but zeros."""
    if is_sparse and block == _ZEROS[: len(block)]:
        stream.sendHole(len(block), 0)
        return
    rest = block
    while rest:
        rest = rest[stream.send(rest) :]


def _whole(pool: api.Pool, sending: Sending, image: Image) -> Volume:
    """Return the volume; of a qcow2 once the pool has seen that it is one, since others build upon what it says."""
    began = time.monotonic()
    while True:
        found = volumes.read(pool.storageVolLookupByName(sending.name), sending.pool)
        passed = time.monotonic() - began
        if image.kind != "qcow2" or found.format == "qcow2" or found.block or passed >= REFRESH_SECONDS:
            break
        if passed >= OWN_REFRESH_SECONDS:
            volumes.refresh(pool)
        time.sleep(0.05)
    capacity = image.capacity or sending.source.size
    return replace(found, format=image.kind, capacity=found.capacity if found.block else capacity)


def _delete(session: Session, sending: Sending) -> None:
    volumes.delete(session, sending.pool, sending.name, patience=volumes.DELETE_PATIENCE, may_be_gone=True)


def _remove(volume: api.Volume, sending: Sending) -> None:
    """Delete what was sent; when that cannot be done here the loop tries it on another lane."""
    with contextlib.suppress(api.LibvirtError):
        volumes.remove(volume, patience=volumes.DELETE_PATIENCE, may_be_gone=True)
        sending.is_made = False
