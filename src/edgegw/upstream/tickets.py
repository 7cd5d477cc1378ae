"""What all ways share on which a ticket system's answers come back: handing them in, counting them, telling of outages once.

Owns: the counters, what is logged and how often. Must not know: MQTT, HTTP, what becomes of an answer.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from edgegw.errors import DecodeError
from edgegw.ports import TicketInbox
from edgegw.service.answers import Answers

log = logging.getLogger(__name__)

TOLD_MOST = 32
"""Different faults of updates that are logged; more kinds of fault than the schema has members are nobody's news."""

Result = Literal["taken", "unknown", "bad"]
"""What became of an update: its trouble is known, is not, or it could not be read. The label of the metric."""


class WayFigures(Struct, frozen=True):
    """A way back, for metrics and health: `reason` is why it does not work, empty while it does; `results` only grow."""

    up: bool
    reason: str
    results: Mapping[Result, int]


class Taker:
    """Hands answers to the inbox and counts what became of them. One per way.

    Args:
        upstream: whose answers these are.
    """

    def __init__(self, upstream: str, inbox: TicketInbox) -> None:
        self.upstream = upstream
        self.inbox = inbox
        self.results: Counter[Result] = Counter({"taken": 0, "unknown": 0, "bad": 0})
        self._told: set[str] = set()

    async def take(self, answers: Answers, *, cursor: str | None = None) -> None:
        """Hand in; counted once it is committed, so that what is offered again is not counted again.

        Args:
            cursor: where a poll goes on from, to be committed with the updates.

        Raises:
            StoreError: nothing was taken; offer it again.
        """
        if answers.updates or cursor is not None:
            known = await self.inbox.answered(self.upstream, answers.updates, cursor=cursor)
            self.results["taken"] += known
            self.results["unknown"] += len(answers.updates) - known
        if answers.bad:
            self._bad(answers.bad, answers.fault)

    def refused(self, error: DecodeError) -> None:
        """Count a message of which nothing could be used."""
        self._bad(1, str(error))

    def _bad(self, count: int, fault: str) -> None:
        self.results["bad"] += count
        kind = fault.partition(": ")[2] if fault.startswith("tickets[") else fault.partition(": ")[0]
        if kind not in self._told and len(self._told) < TOLD_MOST:
            self._told.add(kind)
            log.warning(
                "upstream %s: ticket states that cannot be used (%s); further ones are counted", self.upstream, fault
            )


class Way:
    """Whether a way works. An outage is logged once, with each of its reasons; so is its end.

    Args:
        upstream: its name; `what`: the way, for people.
    """

    def __init__(self, upstream: str, what: str) -> None:
        self._what = f"upstream {upstream}: ticket states {what}"
        self._told: set[str] = set()
        self.reason = "connecting"

    @property
    def up(self) -> bool:
        """Whether it works."""
        return not self.reason

    def works(self) -> None:
        """It does, now."""
        if self.reason:
            log.info("%s arrive", self._what)
            self.reason = ""
            self._told.clear()

    def fails(self, reason: str, detail: str = "") -> None:
        """It does not, now. `reason`: a slug of a small set; `detail`: for people."""
        self.reason = reason
        if reason not in self._told:
            self._told.add(reason)
            more = f" ({detail})" if detail else ""
            log.warning("%s do not arrive: %s%s; tried again until they do", self._what, reason, more)
