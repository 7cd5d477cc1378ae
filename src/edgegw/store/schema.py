"""The tables, as SQLAlchemy Core metadata of the newest version.

Owns: names, columns, keys. Must not know: how rows get there, or what earlier versions looked like (`migrations`).

One table per lane with the same columns: draining and deleting are rowid ranges, a lane's backlog never slows another's, and
no index but the rowid has to be kept. The order of columns puts `data` last, so that reading the others never follows
overflow pages.
"""

from sqlalchemy import BLOB, CheckConstraint, Column, Integer, MetaData, Table, Text

from edgegw.model import Lane

METADATA = MetaData()


def _lane(name: str) -> Table:
    return Table(
        name,
        METADATA,
        Column("seq", Integer, primary_key=True, autoincrement=False),
        Column("id", BLOB, nullable=False),
        Column("boot", Integer, nullable=False),
        Column("type", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("wall_ns", Integer, nullable=False),
        Column("mono_ns", Integer, nullable=False),
        Column("synced", Integer, nullable=False),
        Column("data", BLOB, nullable=False),
    )


LANES: tuple[Table, ...] = tuple(_lane(lane.label) for lane in Lane)
"""Indexed by Lane."""

META = Table(
    "meta",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""Facts about the file: `gateway`, `created_ns`."""

BOOT = Table(
    "boot",
    METADATA,
    Column("boot", Integer, primary_key=True, autoincrement=False),
    Column("os_boot", Text, nullable=False),
    Column("wall_ns", Integer, nullable=False),
    Column("mono_ns", Integer, nullable=False),
    Column("first_seq", Integer, nullable=False),
    Column("offset_ns", Integer),
)
"""One row per daemon start. `offset_ns` is wall minus monotonic time once the clock was known, for the whole `os_boot`."""

STATE = Table(
    "state",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", BLOB, nullable=False),
    sqlite_with_rowid=False,
)

CURSOR = Table(
    "cursor",
    METADATA,
    Column("upstream", Text, primary_key=True),
    Column("lane", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, nullable=False),
    CheckConstraint("lane BETWEEN 0 AND 3"),
    sqlite_with_rowid=False,
)

DEAD = Table(
    "dead_letter",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("origin", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("wall_ns", Integer, nullable=False),
    Column("mono_ns", Integer, nullable=False),
    Column("synced", Integer, nullable=False),
    Column("raw", BLOB, nullable=False),
)

GAP = Table(
    "gap",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("lane", Integer),
    Column("from_seq", Integer, nullable=False),
    Column("to_seq", Integer, nullable=False),
    Column("count", Integer),
    Column("announced", Integer),
)
"""Holes: `announced` is the seq of the gap event, NULL until there is one. `lane` and `count` are NULL where nobody can know."""
