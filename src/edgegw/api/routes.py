"""The table of routes: what there is, which scope it takes, what goes in and comes out. Server and document are made from it.

Owns: the table. Must not know: how a request is answered.

Nothing that acts is a GET, and what acts wants a body of a type no HTML form can send, besides a token no browser adds by itself.
A DELETE of what its path names has no body: no form can send one, and a browser asks before it sends one across origins.
"""

from typing import Any, Literal

from msgspec import Struct

from edgegw.api import types, types_service
from edgegw.model import Lane
from edgegw.service.ticket import TicketState

PREFIX = "/api/v1"

JSON = "application/json"
CSV = "text/csv"
SSE = "text/event-stream"

BODY_BYTES = 64 * 1024
"""Longest body, but an import's: a command is some hundred bytes."""

TICKETS_BYTES = 1024 * 1024
"""Longest message of ticket states: 1000 of some 300 bytes, and room for notes and links."""

IMPORT_BYTES = 64 * 1024 * 1024
"""Longest import: 100,000 credentials are some 15 MB."""

LANES = {lane.label: lane for lane in Lane}

SEQ_MOST = 2**63 - 1
"""Highest seq: SQLite's integers."""

SEQ: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": SEQ_MOST}


class Query(Struct, frozen=True):
    """A query parameter: its JSON Schema, and what it means."""

    name: str
    schema: dict[str, Any]
    description: str
    required: bool = False


class Route(Struct, frozen=True, kw_only=True):
    """One operation.

    Attributes:
        name: of the operation and of the method that answers it.
        path: template; ``{id}`` is what `id_pattern` says, a device or door if nothing else is said.
        scope: word that the token must have; ``target``: any token, the desk judges the right to the target; None: no token.
        body: type of a JSON body; `bytes` for one that is handed on as it came, of one of `takes`.
        gives: type of the answer; `gives_type` its media type.
        body_bytes: longest body.
        errors: statuses besides those that every route of its kind has.
    """

    name: str
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    summary: str
    scope: Literal["read", "events", "credentials", "tickets", "maintenance", "requests", "patrol", "target"] | None
    gives: Any
    gives_type: str = JSON
    body: type | None = None
    body_bytes: int = BODY_BYTES
    takes: tuple[str, ...] = (JSON,)
    id_pattern: str = types.SLUG_PATTERN
    query: tuple[Query, ...] = ()
    errors: tuple[int, ...] = ()

    @property
    def acts(self) -> bool:
        """Whether it can change anything."""
        return self.method != "GET"


COMMAND_ERRORS = (404, 409, 503)

STATES: dict[str, Any] = {"enum": [state.value for state in TicketState]}

