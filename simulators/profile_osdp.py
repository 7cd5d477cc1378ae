"""An OSDP reader out of its profile: which cards, keys and contacts make the values its points are to have.

Owns: from points to what happens at the reader (cards and their bits, keys, cover, supply), its key file, its faults by
name, when it happens.
Must not know: how the gateway decodes a reply, the secure channel (libosdp's).

A reader shows the good samples of its profile in turn, or over and over the values it is told. Needs ``edgegw[osdp]``.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from edgegw.profiles.schema import Point, Profile
from simulators.osdp_reader import OsdpLine, OsdpReader
from simulators.profile_registers import Value

BAUD = 9600
"""What readers come with."""

MOST_ADDRESS = 126
FLAPPING = 10
SLOW_S = 0.1
"""A panel waits 200 ms for an answer."""

FAULTS = {
    "silent": "never answers",
    "slow": f"answers {SLOW_S * 1000:.0f} ms late: panels wait 200 ms",
    "bad-checksum": "answers with a wrong CRC",
    "torn": "stops in the middle of its answers",
    "flapping": "there for ten times --every, gone for as long, and so on",
}

_PRINTED = {24: 26, 32: 34, 35: 37}
"""Bits of a printed number to the bits of a read that carries it: HID H10301, H10306 and H10302."""

_BARE = (32, 56, 64, 80)
"""Bits of cards without parity: serial numbers of 4, 7, 8 and 10 bytes."""

_KEYS = re.compile(r"[0-9*#]{1,16}")
_PIN = re.compile(r"[0-9]{1,16}")
_KEY_DIGITS = re.compile(r"[0-9A-Fa-f]{32}")
_KEY_FILE_MOST = 256
_CARD = ("card", "wiegand", "number", "hex", "bits")
_SHOWN = (*_CARD, "reader", "keys", "pin", "tamper", "power_fault")


@dataclass(frozen=True)
class Scene:
    """What happens at the reader at once.

    Attributes:
        card: bits of a read, parity included, and how many. keys: pressed one after the other.
        tamper, power_fault: what it then tells; None both: nothing.
    """

    card: tuple[int, int] | None = None
    keys: str = ""
    tamper: bool | None = None
    power_fault: bool | None = None

    def play(self, reader: OsdpReader) -> None:
        """Let it happen. Raises RuntimeError if the reader keeps no more."""
        if self.tamper is not None or self.power_fault is not None:
            reader.tell(tampered=bool(self.tamper), power_fault=bool(self.power_fault))
        if self.card is not None:
            reader.tap_raw(*self.card)
        if self.keys:
            reader.press(self.keys)


def scenes(profile: Profile, values: Mapping[str, Value] | None = None) -> list[Scene]:
    """What happens in turn.

    Raises:
        ValueError: no such point, no value of it, or values that no one card has; the text names the point, never the value.
    """
    if values:
        unknown = values.keys() - profile.points.keys()
        if unknown:
            raise ValueError(f"there is no point {min(unknown)!r}; points are {', '.join(profile.points)}")
        return [_scene(profile, values)]
    return [_scene(profile, sample.readings) for sample in profile.samples if sample.error is None and sample.readings]


def _scene(profile: Profile, values: Mapping[str, Value | None]) -> Scene:
    at: dict[str, str] = {}
    fields: dict[str, str] = {}
    for name, value in values.items():
        point = profile.points[name]
        if point.osdp is None or value is None:
            continue
        field = point.osdp.field
        if field not in _SHOWN:
            raise ValueError(f"{name}: a simulated reader has no {field}")
        at[field] = name
        fields[field] = _text(name, point, value)
    if int(fields.get("reader", "0")) != 0:
        raise ValueError(f"{at['reader']}: it is reader 0")
    tamper, power = (_truth(fields, at, field) for field in ("tamper", "power_fault"))
    return Scene(_card(fields, at, wiegand=profile.osdp.cards == "wiegand"), _keys(fields, at), tamper, power)


def _text(name: str, point: Point, value: Value) -> str:
    """The value as the reply has it."""
    if point.map is not None:
        for key, meant in point.map.items():
            if meant == value and isinstance(meant, bool) == isinstance(value, bool):
                return key
        raise ValueError(f"{name}: none of {', '.join(map(repr, point.map.values()))}")
    if (point.type == "bool") != isinstance(value, bool):
        raise ValueError(f"{name}: is of type {point.type}")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _truth(fields: Mapping[str, str], at: Mapping[str, str], field: str) -> bool | None:
    said = fields.get(field)
    if said not in {None, "true", "false"}:
        raise ValueError(f"{at[field]}: true or false")
    return None if said is None else said == "true"


def _keys(fields: Mapping[str, str], at: Mapping[str, str]) -> str:
    keys, pin = fields.get("keys"), fields.get("pin")
    if keys is not None and _KEYS.fullmatch(keys) is None:
        raise ValueError(f"{at['keys']}: up to 16 of 0-9, * and #")
    if pin is not None and _PIN.fullmatch(pin) is None:
        raise ValueError(f"{at['pin']}: up to 16 digits")
    if keys is not None and pin is not None and keys != f"{pin}#":
        raise ValueError(f"{at['pin']}: not what the keys of {at['keys']} make")
    return keys or (f"{pin}#" if pin else "")


def _card(fields: Mapping[str, str], at: Mapping[str, str], *, wiegand: bool) -> tuple[int, int] | None:
    """The one read that has all these fields."""
    wanted = {field: fields[field] for field in _CARD if field in fields}
    if not wanted:
        return None
    first = next(iter(wanted))
    if first in {"card", "wiegand"} and not wiegand:
        raise ValueError(f"{at[first]}: its cards are raw: number or hex")
    try:
        reads = _reads(first, wanted[first], int(wanted.get("bits", "0")))
    except ValueError as error:
        raise ValueError(f"{at[first]}: {error}") from None
    fits = {read: [f for f, v in wanted.items() if _shows(*read, wiegand=wiegand).get(f) == v] for read in reads}
    best = max(fits, key=lambda read: len(fits[read]))
    for field in wanted:
        if field not in fits[best]:
            raise ValueError(f"{at[field]}: no read that fits {at[first]} has this")
    return best


def _reads(field: str, text: str, bits: int) -> list[tuple[int, int]]:
    """Reads that one field may mean, the likeliest first, each as its bits and how many; `bits`: of that many (0: any).

    Raises ValueError, without the value, if there is none.
    """
    if field == "bits":
        raise ValueError("says how long a card is, not which")
    if re.fullmatch({"wiegand": "[0-9]{3},[0-9]{5}", "hex": "[0-9A-F]{1,32}"}.get(field, "[0-9]{1,24}"), text) is None:
        raise ValueError("no such number; card: ten digits, wiegand: 213,02000, number: decimal, hex: capital digits")
    if field in {"card", "wiegand"}:
        facility, comma, low = text.partition(",")
        if comma and (int(facility) > 0xFF or int(low) > 0xFFFF):
            raise ValueError("at most 255,65535")
        data = int(facility) << 16 | int(low) if comma else int(text)
        reads = [
            _with_parity(data, size) for size, whole in _PRINTED.items() if not data >> size and bits in {0, whole}
        ]
        if not reads:
            raise ValueError("no read of 26, 34 or 37 bits holds it")
        return reads
    number = int(text, 16 if field == "hex" else 10)
    sizes = [bits] if bits else [4 * len(text)] if field == "hex" else _BARE
    reads = [(number, size) for size in sizes if not number >> size]
    if not reads:
        raise ValueError("more than the card's bits hold")
    return reads


def _with_parity(data: int, size: int) -> tuple[int, int]:
    """A printed number of so many bits as a Wiegand read: even parity before the first half, odd behind the second; a bit in the
    middle is in both."""
    half = (size + 1) // 2
    even = (data >> (size - half)).bit_count() % 2
    odd = 1 - (data & ((1 << half) - 1)).bit_count() % 2
    return even << (size + 1) | data << 1 | odd, size + 2


def _shows(number: int, bits: int, *, wiegand: bool) -> dict[str, str]:
    """What a read of these bits is, by field."""
    shown = {"number": str(number), "hex": f"{number:0{(bits + 3) // 4}X}", "bits": str(bits)}
    if wiegand and bits in _PRINTED.values():
        data = number >> 1 & (1 << (bits - 2)) - 1
        shown |= {"card": f"{data:010d}", "wiegand": f"{data >> 16 & 0xFF:03d},{data & 0xFFFF:05d}"}
    return shown


def key_of(path: str) -> bytes:
    """The key in a file: 32 hex digits, grouped by blanks, ``:`` or ``-``. Raises ValueError, OSError; neither shows it."""
    with Path(path).open("rb") as file:
        text = file.read(_KEY_FILE_MOST).decode("ascii", "replace")
    digits = re.sub(r"[\s:-]", "", text)
    if _KEY_DIGITS.fullmatch(digits) is None:
        raise ValueError(f"{path}: a key is 32 hex digits")
    return bytes.fromhex(digits)


def require_libosdp() -> None:
    """Raises ValueError where there is none."""
    if find_spec("osdp_sys") is None:
        raise ValueError("an OSDP reader needs libosdp: install edgegw[osdp]")


class Readers:
    """Readers of one kind on a line.

    Args:
        addresses: theirs. played: scenes in turn. key: of the secure channel; they do nothing in the clear.
        install: they have the default key, and take the one they are given. Neither: all is in the clear.
        fault: one of `FAULTS`.
    """

    def __init__(
        self,
        addresses: Sequence[int],
        played: Sequence[Scene],
        *,
        path: str | None = None,
        baud: int = BAUD,
        key: bytes | None = None,
        install: bool = False,
        fault: str | None = None,
    ) -> None:
        self.line = OsdpLine(baud=baud, path=path)
        self.turns = 0
        self._played = played
        self._fault = fault
        secure = install or key is not None
        self.readers = [self.line.add(address, key, secure=secure, enforce=key is not None) for address in addresses]
        for reader in self.readers:
            reader.channel.silent = fault == "silent"
            reader.channel.late_s = SLOW_S if fault == "slow" else 0.0
            reader.channel.spoil = {"bad-checksum": _wrong_crc, "torn": _half}.get(fault or "", bytes)

    def turn(self) -> None:
        """The next scene, at each reader that a panel has found: what happens at the others is nobody's."""
        turn, self.turns = self.turns, self.turns + 1
        for reader in self.readers:
            if self._fault == "flapping":
                reader.channel.silent = bool(turn // FLAPPING % 2)
            if reader.online and not reader.channel.silent:
                self._played[turn % len(self._played)].play(reader)

    async def run(self, every_s: float) -> None:
        """A scene every so often, until cancelled; the port must be there (`line.start`)."""
        while True:
            await asyncio.sleep(every_s)
            self.turn()


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _wrong_crc(data: bytes) -> bytes:
    return data[:-1] + bytes((data[-1] ^ 0x55,))


async def serve(name: str, readers: Readers, *, every_s: float) -> None:
    """Serve until cancelled."""
    await readers.line.start()
    addresses = ", ".join(str(reader.address) for reader in readers.readers)
    print(f"{name} at {readers.line.path}, address {addresses}, every {every_s:g} s", flush=True)
    try:
        await readers.run(every_s)
    finally:
        await readers.line.stop()
