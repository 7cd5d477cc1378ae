"""A device out of its profile: a profile is enough to simulate what it describes.

Owns: the command line that puts Modbus units (profile_modbus), meters (profile_meter), OSDP readers (profile_osdp) or a talking
device (profile_serial) on a line, or MQTT devices (mqtt_unit) on a broker.
Must not know: what they say.

`python -m simulators.from_profile --help`
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from edgegw.errors import ProfileError
from edgegw.profiles.loader import ProfileLibrary
from edgegw.profiles.schema import Profile
from simulators import mqtt_serve, profile_meter, profile_osdp, profile_serial
from simulators.meters import Meter, MeterFault
from simulators.modbus import RtuBus, RtuTcpServer, TcpServer
from simulators.mqtt_unit import MqttUnit
from simulators.profile_modbus import FAULTS, ProfileUnit
from simulators.profile_registers import Value
from simulators.slave import Fault

BAUD = 9600
"""Of a Modbus line, where none is said."""

CLOCK_OFF_MOST_S = 3650 * 86_400
"""Ten years: a clock that was never set is off by more, and says a time before 2001, which counts as none."""


def _explained(faults: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {text}" for name, text in faults.items())


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line, understood as far as the profile is not needed. Exits with 2 where it is none."""
    parser = argparse.ArgumentParser(
        prog="python -m simulators.from_profile",
        description="Simulates Modbus, MQTT and serial devices, meters and OSDP readers from their profile, with the values of "
        "its samples unless told otherwise. A serial device says its samples in turn, or one frame with the values of --set: "
        "made anew for rdm6300, em-binary, vguang, wiegand-bits, wiegand-hex and text; another (gst9000) says the samples that "
        "show them. An OSDP reader likewise has its samples' cards, keys and contacts in turn, or those of --set each time.",
        epilog=f"Faults on Modbus: {_explained({name: text for name, (text, _) in FAULTS.items()})}. "
        f"Faults of meters: {_explained({name: text for name, (text, _) in profile_meter.FAULTS.items()})}. "
        f"Faults of serial devices: {_explained(profile_serial.FAULTS)}. "
        f"Faults of OSDP readers: {_explained(profile_osdp.FAULTS)}. "
        f"Faults on MQTT: {_explained(mqtt_serve.FAULTS)}.",
    )
    parser.add_argument("profile", help="<vendor>/<model>, such as eastron/sdm120")
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--port", metavar="PATH", help="appear as a serial port at this path, at the wire's pace")
    way.add_argument("--tcp", metavar="PORT", type=int, help="listen as Modbus TCP on this port of 127.0.0.1 (0: any)")
    way.add_argument("--rtu-tcp", metavar="PORT", type=int, help="listen as a serial server (RTU over TCP)")
    way.add_argument("--broker", metavar="HOST:PORT", help="MQTT devices: the broker they are on")
    parser.add_argument("--baud", type=int, help="of the line (9600; meters: 2400)")
    secure = parser.add_mutually_exclusive_group()
    secure.add_argument(
        "--key-file", metavar="PATH", help="OSDP readers: file with the key of the secure channel, 32 hex digits"
    )
    secure.add_argument(
        "--install",
        action="store_true",
        help="OSDP readers: with the default key, and take the one they are given (without either: in the clear)",
    )
    parser.add_argument(
        "--unit",
        action="append",
        metavar="N|N-M",
        help="unit id, reader's address or a range of them; may be repeated (1; readers 0)",
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="POINT=VALUE", help="a point's value; may be repeated"
    )
    parser.add_argument(
        "--address",
        action="append",
        metavar="TEXT",
        help="MQTT devices, meters, OSDP readers: address; may be repeated (sim-1)",
    )
    parser.add_argument(
        "--every",
        type=float,
        default=10.0,
        metavar="S",
        help="MQTT, serial devices, OSDP readers: seconds between reports (10)",
    )
    parser.add_argument(
        "--clock-off",
        type=float,
        metavar="S",
        help="MQTT devices that tell the time of their values: their clock is so many seconds ahead (behind: -3600)",
    )
    parser.add_argument(
        "--fault",
        choices=[
            *dict.fromkeys(
                [*FAULTS, *profile_meter.FAULTS, *profile_serial.FAULTS, *profile_osdp.FAULTS, *mqtt_serve.FAULTS]
            )
        ],
        help="what is wrong with them all",
    )
    parser.add_argument("--times", type=int, help="Modbus, meters: so many requests are affected, then it is over")
    return parser.parse_args(argv)


