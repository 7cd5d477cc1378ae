"""One moment of the demo as a value: what the screen draws and the plain lines say.

Owns: the structs between watching and showing.
Must not know: where values come from, rich, terminals.
"""

from msgspec import Struct

from edgegw.demo.figures import Response
from edgegw.demo.observer import Active, Seen

LANES = ("alarm", "access", "command", "telemetry")
"""As the metrics name them, most urgent first."""


class ProcessRow(Struct, frozen=True):
    """A process. `state`: up, starting, down, or unplugged (on purpose)."""

    name: str
    state: str
    pid: int | None = None
    restarts: int = 0


class LinkRow(Struct, frozen=True):
    """A link of the gateway. `rate`: messages per second of late."""

    name: str
    kind: str
    up: bool
    messages: int
    readings: int
    rate: float = 0.0


class Ticket(Struct, frozen=True):
    """A ticket of the desk.

    Attributes:
        state: open, resolved (recovered), closed, rejected, merged: the desk's own word.
        progress: how far people are: opened, acknowledged, assigned, resolved, closed, rejected; empty if the desk does not tell.
        key: dedup_key of its alarm.
        opened_s, closed_s, respond_by_s, resolve_by_s: wall seconds; None: not so, or not told.
        behind: alarms that it stands for besides its own.
    """

    number: str
    title: str
    priority: str
    place: str
    state: str
    progress: str = ""
    key: str = ""
    opened_s: float | None = None
    closed_s: float | None = None
    respond_by_s: float | None = None
    resolve_by_s: float | None = None
    assignee: str = ""
    behind: int = 0


class View(Struct, frozen=True):
    """See the module's text.

    Attributes:
        elapsed_s: since the demo is complete.
        now_s: monotonic seconds, for ages; `wall_s`: wall seconds, for what the desk tells times of.
        opened, resolved, acknowledged, closed: tickets that ever came so far.
        missed: tickets that nobody acknowledged in time, or before they were over.
        addresses: what can be opened: a word and a URL or path.
        depth: upstream → lane → records not yet accepted.
        committed, accepted: records in the store ever, and unique records the desk has.
        rate: records committed per second of late.
        notices: latest last: seconds after the start, text.
    """

    elapsed_s: float
    now_s: float
    addresses: tuple[tuple[str, str], ...]
    processes: tuple[ProcessRow, ...]
    links: tuple[LinkRow, ...]
    devices: tuple[Seen, ...]
    alarms: tuple[Active, ...]
    tickets: tuple[Ticket, ...]
    opened: int
    resolved: int
    responses: dict[str, Response]
    depth: dict[str, dict[str, int]]
    committed: int
    accepted: int
    rate: float
    raised: int
    cleared: int
    notices: tuple[tuple[float, str], ...]
    acknowledged: int = 0
    closed: int = 0
    missed: int = 0
    wall_s: float = 0.0
