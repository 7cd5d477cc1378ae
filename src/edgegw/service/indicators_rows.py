"""The stored form of indicators: what one local day counted, in one row per day and name.

Owns: histograms and their edges, a day's counters, their JSON, adding days up.
Must not know: which day it is, when rows are written (indicators), what they mean (indicators_figures).

Rows are `StateChange`s of kind `INDICATOR_KIND`, key ``<YYYY-MM-DD>/<name>``, local date of the gateway's time zone, or
``unsynced/<name>`` for what was counted while nobody knew the date. A day of 1,000 devices takes some 60 KB.
"""

from bisect import bisect_left
from collections.abc import Mapping
from itertools import accumulate

import msgspec
from msgspec import Struct, field

INDICATOR_KIND = "indicator"
"""`StateChange.kind` of daily counters."""

UNSYNCED = "unsynced"
"""In place of a date: counted while the wall clock was not trusted, and not told since."""

OTHERS = "*"
"""What is beyond the most keys a row may have is counted under this one."""

EDGES_S = (
    *(0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8),
    *(1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 2.75, 3.0, 3.5, 4.0, 4.5, 5.0),
    *(6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 3600.0),
)
"""Upper edges in seconds. The targets 2, 3 and 5 s are edges, so shares within them are exact; around them buckets are 0.25 to
0.5 s wide, which is how exact percentiles are there. One more bucket is open."""

PATHS = ("door", "command", "event", "alarm")
"""Responses that are told apart. `event`: all that is not telemetry; `alarm`: the alarms among them."""

NAMES = ("response", "online", "meters", "alarms", "slow", "patrol", "ratings")
"""A day's rows."""

LATE_S = 5.0
"""A device that takes longer is late (the customer's target)."""


class Spread(Struct):
    """A histogram over `EDGES_S`.

    Attributes:
        counts: per bucket (upper edge included), the last one open.
        total: seconds in all.
        most: the longest, seconds.
    """

    counts: list[int] = field(default_factory=lambda: [0] * (len(EDGES_S) + 1))
    total: float = 0.0
    most: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(EDGES_S, seconds)] += 1
        self.total += seconds
        self.most = max(self.most, seconds)

    def merge(self, other: "Spread") -> None:
        """Add the other's; from another edition of edgegw it may have other buckets, then its counts are left out."""
        if len(other.counts) != len(self.counts):
            return
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.total += other.total
        self.most = max(self.most, other.most)

    @property
    def n(self) -> int:
        """How many."""
        return sum(self.counts)

    def within(self, edge_s: float) -> int:
        """How many took at most that long; exact, as it has to be an edge (ValueError)."""
        return sum(self.counts[: EDGES_S.index(edge_s) + 1])

    def quantile(self, share: float) -> float | None:
        """Seconds that this share of all did not exceed, linear in its bucket, never above the longest; None of nothing."""
        if not (n := self.n):
            return None
        wanted = share * n
        sums = list(accumulate(self.counts))
        index = min(bisect_left(sums, wanted), len(sums) - 1)
        if index == len(EDGES_S):
            return self.most
        low = EDGES_S[index - 1] if index else 0.0
        inside = (wanted - (sums[index] - self.counts[index])) / self.counts[index]
        return min(low + (EDGES_S[index] - low) * inside, self.most)


class Slow(Struct, array_like=True):
    """A device's answers: how many, seconds in all and at most, how many later than `LATE_S`."""

    n: int = 0
    total_s: float = 0.0
    most_s: float = 0.0
    late: int = 0

    def add(self, other: "Slow") -> None:
        """Add the other's."""
        self.n += other.n
        self.total_s += other.total_s
        self.most_s = max(self.most_s, other.most_s)
        self.late += other.late


class Online(Struct, array_like=True):
    """Seconds a device was online, and seconds for which that was known."""

    online_s: float = 0.0
    known_s: float = 0.0

    def add(self, other: "Online") -> None:
        """Add the other's."""
        self.online_s += other.online_s
        self.known_s += other.known_s


class Meter(Struct, array_like=True):
    """A meter's day.

    Attributes:
        since: first hour of the day (0 is the one after local midnight) in which a reading was expected; on the day a
            meter comes to the site, the hour after that.
        every_s: a reading is expected at least this often.
        hours: bit n: there was a reading in hour n. A day may have 23 to 25 hours.
    """

    since: int = 0
    every_s: float = 3600.0
    hours: int = 0


class Rounds(Struct, array_like=True):
    """A patrol plan's points: planned, visited on time, late, missed."""

    planned: int = 0
    on_time: int = 0
    late: int = 0
    missed: int = 0

    def add(self, other: "Rounds") -> None:
        """Add the other's."""
        self.planned += other.planned
        self.on_time += other.on_time
        self.late += other.late
        self.missed += other.missed


class Meters(Struct):
    """All meters' day. `upto`: how many hours of the day the gateway has seen begin."""

    upto: int = 0
    devices: dict[str, Meter] = field(default_factory=dict)


class Day(Struct):
    """What one day counted: `response` by path, `online`, `meters` and `slow` by device, `alarms` (raisings) by dedup_key,
    `patrol` by plan, `ratings` by score."""

    response: dict[str, Spread] = field(default_factory=dict)
    online: dict[str, Online] = field(default_factory=dict)
    meters: Meters = field(default_factory=Meters)
    alarms: dict[str, int] = field(default_factory=dict)
    slow: dict[str, Slow] = field(default_factory=dict)
    patrol: dict[str, Rounds] = field(default_factory=dict)
    ratings: dict[str, int] = field(default_factory=dict)

    def merge(self, other: "Day") -> None:
        """Add the other's, all but meters: their hours belong to one day alone."""
        for path, spread in other.response.items():
            self.response.setdefault(path, Spread()).merge(spread)
        for device, online in other.online.items():
            self.online.setdefault(device, Online()).add(online)
        for device, slow in other.slow.items():
            self.slow.setdefault(device, Slow()).add(slow)
        for plan, rounds in other.patrol.items():
            self.patrol.setdefault(plan, Rounds()).add(rounds)
        for mine, theirs in ((self.alarms, other.alarms), (self.ratings, other.ratings)):
            for key, count in theirs.items():
                mine[key] = mine.get(key, 0) + count

    @property
    def counted(self) -> int:
        """How many single things were counted; for telling how much is under `UNSYNCED`."""
        responses = sum(spread.n for path, spread in self.response.items() if path != "alarm")
        rounds = sum(plan.planned for plan in self.patrol.values())
        return responses + rounds + sum(self.alarms.values()) + sum(self.ratings.values())


_encode = msgspec.json.Encoder(order="deterministic").encode
_decoders = {one.name: msgspec.json.Decoder(one.type) for one in msgspec.structs.fields(Day)}


def encode(day: Day, name: str) -> bytes:
    """One row's value; seconds to the millisecond."""
    value = getattr(day, name)
    if name == "online":
        value = {key: Online(round(one.online_s, 3), round(one.known_s, 3)) for key, one in value.items()}
    return _encode(value)


def decode(states: Mapping[str, bytes]) -> dict[str, Day]:
    """Days by date (and `UNSYNCED`) from stored rows. What is not a row of ours, or cannot be read, is left out: a report of the
    rest is better than none."""
    days: dict[str, Day] = {}
    for key, value in states.items():
        date, _, name = key.partition("/")
        if name not in _decoders:
            continue
        try:
            read = _decoders[name].decode(value)
        except msgspec.DecodeError:
            continue
        setattr(days.setdefault(date, Day()), name, read)
    return days
