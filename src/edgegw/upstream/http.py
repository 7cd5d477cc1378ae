"""Upstream by HTTP: POST of CloudEvents batches; the application's 2xx is acceptance.

Owns: the request, its limits, what the answer may hold: rejected ids, states of tickets. Must not know: retries, lanes' order.
"""

import asyncio
import logging
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from edgegw.errors import DecodeError, StoreError
from edgegw.lateload import load
from edgegw.model import Lane, Record
from edgegw.ports import TicketInbox
from edgegw.service.answers import decode
from edgegw.upstream.cloudevents import BATCH_TYPE, Envelope
from edgegw.upstream.outcome import Accepted, Outcome, Refused, Retry, of_status
from edgegw.upstream.tickets import Taker

if TYPE_CHECKING:
    import aiohttp

log = logging.getLogger(__name__)

ANSWER_BYTES = 256 * 1024
"""How much of an answer is read: enough for a thousand rejected ids with their reasons, whatever else a server sends."""

DETAIL_CHARS = 200
"""How much of a refusal's body goes into the dead letter's detail."""


class _Rejection(msgspec.Struct):
    id: str
    reason: str = "rejected"


class _Answer(msgspec.Struct):
    rejected: list[_Rejection] = []


class HttpSender:
    """See `delivery.Sender`. Each lane's request has a connection of its own; a stalled one holds up nobody.

    Args:
        token: bearer token, or None.
        timeout_s: for the whole request.
        inbox: where states of tickets go that an answer holds; without it they are passed over.
        name: the upstream's.

    Attributes:
        tickets: what became of those states; None without an inbox.
    """

    def __init__(
        self,
        url: str,
        gateway: str,
        *,
        batch: int,
        timeout_s: float,
        token: str | None = None,
        tls: ssl.SSLContext | None = None,
        inbox: TicketInbox | None = None,
        name: str = "",
    ) -> None:
        self.batch = batch
        self.tickets = Taker(name, inbox) if inbox is not None else None
        self._url = url
        self._envelope = Envelope(gateway)
        self._timeout_s = timeout_s
        self._headers = {"Content-Type": BATCH_TYPE}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None
        self._open = asyncio.Event()

    async def run(self) -> None:
        """Hold the connection pool until cancelled."""
        await load("aiohttp")  # 0.1 s and more
        import aiohttp  # noqa: PLC0415  # there by now

        connector = aiohttp.TCPConnector(ssl=self._tls or True, limit_per_host=len(Lane), keepalive_timeout=30.0)
        timeout = aiohttp.ClientTimeout(total=self._timeout_s)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, headers=self._headers) as session:
            self._session = session
            self._open.set()
            try:
                await asyncio.get_running_loop().create_future()  # until cancelled
            finally:
                self._open.clear()
                self._session = None

    async def send(self, lane: Lane, records: Sequence[Record]) -> Outcome:  # noqa: ARG002  # every lane goes to one URL
        """See `delivery.Sender.send`."""
        answered = await self._post(self._envelope.batch(records))
        if isinstance(answered, Retry):
            return answered
        status, retry_after, body = answered
        outcome = of_status(status, len(records), retry_after=retry_after)
        if isinstance(outcome, Accepted):
            if self.tickets is not None and b'"tickets"' in body:
                try:
                    await _take(self.tickets, body)
                except StoreError as error:
                    return Retry(f"store-{error.reason}")  # the same ids again, and the same answer
            return Accepted(outcome.count, _rejected(body))
        if isinstance(outcome, Refused):
            return Refused(outcome.reason, body[:DETAIL_CHARS].decode("utf-8", "replace"))
        return outcome

    async def _post(self, batch: bytes) -> tuple[int, str | None, bytes] | Retry:
        """Status, Retry-After and the beginning of the body; or why there was no answer."""
        import aiohttp  # noqa: PLC0415  # loaded by `run`

        await self._open.wait()
        if self._session is None:
            return Retry("closed")
        try:
            async with self._session.post(self._url, data=batch, allow_redirects=False) as answer:
                return answer.status, answer.headers.get("Retry-After"), await read_most(answer.content, ANSWER_BYTES)
        except TimeoutError:
            return Retry("timeout")
        except aiohttp.ClientConnectorError:
            return Retry("unreachable")
        except (aiohttp.ClientError, OSError) as error:
            log.debug("upstream %s: %s", self._url, error)
            return Retry("no-answer")
        except ValueError:  # a host that no resolver takes: ``a..b``, a label of more than 63 letters
            return Retry("bad-address")


async def read_most(content: "aiohttp.StreamReader", most: int) -> bytes:
    """The body as far as `most` bytes; one `read` gives only what has arrived."""
    body = bytearray()
    while len(body) < most and (piece := await content.read(most - len(body))):
        body += piece
    return bytes(body)


async def _take(taker: Taker, body: bytes) -> None:
    """States of tickets, from ``{"tickets": […]}``; what is none is counted, the batch was accepted all the same.

    Raises:
        StoreError: they could not be committed.
    """
    try:
        answers = decode(body, most=ANSWER_BYTES)
    except DecodeError as error:
        taker.refused(error)
    else:
        await taker.take(answers)


def _rejected(body: bytes) -> dict[str, str]:
    """Record id → reason, from ``{"rejected": [{"id": …, "reason": …}]}``; any other answer rejects nothing."""
    if b'"rejected"' not in body:
        return {}
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except msgspec.DecodeError:
        return {}
    return {one.id: one.reason for one in answer.rejected}
