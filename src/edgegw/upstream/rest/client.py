"""One ticket system by HTTP: requests out, answers as values.

Owns: the session, what an error of the way means, that no secret is ever told. Must not know: mappings, tickets.
"""

import asyncio
import base64
import logging
import ssl
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote

from edgegw.lateload import load
from edgegw.mappings.answers import Again, Answer
from edgegw.mappings.compiled import Request
from edgegw.mappings.limits import MAX_ANSWER

if TYPE_CHECKING:
    import aiohttp

log = logging.getLogger(__name__)

CONNECTIONS = 2
"""One for what is sent, one for the poll: a slow poll holds up no ticket."""

SHORT_SECRET = 4
"""Shorter ones are not looked for in texts: they would be found in every word."""


class Redactor:
    """Takes secrets out of texts that people see: as they are, percent-encoded, in Base64."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {
            form
            for secret in secrets
            if len(secret) >= SHORT_SECRET
            for form in (secret, quote(secret, safe=""), quote(secret), base64.b64encode(secret.encode()).decode())
        }
        self._forms = sorted(forms, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without them."""
        for form in self._forms:
            text = text.replace(form, "***")
        return text


class RestClient:
    """See the module.

    Args:
        base: scheme, host and what paths start from; no slash at its end.
        timeout_s: for a whole request.
    """

    def __init__(self, base: str, *, timeout_s: float, tls: ssl.SSLContext | None = None) -> None:
        self._base = base.rstrip("/")
        self._timeout_s = timeout_s
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None
        self._open = asyncio.Event()

    async def run(self) -> None:
        """Hold the connection pool until cancelled."""
        await load("aiohttp")  # 0.1 s and more
        import aiohttp  # noqa: PLC0415  # there by now

        connector = aiohttp.TCPConnector(ssl=self._tls or True, limit_per_host=CONNECTIONS, keepalive_timeout=30.0)
        timeout = aiohttp.ClientTimeout(total=self._timeout_s)
        jar = aiohttp.DummyCookieJar()  # a session cookie would outlive its login
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=jar) as session:
            self._session = session
            self._open.set()
            try:
                await asyncio.get_running_loop().create_future()  # until cancelled
            finally:
                self._open.clear()
                self._session = None

    async def ask(self, request: Request) -> Answer | Again:
        """The answer; or why there is none, and whether it may have been done all the same."""
        import aiohttp  # noqa: PLC0415  # loaded by `run`
        from yarl import URL  # noqa: PLC0415  # comes with aiohttp

        await self._open.wait()
        if self._session is None:
            return Again("closed")
        headers = {"Accept": "application/json", **request.headers}
        try:
            url = URL(self._base + request.target, encoded=True)  # the mapping has encoded it
            async with self._session.request(
                request.method, url, data=request.body, headers=headers, allow_redirects=False
            ) as answer:
                body = await _read(answer.content)
                return Answer(answer.status, {k.lower(): v for k, v in answer.headers.items()}, body)
        except TimeoutError:
            return Again("timeout", doubt=True)
        except aiohttp.ClientConnectorError:
            return Again("unreachable")
        except (aiohttp.ClientError, OSError) as error:
            log.debug("%s: %s", request.step, type(error).__name__)  # its text may hold the URL with a key
            return Again("no-answer", doubt=True)
        except ValueError:  # a host that no resolver takes: ``a..b``, a label of more than 63 letters
            return Again("bad-address")


async def _read(content: "aiohttp.StreamReader") -> bytes:
    """The body as far as `MAX_ANSWER`; one `read` gives only what has arrived."""
    body = bytearray()
    while len(body) < MAX_ANSWER and (piece := await content.read(MAX_ANSWER - len(body))):
        body += piece
    return bytes(body)
