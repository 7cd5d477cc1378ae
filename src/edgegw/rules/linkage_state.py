"""What a linkage is, what it keeps and what it tells: specs, triggers, stored state, the data of its events.

Owns: the shapes, above all those of the stored state and the events. Must not know: when a linkage starts (linkage.py).
"""

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from edgegw.model import OutcomeStatus, Value

LINKAGE_STARTED = "edgegw.linkage.started"
LINKAGE_COMPLETED = "edgegw.linkage.completed"

LINKAGE_KIND = "linkage"
"""`StateChange.kind` of linkages; the key is the linkage's name."""

RESTART = "restart"
"""Reason of actions that a restart overtook; like NO_REPORT their effect is not known."""
NO_REPORT = "no-report"
"""Reason of actions nobody gave an outcome for."""


class Watched(Struct, frozen=True):
    """An alarm that starts a linkage.

    Attributes:
        device, alarm: whose, and the rule's name.
        by_value: its condition is a value that was read, which may be old; false for silence (offline, missing).
    """

    device: str
    alarm: str
    by_value: bool = True


class PlannedAction(Struct, frozen=True):
    """One thing a linkage does.

    Attributes:
        index: from 0, its place in the linkage; with the run's id its identity.
        kind: ``release``: a door, kept released; ``command``: a command of a device.
        target: door or device id.
        command: ``release`` for a door.
        deadline_s: its outcome is known this long after the start.
    """

    index: int
    kind: Literal["release", "command"]
    target: str
    command: str
    args: Mapping[str, Value] = {}
    deadline_s: float = 5.0


class LinkageSpec(Struct, frozen=True):
    """A linkage. `title`: for people, in the gateway's language; its name if it has none."""

    name: str
    title: str
    when: tuple[Watched, ...]
    actions: tuple[PlannedAction, ...]


class Cause(Struct, frozen=True, omit_defaults=True):
    """The alarm that started a run. `alarm_id`: the occurrence, as in its events."""

    device: str
    alarm: str
    alarm_id: str = ""


class Trigger(Struct, frozen=True):
    """A linkage starts: its actions are to be carried out now, all at once."""

    linkage: str
    run_id: str
    actions: tuple[PlannedAction, ...]
    cause: Cause

    def command_id(self, action: PlannedAction) -> str:
        """The id the action's command is admitted under; the same for the same run and action."""
        return f"{self.run_id}.{action.index}"


class ActionResult(Struct, frozen=True):
    """How an action ended. `duration_ms`: from the start of the run."""

    index: int
    status: OutcomeStatus
    reason: str = ""
    duration_ms: int = 0


class StoredRun(Struct, frozen=True, omit_defaults=True):
    """A run that began and has not ended."""

    run_id: str
    title: str
    cause: Cause
    actions: tuple[PlannedAction, ...]


class LinkageState(Struct, frozen=True, omit_defaults=True):
    """A linkage as stored (JSON), committed with the start and the end of its runs.

    Attributes:
        active: its alarms that are raised, as (device, alarm).
        started: whether it was started since they were all clear.
        runs: those under way.
    """

    active: tuple[tuple[str, str], ...] = ()
    started: bool = False
    runs: tuple[StoredRun, ...] = ()


class StartedData(Struct, frozen=True, kw_only=True):
    """The data of ``edgegw.linkage.started``. `at`: RFC 3339 UTC."""

    linkage: str
    title: str
    run_id: str
    at: str
    cause: Cause
    actions: tuple[PlannedAction, ...]


class ActionTold(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An action and its outcome, in ``edgegw.linkage.completed``. `duration_ms` is absent where nobody measured it."""

    index: int
    target: str
    command: str
    status: OutcomeStatus
    reason: str = ""
    duration_ms: int | UnsetType = UNSET


class CompletedData(Struct, frozen=True, kw_only=True):
    """The data of ``edgegw.linkage.completed``. `done`: every action is."""

    linkage: str
    title: str
    run_id: str
    at: str
    cause: Cause
    done: bool
    actions: tuple[ActionTold, ...]


decode_state = msgspec.json.Decoder(LinkageState).decode
"""A stored linkage; msgspec.DecodeError if it is none."""
