"""Modbus devices of a residential community, as register maps with setters.

Owns: where real devices keep which value (vendors' register lists; see docs of the profiles of the same names).
Must not know: lines, sockets, the gateway.
"""

import asyncio

from simulators.slave import ILLEGAL_ADDRESS, ILLEGAL_VALUE, Refused, Slave

PULSE_BASE = 0x0200
ALL_COILS = 0x00FF


class Sdm120(Slave):
    """Eastron SDM120 energy meter: FC04, float32, high word first. Addresses between its values read as zero."""

    VOLTAGE, CURRENT, POWER, FREQUENCY, IMPORTED, EXPORTED, TOTAL = 0x00, 0x06, 0x0C, 0x46, 0x48, 0x4A, 0x156

    def __init__(self, unit: int) -> None:
        super().__init__(unit)
        self.fill("input", range(0x160))
        self.set(voltage=230.2, current=0.0, power=0.0, frequency=50.0, imported=0.0, exported=0.0, total=0.0)

    def set(self, **values: float) -> None:
        """V, A, W, Hz, kWh by name: voltage, current, power, frequency, imported, exported, total."""
        for name, value in values.items():
            self.set_float("input", getattr(self, name.upper()), value)


class XyMd02(Slave):
    """XY-MD02 temperature and humidity: FC04 0001 and 0002, tenths."""

    def __init__(self, unit: int, *, temperature: float = 22.0, humidity: float = 50.0) -> None:
        super().__init__(unit)
        self.fill("holding", (0x0101,), unit)
        self.fill("holding", (0x0102,), 9600)
        self.set(temperature=temperature, humidity=humidity)

    def set(self, *, temperature: float | None = None, humidity: float | None = None) -> None:
        """Degrees Celsius and percent."""
        if temperature is not None:
            self.set_int("input", 1, round(temperature * 10))
        if humidity is not None:
            self.set_int("input", 2, round(humidity * 10))


class LevelSensor(Slave):
    """Generic RS-485 water level: FC03 0000 in centimetres."""

    def __init__(self, unit: int, *, level: int = 31) -> None:
        super().__init__(unit)
        self.set(level=level)

    def set(self, *, level: int) -> None:
        """Centimetres."""
        self.set_int("holding", 0, level)


class WaveshareRelay(Slave):
    """Waveshare Modbus RTU Relay 8ch: coils 0–7, 00FF all at once, 0200–0207 a pulse of value × 100 ms timed in the device."""

    def __init__(self, unit: int) -> None:
        super().__init__(unit)
        self.fill("coil", range(8))
        self.pulses = 0
        self._ends: dict[int, asyncio.TimerHandle] = {}

    def set(self, channel: int, *, on: bool) -> None:
        """Switch as if by hand."""
        self.set_int("coil", channel, int(on))

    def on(self, channel: int) -> bool:
        """Whether the relay has pulled."""
        return bool(self.read("coil", channel))

    def write_coil(self, address: int, value: int) -> None:
        """FC05 with the device's own extensions."""
        if address == ALL_COILS:
            if value not in {0, 0xFF00}:
                raise Refused(ILLEGAL_VALUE)
            for channel in range(8):
                self.set(channel, on=value != 0)
        elif PULSE_BASE <= address < PULSE_BASE + 8:
            channel = address - PULSE_BASE
            self.set(channel, on=True)
            self.pulses += 1
            if channel in self._ends:  # a pulse begun anew lasts its whole time
                self._ends[channel].cancel()
            loop = asyncio.get_running_loop()
            self._ends[channel] = loop.call_later(value * 0.1, lambda: self.set(channel, on=False))
        elif address < 8:
            super().write_coil(address, value)
        else:
            raise Refused(ILLEGAL_ADDRESS)


class OddRelay(Slave):
    """A cheap relay board whose coils are switched on by FC05 0100, or by FC06 1 to the register of the same address."""

    ON = 0x0100

    def __init__(self, unit: int, channels: int = 4) -> None:
        super().__init__(unit)
        self.fill("coil", range(channels))
        self.fill("holding", range(channels))

    def on(self, channel: int) -> bool:
        """Whether the relay has pulled."""
        return bool(self.read("coil", channel))

    def write_coil(self, address: int, value: int) -> None:
        """FC05 with the device's own value."""
        if value not in {0, self.ON}:
            raise Refused(ILLEGAL_VALUE)
        self.write("coil", address, int(value == self.ON))

    def write(self, table: str, address: int, value: int) -> None:
        """The register moves the relay, too."""
        super().write(table, address, value)
        if table == "holding":
            self.set_int("coil", address, int(value == 1))


class Adam6060(Slave):
    """Advantech ADAM-6060: coils 0–5 inputs, 16–21 relays; 32-bit counters of the inputs in holding 0–11, low word first."""

    def __init__(self, unit: int = 1) -> None:
        super().__init__(unit)
        self.fill("coil", range(22))
        self.fill("holding", range(12))

    def set(self, channel: int, *, on: bool) -> None:
        """A dry contact closes or opens; closing counts."""
        if on and not self.read("coil", channel):
            count = self.read("holding", 2 * channel) | self.read("holding", 2 * channel + 1) << 16
            self.set_int("holding", 2 * channel, count + 1)
            self.set_int("holding", 2 * channel + 1, (count + 1) >> 16)
        self.set_int("coil", channel, int(on))

    def relay(self, channel: int) -> bool:
        """Whether relay 0–5 has pulled."""
        return bool(self.read("coil", 16 + channel))

    def write(self, table: str, address: int, value: int) -> None:
        """Inputs can't be written."""
        if table == "coil" and address < 16:
            raise Refused(ILLEGAL_ADDRESS)
        super().write(table, address, value)
