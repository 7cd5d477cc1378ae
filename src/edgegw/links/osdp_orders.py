"""What belongs to one OSDP reader on its line, and its orders' ends.

Owns: a reader's session, its keypad, the orders that wait for it.
Must not know: whose turn it is, what the pipeline hears, libosdp.
"""

import asyncio
from collections import deque

from msgspec import Struct

from edgegw.links.osdp_panel import Channel, Panel
from edgegw.links.osdp_reader import Keys, Watch
from edgegw.model import Outcome, OutcomeStatus
from edgegw.ports import Order
from edgegw.profiles.encode_osdp import OsdpSend

ORDERS_MOST = 4
"""Orders that wait for one reader; one is carried out at a time."""

WHY = {
    "silent": "does not answer",
    "insecure": "answers, but not under a secure channel with its key; refused as insecure",
    "not-understood": "answers, and no session comes about",
}


class ReaderSpec(Struct, frozen=True):
    """A reader on the line. `key`: 16 bytes; None where the line is not secured."""

    device: str
    address: int
    key: bytes | None


class Pending(Struct):
    """An order on its way. `left`: its commands that have not ended; 0 before it is handed over."""

    order: Order
    parts: OsdpSend
    outcome: asyncio.Future[Outcome]
    left: int = 0
    ok: bool = True
    refused: bool = False


class Reader:
    """One reader's session and what waits for it."""

    def __init__(self, spec: ReaderSpec, watch: Watch) -> None:
        self.spec = spec
        self.watch = watch
        self.channel = Channel()
        self.panel: Panel | None = None
        self.keys = Keys()
        self.waiting: deque[Pending] = deque()
        self.current: Pending | None = None
        self.installed = False
        self.status_ns = 0
        self.logged = ""


def outcome_of(pending: Pending) -> Outcome:
    """Of an order whose commands have all ended."""
    if pending.ok:
        return Outcome(OutcomeStatus.DONE)
    if pending.refused:
        return Outcome(OutcomeStatus.FAILED, "device-refused", "the reader does not take it")
    return Outcome(OutcomeStatus.UNKNOWN, "no-answer")


def give(pending: Pending, outcome: Outcome) -> None:
    """Tell whoever waits for it, if anybody still does."""
    if not pending.outcome.done():
        pending.outcome.set_result(outcome)
