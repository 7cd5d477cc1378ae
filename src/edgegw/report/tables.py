"""The page's tables of tickets, of what falls short, and of patrols.

Owns: their columns and the wording of their cells. Must not know: HTML.
"""

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from edgegw.report.show import Show
from edgegw.service.indicators_report import Group, Report, Step
from edgegw.service.specs import PRIORITIES

MISSED_MOST = 200
HELD_MOST = 50
"""Lines on the page; the rest is in CSV and JSON."""


class Column(Struct, frozen=True):
    """A table's column. `kind`: ``head`` (the row's name), ``text`` or ``number``."""

    name: str
    kind: str = "number"


class Cell(Struct, frozen=True):
    """What stands there; `mark`: ``good``, ``bad`` or a priority; `note`: smaller, beside it."""

    text: str
    mark: str = ""
    note: str = ""


NOTHING = Cell("–", "none")
"""Does not apply; left out where there is little room."""


class Table(Struct, frozen=True):
    """A table; no rows: `empty` stands there instead."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    empty: str = ""


class Tables:
    """Each method is a table."""

    def __init__(self, report: Report, show: Show) -> None:
        self.report = report
        self.show = show

    # --- tickets ------------------------------------------------------------------------------------------------------

    def missed(self) -> Table:
        """Missed steps, named."""
        return self._steps(self.report.missed[:MISSED_MOST], "what", self.show.word("missed_none"))

    def held(self) -> Table:
        """Held alarms, with their reason."""
        return self._steps(self.report.held[:HELD_MOST], "reason", self.show.word("nothing"))

    def more(self) -> tuple[str, str]:
        """How many missed and held ones are not on the page, or nothing."""
        missed, held = len(self.report.missed) - MISSED_MOST, len(self.report.held) - HELD_MOST
        told = [self.show.word("more", n=self.show.count(n)) if n > 0 else "" for n in (missed, held)]
        return told[0], told[1]

    def _steps(self, steps: Iterable[Step], last: str, empty: str) -> Table:
        show = self.show
        rows = [
            (
                Cell(step.title, step.priority.lower() if step.priority in PRIORITIES else "", step.priority),
                Cell(show.moment(step.raised_ns) if step.exact else "?"),
                Cell(show.place(step.labels, step.subject)),
                Cell(step.number or step.ref, note=step.ref if step.number else ""),
                Cell(show.what(step)),
            )
            for step in steps
        ]
        heads = [Column(self.show.word("alarm"), "head")]
        heads += [Column(self.show.word(key), "text") for key in ("when", "place", "ticket", last)]
        return Table(tuple(heads), tuple(rows), empty)

    def groups(self, kind: str) -> Table:
        """Tickets by ``priority``, ``category`` or ``place``."""
        listed: Sequence[Group] = {
            "priority": self.report.by_priority,
            "category": self.report.by_category,
            "place": self.report.places,
        }[kind]
        name: Callable[[Group], str] = {
            "priority": lambda group: group.key,
            "category": lambda group: self.show.category(group.key),
            "place": lambda group: self.show.place(group.labels),
        }[kind]
        rows = [
            (
                Cell(name(group)),
                Cell(self.show.count(group.troubles)),
                Cell(self.show.count(group.tickets)),
                Cell(self.show.share(group.in_time, group.judged)),
                Cell(self.show.minutes(group.response_min)),
                Cell(self.show.count(group.missed), "bad" if group.missed else ""),
            )
            for group in listed
        ]
        keys = ("troubles", "tickets", "in_time", "mean", "missed_n")
        columns = (Column(self.show.word(kind), "head"), *(Column(self.show.word(key)) for key in keys))
        return Table(columns, tuple(rows), self.show.word("nothing"))

    # --- worst performers ---------------------------------------------------------------------------------------------

    def worst(self) -> list[tuple[str, Table]]:
        """Tables of what falls short; those that have nothing to say are left out."""
        found = [
            (self.show.word("places"), self.groups("place")),
            (self.show.word("flapping"), self._flapping()),
            (self.show.word("slow"), self._slow()),
            (self.show.word("offline"), self._offline()),
            (self.show.word("meters"), self._meters()),
        ]
        return [(title, table) for title, table in found if table.rows]

    def _table(self, keys: Sequence[str], rows: Iterable[tuple[Cell, ...]]) -> Table:
        columns = tuple(Column(self.show.word(key), "number" if index else "head") for index, key in enumerate(keys))
        return Table(columns, tuple(rows))

    def _flapping(self) -> Table:
        show = self.show
        return self._table(
            ("alarm", "raisings", "last"),
            [
                (
                    Cell(one.title or one.dedup_key, note=show.device(one.subject) if one.subject else ""),
                    Cell(show.count(one.raisings)),
                    Cell(show.count(one.last)),
                )
                for one in self.report.flapping
            ],
        )

    def _slow(self) -> Table:
        show = self.show
        return self._table(
            ("device", "answers", "late", "mean_s", "longest"),
            [
                (
                    Cell(show.device(device), note=device if show.device(device) != device else ""),
                    Cell(show.count(one.n)),
                    Cell(show.count(one.late), "bad" if one.late else ""),
                    Cell(show.seconds(one.total_s / one.n)),
                    Cell(show.seconds(one.most_s)),
                )
                for device, one in self.report.slow
            ],
        )

    def _offline(self) -> Table:
        show = self.show
        return self._table(
            ("device", "online", "off_for"),
            [
                (
                    Cell(show.device(device), note=device if show.device(device) != device else ""),
                    Cell(show.share(one.online_s, one.known_s)),
                    Cell(show.span(one.known_s - one.online_s)),
                )
                for device, one in self.report.offline
            ],
        )

    def _meters(self) -> Table:
        show = self.show
        return self._table(
            ("meter", "complete", "hours_missing"),
            [
                (
                    Cell(show.device(device), note=device if show.device(device) != device else ""),
                    Cell(show.share(got, due)),
                    Cell(f"{show.count(due - got)} ({show.count(due)})"),
                )
                for device, got, due in self.report.meters
            ],
        )

    def plans(self) -> Table:
        """Patrol plans."""
        show = self.show
        return self._table(
            ("plan", "planned", "on_time", "visited_late", "unvisited"),
            [
                (
                    Cell(show.names.plans.get(plan, plan)),
                    Cell(show.count(one.planned)),
                    Cell(show.share(one.on_time, one.planned)),
                    Cell(show.count(one.late)),
                    Cell(show.count(one.missed), "bad" if one.missed else ""),
                )
                for plan, one in self.report.plans
            ],
        )
