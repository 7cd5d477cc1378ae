"""The desk where every command is handed in, and where it always gets its outcome before its deadline.

Owns: the way of a command from admission to outcome, the tasks of commands, what is counted about them.
Must not know: who serves HTTP or MQTT, how a link sends, how a door decides.

```
 submit ─▶ admit ─▶ commit admission ─▶ turn of the device ─▶ link ─▶ (point confirms) ─▶ outcome ─▶ commit outcome
             │            │ too slow: rejected `store`                                      │ too slow: answered all the same,
             └─▶ rejected │ (or act, record later)                                          ▼ recorded when the store can
                          └─▶ a door: its own decision, which comes back as a command to its lock
```

A command runs in a task of the desk: whoever waits for it may go away, it goes on. An id is used up in the moment of admission,
before anything is awaited, so that two copies can't both pass. If the process ends before an outcome is recorded, the next start
finds the id pending and records ``unknown`` ``restart`` (`recover`); nothing is ever sent again.
"""

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from msgspec import Struct

from edgegw.clock import Clock
from edgegw.commands import events
from edgegw.commands.admission import Admitted, Known, Rejected, admit
from edgegw.commands.carry import Carrier, seconds_left
from edgegw.commands.clocktrust import ClockTrust
from edgegw.commands.figures import Figures, Outcomes
from edgegw.commands.ledger import INTERNAL, KIND, Ledger
from edgegw.commands.recorder import Attempt, Recorder
from edgegw.commands.rejections import Rejections
from edgegw.commands.tasks import Tasks
from edgegw.errors import StoreError
from edgegw.model import NOTHING, Changes, Command, Instant, Issuer, Outcome, OutcomeStatus
from edgegw.ports import Actuator, Batch, Listening, RecordStore

log = logging.getLogger(__name__)

AUDIT_WAIT_S = 2.0
"""How long an admission is waited for at most where the issuer says nothing: ten commits of a slow disk, and 3 s of the 5 are
left to act in."""

UNDERWAY_MOST = 256
"""Commands from outside under way at once: each is a task and an entry of the ledger."""

WAITING_MOST = 8
"""Commands of one device or door under way at once, but for those that insist; as many as a line lets wait."""

HOUSEKEEPING_S = 10.0
"""How often the desk looks for suppressed rejections to tell of, for ids to retire, and whether the clock was set back."""

OUTCOME_WAIT_S = 1.0
"""How long an answer waits for its record at most, where somebody outside gets it: what was told should be on record, but a
stuck disk must not eat the deadline."""

ANSWER_S = 0.01
"""Kept of the deadline for the answer itself."""

Doors = Callable[[Command], Awaitable[Outcome]]


class _Job(Struct):
    """An admitted command on its way."""

    command: Command
    admitted: Admitted
    at: Instant
    batch: Batch
    attempt: Attempt
    audit_wait_s: float
    act: bool


