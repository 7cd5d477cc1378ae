"""Ticket states by MQTT: a session the broker keeps, so that what was published while we were away still arrives.

Owns: the session, the order of messages, when each is acknowledged, what becomes of poison.
Must not know: what a ticket is, which troubles there are (the inbox does).

- A message is acknowledged after what it says is committed (promise 1). While the store cannot take it, it waits here,
  unacknowledged and in its place: states overtake no others. If connection or process ends meanwhile, the broker sends it again.
- Poison is kept as a dead letter, then acknowledged (promise 10); so is a message of which only a part is bad.
- Retained messages tell what was once, perhaps before what we know: MQTT 5 brokers are asked to send none when we subscribe; with
  3.1.1, where that cannot be asked for, those marked as retained are passed over.
"""

import asyncio
import logging
import random as _random
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from msgspec import Struct

from edgegw.clock import Clock
from edgegw.errors import DecodeError, LinkError, StoreError
from edgegw.model import DeadLetter
from edgegw.mqttio import Incoming, MqttOptions, MqttSession
from edgegw.ports import Batch, RecordStore, TicketInbox
from edgegw.service.answers import MESSAGE_MOST, UPDATES_MOST, Answers, decode
from edgegw.upstream.outcome import back_off
from edgegw.upstream.tickets import Taker, Way, WayFigures

log = logging.getLogger(__name__)

HELD_MOST = 32
"""Messages that wait at once, at most 2 MiB; MQTT 5 brokers are told (receive maximum), of others no more is read."""

PACKET_OVERHEAD = 70 * 1024
"""Bytes a PUBLISH may have beside its payload: a topic may be 64 KiB long, properties little more than nothing."""

CONNECT_S = 10.0
"""Until a connection attempt is given up."""

ORIGIN = "tickets"
"""`DeadLetter.origin` of what a ticket system sent and nobody could read."""


class _Heard(Struct, frozen=True):
    """A message, read: `letter` if it, or a part of it, is poison."""

    mid: int
    answers: Answers
    refused: DecodeError | None = None
    letter: DeadLetter | None = None


