"""Upstream by HTTP: POST of CloudEvents batches; the application's 2xx is acceptance.

Owns: the request, its limits, the optional list of rejected ids in the answer. Must not know: retries, lanes' order.
"""

import asyncio
import logging
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from edgegw.lateload import load
from edgegw.model import Lane, Record
from edgegw.upstream.cloudevents import BATCH_TYPE, Envelope
from edgegw.upstream.outcome import Accepted, Outcome, Refused, Retry, of_status

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
    ) -> None:
        self.batch = batch
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
                return answer.status, answer.headers.get("Retry-After"), await _read(answer.content)
        except TimeoutError:
            return Retry("timeout")
        except aiohttp.ClientConnectorError:
            return Retry("unreachable")
        except (aiohttp.ClientError, OSError) as error:
            log.debug("upstream %s: %s", self._url, error)
            return Retry("no-answer")


async def _read(content: "aiohttp.StreamReader") -> bytes:
    """The body as far as `ANSWER_BYTES`; one `read` gives only what has arrived."""
    body = bytearray()
    while len(body) < ANSWER_BYTES and (piece := await content.read(ANSWER_BYTES - len(body))):
        body += piece
    return bytes(body)


def _rejected(body: bytes) -> dict[str, str]:
    """Record id → reason, from ``{"rejected": [{"id": …, "reason": …}]}``; any other answer rejects nothing."""
    if b'"rejected"' not in body:
        return {}
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except msgspec.DecodeError:
        return {}
    return {one.id: one.reason for one in answer.rejected}
