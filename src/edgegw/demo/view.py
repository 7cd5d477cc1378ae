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
    """A ticket of the desk. `state`: open, resolved, closed … in the desk's own word."""

    number: str
    title: str
    priority: str
    place: str
    state: str


class View(Struct, frozen=True):
    """See the module's text.

    Attributes:
        elapsed_s: since the demo is complete.
        now_s: monotonic seconds, for ages.
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
