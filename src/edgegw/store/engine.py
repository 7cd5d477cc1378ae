"""Connecting to SQLite, and what its errors mean to edgegw.

Owns: the PRAGMAs (durability lives here), the SQLAlchemy connection in autocommit with explicit transactions, the mapping
of SQLite's and the operating system's errors to `StoreError` reasons.
Must not know: tables.

Statements are built with SQLAlchemy Core and compiled once (`compiled`); the strings are run with `exec_driver_sql`,
and on the hot path (`Db.hot`) by the driver's cursor: Core's work per execution would be a third of a small commit.
"""

import errno
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.elements import ClauseElement

from edgegw.errors import StoreError

PAGE_BYTES = 4096
"""SQLite's default and the page of the machines we run on."""

BUSY_MS = 5_000
"""How long to wait for a lock: only a backup or a person's sqlite3 shell can hold one."""

CACHE_KIB = 4_096
"""Page cache: a few seconds of backlog; memory is bounded by it."""

LOW_SPACE_BYTES = 1024 * 1024
"""Below this an I/O error is taken as a full disk: SQLite reports some ENOSPC (shared memory, truncation) as IOERR."""

STATEMENTS = 128
"""Prepared statements kept: 4 lanes of 15 sizes and the rest fit."""

_REASONS = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_CORRUPT: "damaged",
    sqlite3.SQLITE_NOTADB: "damaged",
    sqlite3.SQLITE_BUSY: "busy",
    sqlite3.SQLITE_LOCKED: "busy",
    sqlite3.SQLITE_IOERR: "io",
    sqlite3.SQLITE_CANTOPEN: "io",
    sqlite3.SQLITE_READONLY: "io",
    sqlite3.SQLITE_PERM: "io",
    sqlite3.SQLITE_AUTH: "io",
}
"""Primary result codes by what they mean here; any other error is this program's own and passes as it is."""

_AS_FULL_DISK = frozenset({sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN})

Params = Sequence[Any]  # what SQLite binds: int, str, bytes, None; Any because SQLAlchemy's own type is that

_DIALECT = sqlite_dialect.dialect(paramstyle="qmark")


def compiled(statement: ClauseElement) -> str:
    """The SQLite text of a Core statement, parameters as ``?`` in the order in which they appear."""
    return str(statement.compile(dialect=_DIALECT))


