"""Who goes next on a line: orders by their lanes, then the schedule's polls and probes. Pure: values and time in, the next out.

Owns: the lanes and their bounds, which order's turn it is, what an answer means to schedule and order.
Must not know: asyncio, sockets, frames; how an order proceeds (orders), when a block is due (schedule).

Rules, each kept by a test:

- door > command > confirmation > alarm poll > telemetry poll. What has begun is never interrupted; whoever comes first in the
  list of what may begin now begins. Within door and command the older goes first; among confirmations a door's go first, then the
  one ready first. Probes stand among the polls, as `schedule` says.
- An order is taken only while the link is open, at most `MAX_ORDERS` per lane at once (from `submit` to its outcome), and its
  outcome is told exactly once: by `submit` itself, by whatever decides it, by `expire`, or by `closed`.
- Nothing is begun for an order that would end, at worst, after its deadline (`Line.told_s`).
- A write is sent at most once. When the link closes every order gets its outcome; none is there when it opens again. (The line's
  owner opening a connection anew after unanswered requests, `Line.reopen_after`, is no such loss: orders that wait meanwhile
  keep their place and their deadline.)

```
 submit ─▶ lanes ─┐
                  ├─▶ next(now) ─▶ Request ─▶ the line ─▶ answered | refused | failed | interrupted
 Schedule ────────┘
```
"""

from collections.abc import Callable, Iterator

from edgegw.codec.line import MAX_ORDERS, STEP_S, Line
from edgegw.codec.modbus import write_body
from edgegw.links.orders import UNIT_GONE, Job, Step
from edgegw.links.request import Request
from edgegw.links.schedule import OPEN_AFTER, Schedule
from edgegw.links.timing import NS
from edgegw.model import OrderLane, Outcome, OutcomeStatus
from edgegw.ports import Order
from edgegw.profiles.encode import LineWrite

EARLY_NS = round(STEP_S / 2 * NS)
"""An outcome for want of time is told this long before the deadline, so that it is known by then."""


