"""What tests of ticket systems share: alarm events with tickets, an inbox, a sender on a shipped mapping."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from edgegw.clock import Clock, SystemClock
from edgegw.errors import StoreError
from edgegw.mappings.compiled import Compiled
from edgegw.mappings.loader import compile_mapping, find_mapping, load_mapping, settings_of
from edgegw.model import Event, Instant, Lane, Record
from edgegw.rules.events import AlarmData, DeviceRef, Location
from edgegw.service.ticket import GuideRef, Ticket, TicketState, TicketUpdate, TroubleView
from edgegw.upstream.rest.client import RestClient
from edgegw.upstream.rest.sender import RestSender

WALL_NS = 1_767_225_600_000_000_000
LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


def ref_of(n: int) -> str:
    """A ref as tickets have them."""
    text = ""
    for _ in range(8):
        n, digit = divmod(n, len(LETTERS))
        text = LETTERS[digit] + text
    return f"EG-{text}"


def alarm_data(n: int, action: str, *, title: str = "水浸告警", priority: str = "P2", **more: Any) -> bytes:
    """The data of an alarm event of trouble number `n`."""
    ticket = {
        "action": action,
        "id": f"00000000-0000-8000-8000-{n:012d}",
        "ref": ref_of(n),
        "category": "water",
        "category_name": "给排水",
        "priority": priority,
        "respond_by": "2026-01-01T00:15:00Z",
        "team": "repair",
        "team_name": "工程班",
        "guide": GuideRef("leak", "漏水处置", ("关闭阀门", "通知住户")),
    } | more.pop("ticket", {})
    alarm = AlarmData(
        dedup_key=f"g1/leak-{n}/wet",
        alarm_id=f"a-{n}",
        rule="wet",
        state="cleared" if action == "resolve" else "active",
        title=title,
        category="water",
        priority=priority,
        device=DeviceRef(f"leak-{n}", more.pop("name", f"Leak {n}"), "v/leak", "z"),
        location=Location("3号楼1单元", {"building": "3"}),
        evidence=msgspec.Raw(msgspec.json.encode(more.pop("evidence", {"wet": True}))),
        count=1,
        raised_at="2026-01-01T00:00:00.000Z",
        ticket=msgspec.Raw(msgspec.json.encode(Ticket(**ticket))),
        **more,
    )
    return msgspec.json.encode(alarm)


def alarm_event(n: int, action: str, **more: Any) -> Event:
    """The same as an event."""
    data = alarm_data(n, action, **more)
    return Event("edgegw.alarm.raised", Lane.ALARM, f"leak-{n}", Instant(WALL_NS, 0), data)


def alarm_record(seq: int, n: int, action: str, **more: Any) -> Record:
    """The same as a stored record."""
    data = more.pop("data", None) or alarm_data(n, action, **more)
    return Record(seq, f"id-{seq:06d}", 1, Lane.ALARM, "edgegw.alarm.raised", f"leak-{n}", WALL_NS + seq, None, 0, True,
                  True, data)  # fmt: skip


class Inbox:
    """A `TicketInbox` that keeps what it is told, and shows the tickets it was told of as open."""

    def __init__(self) -> None:
        self.told: list[TicketUpdate] = []
        self.views: dict[str, TroubleView] = {}
        self.fails = 0

    async def answered(self, upstream: str, updates: Sequence[TicketUpdate], *, cursor: str | None = None) -> int:
        """See `TicketInbox`; the first `fails` calls do not work."""
        await asyncio.sleep(0)
        if self.fails > 0:
            self.fails -= 1
            raise StoreError("full")
        for update in updates:
            self.told.append(update)
            before = self.views.get(update.ticket_id)
            self.views[update.ticket_id] = TroubleView(
                dedup_key=update.dedup_key,
                ticket_id=update.ticket_id,
                ref=before.ref if before else ref_of(int(update.ticket_id[-12:])),
                title="",
                category="water",
                priority="P2",
                team="",
                subject="",
                active=True,
                state=TicketState(update.state),
                number=update.number,
                assignee=update.assignee,
            )
        return len(updates)

    def cursor(self, upstream: str) -> str:
        """See `TicketInbox`."""
        return ""

    def open_tickets(self) -> Sequence[TroubleView]:
        """See `TicketInbox`."""
        return [view for view in self.views.values() if view.state not in {TicketState.CLOSED, TicketState.REJECTED}]

    def states(self) -> list[str]:
        """What was told, in order."""
        return [update.state for update in self.told]


@lru_cache(maxsize=8)
def _ready(mapping: str, settings: bytes, language: str) -> tuple[Compiled, dict[str, Any]]:
    loaded = load_mapping(find_mapping(mapping, Path.cwd()))
    filled = settings_of(loaded.spec, msgspec.json.decode(settings))
    return compile_mapping(loaded, filled, language=language), filled


def sender_for(
    mapping: str,
    asking: Any,
    inbox: Any,
    *,
    settings: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    language: str = "zh-CN",
    **more: Any,
) -> RestSender:
    """A sender on a shipped mapping, or on one at a path."""
    compiled, filled = _ready(mapping, msgspec.json.encode(settings or {}), language)
    options = {"settle_s": 0.0, "poll_every_s": 0.0, "base": "http://desk.test/t"} | more
    return RestSender(
        "desk",
        compiled,
        asking,
        gateway="g1",
        language=language,
        settings=filled,
        secrets=secrets or {},
        inbox=inbox,
        clock=clock or SystemClock(),
        **options,
    )


@asynccontextmanager
async def at_work(
    mapping: str, url: str, inbox: Any, *, timeout_s: float = 10.0, **more: Any
) -> AsyncIterator[RestSender]:
    """A sender with a real client, running."""
    sender = sender_for(mapping, RestClient(url, timeout_s=timeout_s), inbox, base=url, **more)
    task = asyncio.create_task(sender.run())
    try:
        yield sender
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
