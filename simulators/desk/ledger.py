"""The desk's memory: events keyed by id, one open ticket per dedup_key.

Owns: the SQLite file and the rules: an id is taken once; ``alarm.raised`` opens a ticket unless one is open under its dedup_key;
``alarm.cleared`` marks it recovered. Must not know: how events came, the gateway's insides.

All calls on one thread (the service's executor); each batch is one transaction, committed before it is answered.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
    id TEXT PRIMARY KEY, arrival INTEGER NOT NULL, received_ns INTEGER NOT NULL, seq INTEGER, source TEXT NOT NULL,
    type TEXT NOT NULL, subject TEXT, time TEXT, data TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS event_arrival ON event (arrival);
CREATE TABLE IF NOT EXISTS ticket (
    number INTEGER PRIMARY KEY AUTOINCREMENT, dedup_key TEXT NOT NULL, state TEXT NOT NULL, priority TEXT, category TEXT,
    title TEXT, location TEXT, device TEXT, opened_ns INTEGER NOT NULL, changed_ns INTEGER NOT NULL, resolved_ns INTEGER,
    updates INTEGER NOT NULL DEFAULT 0, event_id TEXT NOT NULL, data TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS ticket_open ON ticket (dedup_key) WHERE state = 'open';
CREATE TABLE IF NOT EXISTS last_reading (device TEXT PRIMARY KEY, received_ns INTEGER NOT NULL, data TEXT NOT NULL);
"""

OPEN, RESOLVED = "open", "resolved"

PREFIX = "edgegw.alarm."

TICKET_COLUMNS = (
    "number", "dedup_key", "state", "priority", "category", "title", "location", "device", "opened_ns", "changed_ns",
    "resolved_ns", "updates", "event_id",
)  # fmt: skip


class BadEventError(ValueError):
    """What came is no CloudEvent."""


def checked(event: object) -> Mapping[str, Any]:
    """An event with what the specification requires, or BadEventError saying what is missing."""
    if not isinstance(event, dict):
        raise BadEventError("not an object")
    for name in ("specversion", "id", "source", "type"):
        if not isinstance(event.get(name), str) or not event[name]:
            raise BadEventError(f"{name} is missing")
    return event


