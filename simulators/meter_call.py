"""A line of meters that also answer when nobody is called by number, and that may come and go.

Owns: the broadcast for a meter's number, and what several answers at once make of each other; flapping meters.
Must not know: the gateway; it shares no code with it.
"""

from collections import Counter
from collections.abc import Iterable
from functools import reduce

from simulators.meter_frames import cjt188, dlt645
from simulators.meters import Cjt188Meter, Meter, MeterBus

BROADCAST = b"\xaa" * 6
DLT645_READ_ADDRESS, CJT188_READ_ADDRESS = 0x13, 0x03


class CalledBus(MeterBus):
    """Its meters also answer a broadcast for their numbers, all at once: what two drive apart is the lower one's.

    Args:
        flapping: each meter answers so many requests, then is silent for as many, and so on; 0: none does.
    """

    def __init__(
        self, meters: Iterable[Meter], *, baud: int = 2400, bits: int = 11, path: str | None = None, flapping: int = 0
    ) -> None:
        super().__init__(meters, baud=baud, bits=bits, path=path)
        self._flapping = flapping
        self._asked: Counter[bytes] = Counter()

    def _request(self, frame: bytes, until: float) -> None:
        to = frame[1:9]
        if self._flapping:
            turn = self._asked[to]
            self._asked[to] += 1
            if turn // self._flapping % 2:
                return
        if BROADCAST not in to:
            super()._request(frame, until)
            return
        answers = [said for meter in self.meters if (said := _number(meter, frame)) is not None]
        if answers:
            self.line.send(reduce(_at_once, answers))


def _number(meter: Meter, frame: bytes) -> bytes | None:
    """A meter's answer to the broadcast; None: it is not meant, or says nothing."""
    electric = frame[7] == 0x68
    if meter.fault is not None and meter.fault.kind == "silent":
        return None
    if isinstance(meter, Cjt188Meter):
        asked = not electric and frame[9] == CJT188_READ_ADDRESS
        return cjt188(meter.type, meter.address, 0x83, frame[11:14]) if asked else None
    asked = electric and frame[8] == DLT645_READ_ADDRESS
    return dlt645(meter.address, 0x93, bytes.fromhex(meter.address)[::-1]) if asked else None


def _at_once(one: bytes, other: bytes) -> bytes:
    return bytes(x & y for x, y in zip(one, other, strict=True))
