"""The store's credentials as the event loop sees them.

Owns: which calls there are, reading everything in portions, clearing what no longer counts.
Must not know: SQL (`credentials`), the book in memory, what a packed credential holds.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from edgegw.errors import StoreError
from edgegw.model import Event
from edgegw.store.credentials import PAGE_ROWS, ROW_BYTES, Applied, Change, Staged
from edgegw.store.session import Session

T = TypeVar("T")

CLEAR_PAUSE_S = 0.01
"""Between two portions, so that clearing 100,000 rows leaves the writer to the doors most of the time."""


class CredentialCalls:
    """Part of `Store`. All calls raise StoreError as `Store.commit` does."""

    async def _read(self, query: Callable[[Session], T]) -> T:
        raise NotImplementedError

    async def _within(self, job: Callable[[Session], T], events: Sequence[Event] = ()) -> T:
        raise NotImplementedError

    def _start(self, job: Any, name: str) -> None:  # noqa: ANN401 (a coroutine)
        raise NotImplementedError

    async def load_credentials(self) -> tuple[list[tuple[bytes, bytes]], int]:
        """All credentials as `CredentialBook.replace` takes them, and their version. In portions; commits go on between them."""
        while True:
            gen, version = await self._read(lambda s: (s.credentials.gen, s.credentials.version))
            rows: list[tuple[bytes, bytes]] = []
            after = b""
            while page := await self._read(lambda s, gen=gen, after=after: s.credentials.page(gen, after)):  # type: ignore[misc]  # bound at once
                rows += page
                after = page[-1][0]
                if len(page) < PAGE_ROWS:
                    break
            if (gen, version) == await self._read(lambda s: (s.credentials.gen, s.credentials.version)):
                self._start(self._clear(), "store-credentials")
                return rows, version

    async def put_credentials(
        self,
        puts: Sequence[tuple[bytes, bytes]],
        deletes: Sequence[bytes],
        version: int | None = None,
        *,
        events: Sequence[Event] = (),
    ) -> None:
        """Put rows (hash, packed) and delete by hash, in one transaction with the events that tell of it.

        Args:
            version: of a synchronisation these changes lead to; None (a local change) leaves it as it is.
        """

        def job(session: Session) -> None:
            session.unchecked += sum(len(data) + ROW_BYTES for _, data in puts)
            session.credentials.put(puts, deletes, version)

        await self._within(job, events)

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
        """Store a page of a synchronisation and the cursor of the next; nothing of it counts yet.

        Args:
            sync: its name. `full`, `after` and `version` of its first page count.
        """

        def job(session: Session) -> None:
            session.unchecked += sum(len(data or b"") + ROW_BYTES for _, data in changes)
            session.credentials.stage(sync, changes, full=full, after=after, version=version, cursor=cursor)

        await self._within(job)

    async def staged(self, sync: str) -> Staged | None:
        """How far a synchronisation is: pages, next cursor."""
        return await self._read(lambda s: s.credentials.staged(sync))

    async def apply_stage(self, sync: str, version: int | None = None, *, events: Sequence[Event] = ()) -> Applied:
        """Make what was staged count, at once and wholly, with the events that tell of it."""
        applied = await self._within(lambda s: s.credentials.apply(sync, version), events)
        self._start(self._clear(), "store-credentials")
        return applied

    async def drop_stage(self, sync: str) -> None:
        """Forget what was staged."""
        await self._within(lambda s: s.credentials.drop(sync))
        self._start(self._clear(), "store-credentials")

    async def _clear(self) -> None:
        try:
            more = True
            while more:
                more = await self._within(lambda s: s.credentials.clear())
                await asyncio.sleep(CLEAR_PAUSE_S)
        except StoreError:
            return  # the next loading or synchronisation clears; whoever commits learns of the fault
