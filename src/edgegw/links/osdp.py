"""An RS-485 line of OSDP readers: everyone's turn, what they tell, what they are told.

Owns: whose turn it is, the look for readers that are away, orders, what the pipeline hears.
Must not know: sessions and keys (osdp_panel), when a reader counts as lost (osdp_reader), what its cards mean (profiles).

Readers are asked one after the other; a turn is what one reader's session has to say, and bounded. A reader that is away has no
session: it is sent a plain poll now and then, at most one unanswered poll each `SEARCH_PAUSE_S` a line, so that the others hardly
notice; its first answer begins a session anew. All in the event loop: libosdp's part of a turn is some ten microseconds.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from edgegw.clock import Clock
from edgegw.codec.osdp import KEYPAD, POLL, frame
from edgegw.config.schema import OsdpLink as OsdpConfig
from edgegw.links.osdp_orders import ORDERS_MOST, WHY, Pending, Reader, ReaderSpec, give, outcome_of
from edgegw.links.osdp_panel import WAKE_STEPS, MakePanel, Panel
from edgegw.links.osdp_port import Port, open_port
from edgegw.links.osdp_reader import NS, Standing, Watch
from edgegw.model import Instant, Outcome, OutcomeStatus, ReaderReply
from edgegw.ports import Order, Sink
from edgegw.profiles.encode_osdp import OsdpSend

log = logging.getLogger(__name__)

ANSWER_S = 0.205
"""How long an answer is waited for: libosdp's own 200 ms, and a little so that it has noticed."""

TURN_MOST_S = 0.25
"""A reader's turn ends after this even if its session has more to send; one exchange is always let finish."""

SEARCH_PAUSE_S = 0.5
"""Between two unanswered polls of readers that are away: at most two fifths of the line's time."""

IDLE_S = 0.01
"""Between two looks whether a session has something to send, when none had: a fifth of libosdp's poll period."""

STATUS_EVERY_NS = 60 * NS
"""How often tamper and power are asked for, besides what readers tell by themselves."""

GAP_CHARACTERS = 2
"""Silence before a command, in characters (the standard's least)."""

BITS_PER_CHARACTER = 10


