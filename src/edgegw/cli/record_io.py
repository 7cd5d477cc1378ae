"""Hearing one device beside, or in place of, the gateway: a recording's ears.

Owns: connecting, who else has the line, asking Modbus blocks one after the other.
Must not know: what is kept of what was heard (authoring.recording), how it is shown.

MQTT has room for everybody: a session of its own, clean, without acknowledgements. A serial line has not: two programs that ask
on it hear each other's answers, so the port must be free. Modbus TCP takes several clients, mostly.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from edgegw.app.secrets import reveal, tls_context
from edgegw.authoring.recording import Recording
from edgegw.clock import Clock, SystemClock
from edgegw.codec import cjt188, dlt645
from edgegw.codec.modbus import READ_FUNCTIONS, read_request, seal
from edgegw.config import schema as config
from edgegw.config.lines import ModbusConfig
from edgegw.config.plan import DevicePlan, LinkPlan, SitePlan
from edgegw.errors import LinkError
from edgegw.links.bus import Answer, Transport
from edgegw.model import Frame, Instant, Raw
from edgegw.ports import AckFn
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.plan import Block, poll_plan
from edgegw.profiles.schema import Profile

GATEWAY_WAIT_S = 1.0
"""How long the gateway's control port may take to accept; it is on this machine, as a rule."""

PAUSE_S = 0.05
"""Between two requests on TCP, where the line prescribes none: the gateway may ask the same device."""

SOCKET = "socket://"

METER_CONTROL = {"dlt645": 8, "cjt188": 9}
"""Where the control code stands in a frame, and `METER_ANSWER`: its bit that says it is from a meter."""

METER_ANSWER = 0x80