def units_of(texts: Sequence[str], least: int = 1, most: int = 255) -> list[int]:
    """Unit ids from ``7`` and ``1-30``. Raises ValueError."""
    found: list[int] = []
    for text in texts:
        first, dash, last = text.partition("-")
        low, high = int(first), int(last if dash else first)
        if not least <= low <= high <= most:
            raise ValueError(f"{text}: units are {least} to {most}")
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


def values_of(profile: Profile, texts: Sequence[str]) -> dict[str, Value]:
    """Values by point; of a point that is text, as written (card 0008844356 is no number). Raises ValueError."""
    found = dict(map(value_of, texts))
    for text in texts:
        name, _, written = text.partition("=")
        point = profile.points.get(name)
        if point is not None and point.type == "str" and point.map is None:
            found[name] = written
    return found


def units(args: argparse.Namespace, profile: Profile) -> list[ProfileUnit]:
    """The units the command line asks for. Raises ValueError."""
    values = values_of(profile, args.set)
    made = [ProfileUnit(profile, unit, values) for unit in units_of(args.unit or ["1"])]
    if args.fault is not None:
        fault = FAULTS[args.fault][1]
        for unit in made:
            unit.fault = Fault(fault.kind, fault.seconds, args.times, fault.code, fault.every)
    return made


def meters(args: argparse.Namespace, profile: Profile) -> list[Meter]:
    """The meters the command line asks for. Raises ValueError."""
    if not args.address:
        raise ValueError("a meter has a number: --address")
    values = values_of(profile, args.set)
    made = [profile_meter.meter_of(profile, address, values) for address in args.address]
    fault = profile_meter.FAULTS[args.fault][1] if args.fault is not None else None
    for meter in made:
        meter.fault = MeterFault(fault.kind, fault.seconds, args.times) if fault is not None else None
    return made


def readers(args: argparse.Namespace, profile: Profile) -> profile_osdp.Readers:
    """The OSDP readers the command line asks for. Raises ValueError or OSError."""
    profile_osdp.require_libosdp()
    _regular(args)
    addresses = units_of([*(args.unit or ()), *(args.address or ())] or ["0"], 0, profile_osdp.MOST_ADDRESS)
    if len({*addresses}) < len(addresses):
        raise ValueError("two readers have one address")
    return profile_osdp.Readers(
        addresses,
        profile_osdp.scenes(profile, values_of(profile, args.set)),
        path=args.port,
        baud=args.baud or profile_osdp.BAUD,
        key=profile_osdp.key_of(args.key_file) if args.key_file is not None else None,
        install=args.install,
        fault=args.fault,
    )


def _regular(args: argparse.Namespace) -> None:
    if not args.every > 0:
        raise ValueError("--every is more than 0 seconds")


def mqtt_units(args: argparse.Namespace, profile: Profile) -> list[MqttUnit]:
    """The MQTT devices the command line asks for. Raises ValueError."""
    values = values_of(profile, args.set)
    _regular(args)
    off_ns = round((args.clock_off or 0.0) * 1e9)
    return [
        MqttUnit(profile, address, values, clock=lambda: time.time_ns() + off_ns)
        for address in args.address or ["sim-1"]
    ]


