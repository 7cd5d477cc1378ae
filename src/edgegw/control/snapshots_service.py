"""Service tickets, at the moment of a scrape: where they are, what is late, what came back and whether it can.

Owns: the struct, and the mapping to metric names. Must not know: the parts, what makes a ticket late.
"""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from edgegw.control.catalogue import LABELS
from edgegw.control.snapshots import Sample

CLOCKS = ("respond", "resolve")
RESULTS = ("taken", "unknown", "bad")


class ServiceSnapshot(Struct, frozen=True, kw_only=True):
    """All of it.

    Attributes:
        tickets: state → troubles whose ticket is in it.
        overdue: (clock, priority) → live tickets past `respond_by` and not acknowledged, past `resolve_by` and not resolved.
        actions: action → events that carried it since start.
        answers: result → updates from ticket systems since start, all ways together.
        held: why → alarms without a ticket.
        windows: maintenance windows open now.
        ways: upstream → whether its ticket states can arrive; only upstreams that have a way of their own.
    """

    tickets: Mapping[str, int]
    overdue: Mapping[tuple[str, str], int]
    actions: Mapping[str, int]
    answers: Mapping[str, int]
    held: Mapping[str, int]
    windows: int
    ways: Mapping[str, bool]

    def samples(self) -> Iterator[Sample]:
        """See `Snapshot.samples`. What has a closed set of labels is shown whole, 0 where there is none, so that rules see it."""
        for state in sorted(LABELS["ticket_state"].allowed | self.tickets.keys()):
            yield Sample("edgegw_tickets", self.tickets.get(state, 0), (state,))
        for clock in CLOCKS:
            for priority in sorted(LABELS["priority"].allowed):
                yield Sample("edgegw_tickets_overdue", self.overdue.get((clock, priority), 0), (clock, priority))
        for action in sorted(LABELS["action"].allowed | self.actions.keys()):
            yield Sample("edgegw_ticket_actions_total", self.actions.get(action, 0), (action,))
        for result in RESULTS:
            yield Sample("edgegw_ticket_answers_total", self.answers.get(result, 0), (result,))
        for why in sorted(LABELS["why"].allowed | self.held.keys()):
            yield Sample("edgegw_tickets_held", self.held.get(why, 0), (why,))
        yield Sample("edgegw_maintenance_windows", self.windows)
        for upstream, up in self.ways.items():
            yield Sample("edgegw_ticket_ways_up", up, (upstream,))
