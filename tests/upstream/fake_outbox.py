"""An outbox in memory for delivery tests: the contract of `edgegw.ports.Outbox`, and what a crash leaves of it."""

from collections.abc import Callable, Sequence

from edgegw.model import Lane, Record

LANES = tuple(Lane)


def record(seq: int, lane: Lane = Lane.TELEMETRY, *, data: bytes = b'{"n":1}', mono_ns: int = 0) -> Record:
    """A record whose id tells its seq."""
    return Record(
        seq, f"id-{seq:06d}", 1, lane, "edgegw.reading", f"dev-{seq % 7}", 1_767_225_600_000_000_000 + seq, None, mono_ns,
        True, True, data,
    )  # fmt: skip


class FakeOutbox:
    """Implements `Outbox` for any number of upstreams. `durable` cursors lag behind `accepted` until `sync`."""

    def __init__(self, records: Sequence[Record] = ()) -> None:
        self.records: dict[Lane, list[Record]] = {lane: [] for lane in LANES}
        self.dead: list[tuple[str, str, str]] = []
        self._cursors: dict[tuple[str, Lane], int] = {}
        self._durable: dict[tuple[str, Lane], int] = {}
        self._watchers: dict[Lane, list[Callable[[], None]]] = {lane: [] for lane in LANES}
        self.advances: list[tuple[Lane, int]] = []
        self.add(*records)

    def add(self, *records: Record) -> None:
        """Commit records and wake whoever waits for their lanes."""
        for one in records:
            self.records[one.lane].append(one)
        for lane in {one.lane for one in records}:
            for callback in list(self._watchers[lane]):
                callback()

    def crash(self) -> None:
        """The process dies: cursors fall back to what was durable, callbacks are gone."""
        self._cursors = dict(self._durable)
        self._watchers = {lane: [] for lane in LANES}

    def sync(self) -> None:
        """The next commit: cursors become durable."""
        self._durable = dict(self._cursors)

    async def fetch(self, lane: Lane, after_seq: int, limit: int) -> list[Record]:
        """See `Outbox.fetch`."""
        return [one for one in self.records[lane] if one.seq > after_seq][:limit]

    def cursor(self, upstream: str, lane: Lane) -> int:
        """See `Outbox.cursor`."""
        return self._cursors.get((upstream, lane), 0)

    def accepted(self, upstream: str, lane: Lane, seq: int) -> None:
        """See `Outbox.accepted`; checks that it never goes back."""
        assert seq > self.cursor(upstream, lane), "a cursor went back or stood still"
        self._cursors[upstream, lane] = seq
        self.advances.append((lane, seq))

    async def reject(self, upstream: str, record: Record, reason: str, detail: str) -> None:
        """See `Outbox.reject`; a dead letter is kept once per record."""
        if not any(kept == (upstream, record.id) for kept in ((u, i) for u, i, _ in self.dead)):
            self.dead.append((upstream, record.id, reason))

    def depth(self, upstream: str, lane: Lane) -> int:
        """See `Outbox.depth`."""
        return sum(one.seq > self.cursor(upstream, lane) for one in self.records[lane])

    def wait_for(self, lane: Lane, callback: Callable[[], None]) -> Callable[[], None]:
        """See `Outbox.wait_for`."""
        self._watchers[lane].append(callback)
        return lambda: self._watchers[lane].remove(callback) if callback in self._watchers[lane] else None

    def empty(self, upstream: str) -> bool:
        """Whether this upstream has dealt with everything."""
        return not any(self.depth(upstream, lane) for lane in LANES)
