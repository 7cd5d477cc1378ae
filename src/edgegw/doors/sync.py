"""Credentials from upstream: pages over HTTP, each staged durably, all applied at once.

Owns: the protocol (docs/doors.md), resuming, back-off, when it is asked again.
Must not know: SQL, the site file, what an alarm of it is called.

A page is hashed when it arrives; no number is kept. Until the last page is staged nothing counts, so a list that breaks off,
or holds something wrong, changes nothing. What was staged is resumed, also after a restart.
"""

import asyncio
import logging
import random as _random
import ssl
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, tzinfo
from typing import TYPE_CHECKING, Protocol

import msgspec
from msgspec import Raw, Struct

from edgegw.access.credentials import card_hash, pack
from edgegw.access.fields import KINDS, BadFieldError, credential_of, unknown_names
from edgegw.access.importing import CREDENTIALS_MOST
from edgegw.clock import Clock
from edgegw.doors.keeper import Change, Keeper
from edgegw.errors import CommandError, DecodeError, DeliveryError, StoreError
from edgegw.lateload import load

if TYPE_CHECKING:
    import aiohttp

log = logging.getLogger(__name__)

SYNC = "upstream"
"""What the stage is called in the store."""

LIMIT = 1_000
"""Credentials asked for in a page: some 200 KB, and 20 ms to hash."""

PAGE_BYTES = 4 * 1024 * 1024
"""Longest page that is read: all fields at their longest would take some 3 MB."""

PAGES_MOST = 5_000
"""Pages of one synchronisation; an upstream that always has one more would fill the store."""

CURSOR_MOST = 512
"""Characters of a cursor."""

VERSION_MOST = 2**63 - 1
"""SQLite's integers."""

FIRST_S = 2.0
"""First pause after a failure; doubled each time, up to `every`."""

OK, NOT_MODIFIED, GONE = 200, 304, 410

FOR_A_PERSON = frozenset({"unauthorised", "refused", "bad-page", "bad-version"})
"""Reasons that no waiting mends: these are told as a condition, the others with time."""

STALE_FAILURES = 5
"""Failures of other kinds in a row after which they are told as a condition, too."""


class Staged(Protocol):
    """How far a synchronisation is; see `store.credentials.Staged`."""

    @property
    def full(self) -> bool: ...
    @property
    def after(self) -> int: ...
    @property
    def version(self) -> int: ...
    @property
    def pages(self) -> int: ...
    @property
    def cursor(self) -> str | None: ...


class SyncStore(Protocol):
    """What synchronising needs of the store, besides what the keeper does. Calls raise StoreError."""

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
        """Store a page durably, and the cursor of the next."""
        ...

    async def staged(self, sync: str) -> Staged | None:
        """How far it is."""
        ...

    async def drop_stage(self, sync: str) -> None:
        """Forget it."""
        ...


class Page(Struct, frozen=True):
    """An answer. `items` are `Item`s; `next`: cursor of the next page, None with the last."""

    version: int
    full: bool = False
    items: list[Raw] = []
    next: str | None = None