class TicketTopic:
    """One per upstream.

    Args:
        options: how to connect, and how long the broker keeps the session; made durable whatever they say of `clean`.
        topic: where the ticket system publishes; exact.
        name: the upstream's.
        store: where dead letters go.
        first_s, most_s: back-off between attempts, of connections and of commits.
    """

    def __init__(
        self,
        options: MqttOptions,
        topic: str,
        inbox: TicketInbox,
        *,
        name: str,
        store: RecordStore,
        clock: Clock,
        first_s: float = 0.5,
        most_s: float = 30.0,
        random: Callable[[], float] = _random.random,
    ) -> None:
        self._options = replace(
            options,
            clean=False,
            receive_maximum=HELD_MOST,
            max_payload=MESSAGE_MOST + PACKET_OVERHEAD,
            auto_ack=False,
            will=None,
        )
        self._topic = topic
        self._store = store
        self._clock = clock
        self._bounds_s = (first_s, most_s)
        self._random = random
        self._taker = Taker(name, inbox)
        self._way = Way(name, f"on {topic}")
        self._attempts = 0
        self._known_there = False
        self._retained_told = False

    async def run(self) -> None:
        """Keep a session until cancelled; a mistake of ours in taking a message ends it."""
        while True:
            try:
                reason = await self._connection()
            except LinkError as error:
                reason = error.reason
            self._way.fails(reason)
            self._attempts += 1
            await asyncio.sleep(back_off(self._attempts, *self._bounds_s, self._random))

    def figures(self) -> WayFigures:
        """As of now."""
        return WayFigures(self._way.up, self._way.reason, dict(self._taker.results))

    # --- one connection

    async def _connection(self) -> str:
        """From open to lost; why it was lost. Raises LinkError if it did not come that far."""
        waiting: deque[_Heard] = deque()
        news = asyncio.Event()

        def arrived(message: Incoming) -> None:
            if message.retain and self._options.version == "3.1.1":
                self._passed_over(message)
                session.ack(message.mid)
                return
            waiting.append(self._heard(message))
            news.set()
            if len(waiting) >= HELD_MOST:
                session.pause_reading()

        session = MqttSession(self._options, on_message=arrived)  # what the broker kept may come before the SUBACK
        try:
            await session.connect(CONNECT_S)
            tasks: list[asyncio.Task[str] | asyncio.Task[None]] = [
                asyncio.create_task(self._take_all(session, waiting, news), name=f"tickets-{self._taker.upstream}"),
                asyncio.create_task(session.wait_closed()),
            ]
            try:
                await session.subscribe([(self._topic, 1)], retained=False)
                self._subscribed(session)
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                if tasks[0].done():
                    tasks[0].result()  # it never ends but by a mistake of ours
                return str(tasks[1].result())
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            await session.close()

    def _subscribed(self, session: MqttSession) -> None:
        self._attempts = 0
        self._way.works()
        if self._known_there and not session.session_present:
            log.warning(
                "upstream %s: the broker has not kept our session; ticket states of the meantime may be missing",
                self._taker.upstream,
            )
        self._known_there = True

    async def _take_all(self, session: MqttSession, waiting: deque[_Heard], news: asyncio.Event) -> None:
        """Take what waits, in its order, as many messages in one commit as are there."""
        while True:
            news.clear()
            if not waiting:
                await news.wait()
                continue
            batch = [waiting.popleft()]
            count = len(batch[0].answers.updates)
            while waiting and (count := count + len(waiting[0].answers.updates)) <= UPDATES_MOST:
                batch.append(waiting.popleft())
            await self._commit(batch)
            for heard in batch:
                session.ack(heard.mid)
            session.resume_reading()

    async def _commit(self, batch: list[_Heard]) -> None:
        """Until the store has it."""
        letters = [heard.letter for heard in batch if heard.letter is not None]
        answers = _joined(batch)
        attempts = 0
        while True:
            try:
                if letters:
                    await self._store.commit(Batch(dead=letters))
                    letters = []
                await self._taker.take(answers)
            except StoreError as error:
                attempts += 1
                self._way.fails(f"store-{error.reason}")
                await asyncio.sleep(back_off(attempts, *self._bounds_s, self._random))
            else:
                break
        if attempts:
            self._way.works()
        for heard in batch:
            if heard.refused is not None:
                self._taker.refused(heard.refused)

    # --- one message

    def _heard(self, message: Incoming) -> _Heard:
        try:
            if message.truncated:
                raise DecodeError("oversized", f"more than {MESSAGE_MOST} bytes")  # noqa: TRY301  # as `decode` would
            answers = decode(message.payload)
        except DecodeError as error:
            return _Heard(message.mid, Answers(), error, self._letter(message, error.reason, error.detail))
        if answers.bad:
            return _Heard(message.mid, answers, None, self._letter(message, "bad-update", answers.fault))
        return _Heard(message.mid, answers)

    def _letter(self, message: Incoming, reason: str, detail: str) -> DeadLetter:
        raw = message.payload[:MESSAGE_MOST]
        return DeadLetter(ORIGIN, self._taker.upstream, reason, detail, message.topic, raw, self._clock.now())

    def _passed_over(self, message: Incoming) -> None:
        if not self._retained_told:
            self._retained_told = True
            log.warning(
                "upstream %s: retained message on %s passed over; ticket states are to be published without retain",
                self._taker.upstream,
                message.topic,
            )


def _joined(batch: list[_Heard]) -> Answers:
    """What messages say together, in their order."""
    if len(batch) == 1:
        return batch[0].answers
    return Answers(
        updates=tuple(update for heard in batch for update in heard.answers.updates),
        bad=sum(heard.answers.bad for heard in batch),
        fault=next((heard.answers.fault for heard in batch if heard.answers.fault), ""),
    )
