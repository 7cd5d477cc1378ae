"""Asking a ticket system what became of the open tickets.

Owns: when it is asked, which answers are news. Must not know: requests, what news lead to (the inbox's).
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from edgegw.errors import StoreError
from edgegw.mappings.answers import Done, Verdict
from edgegw.ports import TicketInbox
from edgegw.service.ticket import TicketState, TicketUpdate, TroubleView
from edgegw.upstream.rest.issues import Issues
from edgegw.upstream.rest.work import Work

log = logging.getLogger(__name__)

NAME_CHARS = 100
"""As `service.ticket.TicketUpdate` has it."""


class Poller:
    """See the module. `most`: numbers in one request."""

    def __init__(self, name: str, work: Work, issues: Issues, inbox: TicketInbox, *, every_s: float, most: int,
                 sleep: Callable[[float], Awaitable[None]]) -> None:  # fmt: skip
        self.every_s = every_s
        self._name = name
        self._work = work
        self._issues = issues
        self._inbox = inbox
        self._most = most
        self._sleep = sleep
        self._told: dict[str, tuple[str, str]] = {}
        self._trouble = ""
        self._unknown: set[str] = set()

    async def run(self) -> None:
        """Ask again and again, until cancelled."""
        while True:
            await self._sleep(self.every_s)
            await self.once()

    async def once(self) -> int:
        """Ask once for all open tickets; returns how many news were handed in."""
        views = [(view, number) for view in self._inbox.open_tickets() if (number := self._number(view))]
        self._told = {view.ticket_id: self._told[view.ticket_id] for view, _ in views if view.ticket_id in self._told}
        news = 0
        for start in range(0, len(views), self._most):
            part = {number: view for view, number in views[start : start + self._most]}
            turn = self._issues.turn
            ran = await self._work.run(
                "poll", {"numbers": list(part), "tickets": [_names(v, n) for n, v in part.items()]}
            )
            if not isinstance(ran.verdict, Done):
                self._failed(ran.verdict)
                return news
            news += await self._hand_in(part, ran.verdict.rows, turn)
        if self._trouble:
            log.info("upstream %s: polls are answered again", self._name)
            self._trouble = ""
        return news

    def _number(self, view: TroubleView) -> str:
        issue = self._issues.of(view.ticket_id)
        return view.number if issue is None else issue.number

    async def _hand_in(self, part: Mapping[str, TroubleView], rows: Sequence[Mapping[str, Any]], turn: int) -> int:
        updates = []
        for row in rows:
            view = part.get(str(row["number"]))
            if view is not None and (update := self._news(view, row, turn)) is not None:
                updates.append(update)
        if not updates:
            return 0
        try:
            await self._inbox.answered(self._name, updates)
        except StoreError as error:
            log.warning("upstream %s: what a poll said could not be kept (%s); the next one says it again",
                        self._name, error.reason)  # fmt: skip
            return 0
        self._told |= {update.ticket_id: (update.state, update.assignee) for update in updates}
        return len(updates)

    def _news(self, view: TroubleView, row: Mapping[str, Any], turn: int) -> TicketUpdate | None:
        """What a row tells that is not known; None if nothing."""
        if "ref" in row and view.ref not in str(row["ref"]):
            return None  # that number is another desk's
        if self._issues.acted_since(view.ticket_id, turn):
            return None
        state = self._issues.word(row["state"])
        if state is None:
            self._odd(str(row["state"]))
            return None
        assignee = str(row.get("assignee", ""))[:NAME_CHARS]
        if (state, assignee) == self._told.get(view.ticket_id):
            return None
        known = state == view.state and (not assignee or assignee == view.assignee)
        # opened, and acknowledged by another way: the system may have no word for it
        if known or (state == TicketState.OPENED and view.state in {TicketState.ACKNOWLEDGED, TicketState.ASSIGNED}):
            self._told[view.ticket_id] = (state, assignee)
            return None
        return TicketUpdate(
            dedup_key=view.dedup_key,
            state=state,
            ticket_id=view.ticket_id,
            number=str(row["number"]),
            by=str(row.get("by", ""))[:NAME_CHARS],
            assignee=assignee,
        )

    def _odd(self, word: str) -> None:
        if word not in self._unknown and len(self._unknown) < 100:
            self._unknown.add(word)
            log.warning(
                "upstream %s: the mapping has no meaning for the state %r; add it to states", self._name, word[:60]
            )

    def _failed(self, verdict: Verdict) -> None:
        reason = str(getattr(verdict, "reason", "gone"))
        if reason != self._trouble:
            log.warning("upstream %s: the poll for ticket states failed: %s; asking again every %g s",
                        self._name, reason, self.every_s)  # fmt: skip
            self._trouble = reason


def _names(view: TroubleView, number: str) -> dict[str, Any]:
    return {"number": number, "ref": view.ref, "ticket_id": view.ticket_id, "dedup_key": view.dedup_key,
            "state": str(view.state), "url": view.url}  # fmt: skip
