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
"""Facts about the file. Audit chain: `audit_since` (records up to that seq are older than the chain), `audit_start` (``n:hash``
of the last entry trimmed). Credentials: `credential_gen` (which generation counts), `credential_version`."""

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

AUDIT = Table(
    "audit",
    METADATA,
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, nullable=False),
    Column("boot", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("wall_ns", Integer, nullable=False),
    Column("mono_ns", Integer, nullable=False),
    Column("synced", Integer, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("hash", BLOB, nullable=False),
    Column("data", BLOB, nullable=False),
)
"""The audit chain (`audit`): what lanes access and command held, kept after its delivery. `bytes`: of data, summed up from the
chain's beginning, so that its size is known without reading it."""

CREDENTIAL = Table(
    "credential",
    METADATA,
    Column("gen", Integer, primary_key=True, autoincrement=False),
    Column("hash", BLOB, primary_key=True),
    Column("data", BLOB, nullable=False),
    sqlite_with_rowid=False,
)
"""Credentials by keyed hash, packed. A full synchronisation is written as the next generation, which then counts at once."""

CREDENTIAL_SYNC = Table(
    "credential_sync",
    METADATA,
    Column("sync", Text, primary_key=True),
    Column("gen", Integer, nullable=False),
    Column("full", Integer, nullable=False),
    Column("after", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("pages", Integer, nullable=False),
    Column("cursor", Text),
    sqlite_with_rowid=False,
)
"""Synchronisations under way. `gen`: under which its rows are, of a full one in `credential`, of a delta in `credential_stage`;
`cursor`: of the next page."""

CREDENTIAL_STAGE = Table(
    "credential_stage",
    METADATA,
    Column("gen", Integer, primary_key=True, autoincrement=False),
    Column("hash", BLOB, primary_key=True),
    Column("data", BLOB),
    sqlite_with_rowid=False,
)
"""Changes of a delta under way; `data` NULL: delete."""