ROUTES: tuple[Route, ...] = (
    Route(name="index", method="GET", path="/", summary="Where to look", scope=None, gives=str, gives_type="text/html"),
    Route(name="openapi", method="GET", path=f"{PREFIX}/openapi.json", summary="This document", scope=None, gives=dict),
    Route(
        name="devices", method="GET", path=f"{PREFIX}/devices", summary="All devices, with the commands they know",
        scope="read", gives=types.Devices,
    ),
    Route(
        name="device", method="GET", path=f"{PREFIX}/devices/{{id}}", summary="One device",
        scope="read", gives=types.Device, errors=(404,),
    ),
    Route(
        name="points", method="GET", path=f"{PREFIX}/devices/{{id}}/points", summary="Last readings of a device",
        scope="read", gives=types.Points, errors=(404,),
    ),
    Route(
        name="device_command", method="POST", path=f"{PREFIX}/devices/{{id}}/commands",
        summary="Command a device; answers with the outcome, within 5 s",
        scope="target", body=types.CommandRequest, gives=types.CommandAnswer, errors=COMMAND_ERRORS,
    ),
    Route(
        name="alarms", method="GET", path=f"{PREFIX}/alarms", summary="Alarms now, with their tickets",
        scope="read", gives=types.Alarms,
    ),
    Route(
        name="tickets", method="GET", path=f"{PREFIX}/tickets", summary="Troubles and their tickets, the most urgent first",
        scope="read", gives=types_service.Tickets, errors=(404, 422),
        query=(
            Query("state", STATES, "only tickets in this state"),
            Query("active", {"enum": ["true", "false"]}, "only those whose alarm is still raised, or is no longer"),
        ),
    ),
    Route(
        name="ticket", method="GET", path=f"{PREFIX}/tickets/{{id}}", summary="One ticket, by its ref or its id",
        scope="read", gives=types_service.Ticket, id_pattern=types.REF_PATTERN, errors=(404,),
    ),
    Route(
        name="push_tickets", method="POST", path=f"{PREFIX}/tickets",
        summary="What a ticket system says of its tickets; the same message as by MQTT and HTTP poll, taken whole or not at all",
        scope="tickets", body=types_service.TicketAnswers, body_bytes=TICKETS_BYTES,
        gives=types_service.TicketsTaken, errors=(404,),
    ),
    Route(
        name="maintenance", method="GET", path=f"{PREFIX}/maintenance", summary="Maintenance that is on",
        scope="read", gives=types_service.Maintenance, errors=(404,),
    ),
    Route(
        name="declare_maintenance", method="POST", path=f"{PREFIX}/maintenance",
        summary="Begin maintenance, with a reason and an end; what is declared twice is on until both have ended",
        scope="maintenance", body=types_service.MaintenanceStart, gives=types_service.MaintenanceWindow, errors=(404,),
    ),
    Route(
        name="end_maintenance", method="DELETE", path=f"{PREFIX}/maintenance/{{id}}", summary="End maintenance before its time",
        scope="maintenance", gives=types_service.MaintenanceEnded, id_pattern=types.REF_PATTERN, errors=(404,),
    ),
    Route(
        name="request_service", method="POST", path=f"{PREFIX}/requests",
        summary="What somebody asks for; answers with its ticket",
        scope="requests", body=types_service.ServiceRequest, gives=types_service.RequestTaken, errors=(404, 409),
    ),
    Route(
        name="withdraw_request", method="DELETE", path=f"{PREFIX}/requests/{{id}}", summary="A request is no longer needed",
        scope="requests", gives=types_service.RequestWithdrawn, id_pattern=types.REF_PATTERN, errors=(404,),
    ),
    Route(
        name="patrols", method="GET", path=f"{PREFIX}/patrols", summary="Patrol plans and the state of their rounds",
        scope="read", gives=types_service.Patrols, errors=(404,),
    ),
    Route(
        name="check_in", method="POST", path=f"{PREFIX}/patrols/checkins", summary="Somebody was at a point of a patrol",
        scope="patrol", body=types_service.PatrolCheckin, gives=types_service.CheckinTaken, errors=(404, 409),
    ),
    Route(name="doors", method="GET", path=f"{PREFIX}/doors", summary="All doors", scope="read", gives=types.Doors),
    Route(
        name="door", method="GET", path=f"{PREFIX}/doors/{{id}}", summary="One door",
        scope="read", gives=types.Door, errors=(404,),
    ),
    Route(
        name="door_command", method="POST", path=f"{PREFIX}/doors/{{id}}/commands",
        summary="Unlock, release or relock a door; answers with the outcome, within 5 s",
        scope="target", body=types.CommandRequest, gives=types.CommandAnswer, errors=COMMAND_ERRORS,
    ),
    Route(
        name="import_credentials", method="POST", path=f"{PREFIX}/credentials/import",
        summary="Many credentials in one transaction, as JSON or CSV (docs/doors.md)",
        scope="credentials", body=bytes, body_bytes=IMPORT_BYTES, takes=(JSON, CSV), gives=dict, errors=(408, 503),
        query=(
            Query("mode", {"enum": ["full", "delta"]}, "full: what is not in the body is revoked", required=True),
            Query("dry_run", {"enum": ["true", "false"], "default": "false"}, "only say what would change"),
        ),
    ),
    Route(
        name="put_credential", method="PUT", path=f"{PREFIX}/credentials", summary="Add or replace one credential",
        scope="credentials", body=types.CredentialPut, gives=types.CredentialStored, errors=(503,),
    ),
    Route(
        name="revoke_credential", method="DELETE", path=f"{PREFIX}/credentials",
        summary="Revoke one credential, effective at once; its number is in the body, so that no log of URLs has it",
        scope="credentials", body=types.CredentialNumber, gives=types.CredentialRevoked, errors=(404, 503),
    ),
    Route(
        name="credentials_summary", method="GET", path=f"{PREFIX}/credentials/summary", summary="How many there are",
        scope="credentials", gives=types.CredentialSummary,
    ),
    Route(
        name="events", method="GET", path=f"{PREFIX}/events",
        summary="Records as server-sent events, as they are committed; `Last-Event-ID` (a seq) resumes",
        scope="events", gives=types.StoredEvent, gives_type=SSE, errors=(422, 503),
        query=(
            Query("lanes", {"type": "string", "pattern": "^[a-z]+(,[a-z]+)*$"}, f"some of {', '.join(LANES)}; all if not given"),
            Query("after", SEQ, "as Last-Event-ID, which goes first"),
        ),
    ),
)  # fmt: skip
"""In the order of the document."""
