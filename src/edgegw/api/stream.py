"""Records as server-sent events: what was stored since a seq, then what is committed, to one client each.

Owns: the order (each record once, by seq), the bound on what waits for a slow client, heartbeats, the frames.
Must not know: HTTP, tokens, the store.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet

import msgspec
from msgspec import Raw

from edgegw.api.backend import Backend
from edgegw.api.types import StoredEvent, moment
from edgegw.clock import Clock
from edgegw.model import Lane, Record

WAITING_RECORDS = 1_000
WAITING_BYTES = 1024 * 1024
"""What may wait for one client; one that is further behind is let go and comes back with the last seq it has."""

PAGE = 500
"""Records read from the store at once while catching up."""

PIECE_BYTES = 32 * 1024
"""Sent at once; a client has the time for one write to take that much."""

BEAT_S = 15.0
"""A comment is sent after this long without a record, so that both ends notice a dead connection; also how often it is looked
whether the token is still good."""

HELLO = b"retry: 3000\n: edgegw\n\n"
BEAT = b":\n\n"

_encode = msgspec.json.Encoder().encode


def frame(record: Record) -> bytes:
    """One message of the stream."""
    event = StoredEvent(
        seq=record.seq,
        id=record.id,
        lane=record.lane.label,
        type=record.type,
        subject=record.subject,
        time=moment(record.time_ns),
        synced=record.synced,
        data=Raw(record.data),
    )
    # JSON has no line end inside a string; between members it means nothing, and would end the field here.
    line = _encode(event).replace(b"\r", b" ").replace(b"\n", b" ")
    return b"id: %d\ndata: %s\n\n" % (record.seq, line)


class Feed:
    """What waits for one client. `heard` may be called at any time; nothing else blocks."""

    def __init__(self, lanes: AbstractSet[Lane]) -> None:
        self.lanes = lanes
        self.overflowed = False
        self.ended = False
        self.wake = asyncio.Event()
        self._waiting: deque[Record] = deque()
        self._bytes = 0

    def heard(self, records: Sequence[Record]) -> None:
        """Newly committed records."""
        for record in records:
            if self.overflowed or record.lane not in self.lanes:
                continue
            self._waiting.append(record)
            self._bytes += len(record.data)
            if len(self._waiting) > WAITING_RECORDS or self._bytes > WAITING_BYTES:
                self._empty()
                self.overflowed = True
        if self._waiting or self.overflowed:
            self.wake.set()

    def take(self) -> list[Record]:
        """Everything that waits."""
        records = list(self._waiting)
        self._empty()
        self.wake.clear()
        return records

    def restart(self) -> None:
        """Forget that something was missed: it is about to be read from the store."""
        self._empty()
        self.overflowed = False

    def end(self) -> None:
        """The server stops."""
        self.ended = True
        self.wake.set()

    def _empty(self) -> None:
        self._waiting.clear()
        self._bytes = 0


class Stream:
    """One client's stream.

    Args:
        write: send bytes; waits while the client is slow, raises if that takes too long.
        check: raises when the client may not listen any more.
        beat_s: see `BEAT_S`.
    """

    def __init__(
        self,
        feed: Feed,
        backend: Backend,
        clock: Clock,
        *,
        write: Callable[[bytes], Awaitable[None]],
        check: Callable[[], Awaitable[object]],
        beat_s: float = BEAT_S,
    ) -> None:
        self._feed = feed
        self._backend = backend
        self._clock = clock
        self._write = write
        self._check = check
        self._beat_s = beat_s
        self._checked_ns = clock.now().mono_ns
        self._last = 0

    async def run(self, after: int | None) -> None:
        """Until the client is too slow, or the server stops. `after`: catch up from there; None: only what comes."""
        await self._write(HELLO)
        if after is not None:
            self._last = after
            await self._catch_up()
        feed = self._feed
        while not feed.ended:
            records = feed.take()
            if feed.overflowed:
                await self._write(b'event: gap\ndata: {"after":%d}\n\n' % self._last)
                return
            if records:
                await self._send(records)
            else:
                await self._idle()
            await self._check_sometimes()

    async def _catch_up(self) -> None:
        feed = self._feed
        while not feed.ended:
            page = await self._backend.events(self._last, feed.lanes, PAGE)
            await self._send(page)
            await self._check_sometimes()
            if len(page) < PAGE:
                if not feed.overflowed:
                    return
                feed.restart()

    async def _send(self, records: Sequence[Record]) -> None:
        """Those not sent yet."""
        piece = bytearray()
        for record in records:
            if record.seq <= self._last:
                continue
            piece += frame(record)
            self._last = record.seq
            if len(piece) >= PIECE_BYTES:
                await self._write(bytes(piece))
                piece.clear()
        if piece:
            await self._write(bytes(piece))

    async def _idle(self) -> None:
        try:
            async with asyncio.timeout(self._beat_s):
                await self._feed.wake.wait()
        except TimeoutError:
            await self._write(BEAT)

    async def _check_sometimes(self) -> None:
        now_ns = self._clock.now().mono_ns
        if now_ns - self._checked_ns >= self._beat_s * 1e9:
            self._checked_ns = now_ns
            await self._check()
