"""Numbered migrations: how a file of any earlier version becomes one of this version.

Owns: the steps, frozen as they were released, and `PRAGMA user_version` as the number of the last one done.
Must not know: the present metadata (`schema`): a step that followed it would change under the files already migrated. A test
compares the outcome of all steps with the metadata.

Why not Alembic: it is read at every start, on a box that must be READY in under 1.5 s, and brings its own tree of files
for what is a tuple of statements here; SQLite gives the version number for nothing. Each step runs in one transaction
with its number, so a step is done wholly or not at all.
"""

from collections.abc import Sequence

from edgegw.errors import StoreError
from edgegw.store.engine import Db

_LANE_V1 = (
    "CREATE TABLE {} (seq INTEGER NOT NULL PRIMARY KEY, id BLOB NOT NULL, boot INTEGER NOT NULL, type TEXT NOT NULL, "
    "subject TEXT NOT NULL, wall_ns INTEGER NOT NULL, mono_ns INTEGER NOT NULL, synced INTEGER NOT NULL, data BLOB NOT NULL)"
)

_V1 = (
    *(_LANE_V1.format(lane) for lane in ("alarm", "access", "command", "telemetry")),
    "CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    (
        "CREATE TABLE boot (boot INTEGER NOT NULL PRIMARY KEY, os_boot TEXT NOT NULL, wall_ns INTEGER NOT NULL, "
        "mono_ns INTEGER NOT NULL, first_seq INTEGER NOT NULL, offset_ns INTEGER)"
    ),
    (
        "CREATE TABLE state (kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID"
    ),
    (
        "CREATE TABLE cursor (upstream TEXT NOT NULL, lane INTEGER NOT NULL CHECK (lane BETWEEN 0 AND 3), seq INTEGER NOT NULL, "
        "PRIMARY KEY (upstream, lane)) WITHOUT ROWID"
    ),
    (
        "CREATE TABLE dead_letter (id INTEGER NOT NULL PRIMARY KEY, origin TEXT NOT NULL, source TEXT NOT NULL, "
        "reason TEXT NOT NULL, detail TEXT NOT NULL, key TEXT NOT NULL, wall_ns INTEGER NOT NULL, mono_ns INTEGER NOT NULL, "
        "synced INTEGER NOT NULL, raw BLOB NOT NULL)"
    ),
    (
        "CREATE TABLE gap (id INTEGER NOT NULL PRIMARY KEY, reason TEXT NOT NULL, lane INTEGER, from_seq INTEGER NOT NULL, "
        "to_seq INTEGER NOT NULL, count INTEGER, announced INTEGER)"
    ),
)

_V2 = (
    (
        "CREATE TABLE audit (n INTEGER NOT NULL PRIMARY KEY, seq INTEGER NOT NULL, boot INTEGER NOT NULL, type TEXT NOT NULL, "
        "subject TEXT NOT NULL, wall_ns INTEGER NOT NULL, mono_ns INTEGER NOT NULL, synced INTEGER NOT NULL, "
        "bytes INTEGER NOT NULL, hash BLOB NOT NULL, data BLOB NOT NULL)"
    ),
    (
        "CREATE TABLE credential (gen INTEGER NOT NULL, hash BLOB NOT NULL, data BLOB NOT NULL, PRIMARY KEY (gen, hash)) "
        "WITHOUT ROWID"
    ),
    (
        "CREATE TABLE credential_sync (sync TEXT NOT NULL PRIMARY KEY, gen INTEGER NOT NULL, full INTEGER NOT NULL, "
        "after INTEGER NOT NULL, version INTEGER NOT NULL, pages INTEGER NOT NULL, cursor TEXT) WITHOUT ROWID"
    ),
    (
        "CREATE TABLE credential_stage (gen INTEGER NOT NULL, hash BLOB NOT NULL, data BLOB, PRIMARY KEY (gen, hash)) "
        "WITHOUT ROWID"
    ),
    (
        "INSERT INTO meta (key, value) SELECT 'audit_since', max(coalesce((SELECT max(seq) FROM access), 0), "
        "coalesce((SELECT max(seq) FROM command), 0))"
    ),
)

STEPS: tuple[tuple[str, ...], ...] = (_V1, _V2)
"""Step n (from 1) is STEPS[n-1]. Append only: a released step never changes."""


def migrate(db: Db, steps: Sequence[Sequence[str]] = STEPS) -> int:
    """Bring the file to version ``len(steps)``; the number of steps done.

    Raises StoreError: ``newer`` if the file was written by a later edgegw (nothing is touched).
    """
    version = int(db.value("PRAGMA user_version"))
    if version > len(steps):
        raise StoreError(
            "newer", f"the store has schema version {version}, this edgegw knows {len(steps)}; use the newer edgegw"
        )
    for number, statements in enumerate(steps[version:], start=version + 1):
        with db.transaction():
            for statement in statements:
                db.run(statement)
            db.run(f"PRAGMA user_version = {number}")
    return len(steps) - version
