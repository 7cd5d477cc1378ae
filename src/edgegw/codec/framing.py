"""Bytes of a serial line to frames, as pure state.

Owns: finding frames in whatever chunks the bytes come, after garbage too, with bounded memory.
Must not know: ports, timers (the time is passed in), what is in a frame (only its shape), the profile schema.

Rules every framer keeps: the frames and the count of discarded bytes do not depend on how the stream was cut into chunks; what
is kept unfinished after `feed` is bounded; bytes that cannot begin a frame are dropped one at a time, so a good frame right
behind garbage is found. Only the idle timeout looks at time, and only between two calls.
"""

from typing import Any, Literal, Protocol


class Framer(Protocol):
    """What a serial link needs.

    Attributes:
        discarded: bytes dropped so far because they belonged to no frame.
        pending: bytes of an unfinished frame now.
    """

    discarded: int

    @property
    def pending(self) -> int: ...

    def feed(self, data: bytes, now_ns: int) -> list[bytes]:
        """Take bytes as they came (none is fine: lets time pass) and return the frames that are complete now.

        Args:
            now_ns: monotonic nanoseconds.
        """
        ...


class _Buffered:
    """A buffer, its count of discarded bytes, and the idle timeout."""

    def __init__(self, idle_s: float) -> None:
        self.discarded = 0
        self._buffer = bytearray()
        self._idle_ns = round(idle_s * 1e9)
        self._last_ns = 0

    @property
    def pending(self) -> int:
        return len(self._buffer)

    def _drop(self, count: int) -> None:
        self.discarded += count
        del self._buffer[:count]

    def _expired(self, data: bytes, now_ns: int) -> bool:
        """Whether the unfinished frame is too old; keeps the time of the last byte."""
        old = bool(self._idle_ns and self._buffer and now_ns - self._last_ns > self._idle_ns)
        if data:
            self._last_ns = now_ns
        return old


class Delimiter(_Buffered):
    """Frames end with `end`, which is not part of them. Empty frames are skipped; longer ones than `most` bytes are discarded."""

    def __init__(self, end: bytes, most: int) -> None:
        super().__init__(0)
        self._end = end
        self._most = most
        self._skipping = False

    def feed(self, data: bytes, now_ns: int) -> list[bytes]:  # noqa: ARG002 - a line has no idle timeout
        """See `Framer.feed`."""
        buffer, end = self._buffer, self._end
        searched = max(0, len(buffer) - len(end) + 1)
        buffer += data
        frames: list[bytes] = []
        while (at := buffer.find(end, searched)) >= 0:
            if self._skipping or at > self._most:
                self._drop(at)
                self._skipping = False
            elif at:
                frames.append(bytes(buffer[:at]))
                del buffer[:at]
            del buffer[: len(end)]
            searched = 0
        tail = len(end) - 1  # may be the beginning of the delimiter
        if self._skipping or len(buffer) - tail > self._most:
            self._skipping = True
            self._drop(max(0, len(buffer) - tail))
        return frames


class Sized(_Buffered):
    """Frames whose length is known from their beginning: search `start`, then wait for all of it."""

    def __init__(self, start: bytes, end: bytes, idle_s: float) -> None:
        super().__init__(idle_s)
        self._start = start
        self._end = end

    def _length(self) -> int | None:
        """Length of the frame at the buffer's beginning; 0: cannot be one; None: not known yet."""
        raise NotImplementedError

    def feed(self, data: bytes, now_ns: int) -> list[bytes]:
        """See `Framer.feed`."""
        frames: list[bytes] = []
        if self._expired(data, now_ns):
            while self._buffer:  # what looked like a beginning was none; whole frames may stand behind it
                self._drop(1)
                self._cut(frames)
        self._buffer += data
        self._cut(frames)
        return frames

    def _cut(self, frames: list[bytes]) -> None:
        buffer = self._buffer
        while buffer:
            if not buffer.startswith(self._start):
                at = buffer.find(self._start)
                self._drop(at if at >= 0 else len(buffer) - _partial(buffer, self._start))
                if at < 0:
                    return
            length = self._length()
            if length is None or (length and len(buffer) < length):
                return
            if length and buffer.endswith(self._end, 0, length):
                frames.append(bytes(buffer[:length]))
                del buffer[:length]
            else:
                self._drop(1)


def _partial(buffer: bytearray, mark: bytes) -> int:
    """How many of the last bytes may be the beginning of `mark`."""
    for size in range(min(len(mark) - 1, len(buffer)), 0, -1):
        if buffer.endswith(mark[:size]):
            return size
    return 0


class Fixed(Sized):
    """Every frame has `length` bytes, begins with `start` and ends with `end` (either may be empty)."""

    def __init__(self, length: int, start: bytes, end: bytes, idle_s: float) -> None:
        super().__init__(start, end, idle_s)
        self._total = length

    def _length(self) -> int | None:
        return self._total


class LengthPrefixed(Sized):
    """`start`, then at `offset` a length field of `size` bytes; the frame is that plus `adjust` bytes long, `most` at most."""

    def __init__(
        self,
        *,
        start: bytes,
        end: bytes,
        offset: int,
        size: int,
        order: Literal["big", "little"],
        adjust: int,
        most: int,
        idle_s: float,
    ) -> None:
        super().__init__(start, end, idle_s)
        self._field = slice(offset, offset + size)
        self._order = order
        self._adjust = adjust
        self._least = max(offset + size, len(start)) + len(end)
        self._most = most

    def _length(self) -> int | None:
        if len(self._buffer) < self._field.stop:
            return None
        total = int.from_bytes(self._buffer[self._field], self._order) + self._adjust
        return total if self._least <= total <= self._most else 0


class StxEtx(_Buffered):
    """From `stx` to `etx`, both part of the frame. A second `stx` before the `etx` begins the frame anew: the first was torn."""

    def __init__(self, stx: bytes, etx: bytes, most: int, idle_s: float) -> None:
        super().__init__(idle_s)
        self._stx = stx
        self._etx = etx
        self._most = most

    def feed(self, data: bytes, now_ns: int) -> list[bytes]:
        """See `Framer.feed`."""
        if self._expired(data, now_ns):
            self._drop(len(self._buffer))
        buffer, stx, etx = self._buffer, self._stx, self._etx
        buffer += data
        frames: list[bytes] = []
        while True:
            begin = buffer.find(stx)
            if begin < 0:
                self._drop(len(buffer) - _partial(buffer, stx))
                return frames
            end = buffer.find(etx, begin + len(stx))
            latest = buffer.rfind(stx, begin, end if end >= 0 else len(buffer))
            if end < 0:
                self._drop(latest)
                if len(buffer) < self._most:
                    return frames
                self._drop(1)  # it can only become longer than allowed
                continue
            length = end + len(etx) - latest
            self._drop(latest)
            if length <= self._most:
                frames.append(bytes(buffer[:length]))
                del buffer[:length]
            else:
                self._drop(length)


def make_framer(framing: Any) -> Framer:  # noqa: ANN401 - one of profiles.schema.Framing, which is a layer above this one
    """A new framer for a profile's `serial.framing` section."""
    if framing.kind == "delimiter":
        return Delimiter(framing.end, framing.max)
    if framing.kind == "fixed":
        return Fixed(framing.length, framing.start, framing.end, framing.idle)
    if framing.kind == "length":
        return LengthPrefixed(
            start=framing.start,
            end=framing.end,
            offset=framing.offset,
            size=framing.size,
            order=framing.order,
            adjust=framing.adjust,
            most=framing.max,
            idle_s=framing.idle,
        )
    return StxEtx(framing.stx, framing.etx, framing.max, framing.idle)
