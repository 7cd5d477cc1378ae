"""What is counted about commands, for metrics and health.

Owns: the counters, and keeping their labels bounded. Must not know: Prometheus, how a command runs.
"""

from collections import Counter

from msgspec import Struct

from edgegw.commands.admission import REASONS
from edgegw.model import Outcome

OUTCOME_REASONS = REASONS | {
    "",
    "deadline",
    "link-down",
    "device-down",
    "unknown-device",
    "device-refused",
    "no-answer",
    "readback-differs",
    "link-lost",
    "not-confirmed",
    "restart",
}
"""Reasons counted by name; a door's own (docs/doors.md) and whatever a link may think up count as ``other``."""


class Figures(Struct, frozen=True):
    """The desk now.

    Attributes:
        outcomes: (status, reason) → how many since the start, rejections included.
        underway: commands without an outcome. `ids`: ids the ledger remembers.
        records_waiting: batches the store has not taken yet. `records_lost`: for which there was no room.
        store_failing: the store's reason while it takes nothing.
        acted_unrecorded: commands carried out before their admission was on record (doors that open without the disk).
        rejections_suppressed: rejections that were counted only.
    """

    outcomes: dict[tuple[str, str], int]
    underway: int
    ids: int
    records_waiting: int
    records_lost: int
    store_failing: str | None
    acted_unrecorded: int
    rejections_suppressed: int


class Outcomes:
    """Counts outcomes by (status, reason)."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, outcome: Outcome, times: int = 1) -> None:
        """One more, or several."""
        reason = outcome.reason if outcome.reason in OUTCOME_REASONS else "other"
        self._counts[outcome.status.value, reason] += times

    def all(self) -> dict[tuple[str, str], int]:
        """A copy."""
        return dict(self._counts)
