"""Keeps the credentials: what is stored and what doors decide by are one.

Owns: hashing what comes in, the order commit → in effect (revoking: in effect at once), imports, what is recorded of them.
Must not know: SQL, HTTP, files, how credentials are synchronised (sync).

Changes run one after the other. A large one is staged in portions and then counts with one small commit, so that no door's commit
waits behind 100,000 rows.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, tzinfo
from io import BytesIO
from itertools import islice
from typing import Any, BinaryIO, Protocol

import msgspec
from msgspec import Struct

from edgegw.access.changing import Diff, diff
from edgegw.access.credentials import Credential, CredentialBook, card_hash, masked, pack, pin_hash
from edgegw.access.importing import CREDENTIALS_MOST, Parsed, Row, parse_csv, parse_json
from edgegw.clock import Clock, SystemClock
from edgegw.errors import CommandError, DecodeError
from edgegw.model import Event, Lane

CSV = "text/csv"
JSON = "application/json"

CHANGED = "edgegw.access.credentials"
"""Type of the record that credentials were imported or synchronised."""

AT_ONCE = 2_000
"""Changes written in one transaction (some 20 ms); more are staged."""

IMPORT = "import"
"""What a staged import is called in the store."""

Change = tuple[bytes, bytes | None]
"""(hash, packed credential); None: removed."""

Progress = Callable[[int, int], None]
"""Told rows written and rows to write."""


class Applied(Protocol):
    """What became of a stage; see `store.credentials.Applied`."""

    @property
    def version(self) -> int:
        """Of the credentials now."""
        ...

    @property
    def changes(self) -> Sequence[Change] | None:
        """All that changed; None: read everything anew."""
        ...


class CredentialStore(Protocol):
    """What the keeper needs of the store. Every call raises StoreError where nothing could be committed."""

    async def load_credentials(self) -> tuple[list[Row], int]:
        """All that count, and the version."""
        ...

    async def put_credentials(
        self, puts: Sequence[Row], deletes: Sequence[bytes], version: int | None = None, *, events: Sequence[Event] = ()
    ) -> None:
        """One transaction."""
        ...

    async def stage(
        self,
        sync: str,
        changes: Sequence[Change],
        *,
        full: bool = False,
        after: int = 0,
        version: int = 0,
        cursor: str | None = None,
    ) -> None:
        """Store a portion durably; it does not count yet."""
        ...

    async def apply_stage(self, sync: str, version: int | None = None, *, events: Sequence[Event] = ()) -> Applied:
        """Make what was staged count, wholly."""
        ...

    async def drop_stage(self, sync: str) -> None:
        """Forget what was staged."""
        ...


class Fields(Struct, frozen=True, kw_only=True):
    """A credential as an issuer gives it; number and PINs are hashed here and go no further. Times are wall nanoseconds."""

    kind: str
    number: str
    holder: str
    name: str = ""
    groups: tuple[str, ...] = ()
    valid_from_ns: int | None = None
    valid_until_ns: int | None = None
    pin: str | None = None
    duress_pin: str | None = None
    duress: bool = False


class Keeper:
    """One per gateway. The book is changed in place: the next decision sees it.

    Args:
        key: credentials are hashed under it; empty where the site has none.
        zone: where moments in lists are meant that have no offset.
    """

    def __init__(
        self,
        store: CredentialStore,
        book: CredentialBook,
        key: bytes,
        *,
        zone: tzinfo = UTC,
        clock: Clock | None = None,
    ) -> None:
        self.book = book
        self._store = store
        self._key = key
        self._zone = zone
        self._clock = clock or SystemClock()
        self._turn = asyncio.Lock()
        self._revoking: Counter[bytes] = Counter()
        self._noted: dict[bytes, bytes | None] | None = None

    async def load(self) -> int:
        """Fill the book from the store; how many there are. Raises StoreError."""
        async with self._turn:
            await self._reload()
        return len(self.book)

    # --- one by one -----------------------------------------------------------------------------------------------

    async def put(self, fields: Fields) -> bool:
        """Add or replace one; True if it is new. Raises CommandError ``bad-credential``, ``no-access-key``,
        ``too-many-credentials``, StoreError."""
        hashed, credential = hash_fields(self.need_key(), fields)
        async with self._turn:
            new = self.book.get(hashed) is None
            _check_count(len(self.book) + new)
            packed = pack(credential)
            await self._store.put_credentials([(hashed, packed)], [])
            self._now([(hashed, packed)])
        return new

    async def revoke(self, kind: str, number: str) -> bool:
        """Revoke one; False if there was none. In effect before it is committed: a card that may not pass passes no door, and if
        the commit fails that is told, the card stays out until the next start."""
        try:
            hashed = card_hash(self.need_key(), kind, number)
        except DecodeError as error:
            raise CommandError("bad-credential", error.detail) from error
        there = self.book.remove(hashed)
        self._revoking[hashed] += 1  # whatever has its turn before does not bring it back
        try:
            async with self._turn:
                await self._store.put_credentials([], [hashed])
                self._now([(hashed, None)])
        finally:
            self._revoking[hashed] -= 1
            if not self._revoking[hashed]:
                del self._revoking[hashed]
        return there

    # --- lists ----------------------------------------------------------------------------------------------------

    async def import_(self, body: bytes, content_type: str, *, full: bool, dry_run: bool) -> dict[str, Any]:
        """A list as it came by the API: `CSV` or `JSON`. See `import_stream`."""
        return await self.import_stream(
            BytesIO(body), content_type, source="body", full=full, dry_run=dry_run, origin="api"
        )

    async def import_stream(
        self,
        stream: BinaryIO,
        content_type: str,
        *,
        source: str,
        origin: str,
        full: bool,
        dry_run: bool,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Take a list, wholly or not at all.

        Args:
            source: what problems call it. origin: who gave it, for the record.
            full: what is not in it is revoked.
            dry_run: only say what would change.

        Returns:
            ``added, changed, removed, unchanged, listed`` (some of them, masked), ``version``, ``dry_run``.

        Raises:
            CommandError: ``bad-credentials``, its detail one problem a line; ``no-access-key``, ``too-many-credentials``.
            StoreError: nothing changed.
        """
        rows = await asyncio.to_thread(_parsed, stream, content_type, self.need_key(), source, self._zone)
        if full and not rows:
            raise CommandError("bad-credentials", f"{source}: holds no credential, so everyone's would be revoked")
        async with self._turn:
            before = self.book.packed()
            change = await asyncio.to_thread(diff, before, rows, full=full)
            _check_count(len(before) + change.added - change.removed)
            if not dry_run and (change.puts or change.deletes):
                await self._take(change, before, origin, progress)
            return {**change.told(), "version": self.book.version, "dry_run": dry_run}

    async def _take(self, change: Diff, before: dict[bytes, bytes], origin: str, progress: Progress | None) -> None:
        event = self._event(origin, added=change.added, changed=change.changed, removed=change.removed)
        if len(change.puts) + len(change.deletes) <= AT_ONCE:
            puts = list(change.puts.items())
            await self._store.put_credentials(puts, change.deletes, events=[event])
            self._now([*puts, *((hashed, None) for hashed in change.deletes)])
            return
        before.update(change.puts)
        for hashed in change.deletes:
            del before[hashed]
        await self._store.drop_stage(IMPORT)  # of an import that was broken off
        await self._stage(IMPORT, before, full=True, progress=progress)
        version = self.book.version
        await self._store.apply_stage(IMPORT, version, events=[event])
        self.book.replace(before, version)
        self._note(change.puts.items())
        self._note((hashed, None) for hashed in change.deletes)
        self._keep_out()

    # --- synchronisation ------------------------------------------------------------------------------------------

    def note_changes(self, *, anew: bool) -> None:
        """A synchronisation begins, or (not `anew`) goes on: what is changed here while its pages come is not undone by it."""
        if anew or self._noted is None:
            self._noted = {}

    def note_no_more(self) -> None:
        """It brought nothing."""
        self._noted = None

    async def apply(self, sync: str, version: int, *, full: bool) -> None:
        """Make a staged synchronisation count, in the store and then at once in the book. Raises StoreError."""
        async with self._turn:
            if self._noted:
                await self._stage(sync, self._noted, full=full)
            event = self._event("sync", version=version, full=full)
            applied = await self._store.apply_stage(sync, version, events=[event])
            self._noted = None
            if applied.changes is None:
                await self._reload()
            else:
                self._now(applied.changes)
                self.book.version = applied.version

    # --- inside ---------------------------------------------------------------------------------------------------

    def need_key(self) -> bytes:
        """The key. Raises CommandError ``no-access-key``."""
        if not self._key:
            raise CommandError("no-access-key", "the site file has no access.key, under which numbers would be hashed")
        return self._key

    async def _stage(
        self, sync: str, changes: Mapping[bytes, bytes | None], *, full: bool, progress: Progress | None = None
    ) -> None:
        left = iter(
            sorted(changes)
        )  # in the order of the table each page is written once; at random it takes five times as long
        done = 0
        while portion := [(hashed, changes[hashed]) for hashed in islice(left, AT_ONCE)]:
            await self._store.stage(sync, portion, full=full)
            done += len(portion)
            if progress is not None:
                progress(done, len(changes))

    async def _reload(self) -> None:
        rows, version = await self._store.load_credentials()
        packed: dict[bytes, bytes] = {}
        rows.reverse()
        while rows:  # emptied meanwhile: two books and a list of 100,000 would be 20 MB more than two books
            hashed, one = rows.pop()
            packed[hashed] = one
        self.book.replace(packed, version)
        self._keep_out()

    def _now(self, changes: Sequence[Change]) -> None:
        """Committed changes, in effect; no await in here, so that no decision sees half of them."""
        book = self.book
        for hashed, packed in changes:
            if packed is None:
                book.remove(hashed)
        book.load((hashed, packed) for hashed, packed in changes if packed is not None)
        self._note(changes)
        self._keep_out()

    def _note(self, changes: Iterable[Change]) -> None:
        if self._noted is not None:
            self._noted.update(changes)

    def _keep_out(self) -> None:
        for hashed in self._revoking:
            self.book.remove(hashed)

    def _event(self, origin: str, **what: object) -> Event:
        data: Mapping[str, object] = {"source": origin, **what}
        return Event(CHANGED, Lane.ACCESS, "gateway", self._clock.now(), msgspec.json.encode(data))


