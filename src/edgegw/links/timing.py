"""How long things take on a Modbus line, as its owner needs it.

Owns: the unit of monotonic time. The arithmetic of frames is `codec.wire`'s, which `commands` may use too; its names stand here
as well, so that links have one place to look.
Must not know: clocks, sockets, who asks whom.
"""

from edgegw.codec.wire import FAST_BAUD, FAST_GAP_S, GAP_CHARS, Wire, byte_count

__all__ = ["FAST_BAUD", "FAST_GAP_S", "GAP_CHARS", "NS", "Wire", "byte_count"]

NS = 1_000_000_000
