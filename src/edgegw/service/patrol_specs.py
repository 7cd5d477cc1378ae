"""Patrol plans as values: what a round visits, when, and by what a visit is known.

Owns: frozen structs. Must not know: the site file, rounds (patrol), how a check-in is heard (edgegw.patrols).
"""

from collections.abc import Mapping

from msgspec import Struct

from edgegw.model import Value
from edgegw.profiles.fields import Text

NS_PER_S = 1_000_000_000

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday")
"""As in `access`: a holiday is ``holiday`` and no weekday."""


class Source(Struct, frozen=True):
    """A device's point at which somebody checks in.

    Attributes:
        kind: ``card`` or ``qr``: the value is a credential's number. ``button``: pressed while the value is `equals`.
    """

    device: str
    point: str
    kind: str = "card"
    equals: Value = None


class PointSpec(Struct, frozen=True, kw_only=True):
    """A place to visit. Times are nanoseconds from the planned start.

    Attributes:
        due_ns: when; None: at any time while the round lasts.
        opens_ns, closes_ns: on time between these, both included.
        source, tag: by what a visit is known; either or both.
        labels: where.
    """

    id: str
    name: Text
    opens_ns: int
    closes_ns: int
    due_ns: int | None = None
    source: Source | None = None
    tag: str = ""
    labels: Mapping[str, str] = {}


class PlanSpec(Struct, frozen=True, kw_only=True):
    """A plan.

    Attributes:
        points: in the order in which they are visited; at least one.
        starts: planned starts, minutes after local midnight; `days`: on which of `DAYS`.
        strict: whether the order matters.
        grace_ns: how long after the last window late check-ins still belong to the round.
        min_gap_ns: one person at two points within less was too fast; 0: never.
        groups: whose check-ins count; empty: anybody's.
        category: of the service catalogue.
        ticket_on: results besides ``missed`` that make a ticket.
    """

    id: str
    name: Text
    points: tuple[PointSpec, ...]
    starts: tuple[int, ...]
    days: frozenset[str] = frozenset(DAYS)
    strict: bool = True
    grace_ns: int = 1800 * NS_PER_S
    min_gap_ns: int = 0
    groups: frozenset[str] = frozenset()
    category: str = "cleaning"
    ticket_on: frozenset[str] = frozenset()

    @property
    def lead_ns(self) -> int:
        """How long before the planned start the first window opens."""
        return max(0, -min(point.opens_ns for point in self.points))

    @property
    def end_ns(self) -> int:
        """When the round is over at the latest."""
        return max(point.closes_ns for point in self.points) + self.grace_ns


class Person(Struct, frozen=True):
    """Who checks in; never a card's number.

    Attributes:
        id: as the source of credentials, or who vouches, calls them; empty: nobody knows whose card it is.
        groups: the holder's; None: whoever told of the check-in vouches for them (the API's token).
    """

    id: str = ""
    name: str = ""
    groups: tuple[str, ...] | None = ()


UNKNOWN = Person()
"""A credential was shown and nobody is known for it."""
