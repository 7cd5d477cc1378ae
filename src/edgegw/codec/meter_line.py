"""The longest each kind of transaction on a line of DL/T 645 and CJ/T 188 meters may last (codec.line has the words).

Owns: frame lengths for timing, how many frames an answer comes in.
Must not know: clocks, ports, what is in a frame.

A transaction is one request and its answer; of a DL/T 645 answer that comes in several frames each is asked for by itself, after
the line's silence, and awaited for the whole timeout. Every frame is counted with `WAKE_BYTES` before it, though most have none.

Source: DL/T 645-2007 §5.2 and §7.1.2, CJ/T 188-2004 §5.
"""

from edgegw.codec.dlt645 import MOST_DATA
from edgegw.codec.line import READS, STEP_S, Line
from edgegw.codec.wire import Wire

WAKE_BYTES = 4
"""FE before a frame: up to four by DL/T 645-2007 §5.3.1, two to four by CJ/T 188-2004."""

DLT645_READ, CJT188_READ, CJT188_WRITE = READS["dlt645"], READS["cjt188"], 0x04
"""Control codes of the requests there are. Writing to a DL/T 645 meter takes keys, which this gateway does not hold."""

DI_BYTES, SEQUENCE_BYTES = 4, 1
FIRST_DATA = MOST_DATA - DI_BYTES
"""Value bytes of a first DL/T 645 frame."""

NEXT_DATA = MOST_DATA - DI_BYTES - SEQUENCE_BYTES
"""Value bytes of a follow-up frame."""

_DLT645 = 12 + DI_BYTES + WAKE_BYTES
"""68, address, 68, control, length, sum, 16, the identifier, FE before it."""

_CJT188 = 13 + 3 + WAKE_BYTES
"""68, type, address, control, length, sum, 16, the identifier and the serial number, FE before it."""

STATUS_BYTES = 2
"""Value bytes of a CJ/T 188 answer to a write."""


def frames(function: int, count: int) -> int:
    """Frames in which an answer with `count` value bytes comes, at most."""
    if function != DLT645_READ or count <= FIRST_DATA:
        return 1
    return 1 - (count - FIRST_DATA) // -NEXT_DATA


class MeterWire(Wire, frozen=True):
    """A meter line's speed."""

    def exchange_s(self, table: str, count: int) -> float:
        """The same of a read; `table` is the protocol."""
        return self.transfer_s(READS[table], count)

    def transfer_s(self, function: int, count: int) -> float:
        """Seconds of wire time of a request and its answer, without any silence or the meter's thinking; `count` value bytes, of
        a read's answer or of a write."""
        if function == DLT645_READ:
            following = frames(function, count) - 1
            return self.frame_s(2 * _DLT645 + count + following * 2 * (_DLT645 + SEQUENCE_BYTES))
        if function == CJT188_READ:
            return self.frame_s(2 * _CJT188 + count)
        return self.frame_s(2 * _CJT188 + count + max(count, STATUS_BYTES))


class MeterLine(Line, frozen=True):
    """How a meter line behaves."""

    def told_s(self, function: int, count: int, timeout_s: float) -> float:
        """See codec.line."""
        parts = frames(function, count)
        waits_s = parts * timeout_s + (parts - 1) * self.gap_s
        return self.wire.transfer_s(function, count) + waits_s + STEP_S


def meter_line(baud: int, form: str, gap_s: float, late_s: float) -> MeterLine:
    """A line of meters. `form`: data bits, parity, stop bits; `gap_s`: silence beyond 3.5 characters."""
    wire = MeterWire(baud, form, gap_s)
    return MeterLine(wire, rtu=True, gap_s=wire.gap_s, late_s=late_s)
