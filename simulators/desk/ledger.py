"""The desk's memory: events keyed by id, tickets, and what became of them.

Owns: the SQLite file, its transactions, the questions that are asked of it.
Must not know: how events came, what an event asks (orders), what becomes of a ticket (tickets).

All calls on one thread (the service's executor); each batch is one transaction, committed before it is answered.
"""

import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from simulators.desk.orders import BadEventError, Order, checked, read, seq_of
from simulators.desk.staff import Step
from simulators.desk.tickets import NoTicketError, NotNowError, Tickets

__all__ = ["BadCursorError", "BadEventError", "Ledger", "LedgerError", "checked"]

VERSION = 2
"""`PRAGMA user_version` of the file."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
    id TEXT PRIMARY KEY, arrival INTEGER NOT NULL, received_ns INTEGER NOT NULL, seq INTEGER, source TEXT NOT NULL,
    type TEXT NOT NULL, subject TEXT, time TEXT, ticket_id TEXT, data TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS event_arrival ON event (arrival);
CREATE INDEX IF NOT EXISTS event_ticket ON event (ticket_id) WHERE ticket_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS last_reading (device TEXT PRIMARY KEY, received_ns INTEGER NOT NULL, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

COLUMNS = (
    "number", "ticket_id", "dedup_key", "state", "progress", "version", "priority", "category", "title", "location",
    "device", "opened_ns", "changed_ns", "moved_ns", "acknowledged_ns", "recovered_ns", "over_ns", "solved_ns", "closed_ns",
    "respond_by_ns", "resolve_by_ns", "assignee", "cause", "parent", "level", "occurrences", "reopened", "updates", "event_id",
)  # fmt: skip
"""Of the table `ticket`, as the API shows them."""

ANSWERS_MOST = 1000
"""Updates in one message: what the gateway takes at once."""

BEHIND_MOST = 200
"""Names of explained alarms in one ticket's answer; the count is always whole."""


class BadCursorError(ValueError):
    """A cursor that this desk never gave."""


class LedgerError(Exception):
    """The file cannot be used."""


