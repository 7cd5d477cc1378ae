"""The longest each kind of transaction on a half-duplex line may last; the one source for who waits and for who computes bounds.

Owns: what a transaction's worst case consists of, and the limits by which a line is shared. The line's owner waits by these
figures and `links.policy` keeps them; `edgegw check` computes with them.
Must not know: clocks, sockets, the site file (config.lines makes a `Line` of it), who asks whom.

A transaction, from the moment the line's owner decides for it, which it does only when the line has been silent long enough:

```
 ├─ request on the wire ─┼─ the device thinks: ≤ timeout ─┼─ reply on the wire ─┤                                 told_s
                                                                               ├─ hold_s ─┤                      answered_s
                                                  no valid answer by then:     ├─ connect_s ─┼─ late_s ─┼─ hold_s ┤ unanswered_s
```

- `told_s`: until its answer, or that there is none, is known: both frames' characters, the device's timeout, and `STEP_S` of
  this machine's own work. Nobody is told about a transaction later than that.
- `answered_s`: until the next may begin after an answer: then the silence, the longer of the line's gap and the device's
  turnaround.
- `unanswered_s`: the same without a valid answer: before the silence comes `recover_s`, the late-reply guard (`late_s`) and on
  TCP kinds a new connection (`connect_s`). No transaction is longer, whatever it was for.
- A probe whose reply can't be told from others' (`ambiguous`) is followed by `late_s` also when it was answered.

On Modbus TCP a connection is opened anew only after `TCP_SILENT_MOST` unanswered requests in a row; `unanswered_s` is the worst.
"""

from msgspec import Struct

from edgegw.codec.modbus import READ_FUNCTIONS
from edgegw.codec.wire import Wire

READS = {**READ_FUNCTIONS, "dlt645": 0x11, "cjt188": 0x01}
"""How what is polled is read: the function code of a Modbus table; the control code of a meter's protocol (meter_line)."""

STEP_S = 0.01
"""Allowance for this machine's own work in one transaction: timers, wake-ups, what else the event loop does meanwhile."""

CONNECT_TIMEOUT_S = 1.0
"""A TCP connection on a local network takes milliseconds. One try: the line's owner waits for it, and so do orders."""

BEHIND_BAUD = 9600
"""The line assumed behind a Modbus TCP gateway when the wait for an answer is computed: the slowest usual one."""

TCP_SILENT_MOST = 3
"""Unanswered requests in a row after which a TCP connection is opened anew: it may be half-open."""

PROBE_SHARE = 0.1
"""Most of a line's time that probes of dead units take: after one that took d seconds none begins until d / share from its
begin."""

MAX_ORDERS = 8
"""Unsettled orders per lane and line; a further one is refused, so that what waits before an order is bounded."""

READBACK_PAUSE_S = 0.05
"""Before an order's second read-back: a contactor takes about as long. Doubled before each further one: a valve takes seconds."""

READBACK_PAUSE_MOST_S = 0.4
"""Never longer than this: what happened is known that much later at most."""


class Line(Struct, frozen=True):
    """How a kind of link behaves.

    Attributes:
        rtu: RTU frames (no transaction id, silence counts), serially or over TCP.
        gap_s: silence between two frames, seconds.
        late_s: after an unanswered request the line is kept silent and drained this long.
        reopen_after: unanswered requests in a row after which the connection is opened anew; None: never.
    """

    wire: Wire
    rtu: bool
    gap_s: float
    late_s: float
    reopen_after: int | None = None

    @property
    def connect_s(self) -> float:
        """The longest a new connection takes inside the line's owner; 0 where none is opened."""
        return 0.0 if self.reopen_after is None else CONNECT_TIMEOUT_S

    @property
    def recover_s(self) -> float:
        """The longest it takes to make the line fit again after an unanswered request."""
        return self.connect_s + self.late_s

    def told_s(self, function: int, count: int, timeout_s: float) -> float:
        """See the module's text. `count` registers or bits; `timeout_s` is the device's."""
        return self.wire.transfer_s(function, count) + timeout_s + STEP_S

    def hold_s(self, turnaround_s: float) -> float:
        """Silence after a transaction with a device that wants `turnaround_s`."""
        return max(self.gap_s, turnaround_s)

    def answered_s(
        self, function: int, count: int, timeout_s: float, turnaround_s: float = 0.0, *, ambiguous: bool = False
    ) -> float:
        """See the module's text. `ambiguous`: a probe whose reply can't be told from others'."""
        told_s = self.told_s(function, count, timeout_s)
        return told_s + self.hold_s(turnaround_s) + (self.late_s if ambiguous else 0.0)

    def unanswered_s(self, function: int, count: int, timeout_s: float, turnaround_s: float = 0.0) -> float:
        """See the module's text."""
        return self.answered_s(function, count, timeout_s, turnaround_s) + self.recover_s


def readback_pause_s(asked: int) -> float:
    """Seconds between the end of read-back number `asked` (from 1) and the next."""
    return min(READBACK_PAUSE_S * 2.0 ** min(asked - 1, 16), READBACK_PAUSE_MOST_S)


def readbacks_most(settle_s: float, within_s: float) -> int:
    """The most read-backs one order makes: the first after `settle_s`, the last when `within_s` is over, none quicker than the
    pauses allow. Both count from the write's answer."""
    at_s, asked = settle_s, 1
    while at_s < within_s:
        at_s += readback_pause_s(asked)
        asked += 1
    return asked