class Desk:
    """See the module's text. One per gateway; all calls on the event loop.

    Args:
        boot: number of this daemon start.
        actuators: device → its link.
        trust: shared with whoever else judges by dates.
        lifetime_most_s: how far ahead a command's expiry may be.
        observe: told every command and the seconds from its admission to its outcome.

    Attributes:
        doors: decides what is asked of a door; set by `app` before `run`.
    """

    def __init__(
        self,
        *,
        store: RecordStore,
        clock: Clock,
        boot: int,
        known: Known,
        actuators: Mapping[str, Actuator],
        listening: Listening,
        trust: ClockTrust,
        doors: Doors | None = None,
        lifetime_most_s: float = 60.0,
        observe: Callable[[Command, float], None] = lambda _command, _seconds: None,
    ) -> None:
        self.doors = doors
        self._outcomes = Outcomes()
        self._acted_unrecorded = 0
        self._store = store
        self._clock = clock
        self._known = known
        self._trust = trust
        self._lifetime_most_ns = round(lifetime_most_s * 1e9)
        self._observe = observe
        self._tasks = Tasks()
        self._ledger = Ledger(store.states(KIND), boot=boot, now=clock.now())
        self._recorder = Recorder(store, self._tasks.start)
        self._carrier = Carrier(actuators, listening, clock, protected=known.protected)
        self._rejections = Rejections()
        self._correlation = secrets.randbelow(1 << 30)  # answers to an earlier run's requests are not taken for ours
        self._underway: set[asyncio.Task[Outcome]] = set()
        self._at: Counter[str] = Counter()
        self._running = False

    # --- for others ---------------------------------------------------------------------------------------------------

    async def submit(
        self,
        command: Command,
        *,
        alongside: Changes = NOTHING,
        audit_wait_s: float | None = None,
        on_store_failure: Literal["refuse", "act"] = "refuse",
    ) -> Outcome:
        """Admit a command, carry it out, and say how it ended: always, before its deadline, never by raising for a fault.

        Args:
            alongside: committed with the admission; its events stand in for ``edgegw.command.admitted``. Recorded also if the
                command is not admitted.
            audit_wait_s: how long the admission's commit is waited for; `AUDIT_WAIT_S`, never beyond the deadline.
            on_store_failure: what happens when that time is over: ``refuse`` (rejected ``store``, nothing sent) or ``act``
                (carried out, recorded later).
        """
        now = self._clock.now()
        act = on_store_failure == "act"
        verdict = self._judge(command, now, act=act)
        if isinstance(verdict, Rejected):
            return self._reject(command, verdict, now, alongside)
        wait_s = AUDIT_WAIT_S if audit_wait_s is None else audit_wait_s
        task = self._tasks.start(
            self._run(self._admit(command, verdict, now, alongside, wait_s, act=act)), f"command-{command.id}"
        )
        self._underway.add(task)
        task.add_done_callback(self._underway.discard)
        await asyncio.wait({task})
        if task.cancelled():
            return Outcome(OutcomeStatus.UNKNOWN, "stopping", "the gateway stopped before the outcome was known")
        outcome: Outcome = task.result()
        return outcome

    def refuse(self, issuer: Issuer, id_: str, reason: str, detail: str) -> bool:
        """Record what never became a command (an envelope that is none, a retained message); False: counted only."""
        command = Command(id_, "", "", {}, issuer, 0)
        self._outcomes.count(Outcome(OutcomeStatus.REJECTED, reason))
        event = self._rejections.take(
            issuer.source, events.rejection(command, reason, detail), "gateway", self._clock.now()
        )
        if event is not None and self._running:
            self._recorder.later(Batch((event,)), dispensable=True)
        return event is not None

    # --- the service --------------------------------------------------------------------------------------------------

    async def recover(self) -> int:
        """Give the commands whose run ended before their outcome was recorded the outcome ``unknown`` ``restart``; how many.

        To be called once, before `run`. If the store takes nothing now, it is recorded when it does.
        """
        pending = self._ledger.pending()
        if not pending:
            return 0
        now = self._clock.now()
        found = [events.interrupted(id_, entry, self._subject(entry.target), now) for id_, entry in pending.items()]
        batch = Batch(found, [state for id_ in pending for state in self._ledger.end(id_)])
        self._outcomes.count(Outcome(OutcomeStatus.UNKNOWN, "restart"), len(pending))
        log.warning("%d commands of an earlier run have no recorded outcome; recorded as unknown", len(pending))
        try:
            await self._store.commit(batch)
        except StoreError:
            self._recorder.later(batch)
        return len(pending)

    async def run(self) -> None:
        """Take commands until cancelled; a mistake of ours in one of their tasks ends it."""
        self._running = True
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._recorder.run(), name="commands-recorder")
                group.create_task(self._housekeeping(), name="commands-housekeeping")
                await self._tasks.failed()
        finally:
            self._running = False
            await self._tasks.cancel()

    async def drain(self, seconds: float) -> None:
        """Take nothing more; let what is under way end and be recorded, at most that long. `run` goes on meanwhile."""
        self._running = False
        try:
            async with asyncio.timeout(seconds):
                while self._underway:
                    await asyncio.wait(self._underway)
                await self._recorder.drained()
        except TimeoutError:
            log.warning(
                "commands: at the end %d under way, %d records waiting", len(self._underway), self._recorder.waiting
            )

    def figures(self) -> Figures:
        """What is counted, as of now."""
        return Figures(
            outcomes=self._outcomes.all(),
            underway=len(self._underway),
            ids=len(self._ledger),
            records_waiting=self._recorder.waiting,
            records_lost=self._recorder.lost,
            store_failing=self._recorder.failing,
            acted_unrecorded=self._acted_unrecorded,
            rejections_suppressed=self._rejections.suppressed,
        )

    # --- admission ----------------------------------------------------------------------------------------------------

    def _judge(self, command: Command, now: Instant, *, act: bool) -> Rejected | Admitted:
        if not self._running:
            return Rejected("stopping", "the gateway takes no commands now")
        self._correlation += 1
        verdict = admit(
            command,
            now,
            self._known,
            used=self._ledger.used,
            trusted=self._trust.trusted(now),
            lifetime_most_ns=self._lifetime_most_ns,
            correlation=str(self._correlation),
        )
        if isinstance(verdict, Rejected):
            return verdict
        source = command.issuer.source
        if not self._ledger.room(source):
            return Rejected("ledger-full", f"{len(self._ledger)} ids are remembered; there is no room for another")
        full = None
        if self._recorder.crowded and not act:
            full = Rejected("store", "the store takes no records")
        elif not command.insist and self._at[command.target] >= WAITING_MOST:
            full = Rejected("busy", f"{WAITING_MOST} commands of {command.target} are under way")
        elif source not in INTERNAL and len(self._underway) >= UNDERWAY_MOST:
            full = Rejected("busy", f"{UNDERWAY_MOST} commands are under way")
        if full is not None:
            self._ledger.spend(command, now)
            return full
        return verdict

    def _admit(
        self, command: Command, verdict: Admitted, now: Instant, alongside: Changes, wait_s: float, *, act: bool
    ) -> _Job:
        """Use up the id and begin the commit."""
        self._at[command.target] += 1
        told = alongside.events or (events.admitted(command, self._subject(command.target), verdict.deadline_ns, now),)
        once = (*self._trust.note(now), *self._ledger.retire(now, self._trust.floor_ns))
        batch = Batch(told, (*alongside.states, *self._ledger.admit(command, now)))
        return _Job(command, verdict, now, batch, self._recorder.attempt(batch, once), wait_s, act)

    def _reject(self, command: Command, rejected: Rejected, now: Instant, alongside: Changes) -> Outcome:
        outcome = Outcome(OutcomeStatus.REJECTED, rejected.reason, rejected.detail)
        self._outcomes.count(outcome)
        data = events.rejection(command, rejected.reason, rejected.detail)
        event = self._rejections.take(command.issuer.source, data, self._subject(command.target), now)
        told = (*alongside.events, *((event,) if event is not None else ()))
        if told or alongside.states:
            self._recorder.later(Batch(told, alongside.states), dispensable=not alongside.events)
        return outcome

    # --- from admission to outcome ------------------------------------------------------------------------------------

    async def _run(self, job: _Job) -> Outcome:
        try:
            committed = await self._committed(job)
            if not committed:
                self._recorder.later(job.batch, unless=job.attempt)
            if committed or job.act:
                outcome = await self._carry_out(job)
            else:
                outcome = Outcome(OutcomeStatus.REJECTED, "store", "the admission could not be recorded in time")
        finally:
            self._at -= Counter((job.command.target,))
        if not committed and job.act and not (job.attempt.done() and job.attempt.result() is None):
            self._acted_unrecorded += 1
        await self._tell(job, outcome)
        return outcome

    async def _committed(self, job: _Job) -> bool:
        left_s = seconds_left(job.admitted.deadline_ns, self._clock)
        await asyncio.wait({job.attempt}, timeout=max(0.0, min(job.audit_wait_s, left_s)))
        return job.attempt.done() and job.attempt.result() is None

    async def _carry_out(self, job: _Job) -> Outcome:
        command, admitted = job.command, job.admitted
        if admitted.outgoing is not None:
            return await self._carrier.carry_out(command, admitted.outgoing, admitted.deadline_ns)
        if self.doors is None:
            return Outcome(OutcomeStatus.FAILED, "unknown-device", "no door is at work here")
        deciding = self._tasks.start(_outcome_of(self.doors(command)), f"door-{command.id}")
        left_s = seconds_left(admitted.deadline_ns, self._clock)
        await asyncio.wait({deciding}, timeout=left_s)  # it goes on if it must: a door's own state follows its outcome
        if deciding.done() and not deciding.cancelled():
            outcome: Outcome = deciding.result()
            return outcome
        return Outcome(OutcomeStatus.UNKNOWN, "no-answer", f"door {command.target} did not answer in time")

    async def _tell(self, job: _Job, outcome: Outcome) -> None:
        """Count and record the outcome; an answer that goes outside waits for its record, as far as the deadline allows."""
        now = self._clock.now()
        command = job.command
        source = command.issuer.source
        self._outcomes.count(outcome)
        self._observe(command, (now.mono_ns - job.at.mono_ns) / 1e9)
        event = events.completed(command, self._subject(command.target), outcome, job.at, now)
        recorded = self._recorder.later(Batch((event,), self._ledger.end(command.id)))
        if source not in INTERNAL:
            left_s = seconds_left(command.deadline_ns, self._clock) - ANSWER_S
            await asyncio.wait({recorded}, timeout=max(0.0, min(OUTCOME_WAIT_S, left_s)))

    # --- the rest -----------------------------------------------------------------------------------------------------

    def _subject(self, target: str) -> str:
        """An event's subject; a target that does not exist is nobody's."""
        if target in self._known.doors:
            return f"door/{target}"
        return target if target in self._known.encoders else "gateway"

    async def _housekeeping(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            now = self._clock.now()
            if due := self._rejections.due(now):
                self._recorder.later(Batch(due), dispensable=True)
            latest = self._trust.note(now)
            if gone := self._ledger.retire(now, self._trust.floor_ns):
                self._recorder.attempt(Batch(), (*latest, *gone))


async def _outcome_of(answer: Awaitable[Outcome]) -> Outcome:
    return await answer