def _parsed(stream: BinaryIO, content_type: str, key: bytes, source: str, zone: tzinfo) -> dict[bytes, bytes]:
    parsed: Parsed
    if content_type == JSON:
        parsed = parse_json(stream.read(), key, source=source, zone=zone)
    elif content_type == CSV:
        parsed = parse_csv(stream, key, source=source, zone=zone)
    else:
        raise CommandError("bad-credentials", f"{source}: neither {CSV} nor {JSON}")
    if parsed.problems:
        raise CommandError("bad-credentials", "\n".join(parsed.problems))
    return parsed.rows


def _check_count(count: int) -> None:
    if count > CREDENTIALS_MOST:
        raise CommandError("too-many-credentials", f"{count} credentials, {CREDENTIALS_MOST} at most")


def hash_fields(key: bytes, fields: Fields) -> tuple[bytes, Credential]:
    """A credential without its number. Raises CommandError ``bad-credential``."""
    try:
        hashed = card_hash(key, fields.kind, fields.number)
    except DecodeError as error:
        raise CommandError("bad-credential", error.detail) from error
    return hashed, Credential(
        kind=fields.kind,
        holder=fields.holder,
        name=fields.name,
        groups=fields.groups,
        valid_from_ns=fields.valid_from_ns,
        valid_until_ns=fields.valid_until_ns,
        pin=None if fields.pin is None else pin_hash(key, hashed, fields.pin),
        duress_pin=None if fields.duress_pin is None else pin_hash(key, hashed, fields.duress_pin),
        duress=fields.duress,
        tail="" if fields.kind == "pin" else masked(fields.number),
    )
