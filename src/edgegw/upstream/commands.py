"""Commands from upstream over MQTT: a session of their own for which the broker keeps nothing.

Owns: the session, what is refused because of how it came (retained), how many are handled at once, publishing the answers.
Must not know: envelopes, keys, what a command is (`handle` does).

Why a session of its own: the devices' sessions and the deliveries' may be kept by the broker, and what it queues while we are
away arrives late. Here every connection starts clean, ends with nothing kept, asks for no retained messages (MQTT 5), and drops
what is marked as retained all the same (3.1.1 has no such wish). So a command arrives now or not at all.

A message is acknowledged once it is answered, so that the broker never holds more than `HANDLED_MOST` against us; if the
connection ends before, nobody delivers it again.
"""

import asyncio
import logging
import random as _random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from msgspec import Struct

from edgegw.errors import LinkError
from edgegw.mqttio import Incoming, MqttOptions, MqttSession
from edgegw.upstream.outcome import back_off

log = logging.getLogger(__name__)

HANDLED_MOST = 32
"""Messages handled at once; the broker is told so (receive maximum), what comes beyond is dropped and counted."""

PAYLOAD_MOST = 16 * 1024
"""Bytes of a message that are kept; larger ones arrive cut, and are no envelope either way (8 KiB)."""

CONNECT_S = 10.0
"""Until a connection attempt is given up."""


class Handle(Protocol):
    """Takes one message; the answer to publish, or None."""

    def __call__(self, payload: bytes, *, retained: bool) -> Awaitable[bytes | None]:
        """Returns within the command's deadline and raises for no fault."""
        ...


class IntakeFigures(Struct, frozen=True):
    """For metrics and health: `reason` is why there is no connection, empty while there is one."""

    connected: bool
    reason: str
    received: int
    retained: int
    dropped: int
    unanswered: int


class CommandIntake:
    """One per gateway.

    Args:
        options: how to connect; made clean whatever they say.
        topic: where commands arrive; reply_topic: where answers go. Exact topics, no templates.
        handle: see `Handle`.
        first_s, most_s: back-off between connection attempts.
    """

    def __init__(
        self,
        options: MqttOptions,
        topic: str,
        reply_topic: str,
        handle: Handle,
        *,
        first_s: float = 0.5,
        most_s: float = 30.0,
        random: Callable[[], float] = _random.random,
    ) -> None:
        self._options = replace(
            options,
            clean=True,
            session_expiry_s=0.0,
            receive_maximum=HANDLED_MOST,
            max_payload=PAYLOAD_MOST,
            auto_ack=False,
            will=None,
        )
        self._topic = topic
        self._reply_topic = reply_topic
        self._handle = handle
        self._bounds_s = (first_s, most_s)
        self._random = random
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._session: MqttSession | None = None
        self._listening = False
        self._reason = "connecting"
        self._received = 0
        self._retained = 0
        self._dropped = 0
        self._unanswered = 0

    async def run(self) -> None:
        """Keep a session until cancelled; a mistake of ours in handling a message ends it."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep_connected(), name="command-intake")
                await self._failed
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def figures(self) -> IntakeFigures:
        """What is counted, as of now. `dropped`: beyond `HANDLED_MOST`; `unanswered`: answers the broker could not be given."""
        return IntakeFigures(
            self._listening,
            "" if self._listening else self._reason,
            self._received,
            self._retained,
            self._dropped,
            self._unanswered,
        )

    async def _keep_connected(self) -> None:
        attempts = 0
        told = False
        while True:
            session = MqttSession(self._options, on_message=self._message)
            try:
                await session.connect(CONNECT_S)
                self._session = session  # a command may come before the SUBACK does
                await session.subscribe([(self._topic, 1)], retained=False)
                log.info("commands from upstream: listening on %s", self._topic)
                attempts, told, self._listening = 0, False, True
                self._reason = await session.wait_closed()
            except LinkError as error:
                self._reason = error.reason
            finally:
                self._session, self._listening = None, False
                await session.close()
            if not told:
                told = True
                log.warning("commands from upstream: no connection (%s); tried again", self._reason)
            attempts += 1
            await asyncio.sleep(back_off(attempts, *self._bounds_s, self._random))

    def _message(self, message: Incoming) -> None:
        session = self._session
        if session is None:
            return
        self._received += 1
        self._retained += message.retain
        if len(self._tasks) >= HANDLED_MOST:
            self._dropped += 1
            session.ack(message.mid)
            return
        task = asyncio.get_running_loop().create_task(self._answered(session, message), name="upstream-command")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def _answered(self, session: MqttSession, message: Incoming) -> None:
        answer = await self._handle(message.payload, retained=message.retain)
        if answer is not None:
            try:
                session.publish(self._reply_topic, answer, qos=1)
            except LinkError:
                self._unanswered += 1  # the outcome is on record, and goes upstream as an event
        session.ack(message.mid)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and not self._failed.done():
            self._failed.set_exception(error)
