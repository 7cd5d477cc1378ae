"""Asking a serial line for DL/T 645 and CJ/T 188 meters: their numbers by broadcast, then their values. Nothing is written.

Owns: the port, the exchange of frames, telling one meter from several that speak at once.
Must not know: which profile fits (identify_meter).

To a broadcast every meter answers at once. With two or more on the line their answers collide, and what is heard is garbage; then
only meters whose numbers are given can be asked.
"""

import asyncio
import termios
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from edgegw.codec import cjt188, dlt645
from edgegw.codec.summed import IDLE_S, WAKE
from edgegw.codec.wire import Wire
from edgegw.errors import DecodeError, LinkError
from edgegw.probe.found import Found
from edgegw.probe.identify_meter import Meter, identifiers, rank
from edgegw.probe.plan import Setting
from edgegw.profiles.schema import Profile

if TYPE_CHECKING:  # serialx costs 0.1 s to import
    from serialx import BaseSerialTransport

SETTINGS = (
    Setting(2400, "8E1"),
    Setting(9600, "8E1"),
    Setting(9600, "8N1"),
    Setting(4800, "8E1"),
    Setting(1200, "8E1"),
)
"""DL/T 645-2007 and CJ/T 188 meters ship with the first; newer ones with 9600; CJ/T 188-2004 gateways use 8N1 too."""

PREAMBLE = bytes((WAKE,)) * 4
"""Before every request: meters that do not need it ignore it."""

TIMEOUT_S = 0.7
"""Wait for an answer to begin: DL/T 645-2007 §5.3.2 allows a meter 500 ms."""

OPEN_TIMEOUT_S = 5.0
CHUNK = 512
DRAIN_MOST = 64
"""Reads before a request: a line that never falls silent is asked all the same."""

PAUSE_S = IDLE_S / 5
"""Silence that ends what was heard: far longer than any character, and meters do not pause in a frame."""

ANSWER_MOST = 230
"""Bytes of the longest answer with its wake-up bytes; how long a line may be spoken on."""

PROVING_DI = {"dlt645": "00010000", "cjt188": cjt188.DATA_NOW}
"""What every meter has: the total; asked of a meter whose number was given."""

USUAL_TYPES = (0x10, 0x11, 0x20, 0x30)
"""Cold and hot water, heat, gas (CJ/T 188-2004, table of meter types)."""

Tell = Callable[[str, int, int], None]
Framers = type[dlt645.Framer] | type[cjt188.Framer]


