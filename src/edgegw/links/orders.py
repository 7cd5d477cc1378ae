"""One order on its way over a half-duplex line: which transaction comes next, and what its answers make of it. Pure.

Owns: the steps of an order, its outcome and the words for it.
Must not know: other orders, lanes and polls (policy), frames, sockets, asyncio.

```
            unit doubtful                                      the unit was not certain when it was written
 submitted ──▶ probe ──▶ write ── answered ──▶ done (no read-back)   ├──▶ probe ──▶ …
     │           │         │                └─▶ read-back ─ equal ──▶ done
     │           │         │                      └─ differs ─▶ pause, again until `within_s` ─▶ unknown readback-differs
     │           │         ├─ exception ──▶ failed device-refused
     │           │         └─ no answer ──▶ unknown no-answer (never sent again)
     │           └─ no answer ──▶ failed device-down, unless it insists
     └─ breaker open ──▶ failed device-down, unless it insists        too late for the next step: expired, or unknown once sent
```

Why the probes: a write's answer carries nothing that tells it from the answer to an earlier, equal write which comes late. Units
answer in order, so a probe (a read: its answer can't be a write's) that was answered ends every older answer. Hence a write to a
doubtful unit comes after an answered probe, and one that insists on a dead unit counts as answered only with one behind it.
The same holds for read-backs: after an unanswered one comes the probe.
"""

from collections.abc import Callable
from enum import Enum

from edgegw.codec.line import READS, Line, readback_pause_s
from edgegw.codec.modbus import EXCEPTIONS
from edgegw.links.request import ORDER_NO, BusLane, Request, UnitPlan
from edgegw.links.schedule import OPEN_AFTER
from edgegw.links.timing import NS
from edgegw.model import Outcome, OutcomeStatus
from edgegw.ports import Order
from edgegw.profiles.encode import LineWrite

ACKNOWLEDGE = 5
"""The exception that is none: the device took the request and needs time for it."""

GATEWAY_NO_PATH, GATEWAY_NO_ANSWER = 0x0A, 0x0B
"""What a TCP gateway says for a unit behind it: nothing was sent to it, or it was and did not answer."""

UNIT_GONE = frozenset({GATEWAY_NO_PATH, GATEWAY_NO_ANSWER})

DONE = Outcome(OutcomeStatus.DONE)


class Step(Enum):
    """A kind of transaction of an order."""

    PROBE = "probe"
    WRITE = "write"
    READBACK = "readback"