class Db:
    """One connection, used by one thread.

    Args:
        path: the database file.
        readonly: never writes or checkpoints (also works while the daemon runs).
        wal_pages: automatic checkpoint and limit of the WAL file that stays.

    Raises StoreError like `mapped`.
    """

    def __init__(self, path: Path, *, readonly: bool = False, wal_pages: int = 1000) -> None:
        self.path = path
        self._engine = create_engine("sqlite://", creator=lambda: _connect(path, readonly), poolclass=NullPool)
        with mapped(path):
            self._c: Connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._driver = self.driver
        self._cursor = self._driver.cursor()
        try:
            self.run(f"PRAGMA busy_timeout = {BUSY_MS}")
            self.run(f"PRAGMA cache_size = -{CACHE_KIB}")
            if readonly:
                self.run("PRAGMA query_only = ON")
                self.run("PRAGMA wal_autocheckpoint = 0")
                self.value("PRAGMA schema_version")
            else:
                self._durable(wal_pages)
        except BaseException:
            self.close()
            raise

    def _durable(self, wal_pages: int) -> None:
        mode = self.value("PRAGMA journal_mode = WAL")
        if mode != "wal":
            raise StoreError("io", f"{self.path}: this file system cannot do WAL (journal mode is {mode})")
        self.run("PRAGMA synchronous = FULL")
        self.run(f"PRAGMA wal_autocheckpoint = {wal_pages}")
        self.run(f"PRAGMA journal_size_limit = {wal_pages * PAGE_BYTES}")
        self.run("PRAGMA secure_delete = OFF")
        self.run("PRAGMA temp_store = MEMORY")

    @property
    def driver(self) -> sqlite3.Connection:
        """The driver's connection, for the online backup alone."""
        connection = self._c.connection.driver_connection
        assert isinstance(connection, sqlite3.Connection)  # noqa: S101 (narrowing for mypy)
        return connection

    def run(self, sql: str, params: Params = ()) -> int:
        """Run a statement; the number of rows it changed."""
        with mapped(self.path):
            result = self._c.exec_driver_sql(sql, tuple(params) if params else None)
            count = result.rowcount
            result.close()
            return count

    def many(self, sql: str, params: Sequence[tuple[Any, ...]]) -> None:
        """Run a statement once per tuple."""
        if params:
            with mapped(self.path):
                self._c.exec_driver_sql(sql, list(params))

    def rows(self, sql: str, params: Params = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with mapped(self.path):
            return [tuple(row) for row in self._c.exec_driver_sql(sql, tuple(params) if params else None)]

    def value(self, sql: str, params: Params = ()) -> Any:  # noqa: ANN401 (what SQLite holds there)
        """The first column of the first row, or None."""
        rows = self.rows(sql, params)
        return rows[0][0] if rows else None

    def hot(self, sql: str, params: Params = ()) -> None:
        """Run a statement without rows by the driver itself: no result object, no execution context (20 µs a statement)."""
        try:
            self._cursor.execute(sql, params)
        except sqlite3.Error as error:
            raise _meaning(self.path, error) from error

    def begin(self) -> None:
        """Open a write transaction."""
        self.hot("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Make it durable. The driver's own commit wins the GIL back once, a COMMIT statement twice."""
        try:
            self._driver.commit()
        except sqlite3.Error as error:
            raise _meaning(self.path, error) from error

    def rollback(self) -> None:
        """Leave the transaction, if SQLite has not already done so because of the error."""
        if self._driver.in_transaction:
            with suppress(StoreError):  # the error that brought us here counts, and is on its way
                self.run("ROLLBACK")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit at the end, or roll back."""
        self.begin()
        try:
            yield
            self.commit()
        except BaseException:
            self.rollback()
            raise

    def checkpoint(self, mode: str = "TRUNCATE") -> bool:
        """Copy the WAL into the database; whether all of it could be."""
        row = self.rows(f"PRAGMA wal_checkpoint({mode})")[0]
        return bool(row[0] == 0 and row[1] == row[2])

    def close(self) -> None:
        """Close; SQLite checkpoints if this is the last connection."""
        with suppress(DBAPIError):
            self._c.close()
        self._engine.dispose()


def _connect(path: Path, readonly: bool) -> sqlite3.Connection:  # noqa: FBT001 (private, one caller)
    uri = f"{path.absolute().as_uri()}?mode={'ro' if readonly else 'rwc'}"
    return sqlite3.connect(uri, uri=True, check_same_thread=False, cached_statements=STATEMENTS, timeout=BUSY_MS / 1000)


def free_bytes(path: Path) -> int:
    """What an ordinary user may still write on the file system of `path`'s folder."""
    try:
        vfs = os.statvfs(path.parent)
    except OSError:
        return 0
    return vfs.f_bavail * vfs.f_frsize


@contextmanager
def mapped(path: Path) -> Iterator[None]:
    """Turn SQLite's and the system's errors into StoreError: ``full``, ``damaged``, ``busy`` or ``io``.

    Errors of this program (wrong SQL, unbindable values) pass as they are.
    """
    try:
        yield
    except DBAPIError as error:
        raise _meaning(path, error.orig) from error
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        raise StoreError("full" if full else "io", f"{path}: {error}") from error


def _meaning(path: Path, error: BaseException | None) -> BaseException:
    code = getattr(error, "sqlite_errorcode", None)
    if error is None or code is None:
        return error or StoreError("io", f"{path}: unknown driver error")
    text = f"{path}: {error} ({getattr(error, 'sqlite_errorname', code)})"
    primary = code & 0xFF
    if primary in _AS_FULL_DISK and free_bytes(path) < LOW_SPACE_BYTES:
        return StoreError("full", text)
    reason = _REASONS.get(primary)
    return error if reason is None else StoreError(reason, text)