class MeterPort:
    """An open port that one request at a time goes out of."""

    def __init__(self, port: str, setting: Setting, timeout_s: float) -> None:
        self._port = port
        self._setting = setting
        self._timeout_s = timeout_s
        self._wire = Wire(setting.baud, setting.format)
        self._reader: asyncio.StreamReader | None = None
        self._transport: BaseSerialTransport | None = None

    async def open(self) -> None:
        """Raises LinkError ``open-failed``."""
        from serialx import Parity, SerialException, create_serial_connection  # noqa: PLC0415  (see TYPE_CHECKING)

        loop = asyncio.get_running_loop()
        self._reader = reader = asyncio.StreamReader(loop=loop)
        parities = {"N": Parity.NONE, "E": Parity.EVEN, "O": Parity.ODD}
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                self._transport, _ = await create_serial_connection(
                    loop,
                    lambda: asyncio.StreamReaderProtocol(reader, loop=loop),
                    self._port,
                    baudrate=self._setting.baud,
                    byte_size=int(self._setting.format[0]),
                    parity=parities[self._setting.format[1]],
                    stopbits=int(self._setting.format[2]),  # type: ignore[arg-type]  # an IntEnum's value is taken as well
                )
        except (OSError, SerialException, ValueError, termios.error) as error:
            raise LinkError("open-failed", f"{self._port}: {error}") from error

    def close(self) -> None:
        """Let go; never raises."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    async def ask(self, request: bytes, framer: Framers, *, all_: bool = False) -> tuple[list[bytes], int]:
        """Send one request; the frames that came, and how many bytes came in all.

        An adapter that hears itself gives the request back; that copy is left out. Raises LinkError ``lost``.

        Args:
            all_: listen until the line is silent, instead of until the first frame.
        """
        assert self._transport is not None  # noqa: S101  (open)
        for _ in range(DRAIN_MOST):  # what an earlier request is still answered with
            if not await self._read(self._wire.gap_s):
                break
        loop = asyncio.get_running_loop()
        packet = PREAMBLE + request
        self._transport.write(packet)
        begins = loop.time() + self._wire.frame_s(len(packet)) + self._timeout_s
        heard, frames = b"", list[bytes]()
        while loop.time() < begins + self._wire.frame_s(ANSWER_MOST):
            own = packet.startswith(heard)
            part = await self._read(begins - loop.time() if own else PAUSE_S)
            if not part:
                break
            heard += part
            if not packet.startswith(heard):
                frames = framer().feed(heard.removeprefix(packet), 0)
            if frames and not all_:
                break
        return frames, len(heard.removeprefix(packet))

    async def _read(self, seconds: float) -> bytes:
        """What comes within the time; nothing when none does. Raises LinkError when the port is gone."""
        assert self._reader is not None  # noqa: S101  (open)
        data: bytes | None = None
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(max(seconds, 0.001)):
                    data = await self._reader.read(CHUNK)
        except OSError as error:
            raise LinkError("lost", f"{self._port}: {error}") from error
        if data == b"":
            raise LinkError("lost", f"{self._port}: closed by the other end")
        return data or b""


class MeterProbe:
    """One search for meters on one port.

    Args:
        numbers: meters to be asked one by one (12 digits: DL/T 645; 14: CJ/T 188) instead of a broadcast.

    Attributes:
        found, notes: as `probe.modbus.ModbusProbe`'s.
    """

    def __init__(
        self,
        port: str,
        profiles: Mapping[str, Profile],
        *,
        settings: Sequence[Setting] = SETTINGS,
        numbers: Sequence[str] = (),
        timeout_s: float = TIMEOUT_S,
        every: bool = False,
        tell: Tell,
    ) -> None:
        self.found: list[Found] = []
        self.notes: list[str] = []
        self._name = port
        self._profiles = profiles
        self._settings = settings
        self._numbers = numbers
        self._timeout_s = timeout_s
        self._every = every
        self._tell = tell
        self._serial = 0

    async def run(self) -> None:
        """Search. Raises LinkError when the port cannot be opened or is lost; `found` then holds what came before."""
        refused: list[Setting] = []
        for number, setting in enumerate(self._settings):
            port = MeterPort(self._name, setting, self._timeout_s)
            try:
                await port.open()
            except LinkError:
                if number + 1 == len(self._settings) and len(refused) == number:
                    raise
                refused.append(setting)
                self.notes.append(f"the port cannot be set to {setting}")
                continue
            try:
                self._tell(f"{setting}: meters", number, len(self._settings))
                meters = await (self._given(port) if self._numbers else self._broadcast(port, setting))
                for meter in meters:
                    await self._identify(port, setting, meter)
            finally:
                port.close()
            if self.found and not self._every:
                break

    async def _broadcast(self, port: MeterPort, setting: Setting) -> list[Meter]:
        meters: list[Meter] = []
        garbled = 0
        frames, size = await port.ask(dlt645.address_request(), dlt645.Framer, all_=True)
        numbers = {number for frame in frames if (number := _dlt645_number(frame)) is not None}
        meters += [Meter("dlt645", number) for number in sorted(numbers)]
        garbled += bool(size) and not numbers
        frames, size = await port.ask(cjt188.address_request(ser=self._next()), cjt188.Framer, all_=True)
        known = {found for frame in frames if (found := self._cjt188_meter(frame)) is not None}
        meters += [Meter("cjt188", number, kind) for kind, number in sorted(known)]
        garbled += bool(size) and not known
        if garbled and not meters:
            self.notes.append(
                f"at {setting} garbage answers a broadcast: most likely several meters speak at once. Ask them one by one: "
                "--address NUMBER, as printed on the meter (12 digits: DL/T 645; 14 digits: CJ/T 188), several with commas; "
                "or leave one meter connected"
            )
        return meters

    async def _given(self, port: MeterPort) -> list[Meter]:
        meters = []
        for place, number in enumerate(self._numbers):
            self._tell(f"meter {number}", place, len(self._numbers))
            protocol = "dlt645" if len(number) == 12 else "cjt188"
            meter = Meter(protocol, number)
            if protocol == "cjt188":
                meter_type = await self._type_of(port, number)
                if meter_type is not None:
                    meters.append(Meter(protocol, number, meter_type))
            elif await self._value(port, meter, PROVING_DI[protocol]) is not None:
                meters.append(meter)
        return meters

    async def _type_of(self, port: MeterPort, number: str) -> int | None:
        """A CJ/T 188 meter's type: it answers a read under any type, or else under its own."""
        for asked in (cjt188.ANY_TYPE, *USUAL_TYPES):
            serial = self._next()
            frames, _ = await port.ask(cjt188.read_request(asked, number, PROVING_DI["cjt188"], serial), cjt188.Framer)
            for data in frames:
                with suppress(DecodeError):
                    frame = cjt188.parse(data)
                    cjt188.read_reply(frame, number, PROVING_DI["cjt188"], serial)
                    return frame.meter_type
        return None

    async def _identify(self, port: MeterPort, setting: Setting, meter: Meter) -> None:
        wanted = identifiers(meter, self._profiles)
        answers: dict[str, bytes | None] = {}
        for place, di in enumerate(wanted):
            self._tell(f"meter {meter.number}: {di}", place, len(wanted))
            answers[di] = await self._value(port, meter, di)
        fits = rank(meter, answers, self._profiles)
        self.found.append(Found(meter.protocol, meter.number, str(setting), fits))

    async def _value(self, port: MeterPort, meter: Meter, di: str) -> bytes | None:
        """One identifier's bytes, or None. Follow-up frames are fetched."""
        if meter.protocol == "cjt188":
            serial = self._next()
            request = cjt188.read_request(meter.meter_type or cjt188.ANY_TYPE, meter.number, di, serial)
            frames, _ = await port.ask(request, cjt188.Framer)
            for data in frames:
                with suppress(DecodeError):
                    return cjt188.read_reply(cjt188.parse(data), meter.number, di, serial).data
            return None
        exchange = dlt645.Exchange(meter.number, di)
        while True:
            frames, _ = await port.ask(exchange.request, dlt645.Framer)
            value, more = None, False
            for data in frames:
                with suppress(DecodeError):
                    value, more = exchange.take(dlt645.parse(data)), True
                    break
            if value is not None or not more:
                return value

    def _cjt188_meter(self, data: bytes) -> tuple[int, str] | None:
        try:
            frame = cjt188.parse(data)
            return frame.meter_type, cjt188.read_address(frame, self._serial)
        except DecodeError:
            return None

    def _next(self) -> int:
        self._serial = (self._serial + 1) & 0xFF
        return self._serial


def _dlt645_number(data: bytes) -> str | None:
    try:
        return dlt645.read_address(dlt645.parse(data))
    except DecodeError:
        return None
