"""The desk's tickets: what an order and what a person does to them, and the feed that tells every change.

Owns: the tables ``ticket``, ``answer`` and ``behind``; the rules of states. Runs inside the ledger's transactions.
Must not know: HTTP, who asks, the gateway's insides.

A ticket has two halves. Its **condition** is the gateway's word: active, recovered, merged. Its **progress** is people's:
opened → acknowledged → assigned → resolved → closed, or rejected. From both follows the `state` that lists show: open,
resolved, closed, rejected, merged. At most one ticket of a dedup_key is open; the file itself refuses a second one.

Each change of progress grows the ticket's version by one and is one row of the feed. A condition changes only by an event with a
higher sequence number than the last one that did, so that events may come in any order; what came for a ticket before it was
opened is taken up when it is.
"""

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from simulators.desk.orders import Order

SCHEMA = """
CREATE TABLE IF NOT EXISTS ticket (
    number INTEGER PRIMARY KEY AUTOINCREMENT, ticket_id TEXT NOT NULL, dedup_key TEXT NOT NULL,
    condition TEXT NOT NULL DEFAULT 'active', condition_seq INTEGER NOT NULL, facts_seq INTEGER NOT NULL,
    progress TEXT NOT NULL DEFAULT 'opened', version INTEGER NOT NULL DEFAULT 0,
    state TEXT GENERATED ALWAYS AS (CASE
        WHEN progress IN ('closed', 'rejected') THEN progress WHEN condition = 'merged' THEN 'merged'
        WHEN condition = 'recovered' OR progress = 'resolved' THEN 'resolved' ELSE 'open' END) STORED,
    priority TEXT, category TEXT, title TEXT, location TEXT, device TEXT,
    opened_ns INTEGER NOT NULL, changed_ns INTEGER NOT NULL, moved_ns INTEGER NOT NULL,
    acknowledged_ns INTEGER, recovered_ns INTEGER, over_ns INTEGER, solved_ns INTEGER, closed_ns INTEGER,
    respond_by_ns INTEGER, resolve_by_ns INTEGER,
    assignee TEXT NOT NULL DEFAULT '', cause TEXT NOT NULL DEFAULT '', parent INTEGER, level INTEGER NOT NULL DEFAULT 0,
    occurrences INTEGER NOT NULL DEFAULT 1, reopened INTEGER NOT NULL DEFAULT 0, updates INTEGER NOT NULL DEFAULT 0,
    event_id TEXT NOT NULL, detail TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS ticket_open ON ticket (dedup_key) WHERE state = 'open';
CREATE UNIQUE INDEX IF NOT EXISTS ticket_of_id ON ticket (ticket_id) WHERE ticket_id <> '';
CREATE INDEX IF NOT EXISTS ticket_key ON ticket (dedup_key);
CREATE INDEX IF NOT EXISTS ticket_waits ON ticket (cause) WHERE condition = 'merged' AND parent IS NULL;
CREATE INDEX IF NOT EXISTS ticket_at_work ON ticket (number) WHERE state IN ('open', 'resolved');
CREATE TABLE IF NOT EXISTS answer (
    place INTEGER PRIMARY KEY AUTOINCREMENT, number INTEGER NOT NULL, version INTEGER NOT NULL, state TEXT NOT NULL,
    at_ns INTEGER NOT NULL,
    by TEXT NOT NULL, assignee TEXT NOT NULL, note TEXT NOT NULL, UNIQUE (number, version)
);
CREATE TABLE IF NOT EXISTS behind (
    cause TEXT NOT NULL, number INTEGER NOT NULL, dedup_key TEXT NOT NULL, title TEXT, PRIMARY KEY (cause, number, dedup_key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS behind_number ON behind (number);
"""
"""`behind`: alarms that a cause explains; number 0 while the cause has no ticket."""

STEPS: dict[str, tuple[str, frozenset[str]]] = {
    "acknowledge": ("acknowledged", frozenset({"opened"})),
    "assign": ("assigned", frozenset({"opened", "acknowledged", "assigned"})),
    "resolve": ("resolved", frozenset({"opened", "acknowledged", "assigned"})),
    "close": ("closed", frozenset({"opened", "acknowledged", "assigned", "resolved"})),
    "reject": ("rejected", frozenset({"opened", "acknowledged", "assigned", "resolved"})),
}
"""What a person may do: the state after it, and the states it is possible in."""

DONE = frozenset({"resolved", "closed", "rejected"})
SUPERSEDED = "superseded by a newer ticket of the same trouble"


class NoTicketError(LookupError):
    """There is no ticket of that number."""


class NotNowError(ValueError):
    """The ticket is in a state in which this cannot be done."""


