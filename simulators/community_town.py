"""The community's devices on their links, and what can happen to them.

Owns: which simulated device stands where, its addresses, the values it drifts through.
Must not know: when things happen (community_story), what the gateway calls them (community_cast).
"""

import asyncio
import random
from itertools import cycle
from pathlib import Path

from msgspec import Struct

from simulators.community_zigbee import Bridge
from simulators.devices import Adam6060, LevelSensor, Sdm120, WaveshareRelay, XyMd02
from simulators.modbus import RtuBus, TcpServer
from simulators.serial_devices import Gm65, Rdm6300
from simulators.slave import Fault

METERS = 6
"""Energy meters on the line, units 1 to 6; with the sensors a round takes about a second at 9600 baud."""

ROOM_UNIT, SUMP_UNIT, RELAY_UNIT = 10, 20, 30
MUTE_UNIT = 4
"""The meter that falls silent."""

BOUNCE_S = 0.25
"""Between the four reports of one leak: true, true, false, false within a second."""

HOLD_S = 0.5
"""How long a card is held at the reader: ten frames, one swipe."""

COOL_CEL, HOT_CEL = 26.0, 58.0
LOW_CM, HIGH_CM = 42, 187
CARDS = (8844356, 9334109, 13961168)
"""Card numbers from the readers' documentation."""

REPORTS_AT_ONCE = 2
"""Quiet sensors that report in every step of ordinary life."""

LEAKS = ("leak-1203", "leak-0801", "leak-pump")
DOORS = ("door-unit-2", "door-roof")
SMOKES = ("smoke-3f", "smoke-garage")


class Places(Struct, frozen=True):
    """Where the gateway finds the links."""

    mqtt_host: str
    mqtt_port: int
    line: str
    card: str
    scanner: str
    input_host: str
    input_port: int


