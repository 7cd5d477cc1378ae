"""Tickets that are over: their rows for reports, and how many of them are kept.

Owns: the rows' keys, what is deleted when, late answers to tickets that ended lately.
Must not know: when a trouble is over.
"""

from bisect import insort
from collections import OrderedDict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo

import msgspec

from edgegw.model import Instant
from edgegw.rules.events import Draft, encode
from edgegw.service.specs import NS_PER_S
from edgegw.service.ticket import ACKNOWLEDGED, HISTORY_KIND, History, TicketState, TicketUpdate

RECENT_MOST = 500
"""Ended tickets that late answers still find, some 1 KB each: more than a desk closes in a busy day."""

AT_ONCE = 16
"""Rows deleted in one step: a step stays below a millisecond, and a step comes with every alarm."""

LOOK_NS = 3600 * NS_PER_S
"""How often it is asked whether rows are too old: they are kept by days."""


class Past:
    """The history.

    Args:
        zone: whose dates are the keys'.
        keys: of the rows there are.
        arm: puts this into the timer queue.
    """

    def __init__(self, zone: tzinfo, keys: Iterable[str], *, keep_days: int, most: int, now: Instant) -> None:
        self._zone = zone
        self._keep = timedelta(days=max(1, keep_days))
        self._most = max(1, most)
        self._keys = sorted(keys)
        self._recent: OrderedDict[str, tuple[str, History]] = OrderedDict()
        self._look_ns = now.mono_ns
        self.armed_ns: int | None = None

    def __len__(self) -> int:
        """Rows there are."""
        return len(self._keys)

    def add(self, row: History, at: Instant, draft: Draft) -> None:
        """A ticket is over."""
        date = self._date(row.raised_ns if row.synced else at.wall_ns)
        if not row.synced and not at.synced and self._keys:
            # Nobody knows the date: it is not before what was written before.
            date = max(date, self._keys[-1].partition("/")[0])
        key = f"{date}/{row.ticket_id}"
        insort(self._keys, key)
        self._recent[row.ticket_id] = (key, row)
        if len(self._recent) > RECENT_MOST:
            self._recent.popitem(last=False)
        draft.state(HISTORY_KIND, key, encode(row))
        self._trim(max(0, min(AT_ONCE, len(self._keys) - self._most)), draft)

    def answered(self, update: TicketUpdate, at: Instant, draft: Draft) -> bool:
        """A late word on a ticket that is over. Returns whether it is known."""
        found = self._recent.get(update.ticket_id)
        if found is None or found[1].dedup_key != update.dedup_key:
            return False
        key, row = found
        state = TicketState(update.state)
        changed = msgspec.structs.replace(
            row,
            state=row.state if row.state == TicketState.MERGED else state.value,
            number=update.number or row.number,
            opened_ns=row.opened_ns or at.wall_ns,
            acknowledged_ns=row.acknowledged_ns or (at.wall_ns if state in ACKNOWLEDGED else 0),
            resolved_ns=row.resolved_ns or (at.wall_ns if state is TicketState.RESOLVED else 0),
            closed_ns=row.closed_ns or (at.wall_ns if state in (TicketState.CLOSED, TicketState.REJECTED) else 0),
        )
        if changed != row:
            self._recent[update.ticket_id] = (key, changed)
            draft.state(HISTORY_KIND, key, encode(changed))
        return True

    # --- rules.timers.Timed -------------------------------------------------------------------------------------------

    def due_ns(self) -> int | None:
        """When rows may be too old."""
        return self._look_ns if self._keys else None

    def fire(self, now: Instant, draft: Draft) -> None:
        """Delete a few that are."""
        self._look_ns = now.mono_ns + LOOK_NS
        beyond = len(self._keys) - self._most
        if now.synced:
            oldest = (self._local(now.wall_ns) - self._keep).strftime("%Y-%m-%d")
            beyond = max(beyond, next((i for i, key in enumerate(self._keys[:AT_ONCE]) if key >= oldest), AT_ONCE))
        gone = max(0, min(AT_ONCE, beyond, len(self._keys)))
        self._trim(gone, draft)
        if gone == AT_ONCE:
            self._look_ns = now.mono_ns + NS_PER_S

    def _trim(self, count: int, draft: Draft) -> None:
        for key in self._keys[:count]:
            draft.state(HISTORY_KIND, key, None)
            self._recent.pop(key.partition("/")[2], None)
        del self._keys[:count]

    def _date(self, wall_ns: int) -> str:
        return self._local(wall_ns).strftime("%Y-%m-%d")

    def _local(self, wall_ns: int) -> datetime:
        try:
            return datetime.fromtimestamp(wall_ns / NS_PER_S, UTC).astimezone(self._zone)
        except (OverflowError, ValueError, OSError):
            return datetime(1970, 1, 2, tzinfo=UTC)