class Tickets:
    """The tables of an open file. Every call inside a transaction of the ledger's.

    Attributes:
        answered: numbers of tickets that events asked for (to open, or to open again) since `forget` was called.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.executescript(SCHEMA)
        self.answered: dict[int, None] = {}

    def forget(self) -> None:
        """Begin a new batch."""
        self.answered.clear()

    # --- the gateway's word --------------------------------------------------------------------------------------------

    def take(self, order: Order, earlier: Iterable[Order], now_ns: int) -> None:
        """Do what an event asks.

        Args:
            earlier: orders under the same ticket id that came before; read only if this one opens it.
        """
        if order.action == "none":
            self._explained(order)
            self._over(order, now_ns)
            return
        number = self._find(order)
        if number is None:
            if order.action not in {"open", "reopen"}:
                return  # kept among the events; taken up if the ticket is ever opened
            number = self._open(order, now_ns)
            for before in sorted(earlier, key=lambda one: one.seq or 0):
                if before.event_id != order.event_id and before.action not in {"none", "open"}:
                    self._change(number, before, now_ns)
            return
        self._change(number, order, now_ns)

    def _over(self, order: Order, now_ns: int) -> None:
        """What people resolved while it was there is over: nothing is proposed any more, and they may close it."""
        if order.over and order.ticket_id:
            self._db.execute(
                "UPDATE ticket SET over_ns=ifnull(over_ns, ?) WHERE ticket_id=? AND progress='resolved' AND facts_seq<=?",
                (now_ns, order.ticket_id, -1 if order.seq is None else order.seq),
            )

    def repeated(self, order: Order) -> None:
        """An event that came before: nothing to do, but whoever asked for a ticket is told of it again."""
        if order.action in {"open", "reopen"} and not order.old and (number := self._find(order)) is not None:
            self.answered[number] = None

    def _find(self, order: Order) -> int | None:
        where, value = (
            ("dedup_key=? AND state='open'", order.dedup_key) if order.old else ("ticket_id=?", order.ticket_id)
        )
        found = self._db.execute(f"SELECT number FROM ticket WHERE {where}", (value,)).fetchone()  # noqa: S608  # two fixed texts
        return int(found[0]) if found else None

    def _open(self, order: Order, now_ns: int) -> int:
        self._supersede(order.dedup_key, now_ns)
        seq = -1 if order.seq is None else order.seq
        row = self._db.execute(
            "INSERT INTO ticket (ticket_id, dedup_key, condition_seq, facts_seq, priority, category, title, location, device,"
            " opened_ns, changed_ns, moved_ns, respond_by_ns, resolve_by_ns, level, occurrences, event_id, detail)"
            " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                order.ticket_id, order.dedup_key, seq, seq, order.priority, order.category, order.title, order.location,
                order.device, now_ns, now_ns, now_ns, order.respond_by_ns, order.resolve_by_ns, order.level or 0,
                order.occurrences or 1, order.event_id,
                _json(order.detail),
            ),
        )  # fmt: skip
        number = int(row.lastrowid or 0)
        self._move(number, "opened", now_ns)
        self._db.execute(
            "UPDATE ticket SET parent=? WHERE cause=? AND condition='merged' AND parent IS NULL",
            (number, order.dedup_key),
        )
        self._db.execute("UPDATE behind SET number=? WHERE cause=? AND number=0", (number, order.dedup_key))
        self.answered[number] = None
        return number

    def _supersede(self, dedup_key: str, now_ns: int, but: int = 0) -> None:
        """A trouble has one open ticket: whichever was opened last."""
        rows = self._db.execute(
            "SELECT number FROM ticket WHERE dedup_key=? AND state='open' AND number<>?", (dedup_key, but)
        )
        for (number,) in rows.fetchall():
            self._move(number, "closed", now_ns, note=SUPERSEDED)

    def _change(self, number: int, order: Order, now_ns: int) -> None:
        self._facts(number, order, now_ns)
        last, progress = self._db.execute(
            "SELECT condition_seq, progress FROM ticket WHERE number=?", (number,)
        ).fetchone()
        seq = last if order.seq is None else order.seq
        if seq < last or (seq == last and order.seq is not None):
            return
        if order.action == "resolve":
            self._condition(number, "recovered", seq, now_ns)
        elif order.action == "merge":
            self._condition(number, "merged", seq, now_ns)
            self._db.execute(
                "UPDATE ticket SET cause=?, parent=? WHERE number=?", (order.cause, self._cause(order.cause), number)
            )
            self._explained(order)
        elif order.action == "reopen":
            self._supersede(order.dedup_key, now_ns, but=number)
            self._condition(number, "active", seq, now_ns)
            self._db.execute("UPDATE ticket SET reopened=reopened+1, cause='', parent=NULL WHERE number=?", (number,))
            # answered in any case: whoever asked wants to know where the ticket is now
            self._move(number, "opened" if progress in DONE else progress, now_ns)
            self.answered[number] = None

    def _condition(self, number: int, condition: str, seq: int, now_ns: int) -> None:
        self._db.execute(
            "UPDATE ticket SET condition=?, condition_seq=?, recovered_ns=?, changed_ns=? WHERE number=?",
            (condition, seq, now_ns if condition == "recovered" else None, now_ns, number),
        )

    def _facts(self, number: int, order: Order, now_ns: int) -> None:
        last, text = self._db.execute("SELECT facts_seq, detail FROM ticket WHERE number=?", (number,)).fetchone()
        newer = order.seq is None or order.seq >= last
        known = json.loads(text)
        self._db.execute(
            "UPDATE ticket SET updates=updates+?, changed_ns=?, detail=? WHERE number=?",
            (
                order.action in {"open", "update", "escalate"},
                now_ns,
                _json(known | dict(order.detail) if newer else dict(order.detail) | known),
                number,
            ),
        )
        if newer:
            self._db.execute(
                "UPDATE ticket SET facts_seq=?, priority=ifnull(?, priority), title=ifnull(?, title), level=ifnull(?, level),"
                " occurrences=ifnull(?, occurrences), respond_by_ns=ifnull(?, respond_by_ns),"
                " resolve_by_ns=ifnull(?, resolve_by_ns), over_ns=CASE WHEN ? THEN ifnull(over_ns, ?) END WHERE number=?",
                (
                    last if order.seq is None else order.seq, order.priority, order.title, order.level, order.occurrences,
                    order.respond_by_ns, order.resolve_by_ns, order.over, now_ns, number,
                ),
            )  # fmt: skip

    def _cause(self, dedup_key: str) -> int | None:
        found = self._db.execute(
            "SELECT number FROM ticket WHERE dedup_key=? AND state IN ('open', 'resolved') ORDER BY number DESC LIMIT 1",
            (dedup_key,),
        ).fetchone()
        return int(found[0]) if found else None

    def _explained(self, order: Order) -> None:
        """Count the alarm at its cause; and with it, what it explains itself: its cause is now explained in turn."""
        key, cause = order.dedup_key, order.cause
        if order.over and order.action == "none":
            self._db.execute("DELETE FROM behind WHERE number=0 AND dedup_key=?", (key,))
        if not cause:
            return
        number = self._cause(cause)
        if not order.over:
            self._db.execute("INSERT OR IGNORE INTO behind VALUES (?,?,?,?)", (cause, number or 0, key, order.title))
        mine = self._merged_of(key)
        self._db.execute(
            "UPDATE OR REPLACE behind SET cause=?, number=? WHERE (cause=? AND number=0) OR number=?",
            (cause, number or 0, key, mine),
        )
        self._db.execute(
            "UPDATE ticket SET cause=?, parent=? WHERE condition='merged' AND ((cause=? AND parent IS NULL) OR parent=?)",
            (cause, number, key, mine),
        )

    def _merged_of(self, dedup_key: str) -> int:
        """The ticket merged last under a key; -1 if there is none."""
        found = self._db.execute(
            "SELECT max(number) FROM ticket WHERE dedup_key=? AND condition='merged'", (dedup_key,)
        ).fetchone()
        return -1 if found[0] is None else int(found[0])

    # --- people --------------------------------------------------------------------------------------------------------

    def act(self, number: int, step: str, now_ns: int, *, by: str = "", assignee: str = "", note: str = "") -> None:
        """A person's step, one of `STEPS`. Raises NoTicketError, NotNowError."""
        found = self._db.execute("SELECT progress, state FROM ticket WHERE number=?", (number,)).fetchone()
        if found is None:
            raise NoTicketError(f"there is no ticket {number}")
        progress, state = found
        after, possible = STEPS[step]
        if state == "merged":
            raise NotNowError(f"ticket {number} is merged: work on the ticket of its cause")
        if progress not in possible:
            raise NotNowError(f"ticket {number} is {progress}: it cannot be {after} now")
        self._move(number, after, now_ns, by=by, assignee=assignee, note=note, person=True)

    def _move(
        self,
        number: int,
        progress: str,
        now_ns: int,
        *,
        by: str = "",
        assignee: str = "",
        note: str = "",
        person: bool = False,
    ) -> None:
        # a closed ticket keeps the time it was first resolved at; opened again, it has no such times
        self._db.execute(
            "UPDATE ticket SET progress=:to, version=version+1, changed_ns=:now, moved_ns=:now,"
            " acknowledged_ns=CASE WHEN :person THEN ifnull(acknowledged_ns, :now) ELSE acknowledged_ns END,"
            " solved_ns=CASE WHEN :to='resolved' THEN :now WHEN :to='closed' THEN solved_ns ELSE NULL END,"
            " closed_ns=CASE WHEN :to IN ('closed','rejected') THEN :now END,"
            " assignee=CASE WHEN :who<>'' THEN :who ELSE assignee END WHERE number=:number",
            {"to": progress, "now": now_ns, "person": person, "who": assignee, "number": number},
        )
        self._db.execute(
            "INSERT INTO answer (number, version, state, at_ns, by, assignee, note)"
            " SELECT number, version, ?, ?, ?, assignee, ? FROM ticket WHERE number=?",
            (progress, now_ns, by, note, number),
        )


def _json(value: Any) -> str:  # noqa: ANN401  # JSON of any shape
    return json.dumps(value, ensure_ascii=False)