class SimulatedTown:
    """See the module's text; a `community_story.Town`.

    Args:
        host, port: of the broker.
        folder: where the ports' links are put; the same again after a restart.
        input_port: of the input module; 0: any.
        wait_for: topic of the gateway's state; see `Bridge`.
    """

    def __init__(self, host: str, port: int, folder: Path, *, input_port: int = 0, wait_for: str | None = None) -> None:
        self._dice = random.Random(1203)  # noqa: S311 - the same community every time
        self._host, self._port = host, port
        self._bridge = Bridge(host, port, wait_for=wait_for)
        self._meters = [Sdm120(unit) for unit in range(1, METERS + 1)]
        self._totals = [1000.0 + 37 * n for n in range(METERS)]
        self._room = XyMd02(ROOM_UNIT, temperature=COOL_CEL, humidity=55.0)
        self._sump = LevelSensor(SUMP_UNIT, level=LOW_CM)
        self._relay = WaveshareRelay(RELAY_UNIT)
        self._line = RtuBus([*self._meters, self._room, self._sump, self._relay], baud=9600, path=str(folder / "rs485"))
        self._inputs = Adam6060(1)
        self._input_server = TcpServer([self._inputs], port=input_port)
        self._reader = Rdm6300(path=str(folder / "card-reader"))
        self._scanner = Gm65(path=str(folder / "scanner"))
        self._open = dict.fromkeys(DOORS, False)
        self._smoke = False
        self._hot = False
        self._high = False
        self._swipes = 0
        self._turn = cycle((*LEAKS[1:], *DOORS, *SMOKES))  # not the one that leaks: its bounce is to stay one

    async def start(self) -> None:
        """Make all ports appear, and every sensor known as online once the broker is there."""
        for part in (self._line, self._input_server, self._reader, self._scanner):
            await part.start()
        for device in (*LEAKS, *DOORS, *SMOKES):
            self._bridge.available(device, online=True)

    async def run(self) -> None:
        """Talk to the broker until cancelled."""
        await self._bridge.run()

    async def stop(self) -> None:
        """Make all ports vanish."""
        for part in (self._scanner, self._reader, self._input_server, self._line):
            await part.stop()

    def places(self) -> Places:
        """Where the links are."""
        return Places(
            self._host,
            self._port,
            self._line.path,
            self._reader.path,
            self._scanner.path,
            self._input_server.host,
            self._input_server.port,
        )

    def sent(self) -> dict[str, int]:
        """What was sent, and in the case of MQTT acknowledged by the broker."""
        return {
            "mqtt": self._bridge.acknowledged.total(),
            "mqtt_dropped": self._bridge.dropped,
            "rtu_answers": sum(s.requests for s in self._line.units.by_unit.values() if s.fault is None),
            "card_swipes": self._swipes,
            "card_frames": self._reader.sent,
            "codes": self._scanner.sent,
        }

    async def flushed(self, within_s: float) -> bool:
        """Whether the broker has acknowledged everything within that time."""
        return await self._bridge.flushed(within_s)

    # --- what can happen ------------------------------------------------------------------------------------------------

    async def leak(self) -> None:
        """See `Town.leak`."""
        for wet in (True, True, False, False):
            self._report_leak(LEAKS[0], wet=wet)
            await asyncio.sleep(BOUNCE_S)

    async def dry(self) -> None:
        """See `Town.dry`."""
        self._report_leak(LEAKS[0], wet=False)

    def _report_leak(self, device: str, *, wet: bool) -> None:
        self._bridge.state(
            device, battery="80.00", voltage=2900, temperature=self._near(22.0, 0.4), water_leak=wet
        )  # battery as text, as captured

    async def door(self, *, is_open: bool) -> None:
        """See `Town.door`."""
        self._open[DOORS[0]] = is_open
        self._report_door(DOORS[0])

    def _report_door(self, device: str) -> None:
        self._bridge.state(device, battery=97, voltage=3005, contact=not self._open[device])  # contact: true is closed

    async def smoke(self, *, present: bool) -> None:
        """See `Town.smoke`."""
        self._smoke = present
        self._report_smoke(SMOKES[0], present=present)

    def _report_smoke(self, device: str, *, present: bool) -> None:
        self._bridge.state(device, battery=100, voltage=3115, smoke_density=11 if present else 2, smoke=present)

    async def heat(self, *, hot: bool) -> None:
        """See `Town.heat`."""
        self._hot = hot
        self._room.set(temperature=HOT_CEL if hot else COOL_CEL)

    async def flood(self, *, high: bool) -> None:
        """See `Town.flood`."""
        self._high = high
        self._sump.set(level=HIGH_CM if high else LOW_CM)

    async def lift(self, *, fault: bool) -> None:
        """See `Town.lift`."""
        self._inputs.set(0, on=fault)

    async def card(self) -> None:
        """See `Town.card`."""
        self._swipes += 1
        await self._reader.tap(CARDS[self._swipes % len(CARDS)], HOLD_S)

    async def code(self) -> None:
        """See `Town.code`."""
        self._scanner.scan(f"VISIT-{self._dice.randrange(10**6):06d}")

    async def mute(self, *, silent: bool) -> None:
        """See `Town.mute`."""
        self._line.units.by_unit[MUTE_UNIT].fault = Fault("silent") if silent else None

    async def life(self) -> None:
        """See `Town.life`."""
        for n, meter in enumerate(self._meters):
            watts = self._near(400.0 + 250 * n, 60.0)
            volts = self._near(230.5, 1.5)
            self._totals[n] += watts * 2 / 3.6e6
            meter.set(
                voltage=volts,
                current=watts / volts,
                power=watts,
                frequency=self._near(50.0, 0.02),
                imported=self._totals[n],
                total=self._totals[n],
            )
        self._room.set(temperature=self._near(HOT_CEL if self._hot else COOL_CEL, 0.3), humidity=self._near(55.0, 1.0))
        self._sump.set(level=round(self._near(HIGH_CM if self._high else LOW_CM, 2.0)))
        for _ in range(REPORTS_AT_ONCE):
            self._report_quietly(next(self._turn))

    def _report_quietly(self, device: str) -> None:
        if device in LEAKS:
            self._report_leak(device, wet=False)
        elif device in DOORS:
            self._report_door(device)
        else:
            self._report_smoke(device, present=self._smoke and device == SMOKES[0])

    def _near(self, value: float, spread: float) -> float:
        return round(value + self._dice.uniform(-spread, spread), 2)
