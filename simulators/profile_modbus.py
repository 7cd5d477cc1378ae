"""A Modbus unit out of its profile: registers by its points' values, and what its commands do.

Owns: the unit, its faults by name.
Must not know: lines, the command line, the gateway's codecs (profile_registers has its own).
"""

import asyncio
import struct
from collections.abc import Mapping, Sequence

from edgegw.profiles.plan import poll_plan
from edgegw.profiles.schema import Profile
from edgegw.profiles.schema_commands import CommandSpec, ModbusCommand
from simulators.profile_registers import Value, covered, place, raw_words, sample_values
from simulators.slave import COIL_ON, ILLEGAL_FUNCTION, ILLEGAL_VALUE, Cell, Fault, Refused, Slave

PULSE_S = 3.0
"""A timed effect lasts so long where the command names no time; the usual pulse of a lock."""

FUNCTIONS = {5: "coil", 15: "coil", 6: "holding", 16: "holding"}

FAULTS: dict[str, tuple[str, Fault]] = {
    "silent": ("never answers", Fault("silent")),
    "slow": ("answers right, 150 ms late: most masters still wait", Fault("slow", 0.15)),
    "late": ("answers 700 ms late, when the master has given up and asks the next", Fault("slow", 0.7)),
    "wrong-unit": ("answers as another unit", Fault("wrong-unit")),
    "bad-crc": ("answers with a wrong checksum", Fault("bad-crc")),
    "torn": ("stops in the middle of its answer", Fault("torn")),
    "exception": ("refuses everything with exception 4", Fault("exception")),
    "flapping": ("ten answers, ten silences, and so on", Fault("flapping", every=10)),
    "flood": ("answers, and talks unasked besides, twenty times a second; only with --port", Fault("flood")),
}


class ProfileUnit(Slave):
    """One unit of the device a profile describes. It begins with the values of the profile's samples.

    What a command writes comes about as its `confirm` says: that point takes that value, for a while if the command is timed. A
    function code that no command of a written address uses is refused, as the devices do that know one alone.
    """

    def __init__(self, profile: Profile, unit: int, values: Mapping[str, Value] | None = None) -> None:
        super().__init__(unit, answers_as=profile.modbus.answers_as)
        self.profile = profile
        self.values: dict[str, Value] = sample_values(profile)
        self._spans = [(block.table, block.address, block.count) for block in poll_plan(profile)]
        self._commands: dict[tuple[str, int], list[CommandSpec]] = {}
        for spec in profile.commands.values():
            if spec.modbus is not None:
                self._commands.setdefault((spec.modbus.table, spec.modbus.address), []).append(spec)
        self._ends: dict[str, asyncio.TimerHandle] = {}
        self.set(**(values or {}))

    def set(self, **values: Value) -> None:
        """Points by name. Raises ValueError for what there is not, or what a point cannot hold."""
        wanted = {**self.values, **values}
        tables: dict[str, dict[int, Cell]] = {}
        for table, cells in covered(place(self.profile, wanted), self._spans).items():
            tables[table] = {**cells}
        self.tables = tables
        self.values = wanted
        for table, address in self._commands:
            self.fill(table, range(address, address + 4))

    def pdu(self, request: bytes) -> bytes:
        """See `Slave.pdu`."""
        function = request[0]
        if function in FUNCTIONS and len(request) >= 5:
            known = self._commands.get((FUNCTIONS[function], int.from_bytes(request[1:3])))
            if known and function not in {_function(spec.modbus) for spec in known if spec.modbus is not None}:
                return bytes((function | 0x80, ILLEGAL_FUNCTION))
        answer = super().pdu(request)
        if function in FUNCTIONS and answer[0] == function:
            self._written(function, int.from_bytes(request[1:3]), request)
        return answer

    def write_coil(self, address: int, value: int) -> None:
        """FC05: also the values the profile's commands write."""
        known = self._commands.get(("coil", address))
        if not known:
            return super().write_coil(address, value)
        if value in {0, COIL_ON} or any(spec.modbus and _says(spec.modbus, [value]) is not None for spec in known):
            self.write("coil", address, int(value != 0))
            return None
        raise Refused(ILLEGAL_VALUE)

    def _written(self, function: int, address: int, request: bytes) -> None:
        words = list(struct.unpack(f">{(len(request) - 6) // 2}H", request[6:])) if function == 16 else []
        words = words or [int.from_bytes(request[3:5]) if function < 15 else request[6] & 1]
        for spec in self._commands.get((FUNCTIONS[function], address), ()):
            if spec.modbus is not None and (value := _says(spec.modbus, words)) is not None:
                self._effect(spec, value)

    def _effect(self, spec: CommandSpec, value: Value) -> None:
        confirm = spec.confirm
        if confirm is None or confirm.point not in self.profile.points:
            return
        point = confirm.point
        now = confirm.equals if confirm.arg is None else value
        if now is None or self.values.get(point) == now:
            return
        before = self.values.get(point)
        self.set(**{point: now})
        if spec.timed and before is not None:
            lasts = float(value) if spec.modbus is not None and spec.modbus.arg is not None else PULSE_S
            if point in self._ends:
                self._ends[point].cancel()
            self._ends[point] = asyncio.get_running_loop().call_later(lasts, lambda: self.set(**{point: before}))


def _function(modbus: ModbusCommand | None) -> int:
    if modbus is None:
        return 0
    several = modbus.table == "holding" and modbus.type not in {"uint16", "int16"}
    return modbus.function or (5 if modbus.table == "coil" else 16 if several else 6)


def _says(modbus: ModbusCommand, words: Sequence[int]) -> Value | None:
    """The value of a command's argument that these words are, or its fixed value if they are that; else None."""
    if modbus.arg is None:
        wanted = (
            COIL_ON
            if modbus.value is True and modbus.table == "coil" and _function(modbus) == 5
            else int(modbus.value or 0)
        )
        return modbus.value if list(words) == [wanted] else None
    if modbus.table == "coil" and words[0] in {0, COIL_ON} and modbus.scale == 1:
        return words[0] == COIL_ON
    kind = modbus.type
    for raw in _raw_numbers(kind, words, modbus.order):
        return round(raw * modbus.scale, 9)
    return None


def _raw_numbers(kind: str, words: Sequence[int], order: str) -> list[int | float]:
    """The number in the words, found by putting it there again: none if they are too many or too few."""
    pairs = [word.to_bytes(2) for word in words]
    if order in {"CDAB", "DCBA"}:
        pairs.reverse()
    if order in {"BADC", "DCBA"}:
        pairs = [pair[::-1] for pair in pairs]
    form = {"uint16": ">H", "int16": ">h", "uint32": ">I", "int32": ">i", "uint64": ">Q", "int64": ">q"}.get(kind)
    form = form or {"float32": ">f", "float64": ">d"}[kind]
    data = b"".join(pairs)
    if len(data) != struct.calcsize(form):
        return []
    number: int | float = struct.unpack(form, data)[0]
    return [number] if raw_words(kind, number, order) == list(words) else []
