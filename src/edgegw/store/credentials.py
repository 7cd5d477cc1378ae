"""Credentials on disk: rows by keyed hash, changes, and synchronisations that arrive in pages.

Owns: the tables `credential`, `credential_sync`, `credential_stage`, which generation counts, what is left to be cleared.
Must not know: what a packed credential holds, the event loop.

A full synchronisation is written page by page as a generation of its own, which nobody reads until one small write makes it the
one that counts; so it is atomic, and its last commit is as quick as any. A delta's pages wait in `credential_stage` and
are merged in one transaction. What no longer counts is deleted in portions. Methods that write are jobs inside a
transaction (`Work.jobs`) and keep nothing in memory.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from edgegw.store.engine import Db
from edgegw.store.sql import Sql

PAGE_ROWS = 2_000
"""Rows read, written or deleted at a time: some 10 ms, the most a door's commit then waits behind them."""

CHANGES_MOST = 2_000
"""Changes of a delta that are handed back; after more it is cheaper to read everything anew."""

ROW_BYTES = 64
"""What a row takes besides its data."""

Change = tuple[bytes, bytes | None]
"""Hash and packed credential; None: remove."""

_PUT = "INSERT INTO credential (gen, hash, data) VALUES (?, ?, ?) ON CONFLICT (gen, hash) DO UPDATE SET data = excluded.data"
_REMOVE = "DELETE FROM credential WHERE gen = ? AND hash = ?"
_STAGE = (
    "INSERT INTO credential_stage (gen, hash, data) VALUES (?, ?, ?) "
    "ON CONFLICT (gen, hash) DO UPDATE SET data = excluded.data"
)
_SYNC = (
    "INSERT INTO credential_sync (sync, gen, full, after, version, pages, cursor) VALUES (?, ?, ?, ?, ?, 1, ?) "
    "ON CONFLICT (sync) DO UPDATE SET pages = pages + 1, cursor = excluded.cursor"
)
_MERGE = (
    "INSERT INTO credential (gen, hash, data) SELECT ?, hash, data FROM credential_stage WHERE gen = ? AND data IS NOT NULL "
    "ORDER BY hash ON CONFLICT (gen, hash) DO UPDATE SET data = excluded.data"
)
_UNMERGE = "DELETE FROM credential WHERE gen = ? AND hash IN (SELECT hash FROM credential_stage WHERE gen = ? AND data IS NULL)"
_TABLES = ("credential", "credential_stage")


class Staged(Struct, frozen=True):
    """How far a synchronisation is.

    Attributes:
        full: it replaces everything.
        after: the version it starts from. version: the one it leads to.
        pages: pages stored. cursor: of the next page; None: the last page is stored.
    """

    full: bool
    after: int
    version: int
    pages: int
    cursor: str | None
    gen: int


class Applied(Struct, frozen=True):
    """What was applied. `changes`: all of them, None if everything is to be read anew."""

    version: int
    full: bool
    changes: Sequence[Change] | None


