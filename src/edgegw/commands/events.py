"""What commands leave on record: the data of their events.

Owns: the JSON shapes, their bounds, encoding. Must not know: when a command is admitted or ended.

An admitted command leaves exactly one ``edgegw.command.admitted`` (a door's decision stands in for it where there is one) and
exactly one ``edgegw.command.completed``, whatever happens. What was not admitted leaves ``edgegw.command.rejected`` instead, of
its own type because its id may be another command's (a replay), and whoever follows that id must not take this for its outcome.
"""

from collections.abc import Mapping

from msgspec import UNSET, Struct, UnsetType

from edgegw.commands.ledger import Entry
from edgegw.model import Command, Event, Instant, Lane, Outcome, OutcomeStatus, Value
from edgegw.rules.events import encode, utc

ADMITTED = "edgegw.command.admitted"
COMPLETED = "edgegw.command.completed"
REJECTED = "edgegw.command.rejected"

DETAIL_MOST = 300
"""Characters of a detail; devices' complaints go in and may be long."""

ARGS_MOST_BYTES = 2048
"""Bytes of a rejected command's arguments; what nobody checked yet must not fill the store."""

NAME_MOST = 64
"""Characters of a rejected command's id, target and name."""


class IssuerData(Struct, frozen=True):
    """Who asked: by which way, and the token's, key's, linkage's or door's name."""

    source: str
    name: str


class AdmittedData(Struct, frozen=True, kw_only=True):
    """The data of ``edgegw.command.admitted``. `deadline_s`: seconds in which it gets its outcome; `expires_at`: RFC 3339."""

    id: str
    target: str
    command: str
    args: Mapping[str, Value]
    issuer: IssuerData
    deadline_s: float
    expires_at: str | UnsetType = UNSET


class OutcomeData(Struct, frozen=True, kw_only=True):
    """The data of ``edgegw.command.completed`` and ``edgegw.command.rejected``.

    Attributes:
        status, reason, detail, values: see `model.Outcome`; `values` absent if nothing was confirmed by a value.
        duration_ms: from admission to outcome, monotonic; absent where a restart lies between, and when rejected.
        admitted_at: RFC 3339 UTC, absent when rejected.
        suppressed: rejections since the last recorded one that were counted only; absent if none.
    """

    id: str
    target: str
    command: str
    args: Mapping[str, Value]
    issuer: IssuerData
    status: str
    reason: str
    detail: str
    values: Mapping[str, Value] | UnsetType = UNSET
    duration_ms: float | UnsetType = UNSET
    admitted_at: str | UnsetType = UNSET
    suppressed: int | UnsetType = UNSET


def admitted(command: Command, subject: str, deadline_ns: int, at: Instant) -> Event:
    """A command was taken; `deadline_ns` is the effective one."""
    data = AdmittedData(
        id=command.id,
        target=command.target,
        command=command.name,
        args=command.args,
        issuer=IssuerData(command.issuer.source, command.issuer.name),
        deadline_s=round((deadline_ns - at.mono_ns) / 1e9, 3),
        expires_at=UNSET if command.expires_ns is None else utc(command.expires_ns),
    )
    return Event(ADMITTED, Lane.COMMAND, subject, at, encode(data))


def completed(command: Command, subject: str, outcome: Outcome, admitted_at: Instant, at: Instant) -> Event:
    """An admitted command ended."""
    data = OutcomeData(
        id=command.id,
        target=command.target,
        command=command.name,
        args=command.args,
        issuer=IssuerData(command.issuer.source, command.issuer.name),
        status=outcome.status,
        reason=outcome.reason,
        detail=outcome.detail[:DETAIL_MOST],
        values=outcome.values or UNSET,
        duration_ms=round((at.mono_ns - admitted_at.mono_ns) / 1e6, 1),
        admitted_at=utc(admitted_at.wall_ns),
    )
    return Event(COMPLETED, Lane.COMMAND, subject, at, encode(data))


def interrupted(id_: str, entry: Entry, subject: str, at: Instant) -> Event:
    """A command whose run ended before its outcome was recorded: whether it was sent is not known."""
    data = OutcomeData(
        id=id_,
        target=entry.target,
        command=entry.command,
        args=entry.args,
        issuer=IssuerData(entry.source, entry.issuer),
        status=OutcomeStatus.UNKNOWN,
        reason="restart",
        detail=f"run {entry.boot} ended before the outcome was recorded; nothing is sent again",
        admitted_at=utc(entry.at),
    )
    return Event(COMPLETED, Lane.COMMAND, subject, at, encode(data))


def rejection(command: Command, reason: str, detail: str) -> OutcomeData:
    """A command that was not taken, cut to its bounds."""
    args = command.args if len(encode(command.args)) <= ARGS_MOST_BYTES else {"left_out": True}
    return OutcomeData(
        id=command.id[:NAME_MOST],
        target=command.target[:NAME_MOST],
        command=command.name[:NAME_MOST],
        args=args,
        issuer=IssuerData(command.issuer.source, command.issuer.name[:NAME_MOST]),
        status=OutcomeStatus.REJECTED,
        reason=reason,
        detail=detail[:DETAIL_MOST],
    )
