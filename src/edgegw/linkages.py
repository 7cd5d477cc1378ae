"""Linkages at work: alarms into the core, its triggers into commands, their outcomes into one report.

Owns: the tasks of a run, and that every action of it has its own deadline and outcome.
Must not know: when a linkage starts (rules.linkage), how a command is carried out (commands).

A release goes to its door before it is recorded: a fire does not wait for a disk. Everything else is committed first; where the
disk takes nothing it is carried out all the same and recorded later, since a burst pipe does not wait either.
"""

import asyncio
from collections.abc import Callable, Coroutine

from edgegw.clock import Clock
from edgegw.model import Changes, Command, Event, Issuer, OrderLane, OutcomeStatus, Source
from edgegw.ports import CommandDesk
from edgegw.rules.events import NS_PER_S
from edgegw.rules.linkage import ActionResult, Linkages, Trigger
from edgegw.rules.linkage_state import PlannedAction

RUNS_MOST = 64
"""Runs under way at once; each ends within 5 s, so beyond this something floods us with alarms and is told so."""


class LinkageRunner:
    """One per gateway. `run` ends only by a mistake of ours (then it raises).

    Args:
        record: takes changes into the next commit.
    """

    def __init__(self, core: Linkages, desk: CommandDesk, *, record: Callable[[Changes], None], clock: Clock) -> None:
        self._core = core
        self._desk = desk
        self._record = record
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.started = 0
        self.left_out = 0
        """Triggers beyond `RUNS_MOST`; their actions are reported as failed."""

    def alarm(self, event: Event) -> None:
        """An alarm event as the rules decided it (`ports.Listening.listen_alarms`)."""
        linked = self._core.take(event)
        if linked.changes.events or linked.changes.states:
            self._record(linked.changes)
        for trigger in linked.triggers:
            self.started += 1
            if len(self._tasks) >= RUNS_MOST:
                self.left_out += 1
                refused = [ActionResult(action.index, OutcomeStatus.FAILED, "busy") for action in trigger.actions]
                self._record(self._core.completed(trigger, refused, self._clock.now()))
                continue
            self._begin(self._run(trigger), trigger)

    async def run(self) -> None:
        """Until cancelled."""
        await self._failed

    async def drain(self, seconds: float) -> None:
        """Let the runs under way end, at most that long."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)

    def _begin(self, work: Coroutine[object, object, None], trigger: Trigger) -> None:
        task = asyncio.get_running_loop().create_task(work, name=f"linkage-{trigger.linkage}")
        self._tasks.add(task)

        def settled(done: asyncio.Task[None]) -> None:
            self._tasks.discard(done)
            if not done.cancelled() and (error := done.exception()) is not None and not self._failed.done():
                self._failed.set_exception(error)

        task.add_done_callback(settled)

    async def _run(self, trigger: Trigger) -> None:
        began_ns = self._clock.now().mono_ns
        results = await asyncio.gather(*(self._act(trigger, action, began_ns) for action in trigger.actions))
        self._record(self._core.completed(trigger, results, self._clock.now()))

    async def _act(self, trigger: Trigger, action: PlannedAction, began_ns: int) -> ActionResult:
        release = action.kind == "release"
        command = Command(
            id=trigger.command_id(action),
            target=action.target,
            name=action.command,
            args=action.args,
            issuer=Issuer(Source.LINKAGE, trigger.linkage, (_scope(action),)),
            deadline_ns=began_ns + round(action.deadline_s * NS_PER_S),
            lane=OrderLane.DOOR if release else OrderLane.COMMAND,
            insist=True,
        )
        outcome = await self._desk.submit(command, audit_wait_s=0.0 if release else None, on_store_failure="act")
        duration_ms = round((self._clock.now().mono_ns - began_ns) / 1e6)
        return ActionResult(action.index, outcome.status, outcome.reason, duration_ms)


def _scope(action: PlannedAction) -> str:
    """The one right a linkage's action has: to itself."""
    return f"door:{action.target}:release" if action.kind == "release" else f"command:{action.target}:{action.command}"
