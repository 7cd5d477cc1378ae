"""What an alarm is and what it keeps: its phases, what is fixed about it, what is stored of it.

Owns: the shapes, above all that of the stored state.
Must not know: when an alarm moves from one phase to the next (alarm.py).
"""

from enum import StrEnum

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from edgegw.model import Value
from edgegw.profiles.fields import Text
from edgegw.rules.events import AlarmData, DeviceRef, Location


class Phase(StrEnum):
    """Where an alarm is; the names are stored and never change meaning."""

    NORMAL = "normal"
    PENDING = "pending"
    ACTIVE = "active"
    CLEARING = "clearing"


class AlarmSpec(Struct, frozen=True, kw_only=True):
    """What does not change while an alarm comes and goes.

    Attributes:
        owner: what ``{device}`` in the title stands for.
        subject: the events' subject: device id, ``link/<name>`` or ``gateway``.
        hold_ns, clear_ns: how long the condition must hold before, and be gone after.
    """

    dedup_key: str
    rule: str
    subject: str
    owner: str
    title: Text
    priority: str
    category: str
    hold_ns: int = 0
    clear_ns: int = 0
    device: DeviceRef | UnsetType = UNSET
    location: Location | UnsetType = UNSET


class AlarmState(Struct, kw_only=True, omit_defaults=True):
    """An alarm as stored (JSON). Written on every change of phase, with the events of that change.

    Attributes:
        since_ns: wall time of the last change of phase; a label only.
        raised_ns, raised_synced: wall time of raising, and whether it was trusted.
        evidence: while pending: what was seen.
        last: for `changed`: the last value, as a list of one; empty while none was seen.
    """

    phase: Phase
    subject: str = ""
    since_ns: int = 0
    data: AlarmData | None = None
    raised_ns: int = 0
    raised_synced: bool = True
    evidence: Raw | UnsetType = UNSET
    last: list[Value] = []


class AlarmView(Struct, frozen=True):
    """An alarm that is raised and not cleared, for metrics, health and the console."""

    dedup_key: str
    rule: str
    subject: str
    phase: str
    title: str
    priority: str
    category: str
    raised_ns: int
    count: int


_decode_state = msgspec.json.Decoder(AlarmState).decode


def decode_state(value: bytes) -> AlarmState:
    """A stored alarm; msgspec.DecodeError if it is none."""
    state = _decode_state(value)
    if (state.phase in (Phase.ACTIVE, Phase.CLEARING)) is (state.data is None):
        raise msgspec.ValidationError("an alarm is raised exactly if it has data")
    return state
