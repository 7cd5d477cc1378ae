"""The outbox on disk: records, durable state, dead letters, cursors, in one SQLite file that may never lie.

`edgegw.store.store.Store` is what the daemon opens; this package's `__init__` imports nothing, so that looking at a piece
of it does not load SQLAlchemy.

| module | owns |
|---|---|
| `store` | the event-loop side: `RecordStore` and `Outbox`, cursors, callbacks |
| `writer` | the one thread with the one connection, and the way results come back |
| `session`, `room` | what one transaction does: records, state, cursors, gaps, deletes; and what goes when there is no room |
| `inserts` | the hottest lines: events to rows in as few SQLite steps as possible |
| `dead` | dead letters within bounds |
| `figures` | counters for metrics and the watchdog |
| `schema`, `migrations` | tables, and how an older file gets them |
| `engine` | connecting, PRAGMAs, which SQLite error means what |
| `budget` | pages, ballast, when telemetry is shed |
| `highwater` | seq never goes back, whatever happens to the database |
| `recover`, `opening` | checks at opening, setting a damaged file aside; from a path to a session |
| `lanes`, `tail` | how many records wait (without a query), and the newest ones in memory |
| `inspect`, `backup` | stats, verify, dead letters; backup and restore |
"""