class CredentialRows:
    """The credentials of an open store, used by the writer thread."""

    def __init__(self, db: Db, sql: Sql) -> None:
        self._db, self._sql = db, sql

    # --- reading ------------------------------------------------------------------------------------------------------

    def _number(self, key: str) -> int:
        return int(self._db.value("SELECT value FROM meta WHERE key = ?", (key,)) or 0)

    @property
    def gen(self) -> int:
        """The generation that counts."""
        return self._number("credential_gen")

    @property
    def version(self) -> int:
        """The version of the last synchronisation; 0 before the first."""
        return self._number("credential_version")

    def page(self, gen: int, after: bytes, limit: int = PAGE_ROWS) -> list[tuple[bytes, bytes]]:
        """Rows of a generation in the order of their hashes, above `after`."""
        sql = "SELECT hash, data FROM credential WHERE gen = ? AND hash > ? ORDER BY hash LIMIT ?"
        return [(hashed, data) for hashed, data in self._db.rows(sql, (gen, after, limit))]

    def staged(self, sync: str) -> Staged | None:
        """How far a synchronisation is, None if there is none of that name."""
        sql = "SELECT full, after, version, pages, cursor, gen FROM credential_sync WHERE sync = ?"
        for full, after, version, pages, cursor, gen in self._db.rows(sql, (sync,)):
            return Staged(bool(full), after, version, pages, cursor, gen)
        return None

    # --- within a transaction -----------------------------------------------------------------------------------------

    def put(self, puts: Iterable[tuple[bytes, bytes]], deletes: Iterable[bytes], version: int | None) -> None:
        """Change what counts now; `version` None: leave it as it is."""
        gen = self.gen
        self._db.many(_REMOVE, [(gen, hashed) for hashed in deletes])
        self._db.many(_PUT, [(gen, hashed, data) for hashed, data in puts])
        if version is not None:
            self._db.run(self._sql.put_meta, ("credential_version", str(version)))

    def stage(
        self, sync: str, changes: Iterable[Change], *, full: bool, after: int, version: int, cursor: str | None
    ) -> None:
        """Store a page. `full`, `after` and `version` count with the first one."""
        staged = self.staged(sync)
        gen = self._fresh() if staged is None else staged.gen
        full = full if staged is None else staged.full
        last = dict(changes)  # a page that names one twice means the later
        if full:
            self._db.many(_PUT, [(gen, hashed, data) for hashed, data in last.items() if data is not None])
            self._db.many(_REMOVE, [(gen, hashed) for hashed, data in last.items() if data is None])
        else:
            self._db.many(_STAGE, [(gen, hashed, data) for hashed, data in last.items()])
        self._db.run(_SYNC, (sync, gen, full, after, version, cursor))

    def apply(self, sync: str, version: int | None = None) -> Applied:
        """Make a synchronisation count, under the version it was staged with or another one.

        Raises LookupError if nothing is staged under that name: a mistake of the caller.
        """
        staged = self.staged(sync)
        if staged is None:
            raise LookupError(f"nothing is staged as {sync!r}")
        version = staged.version if version is None else version
        changes: Sequence[Change] | None = None
        if staged.full:
            self._db.run(self._sql.put_meta, ("credential_gen", str(staged.gen)))
        else:
            gen = self.gen
            self._db.run(_UNMERGE, (gen, staged.gen))
            self._db.run(_MERGE, (gen, staged.gen))
            sql = "SELECT hash, data FROM credential_stage WHERE gen = ? LIMIT ?"
            found = self._db.rows(sql, (staged.gen, CHANGES_MOST + 1))
            changes = [(hashed, data) for hashed, data in found] if len(found) <= CHANGES_MOST else None
        self._db.run(self._sql.put_meta, ("credential_version", str(version)))
        self.drop(sync)
        return Applied(version, staged.full, changes)

    def drop(self, sync: str) -> None:
        """Forget a synchronisation; its rows are cleared later."""
        self._db.run("DELETE FROM credential_sync WHERE sync = ?", (sync,))

    def clear(self) -> bool:
        """Delete a portion of what no longer counts; whether there may be more."""
        used = {self.gen, *self._syncing()}
        for table in _TABLES:
            for gen in self._gens(table):
                if gen in used and (table == "credential" or gen != self.gen):
                    continue
                sql = f"SELECT hash FROM {table} WHERE gen = ? ORDER BY hash LIMIT 1 OFFSET ?"  # noqa: S608 (our names)
                upto = self._db.value(sql, (gen, PAGE_ROWS - 1))
                where = "gen = ?" if upto is None else "gen = ? AND hash <= ?"
                self._db.run(f"DELETE FROM {table} WHERE {where}", (gen,) if upto is None else (gen, upto))  # noqa: S608
                return True
        return False

    def _syncing(self) -> list[int]:
        return [gen for (gen,) in self._db.rows("SELECT gen FROM credential_sync")]

    def _gens(self, table: str) -> list[int]:
        found: list[int] = []
        gen = self._db.value(f"SELECT min(gen) FROM {table}")  # noqa: S608 (our names)
        while gen is not None:
            found.append(gen)
            gen = self._db.value(f"SELECT min(gen) FROM {table} WHERE gen > ?", (gen,))  # noqa: S608
        return found

    def _fresh(self) -> int:
        return max([self.gen, *self._syncing(), *self._gens("credential"), *self._gens("credential_stage")]) + 1