class Ledger:
    """The open file. Raises LedgerError if it was written by another version."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")  # a simulated desk: it must survive kill -9, not a power cut
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version != VERSION and self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            self._db.close()
            raise LedgerError(f"{path} was written by another version of the desk; give it a new file")
        self._db.executescript(SCHEMA)
        self._tickets = Tickets(self._db)
        self._db.execute(f"PRAGMA user_version={VERSION}")
        self._db.execute("INSERT OR IGNORE INTO note VALUES ('feed', ?)", (secrets.token_hex(4),))
        self._feed = str(self._db.execute("SELECT value FROM note WHERE name='feed'").fetchone()[0])
        self._arrival = int(self._db.execute("SELECT ifnull(max(arrival), 0) FROM event").fetchone()[0])
        self.duplicates = 0
        self._heard: int | None = None
        self.received = self.unique = int(self._db.execute("SELECT count(*) FROM event").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    # --- events --------------------------------------------------------------------------------------------------------

    def take(self, events: Iterable[Mapping[str, Any]], now_ns: int) -> int:
        """Take a batch in one transaction; returns how many were new. `opened` then tells of its tickets, also of those that
        it opened when it came before: the sender asks again because it has not kept the answer."""
        fresh = 0
        self._tickets.forget()
        with self._transaction():
            for event in events:
                fresh += self._one(event, now_ns)
        self.unique += fresh
        return fresh

    def _one(self, event: Mapping[str, Any], now_ns: int) -> bool:
        self.received += 1
        self._arrival += 1
        data = event.get("data")
        order = read(event)
        text = json.dumps(data, ensure_ascii=False)
        added = self._db.execute(
            "INSERT INTO event VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING",
            (
                event["id"],
                self._arrival,
                now_ns,
                seq_of(event),
                event["source"],
                event["type"],
                event.get("subject"),
                event.get("time"),
                (order.ticket_id or None) if order else None,
                text,
            ),
        ).rowcount
        if not added:
            self.duplicates += 1
            if order is not None:
                self._tickets.repeated(order)
            return False
        if order is not None:
            self._tickets.take(order, self._under(order.ticket_id), now_ns)
        elif event["type"] == "edgegw.reading" and isinstance(data, dict):
            self._db.execute(
                "INSERT INTO last_reading VALUES (?,?,?) ON CONFLICT DO UPDATE SET received_ns=excluded.received_ns,"
                " data=excluded.data",
                (str(event.get("subject")), now_ns, text),
            )
        return True

    def _under(self, ticket_id: str) -> Iterator[Order]:
        """What came under a ticket's id; asked for only when it is opened."""
        rows = self._db.execute("SELECT id, type, seq, data FROM event WHERE ticket_id=?", (ticket_id,)).fetchall()
        for number, kind, seq, data in rows:
            order = read({"id": number, "type": kind, "edgegwseq": seq, "data": json.loads(data)})
            if order is not None:
                yield order

    def opened(self) -> list[dict[str, Any]]:
        """Tickets that the last batch asked for, as the gateway reads them."""
        found = []
        for number in self._tickets.answered:
            row = self._db.execute(
                "SELECT dedup_key, ticket_id, progress, version FROM ticket WHERE number=?", (number,)
            ).fetchone()
            key, ticket_id, progress, version = row
            found.append(
                _without_empty(dedup_key=key, ticket_id=ticket_id, number=str(number), state=progress, version=version)
            )
        return found

    # --- people --------------------------------------------------------------------------------------------------------

    def act(self, number: int, step: str, now_ns: int, *, by: str = "", assignee: str = "", note: str = "") -> None:
        """One step of a person's. Raises NoTicketError, NotNowError."""
        with self._transaction():
            self._tickets.act(number, step, now_ns, by=by, assignee=assignee, note=note)

    def act_all(self, steps: Sequence[Step], now_ns: int) -> int:
        """Steps of simulated people, in one transaction; returns how many were possible."""
        done = 0
        with self._transaction():
            for step in steps:
                try:
                    self._tickets.act(step.number, step.step, now_ns, by=step.by, assignee=step.assignee)
                except (NoTicketError, NotNowError):
                    continue  # a real person was quicker
                done += 1
        return done

    def at_work(self, limit: int) -> list[dict[str, Any]]:
        """Tickets somebody still has to do something about, oldest first."""
        return self._rows("WHERE state IN ('open', 'resolved') ORDER BY number LIMIT ?", (limit,))

    # --- what travels back -----------------------------------------------------------------------------------------------

    def answers(self, after: str, limit: int = ANSWERS_MOST) -> dict[str, Any]:
        """Changes of tickets after a cursor, in their order: ``{"tickets": [...], "next": "…"}``.

        A cursor of another file (this desk's was lost) begins from the first change again; the gateway goes by versions.

        Raises:
            BadCursorError: `after` is no cursor.
        """
        last = self._place(after)
        rows = self._db.execute(
            "SELECT a.place, t.dedup_key, t.ticket_id, a.number, a.state, a.version, a.at_ns, a.by, a.assignee, a.note"
            " FROM answer a JOIN ticket t USING (number) WHERE a.place>? ORDER BY a.place LIMIT ?",
            (last, max(1, min(limit, ANSWERS_MOST))),
        )
        told = []
        for place, key, ticket_id, number, state, version, at_ns, by, assignee, note in rows:
            last = place
            told.append(
                _without_empty(
                    dedup_key=key, ticket_id=ticket_id, number=str(number), state=state, version=version, at=_utc(at_ns), by=by,
                    assignee=assignee, note=note,
                )
            )  # fmt: skip
        return {"tickets": told, "next": f"{self._feed}-{last}"}

    def _place(self, cursor: str) -> int:
        feed, dash, place = cursor.partition("-")
        if cursor and not (dash and place.isascii() and place.isdigit() and len(place) < 19):
            raise BadCursorError("after is not a cursor of this feed")
        return int(place) if feed == self._feed and place else 0

    def polled(self, after: str, limit: int = ANSWERS_MOST) -> dict[str, Any]:
        """`answers` to somebody who has kept everything up to `after`: that is what asking from there says."""
        answer = self.answers(after, limit)
        self._heard = self._place(after)
        return answer

    def kept(self, name: str) -> str:
        """A text kept under a name, such as how far a push has come; empty if there is none."""
        found = self._db.execute("SELECT value FROM note WHERE name=?", (name,)).fetchone()
        return str(found[0]) if found else ""

    def keep(self, name: str, value: str) -> None:
        """Keep a text under a name."""
        self._db.execute("INSERT INTO note VALUES (?,?) ON CONFLICT DO UPDATE SET value=excluded.value", (name, value))

    # --- questions -----------------------------------------------------------------------------------------------------

    def _rows(self, where: str, args: Sequence[object]) -> list[dict[str, Any]]:
        rows = self._db.execute(f"SELECT {', '.join(COLUMNS)} FROM ticket {where}", args)  # noqa: S608  # fixed clauses
        return [dict(zip(COLUMNS, row, strict=True)) for row in rows]

    def tickets(self, state: str | None, limit: int) -> list[dict[str, Any]]:
        """Tickets, newest first. `state`: as lists show it, or a progress such as ``acknowledged``."""
        columns = ", ".join(f"t.{name}" for name in COLUMNS)
        where, args = ("WHERE t.state=? OR t.progress=?", [state, state]) if state else ("", [])
        rows = self._db.execute(
            f"SELECT {columns}, t.detail, (SELECT count(*) FROM behind b WHERE b.number=t.number) FROM ticket t"  # noqa: S608  # our own
            f" {where} ORDER BY t.number DESC LIMIT ?",
            (*args, limit),
        )
        return [_shown(row) for row in rows]

    def ticket(self, number: int) -> dict[str, Any]:
        """One ticket with its history and what is behind it. Raises NoTicketError."""
        columns = ", ".join(f"t.{name}" for name in COLUMNS)
        row = self._db.execute(
            f"SELECT {columns}, t.detail, (SELECT count(*) FROM behind b WHERE b.number=t.number)"  # noqa: S608  # our own columns
            " FROM ticket t WHERE t.number=?",
            (number,),
        ).fetchone()
        if row is None:
            raise NoTicketError(f"there is no ticket {number}")
        names = ("version", "state", "at_ns", "by", "assignee", "note")
        history = self._db.execute(
            "SELECT version, state, at_ns, by, assignee, note FROM answer WHERE number=? ORDER BY version", (number,)
        )
        behind = self._db.execute(
            "SELECT dedup_key, title FROM behind WHERE number=? ORDER BY dedup_key LIMIT ?", (number, BEHIND_MOST)
        )
        return _shown(row) | {
            "history": [dict(zip(names, one, strict=True)) for one in history],
            "explains": [{"dedup_key": key, "title": title} for key, title in behind],
        }

    def events(self, kind: str | None, after: int, limit: int) -> list[dict[str, Any]]:
        """Events in the order of their arrival, after an arrival number."""
        where, args = ("AND type=?", [kind]) if kind else ("", [])
        columns = "id, arrival, received_ns, seq, source, type, subject, time, data"
        statement = f"SELECT {columns} FROM event WHERE arrival>? {where} ORDER BY arrival LIMIT ?"  # noqa: S608  # a fixed clause
        rows = self._db.execute(statement, (after, *args, limit))
        names = ("id", "arrival", "received_ns", "seq", "source", "type", "subject", "time")
        return [dict(zip(names, row, strict=False)) | {"data": json.loads(row[8])} for row in rows]

    def stats(self, now_ns: int = 0) -> dict[str, Any]:
        """Counts; `holes`: ranges of seq that never came; `unheard`: changes of tickets that whoever polls has not kept yet,
        None if nobody does. `now_ns`: by which a ticket may be overdue; 0: none is."""
        by_type = dict(self._db.execute("SELECT type, count(*) FROM event GROUP BY type ORDER BY type"))
        states = dict(self._db.execute("SELECT state, count(*) FROM ticket GROUP BY state"))
        acknowledged, recovered, waiting, overdue, missed, late, escalated = self._db.execute(
            "SELECT count(acknowledged_ns), count(recovered_ns),"
            " ifnull(sum(acknowledged_ns IS NULL AND state<>'merged'), 0),"
            " ifnull(sum(acknowledged_ns IS NULL AND state='open' AND respond_by_ns<?), 0),"
            " ifnull(sum(acknowledged_ns IS NULL AND state<>'merged' AND (state<>'open' OR respond_by_ns<?)), 0),"
            " ifnull(sum(acknowledged_ns>respond_by_ns), 0), ifnull(sum(level>0), 0) FROM ticket",
            (now_ns, now_ns),
        ).fetchone()
        return {
            "received": self.received,
            "events": self.unique,
            "duplicates": self.duplicates,
            "by_type": by_type,
            "opened": sum(states.values()),
            "open": states.get("open", 0),
            "resolved": states.get("resolved", 0) + states.get("closed", 0),
            "acknowledged": acknowledged,
            "recovered": recovered,
            "closed": states.get("closed", 0),
            "rejected": states.get("rejected", 0),
            "merged": states.get("merged", 0),
            "at_work": states.get("open", 0) + states.get("resolved", 0),
            "unacknowledged": waiting,
            "overdue": overdue,
            "missed": missed,
            "late": late,
            "escalated": escalated,
            "unheard": None if self._heard is None else self._last_answer() - self._heard,
            "devices": int(self._db.execute("SELECT count(*) FROM last_reading").fetchone()[0]),
            "holes": self.holes(),
        }

    def _last_answer(self) -> int:
        return int(self._db.execute("SELECT ifnull(max(place), 0) FROM answer").fetchone()[0])

    def holes(self, most: int = 20) -> list[tuple[int, int]]:
        """Ranges of sequence numbers between the first and the last that never came."""
        rows = self._db.execute(
            "SELECT seq + 1, next - 1 FROM (SELECT seq, lead(seq) OVER (ORDER BY seq) AS next FROM event WHERE seq IS NOT NULL)"
            " WHERE next > seq + 1 LIMIT ?",
            (most,),
        )
        return [(int(a), int(b)) for a, b in rows]


def _shown(row: Sequence[Any]) -> dict[str, Any]:
    """A ticket as the API shows it: its columns, what a person needs under ``ticket``, how many alarms it explains."""
    shown = dict(zip(COLUMNS, row, strict=False))
    shown["resolved_ns"] = shown["solved_ns"] if shown["recovered_ns"] is None else shown["recovered_ns"]
    return shown | {"behind": row[-1], "ticket": json.loads(row[-2])}


def _without_empty(**members: object) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value != ""}


def _utc(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns // 1_000_000_000, UTC):%Y-%m-%dT%H:%M:%S}.{ns // 1_000_000 % 1000:03d}Z"