class Policy:
    """See the module's text. Times are monotonic nanoseconds. Starts closed: call `opened`.

    `writable`: whether a request of this line's kind can hold a write; Modbus, if not given.
    """

    def __init__(self, schedule: Schedule, line: Line, *, writable: Callable[[LineWrite], bool] | None = None) -> None:
        self._writable = writable or _writable
        self.schedule = schedule
        self._line = line
        self._jobs: dict[int, Job] = {}
        self._tickets = 0
        self._open = False

    # --- orders -------------------------------------------------------------------------------------------------------

    def down(self, device: str) -> str | None:
        """See `ports.Actuator.down`; ``unknown-device`` if it is not on this line."""
        unit_no = self.schedule.unit_no(device)
        if unit_no is None:
            return "unknown-device"
        if not self._open:
            return "link-down"
        return "device-down" if self.schedule.failures(unit_no) >= OPEN_AFTER else None

    def submit(self, order: Order, now_ns: int, done: Callable[[Outcome], None]) -> int:
        """Take an order; `done` is called once with its outcome, perhaps before this returns. Returns its ticket."""
        self._tickets += 1
        unit_no, write = self.schedule.unit_no(order.device), order.outgoing
        if unit_no is None or not isinstance(write, LineWrite):
            done(Outcome(OutcomeStatus.FAILED, "unknown-device", f"{order.device} can't be written on this line"))
            return self._tickets
        refusal = self._refusal(order, write)
        if refusal is not None:
            done(refusal)
            return self._tickets
        plan, probe = self.schedule.plan_of(unit_no), self.schedule.probe_of(unit_no)
        job = Job(self._tickets, order, write, plan=plan, probe=probe, line=self._line, now_ns=now_ns, done=done)
        self._jobs[job.ticket] = job
        self._review(job, now_ns)
        return self._tickets

    def _refusal(self, order: Order, write: LineWrite) -> Outcome | None:
        reason = ""
        if not self._open:
            reason, detail = "link-down", "the link is down"
        elif not self._writable(write):
            reason, detail = "bad-order", f"no request holds {write}"
        elif self.waiting(order.lane) >= MAX_ORDERS:
            reason, detail = "busy", f"{MAX_ORDERS} orders wait in the lane {order.lane.label}"
        if not reason:
            return None
        return Outcome(OutcomeStatus.FAILED, reason, f"{order.device}: {detail}; nothing was sent")

    def waiting(self, lane: OrderLane) -> int:
        """Orders of a lane without an outcome yet."""
        return sum(job.order.lane == lane for job in self._jobs.values())

    def withdraw(self, ticket: int) -> None:
        """Nobody waits for it any more: nothing further is begun for it. What is in flight runs to its end."""
        self._jobs.pop(ticket, None)

    def expires_ns(self, ticket: int) -> int | None:
        """When `expire` may have something to say about it unless it got on before; None if it has its outcome."""
        job = self._jobs.get(ticket)
        return None if job is None else self._limit_ns(job) + 1

    def expire(self, now_ns: int) -> None:
        """Give their outcome to those that have no time left."""
        for job in tuple(self._jobs.values()):
            self._review(job, now_ns)

    # --- the line -----------------------------------------------------------------------------------------------------

    def opened(self, now_ns: int) -> None:
        """The link is open."""
        self._open = True
        self.schedule.reopened(now_ns)

    def closed(self) -> None:
        """The link is lost or closed: every order gets its outcome."""
        self._open = False
        for job in tuple(self._jobs.values()):
            self._settle(job, job.lost())

    def next(self, now_ns: int, *, polls: bool = True) -> Request | int | None:
        """What to begin now, or the time to ask again at, or None if nothing is ever due without a new order.

        The line must be free and silent. Say how a request went (`answered`, `refused`, `failed`, `interrupted`) before asking
        again. `polls` false: orders only (nobody takes readings at present).
        """
        self.schedule.line_free(now_ns)
        self.expire(now_ns)
        job = min(self._ready(now_ns), key=lambda ready: ready.place, default=None)
        if job is not None:
            failures = self.schedule.failures(job.unit_no)
            step = job.next_step(failures)
            if isinstance(step, Step):  # always: `expire` settled the others
                request = job.request(step)
                job.begun(step, failures)
                return request
        due = self.schedule.next(now_ns) if polls else None
        if isinstance(due, Request):
            return due
        later = (job.ready_ns for job in self._jobs.values() if job.in_flight is None)
        return min((*later, *(() if due is None else (due,))), default=None)

    def answered(self, request: Request, now_ns: int, words: tuple[int, ...] = ()) -> None:
        """It was answered, with data if it was a read."""
        if not request.write or self.schedule.failures(request.unit_no) == 0:
            self.schedule.answered(
                request, now_ns
            )  # a write's answer alone proves nothing of a doubtful unit, see orders
        job = self._jobs.get(request.ticket)
        self._after(job, None if job is None else job.heard(words, now_ns), now_ns)

    def refused(self, request: Request, now_ns: int, code: int) -> None:
        """It was answered with a device exception: life, unless a gateway says so of a unit behind it."""
        if code in UNIT_GONE:
            self.schedule.failed(request, now_ns)
        elif not request.write or self.schedule.failures(request.unit_no) == 0:
            self.schedule.answered(request, now_ns)
        job = self._jobs.get(request.ticket)
        if job is None:
            outcome = None
        elif code in UNIT_GONE and job.in_flight is not Step.WRITE:
            outcome = job.silent("the gateway does not reach it", now_ns)
        else:
            outcome = job.refused(code, now_ns)
        self._after(job, outcome, now_ns)

    def failed(self, request: Request, now_ns: int, reason: str = "timeout") -> None:
        """It had no valid answer."""
        self.schedule.failed(request, now_ns)
        job = self._jobs.get(request.ticket)
        self._after(job, None if job is None else job.silent(reason, now_ns), now_ns)

    def interrupted(self, request: Request, now_ns: int) -> None:
        """The link was lost under it; call `closed`, too. After a write the unit is doubtful: its answer may still come."""
        if request.write:
            self.schedule.failed(request, now_ns)
        else:
            self.schedule.undone(request, now_ns)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _ready(self, now_ns: int) -> Iterator[Job]:
        return (job for job in self._jobs.values() if job.in_flight is None and job.ready_ns <= now_ns)

    def _after(self, job: Job | None, outcome: Outcome | None, now_ns: int) -> None:
        if job is not None and outcome is not None:
            self._settle(job, outcome)
        self.expire(now_ns)  # the unit's breaker may have opened

    def _review(self, job: Job, now_ns: int) -> None:
        if job.in_flight is None:
            step = job.next_step(self.schedule.failures(job.unit_no))
            if isinstance(step, Outcome):
                self._settle(job, step)
                return
        if max(now_ns, job.ready_ns if job.in_flight is None else now_ns) > self._limit_ns(job):
            self._settle(job, job.too_late())

    def _limit_ns(self, job: Job) -> int:
        """After this its next step is too late; of one in flight: the step behind it, or its answer."""
        if job.in_flight is Step.PROBE:
            return job.latest_ns(Step.READBACK if job.answered else Step.WRITE)
        if job.in_flight is not None:
            return job.order.deadline_ns - EARLY_NS
        step = job.next_step(self.schedule.failures(job.unit_no))
        return job.latest_ns(step) if isinstance(step, Step) else job.order.deadline_ns

    def _settle(self, job: Job, outcome: Outcome) -> None:
        self._jobs.pop(job.ticket, None)
        job.settle(outcome)


def _writable(write: LineWrite) -> bool:
    try:
        write_body(write.function, write.address, write.words)
    except ValueError:
        return False
    return True
