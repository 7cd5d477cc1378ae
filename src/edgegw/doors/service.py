"""Doors at work: readings into the core, its steps into records, conditions and commands.

Owns: the order decision → committed → actuated (fire: actuated first), the timers.
Must not know: which reading is what (inputs), how it is decided (access), how a command is carried out (commands), SQL.

```
 listening ──▶ heard ──▶ DoorCore ──▶ Step ─┬─ conditions ──▶ rules (alarms)
 desk ───────▶ operate ──▲                  ├─ decision, states ──▶ committed
                         └── outcome ◀──────┴─ act ──▶ desk.submit ──▶ the lock's link
```

- All of it runs on the event loop before the reading's own commit: no disk, broker or uplink stands between a card and its
  door (promise 7); a decision that cannot be committed in time follows the door's `act_unrecorded`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import suppress

from msgspec import Struct

from edgegw.access.core import DoorCore
from edgegw.access.decision import Act, DoorCondition, DoorView, Step
from edgegw.access.events import access_event, decision_id
from edgegw.access.specs import NS_PER_S, DoorSpec
from edgegw.clock import Clock
from edgegw.doors.inputs import Inputs
from edgegw.doors.wiring import DoorWiring
from edgegw.model import (
    NOTHING,
    Changes,
    Command,
    Decoded,
    Instant,
    Issuer,
    OrderLane,
    Outcome,
    OutcomeStatus,
    Quality,
    Source,
    Value,
)
from edgegw.ports import CommandDesk, Listening

log = logging.getLogger(__name__)

DOOR_DEADLINE_S = 3.0
"""From the reader's message to the lock's confirmation (design section 6)."""

ACTS_MOST = 16
"""Acts of one door under way at once; the core lets one unlock run at a time, the rest are refusals told to a terminal."""

LOOK_S = 1.0
"""How often it is looked whether readers are there, and the longest sleep of the timer."""

STALE = Quality.STALE
PULSE_ARGUMENT = "seconds"
"""The argument of a lock's unlock command that takes the door's pulse."""


class _Cause(Struct, frozen=True):
    """What a step comes from: when, in which message (for a lock that answers it), until when somebody waits."""

    at: Instant
    message: Decoded | None = None
    deadline_ns: int = 1 << 63


class DoorService:
    """See the module's text. Made by `app`; `run` keeps its timers.

    Args:
        record: takes what needs no waiting (refusals, states) into the next commit.
        condition: raises or clears an alarm of a door.
        trusted: whether wall time may be believed at that moment.
        lost: whether a reader's device is known not to be there.
        takes_pulse: (lock device, command) whose command has an argument ``seconds``.
        observe: told the seconds from the reader's message to the lock's confirmation.
    """

    def __init__(
        self,
        core: DoorCore,
        specs: Iterable[DoorSpec],
        wirings: Iterable[DoorWiring],
        *,
        key: bytes,
        desk: CommandDesk,
        record: Callable[[Changes], None],
        condition: Callable[[DoorCondition, Instant], None],
        clock: Clock,
        trusted: Callable[[Instant], bool],
        lost: Callable[[str], bool] = lambda _device: False,
        takes_pulse: Callable[[str, str], bool] = lambda _device, _command: False,
        audit_wait_s: float = 1.0,
        observe: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._core = core
        self._specs = {spec.id: spec for spec in specs}
        self._wirings = {wiring.door: wiring for wiring in wirings}
        self._desk = desk
        self._record = record
        self._condition = condition
        self._clock = clock
        self._lost = lost
        self._takes_pulse = takes_pulse
        self._audit_wait_s = audit_wait_s
        self._observe = observe
        self._acting: dict[str, set[asyncio.Task[Outcome]]] = {door: set() for door in self._wirings}
        self._unlocking: dict[str, asyncio.Task[Outcome]] = {}
        self._repeats: set[asyncio.TimerHandle] = set()
        self._retime = asyncio.Event()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.decisions: dict[tuple[str, str], int] = {}
        """(granted or denied, reason) → how often, for metrics."""
        self.inputs = Inputs(
            core,
            self._wirings,
            key=key,
            trusted=trusted,
            follow=lambda door, step, at, message: self._follow(door, step, _Cause(at, message)),
        )

    # --- what devices say -----------------------------------------------------------------------------------------

    def attach(self, listening: Listening) -> None:
        """Listen to every device that matters to a door."""
        for device in self.inputs.devices():
            listening.listen(device, self.inputs.heard)

    # --- what people and linkages ask -----------------------------------------------------------------------------

    async def operate(self, command: Command) -> Outcome:
        """An admitted command whose target is a door; the outcome is the lock's."""
        now = self._clock.now()
        linkage = command.issuer.source is Source.LINKAGE
        step = self._core.operate(command.target, command.name, command.issuer.name, now, linkage=linkage)
        decision = step.decision
        if decision is not None and decision.granted and decision.joined and command.target in self._unlocking:
            self._follow(command.target, step, _Cause(now))
            return await asyncio.shield(self._unlocking[command.target])
        task = self._follow(command.target, step, _Cause(now, deadline_ns=command.deadline_ns))
        if task is not None:
            return await asyncio.shield(task)
        if decision is None or not decision.granted:
            reason = decision.reason if decision is not None else "nothing-to-do"
            return Outcome(OutcomeStatus.REJECTED, reason, f"door {command.target}: {reason}")
        if step.act is not None and (why := self._cannot(command.target, step.act)) is not None:
            return why
        return Outcome(OutcomeStatus.DONE, detail="the door is so already")

    def views(self) -> tuple[DoorView, ...]:
        """All doors now."""
        return self._core.views(self._clock.now())

    @property
    def doors(self) -> frozenset[str]:
        """Their ids."""
        return frozenset(self._wirings)

    # --- what follows ---------------------------------------------------------------------------------------------

    def _follow(self, door: str, step: Step, cause: _Cause) -> asyncio.Task[Outcome] | None:
        """Carry a step on; the task of its act, None if it has none (or none the lock knows)."""
        decision = step.decision
        changes = Changes(states=step.states)
        if decision is not None and decision.final:
            changes = Changes((access_event(decision, self._specs[door]),), step.states)
            key = ("granted" if decision.granted else "denied", decision.reason)
            self.decisions[key] = self.decisions.get(key, 0) + 1
        self._retime.set()
        task: asyncio.Task[Outcome] | None = None
        act = step.act
        if decision is not None and decision.joined and self._asks(door, cause.message):
            act = "unlock"  # a terminal that asked is answered, whatever is on its way already
        if act is not None and self._cannot(door, act) is None:
            task = self._begin(door, act, step, changes, cause)
        else:
            if changes.events or changes.states:
                self._record(changes)
            if step.act is not None and step.act != "refuse" and (why := self._cannot(door, step.act)) is not None:
                log.error("%s", why.detail)
                self._ended(door, step.act, why, cause.at)
        for condition in step.conditions:
            self._condition(condition, cause.at)
        return task

    def _cannot(self, door: str, act: Act) -> Outcome | None:
        """Why an act is not begun, None if it may be. What `ACTS_MOST` bounds are answers; a release is never held up by them."""
        if act not in self._wirings[door].acts:
            return Outcome(OutcomeStatus.REJECTED, "unknown-command", f"door {door}: its lock has no command for {act}")
        if act != "release" and len(self._acting[door]) >= ACTS_MOST:
            return Outcome(OutcomeStatus.REJECTED, "busy", f"door {door}: {ACTS_MOST} acts are under way")
        return None

    def _asks(self, door: str, message: Decoded | None) -> bool:
        """Whether the message waits for an answer of its own: the lock's unlock repeats something of it (a serial)."""
        unlock = self._wirings[door].acts.get("unlock")
        if unlock is None or message is None:
            return False
        wanted = {value for value in unlock.args.values() if isinstance(value, str) and value.startswith("$")}
        return bool(wanted) and wanted <= {f"${reading.point}" for reading in message.readings}

    def _begin(self, door: str, act: Act, step: Step, changes: Changes, cause: _Cause) -> asyncio.Task[Outcome]:
        identity = step.decision.id if step.decision is not None else decision_id(f"{door}.{act}", cause.at, 0)
        command = self._command(door, act, identity, cause)
        answers = act != step.act or act == "refuse"  # told to a terminal; nothing about the door follows from it
        task = self._start(door, act, self._act(door, act, command, changes, cause.at, answers=answers))
        if act == "unlock" and not answers:
            self._unlocking[door] = task
        if act == "release" and step.repeat_ns is not None:
            self._repeat_later(door, command, step.repeat_ns)
        return task

    def _start(self, door: str, act: Act, work: Coroutine[object, object, Outcome]) -> asyncio.Task[Outcome]:
        task = asyncio.get_running_loop().create_task(work, name=f"door-{door}-{act}")
        self._acting[door].add(task)

        def settled(done: asyncio.Task[Outcome]) -> None:
            self._acting[door].discard(done)
            if self._unlocking.get(door) is done:
                del self._unlocking[door]
            if not done.cancelled() and (error := done.exception()) is not None and not self._failed.done():
                self._failed.set_exception(
                    error
                )  # acts never raise for a fault: a mistake of ours must not pass unseen

        task.add_done_callback(settled)
        return task

    def _command(self, door: str, act: Act, identity: str, cause: _Cause) -> Command:
        wiring = self._wirings[door]
        return Command(
            id=identity,
            target=wiring.lock,
            name=wiring.acts[act].command,
            args=self._args(door, act, cause.message),
            issuer=Issuer(Source.DOOR, door),
            deadline_ns=min(cause.at.mono_ns + round(DOOR_DEADLINE_S * NS_PER_S), cause.deadline_ns),
            lane=OrderLane.DOOR,
            insist=act == "release",
        )

    def _args(self, door: str, act: Act, message: Decoded | None) -> Mapping[str, Value]:
        wiring = self._wirings[door]
        how = wiring.acts[act]
        told = {reading.point: reading.value for reading in message.readings} if message is not None else {}
        args: dict[str, Value] = {}
        for name, value in how.args.items():
            if isinstance(value, str) and value.startswith("$"):
                if value[1:] in told:
                    args[name] = told[value[1:]]
            else:
                args[name] = value
        if act == "unlock" and PULSE_ARGUMENT not in args and self._takes_pulse(wiring.lock, how.command):
            args[PULSE_ARGUMENT] = self._specs[door].pulse_ns / NS_PER_S
        return args

    async def _act(
        self, door: str, act: Act, command: Command, changes: Changes, at: Instant, *, answers: bool = False
    ) -> Outcome:
        first = act == "release"  # what a fire waits for is not the disk
        outcome = await self._desk.submit(
            command,
            alongside=changes,
            audit_wait_s=0.0 if first else self._audit_wait_s,
            on_store_failure="act" if first or act == "refuse" or self._wirings[door].act_unrecorded else "refuse",
        )
        now = self._clock.now()
        if act == "unlock" and outcome.status is OutcomeStatus.DONE:
            self._observe((now.mono_ns - at.mono_ns) / NS_PER_S)
        if not answers:
            self._ended(door, act, outcome, now)
        return outcome

    def _ended(self, door: str, act: Act, outcome: Outcome, now: Instant) -> None:
        self._follow(door, self._core.outcome(door, act, outcome.status, now, reason=outcome.reason), _Cause(now))

    def _repeat_later(self, door: str, command: Command, when_ns: int) -> None:
        """A release goes out once more when a pulse that the device times may have ended it."""
        loop = asyncio.get_running_loop()
        timer: asyncio.TimerHandle

        def again() -> None:
            self._repeats.discard(timer)
            if not self._core.released(door):  # the view still says so while a relock is on its way
                return
            now = self._clock.now()
            repeated = self._command(door, "release", f"{command.id}.again", _Cause(now))
            self._start(door, "release", self._act(door, "release", repeated, NOTHING, now))

        timer = loop.call_later(max(0.0, (when_ns - self._clock.now().mono_ns) / NS_PER_S), again)
        self._repeats.add(timer)

    # --- timers ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Let time pass for the doors until cancelled. A failure of an act that is not an outcome ends it: the daemon stops."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ticker(), name="doors-ticker")
            group.create_task(self._watch_readers(), name="doors-readers")
            await self._failed

    async def drain(self, seconds: float) -> None:
        """Let what is under way come to its outcome, at most that long."""
        for timer in self._repeats:
            timer.cancel()
        tasks = [task for acting in self._acting.values() for task in acting]
        if tasks:
            await asyncio.wait(tasks, timeout=seconds)

    async def _ticker(self) -> None:
        while True:
            self._retime.clear()
            now = self._clock.now()
            due = self._core.due_ns()
            if due is not None and due <= now.mono_ns:
                for step in self._core.tick(now):
                    self._follow(_door_of(step), step, _Cause(now))
                due = self._core.due_ns()
            self._retime.clear()
            wait_s = LOOK_S if due is None else min(LOOK_S, max(0.001, (due - now.mono_ns) / NS_PER_S))
            await _until(self._retime.wait(), wait_s)

    async def _watch_readers(self) -> None:
        while True:
            now = self._clock.now()
            for door, wiring in self._wirings.items():
                for reader in {reader.device for reader in wiring.readers}:
                    self._follow(door, self._core.reader(door, reader, now, lost=self._lost(reader)), _Cause(now))
            await asyncio.sleep(LOOK_S)


def _door_of(step: Step) -> str:
    if step.decision is not None:
        return step.decision.door
    if step.conditions:
        return step.conditions[0].door
    return next(state.key for state in step.states if state.kind == "door")


async def _until(work: Awaitable[object], seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await work
