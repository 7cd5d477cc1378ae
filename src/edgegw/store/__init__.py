"""The outbox on disk: records, durable state, dead letters, cursors, in one SQLite file that may never lie.

`edgegw.store.store.Store` is what the daemon opens; this package's `__init__` imports nothing, so that looking at a piece
of it does not load SQLAlchemy.

| module | owns |
|---|---|
| `store` | the event-loop side: `RecordStore` and `Outbox`, cursors, callbacks |
| `writer` | the one thread with the one connection, and the way results come back |
| `session` | what one transaction does: records, state, dead letters, cursors, gaps, deletes |
| `inserts` | the hottest lines: events to rows in as few SQLite steps as possible |
| `schema`, `migrations` | tables, and how an older file gets them |
| `engine` | connecting, PRAGMAs, which SQLite error means what |
| `budget` | pages, ballast, when telemetry is shed |
| `highwater` | seq never goes back, whatever happens to the database |
| `recover` | checks at opening, setting a damaged file aside |
| `lanes`, `tail` | how many records wait (without a query), and the newest ones in memory |
| `inspect`, `backup` | stats, verify, dead letters; backup and restore |
"""