class Ledger:
    """The open file."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")  # a simulated desk: it must survive kill -9, not a power cut
        self._db.executescript(SCHEMA)
        self._arrival = int(self._db.execute("SELECT ifnull(max(arrival), 0) FROM event").fetchone()[0])
        self.duplicates = 0
        self.received = self.unique = int(self._db.execute("SELECT count(*) FROM event").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def take(self, events: Iterable[Mapping[str, Any]], now_ns: int) -> int:
        """Take a batch in one transaction; returns how many were new."""
        fresh = 0
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for event in events:
                fresh += self._one(event, now_ns)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        self.unique += fresh
        return fresh

    def _one(self, event: Mapping[str, Any], now_ns: int) -> bool:
        self.received += 1
        self._arrival += 1
        data = event.get("data")
        seq = event.get("edgegwseq")
        added = self._db.execute(
            "INSERT INTO event VALUES (?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING",
            (
                event["id"],
                self._arrival,
                now_ns,
                int(str(seq)) if str(seq).isdigit() else None,
                event["source"],
                event["type"],
                event.get("subject"),
                event.get("time"),
                json.dumps(data, ensure_ascii=False),
            ),
        ).rowcount
        if not added:
            self.duplicates += 1
            return False
        if isinstance(data, dict):
            if event["type"].startswith(PREFIX) and isinstance(data.get("dedup_key"), str):
                self._alarm(event, event["type"].removeprefix(PREFIX), data, now_ns)
            elif event["type"] == "edgegw.reading":
                self._db.execute(
                    "INSERT INTO last_reading VALUES (?,?,?) ON CONFLICT DO UPDATE SET received_ns=excluded.received_ns,"
                    " data=excluded.data",
                    (str(event.get("subject")), now_ns, json.dumps(data, ensure_ascii=False)),
                )
        return True

    def _alarm(self, event: Mapping[str, Any], what: str, data: dict[str, Any], now_ns: int) -> None:
        key = data["dedup_key"]
        found = self._db.execute("SELECT number FROM ticket WHERE dedup_key=? AND state=?", (key, OPEN)).fetchone()
        if what == "cleared":
            self._db.execute(
                "UPDATE ticket SET state=?, resolved_ns=?, changed_ns=? WHERE dedup_key=? AND state=?",
                (RESOLVED, now_ns, now_ns, key, OPEN),
            )
        elif found:
            self._db.execute(
                "UPDATE ticket SET updates=updates+1, changed_ns=?, priority=?, title=?, data=? WHERE number=?",
                (now_ns, data.get("priority"), data.get("title"), json.dumps(data, ensure_ascii=False), found[0]),
            )
        elif what == "raised":
            place, device = data.get("location"), data.get("device")
            self._db.execute(
                "INSERT INTO ticket (dedup_key, state, priority, category, title, location, device, opened_ns, changed_ns,"
                " event_id, data) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                (
                    key,
                    OPEN,
                    data.get("priority"),
                    data.get("category"),
                    data.get("title"),
                    place.get("text") if isinstance(place, dict) else place,
                    device.get("id") if isinstance(device, dict) else device,
                    now_ns,
                    now_ns,
                    event["id"],
                    json.dumps(data, ensure_ascii=False),
                ),
            )

    def tickets(self, state: str | None, limit: int) -> list[dict[str, Any]]:
        """Tickets, newest first."""
        where, args = ("WHERE state=?", [state]) if state else ("", [])
        columns = ", ".join(TICKET_COLUMNS)
        rows = self._db.execute(
            f"SELECT {columns} FROM ticket {where} ORDER BY number DESC LIMIT ?",  # noqa: S608  # our own column names
            (*args, limit),
        )
        return [dict(zip(TICKET_COLUMNS, row, strict=True)) for row in rows]

    def events(self, kind: str | None, after: int, limit: int) -> list[dict[str, Any]]:
        """Events in the order of their arrival, after an arrival number."""
        where, args = ("AND type=?", [kind]) if kind else ("", [])
        columns = "id, arrival, received_ns, seq, source, type, subject, time, data"
        statement = f"SELECT {columns} FROM event WHERE arrival>? {where} ORDER BY arrival LIMIT ?"  # noqa: S608  # a fixed clause
        rows = self._db.execute(statement, (after, *args, limit))
        names = ("id", "arrival", "received_ns", "seq", "source", "type", "subject", "time")
        return [dict(zip(names, row, strict=False)) | {"data": json.loads(row[8])} for row in rows]

    def stats(self) -> dict[str, Any]:
        """Counts; `holes`: ranges of seq that never came."""
        by_type = dict(self._db.execute("SELECT type, count(*) FROM event GROUP BY type ORDER BY type"))
        states = dict(self._db.execute("SELECT state, count(*) FROM ticket GROUP BY state"))
        return {
            "received": self.received,
            "events": self.unique,
            "duplicates": self.duplicates,
            "by_type": by_type,
            "opened": sum(states.values()),
            "open": states.get(OPEN, 0),
            "resolved": states.get(RESOLVED, 0),
            "devices": int(self._db.execute("SELECT count(*) FROM last_reading").fetchone()[0]),
            "holes": self.holes(),
        }

    def holes(self, most: int = 20) -> list[tuple[int, int]]:
        """Ranges of sequence numbers between the first and the last that never came."""
        rows = self._db.execute(
            "SELECT seq + 1, next - 1 FROM (SELECT seq, lead(seq) OVER (ORDER BY seq) AS next FROM event WHERE seq IS NOT NULL)"
            " WHERE next > seq + 1 LIMIT ?",
            (most,),
        )
        return [(int(a), int(b)) for a, b in rows]
