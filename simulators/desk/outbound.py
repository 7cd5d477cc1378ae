"""Telling the gateway what became of its tickets, without being asked: HTTP push to its API, messages on an MQTT topic.

Owns: how far each way has come (kept in the ledger, so a restart neither repeats for ever nor forgets), retries.
Must not know: what changed, or why.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable

import aiohttp
from yarl import URL

from simulators.desk.service import Desk

PATH = "/api/v1/tickets"
RETRY_FIRST_S, RETRY_MOST_S = 0.2, 5.0
LOOK_EVERY_S = 0.2
"""Longest pause between two looks at the feed."""
PUSH_WITHIN_S = 5.0
AGAIN = frozenset({401, 403, 404, 408, 429})
"""4xx that may be well later: the token is not known yet, the API is not there yet, or it is busy."""

Send = Callable[[str], Awaitable[bool]]
"""Sends one message (JSON text); whether it was taken."""


async def follow(desk: Desk, name: str, send: Send) -> None:
    """Until cancelled: send every change once it is there, in order; the cursor moves when a message was taken."""
    cursor, pause = await desk.kept(name), RETRY_FIRST_S
    while True:
        answer = await desk.answers(cursor)
        if not answer["tickets"]:
            await asyncio.sleep(LOOK_EVERY_S)
            continue
        if await send(json.dumps({"tickets": answer["tickets"]}, ensure_ascii=False)):
            cursor, pause = answer["next"], RETRY_FIRST_S
            await desk.keep(name, cursor)
        else:
            await asyncio.sleep(pause)
            pause = min(pause * 2, RETRY_MOST_S)


def push_address(url: str) -> str:
    """The address to POST to: `url` itself if it names a path, else the API's own path under it."""
    parsed = URL(url)
    return str(parsed if parsed.path not in {"", "/"} else parsed.with_path(PATH))


async def push(desk: Desk, url: str, token: str) -> None:
    """Push to a gateway's API, until cancelled. A message that it refuses for good is passed over and told on stderr."""
    address = push_address(url)
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PUSH_WITHIN_S), headers=headers) as session:

        async def send(message: str) -> bool:
            try:
                async with session.post(address, data=message.encode(), allow_redirects=False) as answer:
                    status = answer.status
            except (aiohttp.ClientError, TimeoutError, OSError):
                return False
            if 400 <= status < 500 and status not in AGAIN:
                print(f"error: {address} will not take a message ({status}); passed over", file=sys.stderr, flush=True)
                return True
            return status < 300

        await follow(desk, "push", send)