class Heard:
    """One device's ears.

    Args:
        topics: MQTT filters to listen to instead of the profile's topics.
    """

    def __init__(
        self, plan: SitePlan, link: LinkPlan, device: DevicePlan, topics: Sequence[str], clock: Clock | None = None
    ) -> None:
        self._plan = plan
        self._link = link
        self._device = device
        self._topics = tuple(topics)
        self._clock = clock or SystemClock()

    async def listen(self, recording: Recording, seconds: float) -> None:
        """Until the time is over or the recording is full.

        Raises:
            LinkError: ``port-in-use``, ``gateway-runs``, or what connecting ran into.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ears()(recording)

    def _ears(self) -> Callable[[Recording], Any]:
        match self._link.config:
            case config.MqttLink() as mqtt:
                return lambda recording: self._mqtt(mqtt, recording)
            case config.SerialLink() as serial:
                return lambda recording: self._serial(serial, recording)
            case config.ModbusRtuLink() | config.ModbusTcpLink() | config.ModbusRtuTcpLink() as modbus:
                return lambda recording: self._modbus(modbus, recording)
            case config.MeterLink() as meter:
                return lambda recording: self._meter(meter, recording)
        raise LinkError("kind", f"a device on a link of kind {self._link.config.kind} cannot be recorded")

    @property
    def _profile(self) -> Profile:
        return self._plan.profiles[self._device.profile]

    # --- MQTT

    async def _mqtt(self, link: config.MqttLink, recording: Recording) -> None:
        from edgegw.mqttio import MqttOptions, MqttSession
        from edgegw.mqttio.wire import Incoming

        decoder = compile_profile(self._profile, str(self._device.address))
        topics = self._topics or (*decoder.topics(), *decoder.live_topics())
        enough = asyncio.Event()

        def heard(message: Incoming) -> None:
            if message.truncated:
                recording.left_out["its payload is longer than the profile looks at"] += 1
            else:
                recording.mqtt(message.topic, message.payload, retained=message.retain)
            if recording.full:
                enough.set()

        options = MqttOptions(
            host=link.host,
            port=link.port,
            client_id=f"edgegw-record-{os.getpid()}",  # never the gateway's own: the broker would hang up on it
            version=link.version,
            keepalive_s=link.keepalive,
            username=link.username,
            password=reveal(self._plan, link.password),
            tls=tls_context(link.tls),
            max_payload=self._profile.mqtt.max_payload,
            auto_ack=True,
        )
        lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        session = MqttSession(
            options, on_message=heard, on_disconnect=lambda reason: None if lost.done() else lost.set_result(reason)
        )
        try:
            await session.connect()
            await session.subscribe([(topic, 0) for topic in topics])
            waiting = asyncio.ensure_future(enough.wait())
            try:
                await asyncio.wait((waiting, lost), return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiting.cancel()
            if lost.done():
                raise LinkError(lost.result(), f"{link.host}:{link.port}: the broker ended the connection")
        finally:
            await session.close()

    # --- serial

    async def _serial(self, link: config.SerialLink, recording: Recording) -> None:
        from edgegw.links.serial import SerialLink

        await self._alone(link.port)
        section = self._profile.serial
        if section is None:
            raise LinkError("profile", f"{self._device.profile} has no serial section")
        ears = _Ears(recording.frame, recording)
        port = SerialLink(self._link.name, link, self._device.id, section, sink=ears, clock=self._clock)
        run = asyncio.ensure_future(port.run(lambda: None))
        full = asyncio.ensure_future(ears.enough.wait())
        try:
            await asyncio.wait((run, full), return_when=asyncio.FIRST_COMPLETED)
            if run.done():
                run.result()
        finally:
            run.cancel()
            full.cancel()
            await asyncio.gather(run, full, return_exceptions=True)

    # --- lines that are asked

    async def _modbus(self, link: ModbusConfig, recording: Recording) -> None:
        from edgegw.links.transport import PymodbusTransport

        if isinstance(link, config.ModbusRtuLink):
            await self._alone(link.port)
        elif isinstance(link, config.ModbusRtuTcpLink):
            await self._alone(None)
        unit, modbus = int(self._device.address or 0), self._profile.modbus
        strange = {} if modbus.answers_as is None else {unit: modbus.answers_as}
        transport = PymodbusTransport(link, self._clock, strange)

        def answered(block: Block, answer: Answer) -> None:
            sent = read_request(unit, block.table, block.address, block.count)
            if answer.words is not None:
                recording.modbus(sent, _reply(unit, block.table, answer.words))
            else:
                recording.modbus(sent, seal(bytes((unit, READ_FUNCTIONS[block.table] | 0x80, answer.code))))

        await self._rounds(transport, recording, answered, unit, (modbus.timeout, modbus.turnaround))

    async def _meter(self, link: config.MeterLink, recording: Recording) -> None:
        from edgegw.links.meter_transport import Meter, MeterTransport

        await self._alone(link.port)
        section = self._profile.meter
        if section is None:
            raise LinkError("profile", f"{self._device.profile} has no meter section")
        number = str(self._device.address)
        came = bytearray()

        class Tapped(MeterTransport):
            """Keeps the bytes of the answer as they came."""

            def heard(self, data: bytes) -> None:
                """See `MeterTransport.heard`."""
                came.extend(data)
                super().heard(data)

        def answered(block: Block, answer: Answer) -> None:
            del block, answer
            framer = dlt645.Framer() if section.protocol == "dlt645" else cjt188.Framer()
            control = METER_CONTROL[section.protocol]
            for frame in framer.feed(bytes(came), 0):
                if frame[control] & METER_ANSWER:  # else an adapter hears our own request
                    recording.answer(frame)
            came.clear()

        transport = Tapped(link, {self._device.id: Meter(number, section)}, self._clock)
        await self._rounds(transport, recording, answered, int(number), (section.timeout, section.turnaround))

    async def _rounds(
        self,
        transport: Transport,
        recording: Recording,
        answered: Callable[[Block, Answer], None],
        unit: int,
        times: tuple[float, float],
    ) -> None:
        """Ask for every block, each again in its own period, until the recording is full. `times`: timeout and turnaround."""
        from edgegw.links.bus import EXCEPTION
        from edgegw.links.request import Request

        blocks = poll_plan(self._profile)
        if not blocks:
            raise LinkError("profile", f"{self._device.profile} reads nothing")
        due = dict.fromkeys(range(len(blocks)), 0)
        await transport.open()
        try:
            while not recording.full:
                number = min(due, key=lambda n: due[n])
                block = blocks[number]
                if (wait_ns := due[number] - self._clock.now().mono_ns) > 0:
                    await transport.idle(wait_ns / 1e9)
                where = (block.table, block.address, block.count)
                request = Request(self._device.id, unit, *where, *times, 0, 0)
                answer = await transport.ask(request)
                if answer.words is not None or answer.reason == EXCEPTION:
                    answered(block, answer)
                else:
                    recording.left_out[f"{block.table} {block.address:#06x}: no valid answer ({answer.reason})"] += 1
                    await transport.recover(1, ambiguous=True)
                await transport.idle(max(transport.gap_s, times[1], 0.0 if transport.gap_s else PAUSE_S))
                due[number] = self._clock.now().mono_ns + round(block.period_s * 1e9)
        finally:
            await transport.close()

    # --- the line

    async def _alone(self, port: str | None) -> None:
        """Raise LinkError if somebody else is on the line, as far as this machine can tell."""
        if port is not None and not port.startswith(SOCKET):
            if holder := holder_of(Path(port)):
                raise LinkError("port-in-use", f"{port} is open in {holder}; stop it first, a line has one owner")
            return
        control = self._plan.control
        if control.enabled and await _accepts(control.host, control.port):
            raise LinkError(
                "gateway-runs",
                f"a gateway answers on {control.host}:{control.port}; stop it first, link {self._link.name} has one owner",
            )


def _reply(unit: int, table: str, words: Sequence[int]) -> bytes:
    """The answer's frame in RTU form; of bits, those beyond the last one asked for are 0, as the standard says."""
    if table in {"coil", "discrete"}:
        data = bytearray((len(words) + 7) // 8)
        for n, bit in enumerate(words):
            data[n >> 3] |= bool(bit) << (n & 7)
    else:
        data = bytearray(b"".join(word.to_bytes(2) for word in words))
    return seal(bytes((unit, READ_FUNCTIONS[table], len(data))) + bytes(data))


def holder_of(port: Path, proc: Path = Path("/proc")) -> str | None:
    """Another process that has a device open, as ``name (pid)``; of other users' processes only root sees that."""
    try:
        wanted = port.resolve()
    except OSError:
        return None
    for process in proc.glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        with suppress(OSError):  # gone, or another user's
            for handle in (process / "fd").iterdir():
                if os.readlink(handle) == str(wanted):  # noqa: PTH115 - what it names need not be a path
                    return f"{(process / 'comm').read_text().strip()} ({process.name})"
    return None


async def _accepts(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(GATEWAY_WAIT_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


class _Ears:
    """`ports.Sink` of a link that is only listened to."""

    def __init__(self, take: Callable[[bytes], bool], recording: Recording) -> None:
        self._take = take
        self._recording = recording
        self.enough = asyncio.Event()

    @property
    def full(self) -> bool:
        """See `ports.Sink.full`."""
        return False

    def offer(  # the port's signature
        self,
        device: str,  # noqa: ARG002
        raw: Raw,
        at: Instant,  # noqa: ARG002
        ack: AckFn | None = None,  # noqa: ARG002
        token: int = 0,  # noqa: ARG002
    ) -> None:
        """See `ports.Sink.offer`."""
        if isinstance(raw, Frame):
            self._take(raw.data)
        if self._recording.full:
            self.enough.set()

    def silent(self, device: str, reason: str, at: Instant) -> None:  # noqa: ARG002 - the port's signature
        """See `ports.Sink.silent`."""
        self._recording.left_out[f"asked, and no answer came ({reason})"] += 1

    def when_room(self, callback: Callable[[], None]) -> None:
        """See `ports.Sink.when_room`: there always is."""
        callback()

    async def drain(self) -> None:
        """See `ports.Sink.drain`: nothing waits."""

    def link_state(self, link: str, *, up: bool, reason: str, at: Instant) -> None:
        """See `ports.Sink.link_state`."""
