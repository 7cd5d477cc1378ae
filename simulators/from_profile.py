"""A device out of its profile: a profile is enough to simulate what it describes.

Owns: the Modbus unit (registers by its points' values, what its commands do), and the command line that puts units on a line, or
MQTT devices (mqtt_unit) on a broker.
Must not know: the gateway's codecs (profile_registers has its own).

`python -m simulators.from_profile --help`
"""

import argparse
import asyncio
import struct
import sys
from collections.abc import Mapping, Sequence

from edgegw.errors import ProfileError
from edgegw.profiles.loader import ProfileLibrary
from edgegw.profiles.plan import poll_plan
from edgegw.profiles.schema import Profile
from edgegw.profiles.schema_commands import CommandSpec, ModbusCommand
from simulators import mqtt_serve
from simulators.modbus import RtuBus, RtuTcpServer, TcpServer
from simulators.mqtt_unit import MqttUnit
from simulators.profile_registers import Value, covered, place, raw_words, sample_values
from simulators.slave import COIL_ON, ILLEGAL_FUNCTION, ILLEGAL_VALUE, Cell, Fault, Refused, Slave

PULSE_S = 3.0
"""A timed effect lasts so long where the command names no time; the usual pulse of a lock."""

FUNCTIONS = {5: "coil", 15: "coil", 6: "holding", 16: "holding"}


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


# --- the command line

FAULTS: dict[str, tuple[str, Fault]] = {
    "silent": ("never answers", Fault("silent")),
    "slow": ("answers right, 150 ms late: most masters still wait", Fault("slow", 0.15)),
    "late": ("answers 700 ms late, when the master has given up and asks the next", Fault("slow", 0.7)),
    "wrong-unit": ("answers as another unit", Fault("wrong-unit")),
    "bad-crc": ("answers with a wrong checksum", Fault("bad-crc")),
    "torn": ("stops in the middle of its answer", Fault("torn")),
    "exception": ("refuses everything with exception 4", Fault("exception")),
    "flapping": ("ten answers, ten silences, and so on", Fault("flapping", every=10)),
}


def _explained(faults: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {text}" for name, text in faults.items())


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m simulators.from_profile",
        description="Simulates Modbus and MQTT devices from their profile, with the values of its samples unless told otherwise.",
        epilog=f"Faults on Modbus: {_explained({name: text for name, (text, _) in FAULTS.items()})}. "
        f"Faults on MQTT: {_explained(mqtt_serve.FAULTS)}.",
    )
    parser.add_argument("profile", help="<vendor>/<model>, such as eastron/sdm120")
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--port", metavar="PATH", help="appear as a serial port at this path, at the wire's pace")
    way.add_argument("--tcp", metavar="PORT", type=int, help="listen as Modbus TCP on this port of 127.0.0.1 (0: any)")
    way.add_argument("--rtu-tcp", metavar="PORT", type=int, help="listen as a serial server (RTU over TCP)")
    way.add_argument("--broker", metavar="HOST:PORT", help="MQTT devices: the broker they are on")
    parser.add_argument("--baud", type=int, default=9600, help="of the line (9600)")
    parser.add_argument(
        "--unit", action="append", metavar="N|N-M", help="unit id or a range of them; may be repeated (1)"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="POINT=VALUE", help="a point's value; may be repeated"
    )
    parser.add_argument(
        "--address", action="append", metavar="TEXT", help="MQTT devices: address; may be repeated (sim-1)"
    )
    parser.add_argument(
        "--every", type=float, default=10.0, metavar="S", help="MQTT devices: seconds between reports (10)"
    )
    parser.add_argument(
        "--fault", choices=[*dict.fromkeys([*FAULTS, *mqtt_serve.FAULTS])], help="what is wrong with them all"
    )
    parser.add_argument("--times", type=int, help="so many requests are affected by the fault, then it is over")
    return parser.parse_args(argv)


def units_of(texts: Sequence[str]) -> list[int]:
    """Unit ids from ``7`` and ``1-30``. Raises ValueError."""
    found: list[int] = []
    for text in texts:
        first, dash, last = text.partition("-")
        low, high = int(first), int(last if dash else first)
        if not 1 <= low <= high <= 255:
            raise ValueError(f"{text}: units are 1 to 255")
        found += range(low, high + 1)
    return found


def value_of(text: str) -> tuple[str, Value]:
    """``point=value``: true and false, numbers, or text. Raises ValueError."""
    name, sign, value = text.partition("=")
    if not sign:
        raise ValueError(f"{text}: write point=value")
    if value in {"true", "false"}:
        return name, value == "true"
    try:
        return name, float(value) if "." in value else int(value)
    except ValueError:
        return name, value


def units(args: argparse.Namespace) -> list[ProfileUnit]:
    """The units the command line asks for. Raises ValueError or ProfileError."""
    profile = _profile(args, "modbus")
    values = dict(map(value_of, args.set))
    made = [ProfileUnit(profile, unit, values) for unit in units_of(args.unit or ["1"])]
    if args.fault is not None:
        if args.fault not in FAULTS:
            raise ValueError(f"{args.fault} is no fault of a Modbus device: {', '.join(FAULTS)}")
        fault = FAULTS[args.fault][1]
        for unit in made:
            unit.fault = Fault(fault.kind, fault.seconds, args.times, fault.code, fault.every)
    return made


def mqtt_units(args: argparse.Namespace) -> list[MqttUnit]:
    """The MQTT devices the command line asks for. Raises ValueError or ProfileError."""
    profile = _profile(args, "mqtt")
    values = dict(map(value_of, args.set))
    if args.fault is not None and args.fault not in mqtt_serve.FAULTS:
        raise ValueError(f"{args.fault} is no fault of an MQTT device: {', '.join(mqtt_serve.FAULTS)}")
    if not args.every > 0:
        raise ValueError("--every is more than 0 seconds")
    return [MqttUnit(profile, address, values) for address in args.address or ["sim-1"]]


def _profile(args: argparse.Namespace, link: str) -> Profile:
    profile = ProfileLibrary().get(args.profile)
    if profile.link != link:
        ways = {"modbus": "--port, --tcp or --rtu-tcp", "mqtt": "--broker"}
        way = f"use {ways[profile.link]}" if profile.link in ways else "this simulates Modbus and MQTT devices"
        raise ValueError(f"{args.profile} is for {profile.link}: {way}")
    return profile


async def serve(args: argparse.Namespace, made: Sequence[ProfileUnit]) -> None:
    """Serve until cancelled."""
    line: RtuBus | TcpServer | RtuTcpServer
    if args.port is not None:
        line = RtuBus(made, baud=args.baud, path=args.port)
    elif args.tcp is not None:
        line = TcpServer(made, port=args.tcp)
    else:
        line = RtuTcpServer(made, baud=args.baud, port=args.rtu_tcp)
    await line.start()
    where = line.path if isinstance(line, RtuBus) else f"127.0.0.1:{line.port}"
    print(f"{args.profile} at {where}, unit {', '.join(str(unit.unit) for unit in made)}", flush=True)
    for name, value in made[0].values.items():
        print(f"  {name} = {value}", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await line.stop()


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when stopped, 2 for a wrong command line."""
    args = _arguments(argv)
    try:
        if args.broker is not None:
            host, port = mqtt_serve.where(args.broker)
            asyncio.run(mqtt_serve.serve(mqtt_units(args), host, port, every_s=args.every, fault=args.fault))
        else:
            asyncio.run(serve(args, units(args)))
    except (ValueError, ProfileError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