def _profile(args: argparse.Namespace) -> Profile:
    """The profile, with a way its devices are on and a fault they can have. Raises ValueError or ProfileError."""
    profile = ProfileLibrary().get(args.profile)
    known = _WAYS.get(profile.link)
    if known is None:
        raise ValueError(f"{args.profile} is for {profile.link}: this simulates {', '.join(_WAYS)}")
    if all(getattr(args, way) is None for way in known.options):
        raise ValueError(f"{args.profile} is for {profile.link}: use {known.said}")
    if args.fault is not None and args.fault not in known.faults:
        raise ValueError(f"{args.fault} is no fault of {known.device}: {', '.join(known.faults)}")
    if args.fault == "flood" and profile.link == "modbus" and args.port is None:
        raise ValueError("flood is a fault on a line: use --port")
    if (args.key_file is not None or args.install) and profile.link != "osdp":
        raise ValueError(f"{args.profile} has no secure channel: --key-file and --install are for OSDP readers")
    if args.clock_off is not None:
        if not any(point.mqtt is not None and point.mqtt.time is not None for point in profile.points.values()):
            raise ValueError(f"{args.profile} tells no time of its own: --clock-off does nothing there")
        if not abs(args.clock_off) <= CLOCK_OFF_MOST_S:
            raise ValueError("--clock-off: at most ten years, in seconds")
    return profile


class _Way(NamedTuple):
    """How devices of a link are reached: options of the command line, and what they are called."""

    options: tuple[str, ...]
    said: str
    device: str
    faults: Mapping[str, object]


_WAYS = {
    "modbus": _Way(("port", "tcp", "rtu_tcp"), "--port, --tcp or --rtu-tcp", "a Modbus device", FAULTS),
    "meter": _Way(("port",), "--port", "a meter", profile_meter.FAULTS),
    "serial": _Way(("port",), "--port", "a serial device", profile_serial.FAULTS),
    "osdp": _Way(("port",), "--port", "an OSDP reader", profile_osdp.FAULTS),
    "mqtt": _Way(("broker",), "--broker", "an MQTT device", mqtt_serve.FAULTS),
}


async def serve(args: argparse.Namespace, made: Sequence[ProfileUnit]) -> None:
    """Serve until cancelled."""
    line: RtuBus | TcpServer | RtuTcpServer
    if args.port is not None:
        line = RtuBus(made, baud=args.baud or BAUD, path=args.port)
    elif args.tcp is not None:
        line = TcpServer(made, port=args.tcp)
    else:
        line = RtuTcpServer(made, baud=args.baud or BAUD, port=args.rtu_tcp)
    await line.start()
    where = line.path if isinstance(line, RtuBus) else f"127.0.0.1:{line.port}"
    print(f"{args.profile} at {where}, unit {', '.join(str(unit.unit) for unit in made)}", flush=True)
    for name, value in made[0].values.items():
        print(f"  {name} = {value}", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await line.stop()


async def simulated(args: argparse.Namespace) -> None:
    """What the command line asks for, until cancelled. Raises ValueError, ProfileError or OSError."""
    profile = _profile(args)
    if profile.link == "mqtt":
        host, port = mqtt_serve.where(args.broker)
        made = mqtt_units(args, profile)
        await mqtt_serve.serve(made, host, port, every_s=args.every, fault=args.fault)
    elif profile.link == "meter":
        baud = args.baud or profile_meter.BAUD
        await profile_meter.serve(args.profile, meters(args, profile), args.port, baud=baud, fault=args.fault)
    elif profile.link == "osdp":
        await profile_osdp.serve(args.profile, readers(args, profile), every_s=args.every)
    elif profile.link == "serial":
        _regular(args)
        said, baud = profile_serial.frames(profile, values_of(profile, args.set)), args.baud or profile_serial.BAUD
        await profile_serial.serve(
            args.profile, profile, said, args.port, baud=baud, every_s=args.every, fault=args.fault
        )
    else:
        await serve(args, units(args, profile))


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when stopped, 2 for a wrong command line."""
    args = arguments(argv)
    try:
        asyncio.run(simulated(args))
    except (ValueError, ProfileError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
