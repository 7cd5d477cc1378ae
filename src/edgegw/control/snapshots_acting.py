"""What acts, at the moment of a scrape: commands, doors, linkages.

Owns: the struct, and the mapping to metric names. Must not know: the parts.
"""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from edgegw.control.snapshots import Sample


class ActingSnapshot(Struct, frozen=True, kw_only=True):
    """Everything that acts.

    Attributes:
        outcomes: (status, reason) → commands; an empty reason is shown as ``none``.
        decisions: (result, reason) → decisions.
        doors: state → doors.
    """

    outcomes: Mapping[tuple[str, str], int]
    underway: int
    unrecorded: int
    acted_unrecorded: int
    records_lost: int
    intake_up: bool
    decisions: Mapping[tuple[str, str], int]
    doors: Mapping[str, int]
    credentials: int
    clock_trusted: bool
    linkages_started: int

    def samples(self) -> Iterator[Sample]:
        """See `Snapshot.samples`."""
        for (status, reason), count in self.outcomes.items():
            yield Sample("edgegw_commands_total", count, (status, reason or "none"))
        yield Sample("edgegw_commands_underway", self.underway)
        yield Sample("edgegw_commands_unrecorded", self.unrecorded)
        yield Sample("edgegw_commands_acted_unrecorded_total", self.acted_unrecorded)
        yield Sample("edgegw_command_records_lost_total", self.records_lost)
        yield Sample("edgegw_command_intake_up", self.intake_up)
        for labels, count in self.decisions.items():
            yield Sample("edgegw_door_decisions_total", count, labels)
        for state, count in self.doors.items():
            yield Sample("edgegw_doors", count, (state,))
        yield Sample("edgegw_credentials", self.credentials)
        yield Sample("edgegw_clock_trusted", self.clock_trusted)
        yield Sample("edgegw_linkages_started_total", self.linkages_started)
