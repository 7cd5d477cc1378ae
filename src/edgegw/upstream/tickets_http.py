"""Ticket states by HTTP: asked for again and again, from where the last answer ended.

Owns: the request, when the next one is made, what is new in an answer. Must not know: what a ticket is (the inbox does).

Two kinds of ticket system are served:

- One that tells where to go on (`next`): each request carries ``after=<next>``, so every change comes once. The cursor is
  committed with the updates before it (promise 13); a page that had some is followed by the next at once, within `PAGES_MOST`.
- One that always tells how its tickets are now (no `next`): only what differs from its last answer is handed in, so that an
  old state does not come again as news, and nothing is written while nothing changes. ETag and 304 save the line.
"""

import asyncio
import logging
import random as _random
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from edgegw.errors import DecodeError, StoreError
from edgegw.lateload import load
from edgegw.ports import TicketInbox
from edgegw.service.answers import PAGE_MOST, Answers, decode
from edgegw.service.ticket import TicketUpdate
from edgegw.upstream.http import read_most
from edgegw.upstream.outcome import HOLD_S, Accepted, Retry, back_off, of_status
from edgegw.upstream.tickets import Taker, Way, WayFigures

if TYPE_CHECKING:
    import aiohttp
    import yarl

log = logging.getLogger(__name__)

PAGES_MOST = 50
"""Pages fetched in a row: 50,000 updates, more tickets than a community has in a year. Then comes the usual pause."""

CURSOR_KEPT_S = 3600.0
"""How often a cursor is committed that moved over nothing: seldom enough for flash, often enough for systems that keep a day."""

ETAG_MOST = 256
"""Characters of an ETag that is sent back."""

JITTER = 0.1
"""Part by which pauses differ, so that a hundred gateways do not ask in one moment."""


class _Page(Struct, frozen=True):
    """An answer: what it says, and its ETag."""

    answers: Answers
    etag: str


class TicketPoll:
    """One per upstream.

    Args:
        url: what to ask; may have a query of its own.
        name: the upstream's.
        every_s: pause between polls; after errors it grows from there to `most_s`.
        timeout_s: for a whole request.
        token: bearer token, or None.
    """

    def __init__(
        self,
        url: str,
        inbox: TicketInbox,
        *,
        name: str,
        every_s: float = 10.0,
        timeout_s: float = 10.0,
        token: str | None = None,
        tls: ssl.SSLContext | None = None,
        most_s: float = 60.0,
        random: Callable[[], float] = _random.random,
    ) -> None:
        self._url = url
        self._every_s = every_s
        self._most_s = max(every_s, most_s)
        self._timeout_s = timeout_s
        self._headers = {"Accept": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._tls = tls
        self._random = random
        self._taker = Taker(name, inbox)
        self._way = Way(name, "by polling")
        self._cursor = ""
        self._kept_at_s = 0.0
        self._last = Answers()
        self._seen: frozenset[TicketUpdate] = frozenset()
        self._etag = ""

    async def run(self) -> None:
        """Poll until cancelled."""
        await load("aiohttp")  # 0.1 s and more
        import aiohttp  # noqa: PLC0415  # there by now

        self._cursor = self._taker.inbox.cursor(self._taker.upstream)
        self._kept_at_s = asyncio.get_running_loop().time()
        connector = aiohttp.TCPConnector(ssl=self._tls or True, limit=1, keepalive_timeout=30.0)
        timeout = aiohttp.ClientTimeout(total=self._timeout_s)
        attempts = 0
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, headers=self._headers) as session:
            while True:
                failed = await self._round(session)
                if failed is None:
                    attempts = 0
                    self._way.works()
                    pause_s = self._every_s * (1 - JITTER + 2 * JITTER * self._random())
                else:
                    attempts += 1
                    self._way.fails(failed.reason)
                    pause_s = max(back_off(attempts, self._every_s, self._most_s, self._random), failed.after_s or 0.0)
                await asyncio.sleep(pause_s)

    def figures(self) -> WayFigures:
        """As of now."""
        return WayFigures(self._way.up, self._way.reason, dict(self._taker.results))

    async def _round(self, session: "aiohttp.ClientSession") -> Retry | None:
        """Fetch and take what there is; why that did not work, or None."""
        for _ in range(PAGES_MOST):
            try:
                page = await self._fetch(session)
                if isinstance(page, Retry):
                    return page
                if page is None or not await self._take(page):
                    return None
            except DecodeError as error:
                self._way.fails(error.reason, error.detail)
                return Retry(error.reason)
            except StoreError as error:
                return Retry(f"store-{error.reason}")
        return None

    async def _fetch(self, session: "aiohttp.ClientSession") -> _Page | Retry | None:
        """One answer; None if it says that there is nothing new. Raises DecodeError if it is none."""
        import aiohttp  # noqa: PLC0415  # loaded by `run`

        headers = {"If-None-Match": self._etag} if self._etag else {}
        try:
            async with session.get(self._address(), headers=headers, allow_redirects=False) as answer:
                if answer.status in {204, 304}:
                    return None
                outcome = of_status(answer.status, 0, retry_after=answer.headers.get("Retry-After"))
                if not isinstance(outcome, Accepted):
                    # whatever it is, it is asked again; where only a person can help, seldom
                    return outcome if isinstance(outcome, Retry) else Retry(outcome.reason, HOLD_S)
                body = await read_most(answer.content, PAGE_MOST + 1)
                etag = answer.headers.get("ETag", "")
        except TimeoutError:
            return Retry("timeout")
        except (aiohttp.ClientConnectorError, ValueError):  # ValueError: a host that no resolver takes
            return Retry("unreachable")
        except (aiohttp.ClientError, OSError) as error:
            log.debug("poll %s: %s", self._url, error)
            return Retry("no-answer")
        usable = len(etag) <= ETAG_MOST and etag.isascii() and etag.isprintable()
        return _Page(decode(body, most=PAGE_MOST), etag if usable else "")

    def _address(self) -> "yarl.URL":
        import yarl  # noqa: PLC0415  # loaded with aiohttp

        url = yarl.URL(self._url)
        return url.update_query({"after": self._cursor}) if self._cursor else url

    async def _take(self, page: _Page) -> bool:
        """Hand in what is new. Whether another page may follow at once. Raises StoreError: it will be fetched again."""
        answers = page.answers
        moved = answers.next not in ("", self._cursor)
        if not moved and answers == self._last:
            self._etag = page.etag
            return False
        now_s = asyncio.get_running_loop().time()
        some = bool(answers.updates) or answers.bad > 0
        keep = moved and (some or now_s - self._kept_at_s >= CURSOR_KEPT_S)
        fresh = answers.updates if moved else tuple(one for one in answers.updates if one not in self._seen)
        await self._taker.take(replace(answers, updates=fresh), cursor=answers.next if keep else None)
        # only now: had the commit failed, a 304 or the next page would hide what was not taken
        if keep:
            self._kept_at_s = now_s
        if moved:
            self._cursor, self._etag = answers.next, ""
            self._last, self._seen = Answers(), frozenset()
            return some
        self._etag = page.etag
        self._last, self._seen = answers, frozenset(answers.updates)
        return False