class AccessSync:
    """One per gateway that has an upstream for credentials.

    Args:
        url, token, tls, every_s, timeout_s: as `config.acting.AccessSync`, the token revealed.
        keeper: whose book follows.
        zone: where moments are meant that have no offset.
        condition: told a reason when a person must look, None when it works again.
        random: 0 to 1, for jitter.
    """

    def __init__(
        self,
        url: str,
        *,
        store: SyncStore,
        keeper: Keeper,
        clock: Clock,
        token: str | None = None,
        tls: ssl.SSLContext | None = None,
        every_s: float = 300.0,
        timeout_s: float = 10.0,
        zone: tzinfo = UTC,
        condition: Callable[[str | None], None] = lambda _reason: None,
        first_s: float = FIRST_S,
        random: Callable[[], float] = _random.random,
    ) -> None:
        self.failures: Counter[str] = Counter()
        self.applied = 0
        """Synchronisations that changed something."""
        self.succeeded_ns: int | None = None
        """Monotonic time of the last one that came to its end; None: none yet."""
        self._url = url
        self._store = store
        self._keeper = keeper
        self._clock = clock
        self._headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._tls = tls
        self._every_s, self._timeout_s, self._first_s = every_s, timeout_s, first_s
        self._zone = zone
        self._condition = condition
        self._random = random
        self._told: str | None = None
        self._in_row = 0

    async def run(self) -> None:
        """Follow the upstream until cancelled."""
        while True:
            try:
                await self.sync_once()
            except (CommandError, DeliveryError, StoreError) as error:
                pause_s = self._failed(error.reason, error.detail)
            else:
                pause_s = self._every_s * (0.9 + 0.2 * self._random())  # not all gateways at once
            await asyncio.sleep(pause_s)

    async def sync_once(self) -> bool:
        """Ask, and take what there is; whether anything changed.

        Raises:
            DeliveryError: ``unreachable, timeout, no-answer, server, unauthorised, refused, bad-page, bad-version, moved-on``;
                what was staged before stays, but after ``moved-on``, or where pages never end.
            StoreError: as the store. CommandError: ``no-access-key``.
        """
        await load("aiohttp")  # 0.1 s and more
        import aiohttp  # noqa: PLC0415  # there by now

        timeout = aiohttp.ClientTimeout(total=self._timeout_s)
        connector = aiohttp.TCPConnector(ssl=self._tls or True, limit=1)
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, headers=self._headers, auto_decompress=False
        ) as session:
            changed = await self._follow(session)
        self.applied += changed
        self._in_row = 0
        self.succeeded_ns = self._clock.now().mono_ns
        self._tell(None)
        return changed

    # --- pages ----------------------------------------------------------------------------------------------------

    async def _follow(self, session: "aiohttp.ClientSession") -> bool:
        known = self._keeper.book.version
        staged = await self._store.staged(SYNC)
        if staged is not None and staged.after != known:
            await self._store.drop_stage(SYNC)
            staged = None
        self._keeper.note_changes(anew=staged is None)
        count = 0
        while staged is None or staged.cursor is not None:
            body = await self._get(session, known, None if staged is None else staged.cursor)
            if body is None:
                return self._nothing()
            page, changes = await asyncio.to_thread(read_page, body, self._keeper.need_key(), self._zone)
            if staged is None:
                if _nothing_new(page, known, has_some=len(self._keeper.book) > 0):
                    return self._nothing()
            elif (page.version, page.full) != (staged.version, staged.full):
                await self._store.drop_stage(SYNC)
                raise DeliveryError("moved-on", f"version {page.version} in the middle of version {staged.version}")
            elif page.next is not None and (page.next == staged.cursor or staged.pages >= PAGES_MOST):
                await self._store.drop_stage(SYNC)
                raise DeliveryError("bad-page", "the pages do not come to an end")
            count += len(changes)
            if count > CREDENTIALS_MOST:
                await self._store.drop_stage(SYNC)
                raise DeliveryError("bad-page", f"more than {CREDENTIALS_MOST} credentials")
            await self._store.stage(SYNC, changes, full=page.full, after=known, version=page.version, cursor=page.next)
            staged = await self._store.staged(SYNC)
        await self._keeper.apply(SYNC, staged.version, full=staged.full)
        log.info("credentials synchronised: version %d, %d of them", staged.version, len(self._keeper.book))
        return True

    def _nothing(self) -> bool:
        self._keeper.note_no_more()
        return False

    async def _get(self, session: "aiohttp.ClientSession", after: int, cursor: str | None) -> bytes | None:
        """The body of a page; None: nothing new."""
        import aiohttp  # noqa: PLC0415  # loaded by `sync_once`

        params = {"after": str(after), "limit": str(LIMIT)}
        if cursor is not None:
            params["cursor"] = cursor
        try:
            async with session.get(self._url, params=params, allow_redirects=False) as answer:
                if answer.status == OK:
                    return await _read(answer)
                if answer.status == NOT_MODIFIED and cursor is None:
                    return None
                status = answer.status
        except TimeoutError:
            raise DeliveryError("timeout", f"no page within {self._timeout_s:g} s") from None
        except aiohttp.ClientConnectorError as error:
            raise DeliveryError("unreachable", str(error)) from error
        except (aiohttp.ClientError, OSError) as error:
            raise DeliveryError("no-answer", str(error)) from error
        except ValueError as error:  # a host that no resolver takes
            raise DeliveryError("bad-address", str(error)) from error
        if status == GONE and cursor is not None:
            await self._store.drop_stage(SYNC)
            raise DeliveryError("moved-on", "the upstream does not know the cursor any more")
        raise DeliveryError(_reason(status), f"HTTP status {status}")

    # --- failing --------------------------------------------------------------------------------------------------

    def _failed(self, reason: str, detail: str) -> float:
        """Note a failure; seconds until it is tried again."""
        self.failures[reason] += 1
        self._in_row += 1
        if self._in_row == 1 or reason in FOR_A_PERSON - {self._told}:
            log.warning("credentials are not synchronised: %s: %s", reason, detail)
        if reason in FOR_A_PERSON or self._in_row >= STALE_FAILURES:
            self._tell(reason)
        most_s = min(self._every_s, self._first_s * 2.0 ** min(self._in_row - 1, 16))
        return most_s * (0.5 + 0.5 * self._random())

    def _tell(self, reason: str | None) -> None:
        if reason != self._told:
            self._told = reason
            self._condition(reason)


