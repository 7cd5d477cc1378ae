"""Where what ticket systems say is taken (`ports.TicketInbox`): by the troubles, and committed before the caller goes on.

Owns: cursors of polls, how long a commit is waited for. Must not know: how answers arrive, what an answer means (service).
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence

from edgegw.clock import Clock
from edgegw.errors import StoreError
from edgegw.model import NOTHING, Changes, StateChange
from edgegw.service.sensing import merged
from edgegw.service.ticket import TicketState, TicketUpdate, TroubleView
from edgegw.service.troubles import Troubles

CURSOR_KIND = "ticket-cursor"
"""`StateChange.kind` of polls' cursors; the key is the upstream's name."""

COMMIT_S = 10.0
"""How long a commit is waited for: on a store that takes nothing the ticket system is to say it again, and not to wait."""

BY_API = "api"
"""The upstream's name of what is pushed by the API."""


class Inbox:
    """See the module's text. All calls on the event loop.

    Args:
        record: commits, and returns then (`Pipeline.record`).
        ended: told the dedup_key of each trouble whose ticket is over; returns what follows from it.
        cursors: stored cursors by upstream.
    """

    def __init__(
        self,
        troubles: Troubles,
        *,
        record: Callable[[Changes], Awaitable[None]],
        ended: Callable[[str], Changes],
        cursors: Mapping[str, bytes],
        clock: Clock,
    ) -> None:
        self._troubles = troubles
        self._record = record
        self._ended = ended
        self._cursors = {name: value.decode("utf-8", "replace") for name, value in cursors.items()}
        self._clock = clock
        self.pushed: Counter[str] = Counter({"taken": 0, "unknown": 0})
        """What became of updates that the API brought; the other ways count their own."""

    async def answered(self, upstream: str, updates: Sequence[TicketUpdate], *, cursor: str | None = None) -> int:
        """See `ports.TicketInbox.answered`."""
        changes, known = NOTHING, 0
        for update in updates:
            now = self._clock.now()
            found = self._troubles.answer(update, now, upstream=upstream)
            if found is None:
                continue
            known += 1
            changes = merged(changes, found)
            if update.state in (TicketState.RESOLVED, TicketState.CLOSED, TicketState.REJECTED):
                changes = merged(changes, self._ended(update.dedup_key))
        if cursor is not None and cursor != self._cursors.get(upstream, ""):
            self._cursors[upstream] = cursor
            changes = merged(changes, Changes((), (StateChange(CURSOR_KIND, upstream, cursor.encode()),)))
        if upstream == BY_API:
            self.pushed["taken"] += known
            self.pushed["unknown"] += len(updates) - known
        await self.committed(changes)
        return known

    async def committed(self, changes: Changes) -> None:
        """Commit. StoreError ``busy`` if that takes longer than `COMMIT_S`; what was decided stays so, and is committed later."""
        try:
            async with asyncio.timeout(COMMIT_S):
                await self._record(changes)
        except TimeoutError:
            raise StoreError("busy", f"the store took nothing for {COMMIT_S:g} s") from None

    def cursor(self, upstream: str) -> str:
        """See `ports.TicketInbox.cursor`."""
        return self._cursors.get(upstream, "")

    def open_tickets(self) -> Sequence[TroubleView]:
        """See `ports.TicketInbox.open_tickets`."""
        return [view for view in self._troubles.views() if view.state.live or view.state is TicketState.RESOLVED]
