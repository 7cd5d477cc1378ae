"""What a ticket system sends back, from bytes: one message, whichever way it comes.

Owns: the message's limits, what is wrong with one that is none, and what of an update is mended rather than refused.
Must not know: how it arrived, which troubles there are.

The message is `ticket.TicketUpdates` as JSON. Unknown members are passed over: a ticket system may send more than we read. Each
update is taken or refused by itself. By `dedup_key`, `ticket_id`, `state` and `version` something is decided: they must be right.
The rest is for people: a note that is too long is cut and a link that is none is dropped; neither is worth losing a state for.
"""

from re import compile as regex

import msgspec
from msgspec import Struct

from edgegw.errors import DecodeError
from edgegw.service.ticket import TicketUpdate

MESSAGE_MOST = 64 * 1024
"""Bytes of a message that is pushed: an MQTT payload. Some 200 updates with notes."""

PAGE_MOST = 1024 * 1024
"""Bytes of a page that is fetched: `UPDATES_MOST` updates with notes of 500 characters."""

UPDATES_MOST = 1000
"""Updates of one message, as `TicketUpdates` says."""

NEXT_MOST = 200
"""Characters of `next`, as `TicketUpdates` says."""

FAULT_MOST = 200
"""Characters of what is told about a bad update."""

REASONS = frozenset({"oversized", "malformed", "too-many", "bad-next"})
"""Every reason `decode` raises with."""

_URL = regex(r"https?://[^\s\x00-\x20\x7f-\x9f<>\"]{1,490}")

_UNSHOWABLE = dict.fromkeys(
    (*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A)), " "
)
"""Control characters, line separators and what turns the writing direction: they would rule a terminal or a log, not be read."""


class Answers(Struct, frozen=True, kw_only=True):
    """What a message said.

    Attributes:
        updates: the good ones, in their order.
        next: where a poll goes on; empty if not said.
        bad: how many updates were refused; `fault`: what is wrong with the first of them, without what stands in it.
    """

    updates: tuple[TicketUpdate, ...] = ()
    next: str = ""
    bad: int = 0
    fault: str = ""


class _Message(Struct):
    tickets: list[msgspec.Raw]
    next: str | int | None = None


class _Update(Struct):
    """An update as systems write it: numbers as numbers, and null for what they do not know."""

    dedup_key: str
    state: str
    ticket_id: str | None = None
    number: str | int | None = None
    url: str | None = None
    at: str | None = None
    version: int | None = None
    by: str | None = None
    assignee: str | None = None
    note: str | None = None


def decode(payload: bytes, *, most: int = MESSAGE_MOST) -> Answers:
    """What a message says.

    Args:
        most: bytes it may have.

    Raises:
        DecodeError: a reason of `REASONS`; nothing of it can be used then. The detail repeats nothing of the content.
    """
    if len(payload) > most:
        raise DecodeError("oversized", f"{len(payload)} bytes; at most {most}")
    try:
        message = msgspec.json.decode(payload, type=_Message)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DecodeError("malformed", f'not {{"tickets": [...]}}: {error}'[:FAULT_MOST]) from None
    except RecursionError:  # in a member we would have passed over
        raise DecodeError("malformed", "nested too deeply") from None
    if len(message.tickets) > UPDATES_MOST:
        raise DecodeError("too-many", f"{len(message.tickets)} updates; at most {UPDATES_MOST}")
    following = "" if message.next is None else str(message.next)
    if len(following) > NEXT_MOST:
        raise DecodeError("bad-next", f"next has {len(following)} characters; at most {NEXT_MOST}")
    updates: list[TicketUpdate] = []
    fault = ""
    for index, raw in enumerate(message.tickets):
        try:
            updates.append(_update(raw))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            fault = fault or f"tickets[{index}]: {error}"[:FAULT_MOST]
    bad = len(message.tickets) - len(updates)
    return Answers(updates=tuple(updates), next=following, bad=bad, fault=fault)


def _update(raw: msgspec.Raw) -> TicketUpdate:
    """One update. Raises msgspec.DecodeError, UnicodeDecodeError, RecursionError."""
    wire = msgspec.json.decode(raw, type=_Update)
    url = wire.url or ""
    return msgspec.convert(
        {
            "dedup_key": wire.dedup_key,
            "state": wire.state,
            "ticket_id": wire.ticket_id or "",
            "number": "" if wire.number is None else shown(str(wire.number), 65),  # one too many is refused, not cut
            "url": url if _URL.fullmatch(url) else "",
            "at": shown(wire.at or "", 40),
            "version": wire.version or 0,
            "by": shown(wire.by or "", 100),
            "assignee": shown(wire.assignee or "", 100),
            "note": shown(wire.note or "", 500),
        },
        TicketUpdate,
    )


def shown(text: str, most: int) -> str:
    """Text for people: control characters become blanks, what is beyond `most` characters is cut."""
    return text[:most].translate(_UNSHOWABLE)