def _reason(status: int) -> str:
    if status in {401, 403}:
        return "unauthorised"
    return "server" if status >= 500 or status in {408, 425, 429} else "refused"


def _nothing_new(page: Page, known: int, *, has_some: bool) -> bool:
    """Whether a first page says that all is known. Raises DeliveryError for one that cannot be."""
    if page.version == known and not page.items and page.next is None and not (page.full and has_some):
        return True
    if page.version <= known:
        raise DeliveryError(
            "bad-version", f"version {page.version} was given where {known} is known; versions only grow"
        )
    if page.full and has_some and not page.items and page.next is None:
        raise DeliveryError("bad-page", "a full list without one credential would revoke everyone's")
    return False


async def _read(answer: "aiohttp.ClientResponse") -> bytes:
    body = bytearray()
    while piece := await answer.content.read(64 * 1024):
        body += piece
        if len(body) > PAGE_BYTES:
            raise DeliveryError("bad-page", f"more than {PAGE_BYTES} bytes")
    return bytes(body)


def read_page(body: bytes, key: bytes, zone: tzinfo) -> tuple[Page, list[Change]]:
    """A page, its items hashed. Raises DeliveryError ``bad-page``; no text of it repeats a number."""
    try:
        page = msgspec.json.decode(body, type=Page)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise DeliveryError("bad-page", f"not a page: {str(error).split(' - at ')[0]}") from None
    if not 0 <= page.version <= VERSION_MOST:
        raise DeliveryError("bad-page", f"version is not within 0 and {VERSION_MOST}")
    if len(page.items) > LIMIT:
        raise DeliveryError("bad-page", f"{len(page.items)} items, {LIMIT} were asked for")
    if page.next is not None and not 0 < len(page.next) <= CURSOR_MOST:
        raise DeliveryError("bad-page", f"next has {len(page.next)} characters; 1 to {CURSOR_MOST} are possible")
    changes: list[Change] = []
    for at, raw in enumerate(page.items, 1):
        try:
            changes.append(_change(msgspec.json.decode(raw, type=dict[str, object]), key, zone))
        except (BadFieldError, DecodeError) as error:
            what = error.detail if isinstance(error, DecodeError) else str(error)
            raise DeliveryError("bad-page", f"item {at}: {what}") from None
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise DeliveryError("bad-page", f"item {at}: not an object") from None
    return page, changes


def _change(fields: Mapping[str, object], key: bytes, zone: tzinfo) -> Change:
    members = {name: value for name, value in fields.items() if name != "op"}
    if unknown_names(members):
        raise BadFieldError("has a member that is not known")
    op = fields.get("op")
    if op == "put":
        hashed, credential = credential_of(key, members, zone)
        return hashed, pack(credential)
    if op != "delete":
        raise BadFieldError("op must be put or delete")
    kind, number = members.get("kind", "card"), members.get("number")
    if not isinstance(kind, str) or not isinstance(number, str) or kind not in KINDS:
        raise BadFieldError("delete takes kind and number")
    return card_hash(key, kind, number), None