class OsdpLink:
    """One line (`ports.Link`, and its readers' `ports.Actuator`). Counters are public and only grow.

    Attributes:
        messages: replies handed over. timeouts: commands no answer came to. refused: readers turned away as insecure.
        sessions: begun. orders: carried out. longest_step_ns: the longest that libosdp kept the loop.
    """

    kind = "osdp"

    def __init__(
        self,
        name: str,
        config: OsdpConfig,
        readers: Sequence[ReaderSpec],
        *,
        sink: Sink,
        clock: Clock,
        make_panel: MakePanel | None = None,
    ) -> None:
        self.name = name
        self.messages = self.timeouts = self.refused = self.sessions = self.orders = 0
        self.longest_step_ns = 0
        self._discarded = 0
        self._config = config
        self._sink = sink
        self._clock = clock
        self._make_panel: MakePanel = make_panel or Panel
        self._secure = config.secure != "off"
        self._gap_s = GAP_CHARACTERS * BITS_PER_CHARACTER / config.baud
        self._readers = [Reader(spec, self._watch()) for spec in readers]
        self._by_device = {reader.spec.device: reader for reader in self._readers}
        self._search_ns = 0
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._port: Port | None = None

    def _watch(self) -> Watch:
        return Watch(round(self._config.silent * NS), self._now_ns(), secure=self._secure)

    @property
    def discarded(self) -> int:
        """Bytes that belonged to no reader's frame."""
        return self._discarded + (self._port.discarded if self._port is not None else 0)

    def counts(self) -> tuple[int, int]:
        """Messages and errors, for the supervisor's status."""
        return self.messages, self.timeouts + self.refused

    async def run(self, up: Callable[[], None]) -> None:
        """See `ports.Link.run`."""
        self._port = port = open_port(self._config.port, self._config.baud)
        try:
            for reader in self._readers:
                reader.watch = self._watch()
            up()
            while True:
                if self._sink.full:
                    await self._wait_for_room()
                if not any([await self._turn(port, reader) for reader in self._readers]):
                    await self._idle(port)
        finally:
            self._port = None
            self._discarded += port.discarded
            for reader in self._readers:
                self._end(reader, "link-lost")
            port.close()

    # --- a turn -------------------------------------------------------------------------------------------------------

    async def _turn(self, port: Port, reader: Reader) -> bool:
        """Whether anything was sent."""
        port.turn(reader.spec.address)
        if reader.watch.standing is Standing.AWAY:
            sent = await self._search(port, reader)
        else:
            sent = await self._talk(port, reader)
        self._judge(reader)
        return sent

    async def _search(self, port: Port, reader: Reader) -> bool:
        now_ns = self._now_ns()
        if now_ns < max(reader.watch.try_ns, self._search_ns):
            return False
        port.send(frame(reader.spec.address, bytes((POLL,))))
        reader.watch.asked()
        if await port.answered(ANSWER_S):
            reader.watch.heard(self._now_ns())
            await asyncio.sleep(self._gap_s)
        else:
            self._search_ns = self._now_ns() + round(SEARCH_PAUSE_S * NS)
            reader.watch.try_ns = self._search_ns + 1  # those that wait longer go first
        return True

    async def _talk(self, port: Port, reader: Reader) -> bool:
        if reader.panel is None:
            install = self._config.secure == "install" and not reader.installed
            reader.channel.wire = port
            reader.panel = self._make_panel(reader.spec.address, reader.channel, reader.spec.key, install=install)
            self.sessions += 1
        self._hand_over(reader, reader.panel)
        sent = False
        until_ns = self._now_ns() + round(TURN_MOST_S * NS)
        while self._now_ns() < until_ns and await self._exchange(port, reader, reader.panel):
            sent = True
        return sent

    async def _exchange(self, port: Port, reader: Reader, panel: Panel) -> bool:
        """One command and its answer, if the session has one to send."""
        if not any(self._step(panel) for _ in range(WAKE_STEPS)):
            return False
        reader.watch.asked()
        if await port.answered(ANSWER_S):
            reader.watch.heard(self._now_ns())
        else:
            self.timeouts += 1
        self._step(panel)
        if not panel.replies:
            self._step(panel)  # what it tells of comes with the step after the answer
        self._take(reader, panel)
        await asyncio.sleep(self._gap_s)
        return True

    def _step(self, panel: Panel) -> bool:
        before_ns = self._now_ns()
        sent = panel.step()
        self.longest_step_ns = max(self.longest_step_ns, self._now_ns() - before_ns)
        return sent

    def _take(self, reader: Reader, panel: Panel) -> None:
        now = self._clock.now()
        while panel.replies:
            reply = panel.replies.popleft()
            entries = reader.keys.feed(reply, now.mono_ns) if reply[0] == KEYPAD else [reply]
            for entry in entries:
                self.messages += 1
                self._sink.offer(reader.spec.device, ReaderReply(entry), now)
        while panel.ended:
            ended = panel.ended.popleft()
            pending = reader.current
            if pending is None:
                continue
            pending.left -= 1
            pending.ok &= ended.ok
            pending.refused |= ended.refused
            if pending.left == 0:
                reader.current = None
                give(pending, outcome_of(pending))

    # --- standing -----------------------------------------------------------------------------------------------------

    def _judge(self, reader: Reader) -> None:
        now = self._clock.now()
        panel = reader.panel
        before = reader.watch.standing
        told = reader.watch.judge(
            now.mono_ns, usable=panel is not None and panel.usable, over=panel is not None and panel.over
        )
        standing = reader.watch.standing
        if panel is not None:
            self._note_install(reader, panel, standing)
            if standing is Standing.ONLINE and (before is not standing or now.mono_ns >= reader.status_ns):
                panel.ask_status()
                reader.status_ns = now.mono_ns + STATUS_EVERY_NS
        if standing is Standing.AWAY or (standing is Standing.JOINING and before is Standing.ONLINE):
            self._end(reader, "device-down")
        if told is not None:
            self._tell(reader, told.reason, now, online=told.online)

    def _tell(self, reader: Reader, reason: str, now: Instant, *, online: bool) -> None:
        device = reader.spec.device
        if online:
            if reader.logged:
                log.info("link %s: reader %s is back", self.name, device)
            reader.logged = ""
        else:
            self.refused += reason == "insecure"
            reader.logged = reason
            log.warning("link %s: reader %s at address %d: %s", self.name, device, reader.spec.address, WHY[reason])
        self._sink.offer(device, ReaderReply(b"", online=online), now)

    def _note_install(self, reader: Reader, panel: Panel, standing: Standing) -> None:
        if self._config.secure != "install" or reader.installed or standing is not Standing.ONLINE:
            return
        reader.installed = True  # from here on only under this key
        log.warning(
            "link %s: reader %s %s; write `secure: required` now",
            self.name,
            reader.spec.device,
            "was given its key under the default one, which everybody knows" if panel.default_key else "has its key",
        )

    def _end(self, reader: Reader, reason: str) -> None:
        """End a session, and what was under way with it."""
        if reader.panel is not None:
            reader.panel.close()
            reader.panel = None
        if (pending := reader.current) is not None:
            reader.current = None
            give(pending, Outcome(OutcomeStatus.UNKNOWN, "link-lost" if reason == "link-lost" else "no-answer"))
        while reader.waiting:
            reason_given = "link-down" if reason == "link-lost" else reason
            give(reader.waiting.popleft(), Outcome(OutcomeStatus.FAILED, reason_given))

    # --- orders -------------------------------------------------------------------------------------------------------

    def down(self, device: str) -> str | None:
        """See `ports.Actuator.down`."""
        if self._port is None or self._port.lost:
            return "link-down"
        return None if self._by_device[device].watch.standing is Standing.ONLINE else "device-down"

    async def carry_out(self, order: Order) -> Outcome:
        """See `ports.Actuator.carry_out`. Done when the reader acknowledged every command of it."""
        if not isinstance(order.outgoing, OsdpSend):
            raise TypeError(f"{type(order.outgoing).__name__} to an OSDP reader")
        if self._now_ns() >= order.deadline_ns:
            return Outcome(OutcomeStatus.EXPIRED, "deadline")
        if (why := self.down(order.device)) is not None:
            return Outcome(OutcomeStatus.FAILED, why)
        reader = self._by_device[order.device]
        if len(reader.waiting) >= ORDERS_MOST:
            return Outcome(OutcomeStatus.FAILED, "busy", f"{ORDERS_MOST} orders wait for the reader")
        pending = Pending(order, order.outgoing, asyncio.get_running_loop().create_future())
        reader.waiting.append(pending)
        self._wake.set()
        try:
            async with asyncio.timeout((order.deadline_ns - self._now_ns()) / NS):
                return await asyncio.shield(pending.outcome)
        except TimeoutError:
            if pending.left:
                return Outcome(OutcomeStatus.UNKNOWN, "no-answer")
            give(pending, expired := Outcome(OutcomeStatus.EXPIRED, "deadline"))
            return expired

    def _hand_over(self, reader: Reader, panel: Panel) -> None:
        while reader.current is None and reader.waiting:
            pending = reader.waiting.popleft()
            if pending.outcome.done():
                continue
            if self._now_ns() >= pending.order.deadline_ns:
                give(pending, Outcome(OutcomeStatus.EXPIRED, "deadline"))
                continue
            pending.left = sum(panel.submit(part) for part in pending.parts.parts)
            pending.ok = pending.left == len(pending.parts.parts)
            if pending.left == 0:
                give(pending, Outcome(OutcomeStatus.FAILED, "device-down", "the session takes no command now"))
                continue
            self.orders += 1
            reader.current = pending

    # --- waiting ------------------------------------------------------------------------------------------------------

    async def _idle(self, port: Port) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout(IDLE_S):
                await self._wake.wait()
        except TimeoutError:
            pass
        port.check()

    async def _wait_for_room(self) -> None:
        while self._sink.full:
            self._room.clear()
            self._sink.when_room(self._room.set)
            await self._room.wait()
        for reader in self._readers:
            reader.watch.excused(self._now_ns())

    def _now_ns(self) -> int:
        return self._clock.now().mono_ns
