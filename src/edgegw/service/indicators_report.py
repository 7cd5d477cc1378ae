"""What a report holds.

Owns: the shapes. "No data" is None and never 0 % or 100 %.
Must not know: how anything is computed (indicators_figures), how it looks.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

from msgspec import Struct

from edgegw.service.indicators_rows import Online, Rounds, Slow


class Period(Struct, frozen=True):
    """Whole local days, both ends included."""

    begin: date
    end: date

    def days(self) -> Iterator[date]:
        """In order."""
        return (self.begin + timedelta(step) for step in range((self.end - self.begin).days + 1))

    def before(self) -> "Period":
        """As long, and ending where this one begins; of whole months, the month before."""
        whole = self.begin.day == 1 and (self.end + timedelta(1)).day == 1
        if whole and (self.begin.year, self.begin.month) == (self.end.year, self.end.month):
            return Period((self.begin - timedelta(1)).replace(day=1), self.begin - timedelta(1))
        length = self.end - self.begin
        return Period(self.begin - timedelta(1) - length, self.begin - timedelta(1))


class Figure(Struct, frozen=True, kw_only=True):
    """An indicator's value, by its key in `SPECS`.

    Attributes:
        value, last: of this period and the one before; None: no data.
        n, last_n: how many the value is of.
        met: whether the target is; None: no target, or no data.
    """

    key: str
    value: float | None
    n: int
    last: float | None
    last_n: int
    met: bool | None


class Step(Struct, frozen=True, kw_only=True):
    """An alarm without an acknowledged ticket. `state`, `why`, `cause` (a dedup_key, and that trouble's title where it is
    known): as far as its ticket came, and why not further."""

    raised_ns: int
    exact: bool
    title: str
    subject: str
    labels: Mapping[str, str]
    priority: str
    category: str
    ref: str
    number: str
    state: str
    why: str
    cause: str
    cause_title: str


class Group(Struct, frozen=True, kw_only=True):
    """Tickets of one priority, category or place. `judged`, `in_time`: of the acknowledgement; `labels`: of a place."""

    key: str
    labels: Mapping[str, str] = {}
    troubles: int
    tickets: int
    judged: int
    in_time: int
    missed: int
    response_min: float | None


class Flapping(Struct, frozen=True):
    """An alarm that is raised often. `last`: raisings in the period before."""

    dedup_key: str
    title: str
    subject: str
    raisings: int
    last: int


class Daily(Struct, frozen=True):
    """One day: tickets by priority (in the order of `PRIORITIES`), acknowledgements judged and in time, and the share of
    time devices were online, in percent."""

    day: date
    tickets: tuple[int, ...]
    judged: int
    in_time: int
    online: float | None


class Report(Struct, frozen=True, kw_only=True):
    """All figures of a period.

    Attributes:
        now_ns: when it was made; what is still in time then is neither met nor missed.
        spreads: by ``device``, ``door``, ``alarm``: counts of responses per bucket of `EDGES_S` and one open.
        missed: named. `held`: without a ticket of their own, for a reason. `pending`: not yet acknowledged, in time.
        offline, meters, slow: the worst devices, worst first.
        plans: each patrol plan. `ratings`: how many gave 1 … 5.
        unsynced: things counted while nobody knew the date; `inexact`: troubles of the period whose clock was wrong;
            `undated`: troubles that belong to no day.
        unanswered: tickets were asked for, and the ticket system never said anything of one.
        days_without: days of the period in which nothing was counted.
    """

    period: Period
    last: Period
    now_ns: int
    figures: tuple[Figure, ...]
    spreads: Mapping[str, tuple[int, ...]]
    missed: tuple[Step, ...]
    held: tuple[Step, ...]
    pending: int
    by_priority: tuple[Group, ...]
    by_category: tuple[Group, ...]
    places: tuple[Group, ...]
    flapping: tuple[Flapping, ...]
    slow: tuple[tuple[str, Slow], ...]
    offline: tuple[tuple[str, Online], ...]
    meters: tuple[tuple[str, int, int], ...]
    plans: tuple[tuple[str, Rounds], ...]
    ratings: tuple[int, ...]
    daily: tuple[Daily, ...]
    unsynced: int
    inexact: int
    undated: int
    unanswered: bool
    days_without: int