class Job:
    """One order. `ready_ns`: before then its next step may not begin. `step` is what is in flight, or None.

    Every method that takes an answer returns the outcome if that decided it.
    """

    __slots__ = (
        "_asked",
        "_done",
        "_line",
        "_plan",
        "_probe",
        "_proven",
        "_seen",
        "_until_ns",
        "answered",
        "in_flight",
        "order",
        "ready_ns",
        "sent",
        "settled",
        "ticket",
        "unit_no",
        "write",
    )

    def __init__(
        self,
        ticket: int,
        order: Order,
        write: LineWrite,
        *,
        plan: UnitPlan,
        probe: Request,
        line: Line,
        now_ns: int,
        done: Callable[[Outcome], None],
    ) -> None:
        self.ticket = ticket
        self.order = order
        self.write = write
        self.unit_no = probe.unit_no
        self.ready_ns = now_ns
        self.in_flight: Step | None = None
        self.sent = False
        self.answered = False
        self.settled = False
        self._plan = plan
        self._probe = probe
        self._line = line
        self._done = done
        self._proven = True
        self._asked = 0
        self._until_ns = 0
        self._seen = ""

    # --- what comes next ----------------------------------------------------------------------------------------------

    @property
    def lane(self) -> BusLane:
        """Where its next step goes."""
        return BusLane.CONFIRMATION if self.answered else BusLane(int(self.order.lane))

    @property
    def place(self) -> tuple[int, int, int, int]:
        """Smaller goes first: by lane; among confirmations a door's first; then the one ready first, then the older."""
        return (self.lane, self.order.lane, self.ready_ns, self.ticket)

    def next_step(self, failures: int) -> Step | Outcome:
        """What is to be done next, given the unit's failures in a row, or that there is nothing more to do."""
        if not self.answered:
            if failures == 0:
                return Step.WRITE
            if failures < OPEN_AFTER:
                return Step.PROBE
            return Step.WRITE if self.order.insist else self._failed("device-down", "does not answer; nothing was sent")
        if not self._proven or 0 < failures < OPEN_AFTER:
            return Step.PROBE
        if failures == 0:
            return Step.READBACK
        return self._unknown("not-confirmed", "answered the write, then fell silent")

    def latest_ns(self, step: Step) -> int:
        """The last moment `step` may begin for what hangs on it to end before the deadline."""
        line, plan, write = self._line, self._plan, self.write
        if self.answered:
            last_s = 0.0
            if write.readback is not None:
                last_s = line.told_s(READS[write.readback[0]], write.readback[2], plan.timeout_s)
        else:
            last_s = line.told_s(write.function, len(write.words), plan.timeout_s)
        if step is Step.PROBE:
            probe = self._probe
            last_s += line.answered_s(
                probe.function, probe.count, plan.timeout_s, plan.turnaround_s, ambiguous=not probe.distinct
            )
        return self.order.deadline_ns - round(last_s * NS)

    def request(self, step: Step) -> Request:
        """The transaction for a step."""
        plan, write = self._plan, self.write
        if step is Step.WRITE:
            table, address, count, words, function = (
                write.table,
                write.address,
                len(write.words),
                write.words,
                write.function,
            )
        elif step is Step.READBACK and write.readback is not None:
            table, address, count, words, function = *write.readback, (), 0
        else:
            probe = self._probe
            table, address, count, words, function = probe.table, probe.address, probe.count, (), 0
        return Request(
            device=plan.device,
            unit=plan.unit,
            table=table,
            address=address,
            count=count,
            timeout_s=plan.timeout_s,
            turnaround_s=plan.turnaround_s,
            unit_no=self.unit_no,
            block_no=self._probe.block_no if step is Step.PROBE else ORDER_NO,
            distinct=self._probe.distinct,
            lane=self.lane,
            words=words,
            write=function,
            ticket=self.ticket,
        )

    # --- how it went --------------------------------------------------------------------------------------------------

    def begun(self, step: Step, failures: int) -> None:
        """The step goes out now."""
        self.in_flight = step
        if step is Step.WRITE:
            self.sent = True
            self._proven = failures == 0
        elif step is Step.READBACK:
            self._asked += 1

    def heard(self, words: tuple[int, ...], now_ns: int) -> Outcome | None:
        """The step in flight was answered."""
        step, self.in_flight = self.in_flight, None
        if step is Step.WRITE:
            return self._write_answered(now_ns)
        if step is Step.PROBE:
            self._proven = True
            return DONE if self.answered and self.write.readback is None else None
        if _equal(words, self.write):
            shows = self.write.shows
            return DONE if shows is None else Outcome(OutcomeStatus.DONE, values={shows[0]: shows[1]})
        self._seen = f"read back {_hex(words)} instead of {_hex(self.write.expect)}"
        return self._again(now_ns)

    def refused(self, code: int, now_ns: int) -> Outcome | None:
        """The step in flight was answered with a device exception."""
        step, self.in_flight = self.in_flight, None
        said = EXCEPTIONS.get(code, f"exception {code}")
        if step is Step.PROBE:
            self._proven = True
            return DONE if self.answered and self.write.readback is None else None
        if step is Step.READBACK:
            self._seen = f"the read-back was refused: {said}"
            return self._again(now_ns)
        return self._write_refused(code, said, now_ns)

    def silent(self, reason: str, now_ns: int) -> Outcome | None:
        """The step in flight had no valid answer."""
        step, self.in_flight = self.in_flight, None
        if step is Step.WRITE:
            return self._unknown("no-answer", f"the write had no valid answer ({reason})")
        if step is Step.PROBE:
            if self.answered and not self._proven:
                return self._unknown("no-answer", "answered the write, but not the probe behind it")
            return None  # the breaker is open now: `next_step` says what that means
        self._seen = self._seen or f"the read-back had no valid answer ({reason})"
        if now_ns >= self._until_ns:
            return self._not_confirmed()
        self.ready_ns = now_ns
        return None

    def too_late(self) -> Outcome:
        """No time is left for what would have to come next."""
        if not self.sent:
            return Outcome(OutcomeStatus.EXPIRED, "deadline", self._where("no time was left; nothing was sent"))
        if not self.answered:
            return self._unknown("no-answer", "no answer to the write by the deadline")
        return self._not_confirmed()

    def lost(self) -> Outcome:
        """The link is gone."""
        if self.sent:
            return self._unknown("link-lost", "the link was lost after it was sent")
        return self._failed("link-down", "the link was lost; nothing was sent")

    def settle(self, outcome: Outcome) -> None:
        """Tell whoever waits, once."""
        if not self.settled:
            self.settled = True
            self._done(outcome)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _write_answered(self, now_ns: int) -> Outcome | None:
        self.answered = True
        write = self.write
        if write.readback is None:
            self.ready_ns = now_ns
            return DONE if self._proven else None
        self.ready_ns = now_ns + round(write.settle_s * NS)
        self._until_ns = now_ns + round(max(write.settle_s, write.within_s) * NS)
        return None

    def _write_refused(self, code: int, said: str, now_ns: int) -> Outcome | None:
        if code == GATEWAY_NO_PATH:
            return self._failed("device-down", said)
        if code == GATEWAY_NO_ANSWER or not self._proven:
            return self._unknown("no-answer", said)
        if code == ACKNOWLEDGE:
            if self.write.readback is None:
                return self._unknown("not-confirmed", said)
            return self._write_answered(now_ns)
        return self._failed("device-refused", said)

    def _again(self, now_ns: int) -> Outcome | None:
        if now_ns >= self._until_ns:
            return self._not_confirmed()
        self.ready_ns = min(now_ns + round(readback_pause_s(self._asked) * NS), self._until_ns)
        return None

    def _not_confirmed(self) -> Outcome:
        differs = self._seen.startswith("read back")
        return self._unknown(
            "readback-differs" if differs else "not-confirmed", self._seen or "there was no time to read back"
        )

    def _failed(self, reason: str, detail: str) -> Outcome:
        return Outcome(OutcomeStatus.FAILED, reason, self._where(detail))

    def _unknown(self, reason: str, detail: str) -> Outcome:
        return Outcome(OutcomeStatus.UNKNOWN, reason, self._where(detail))

    def _where(self, detail: str) -> str:
        write = self.write
        return f"unit {self._plan.unit}, {write.place} = {_hex(write.words)}: {detail}"


def _equal(words: tuple[int, ...], write: LineWrite) -> bool:
    if len(words) != len(write.expect):
        return False
    masks = write.mask or (0xFFFF,) * len(words)
    return all((a ^ b) & mask == 0 for a, b, mask in zip(words, write.expect, masks, strict=True))


def _hex(words: tuple[int, ...]) -> str:
    shown = " ".join(f"{word:04X}" for word in words[:HEX_MOST])
    return shown if len(words) <= HEX_MOST else f"{shown} …"


HEX_MOST = 8
"""Words shown in an outcome's detail."""
