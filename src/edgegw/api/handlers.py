"""What each route does, apart from HTTP: a call in, a value out, or an ApiError.

Owns: the meaning of the routes. Must not know: HTTP, how a token was found, who is behind the backend.
"""

from collections.abc import Mapping
from typing import Any

from edgegw.api.acts import Acts
from edgegw.api.backend import Backend, ImportMode
from edgegw.api.call import Call, choice, holder, known_form
from edgegw.api.openapi import document
from edgegw.api.problems import ApiError
from edgegw.api.types import (
    TIMEOUT_S,
    CommandAnswer,
    CommandRequest,
    CredentialNumber,
    CredentialPut,
    CredentialRevoked,
    CredentialStored,
    CredentialSummary,
    Device,
    Devices,
    Door,
    Doors,
    Points,
    wall_ns,
)
from edgegw.clock import Clock
from edgegw.model import Command, Issuer, Outcome, OutcomeStatus, Source

ANSWER_S = 0.1
"""Kept back of the 5 s for committing the outcome and answering."""

INDEX = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>edgegw API</title><h1>edgegw API</h1>"
    "<p>The API is described in <a href=/api/v1/openapi.json>openapi.json</a>; requests need a token "
    "(<code>edgegw token create</code>).</p></html>"
)


class Handlers:
    """One method for each route but ``events`` and those of handlers_service, by its name."""

    def __init__(self, backend: Backend, clock: Clock, acts: Acts) -> None:
        self._backend = backend
        self._clock = clock
        self._acts = acts
        self._document: dict[str, Any] | None = None

    async def index(self, _: Call) -> str:
        """A page for whoever opens the address in a browser."""
        return INDEX

    async def openapi(self, _: Call) -> dict[str, Any]:
        """The document; made once, when first asked for."""
        if self._document is None:
            self._document = document()
        return self._document

    # --- looking ------------------------------------------------------------------------------------------------------

    async def devices(self, _: Call) -> Devices:
        """All devices."""
        return Devices(tuple(self._backend.devices()))

    async def device(self, call: Call) -> Device:
        """One device."""
        found = self._backend.device(known_form(call.target))
        if found is None:
            raise ApiError("unknown-target", "no such device")
        return found

    async def points(self, call: Call) -> Points:
        """Its points."""
        found = self._backend.points(known_form(call.target))
        if found is None:
            raise ApiError("unknown-target", "no such device")
        return Points(call.target, tuple(found))

    async def doors(self, _: Call) -> Doors:
        """All doors."""
        return Doors(tuple(self._backend.doors()))

    async def door(self, call: Call) -> Door:
        """One door."""
        found = self._backend.door(known_form(call.target))
        if found is None:
            raise ApiError("unknown-target", "no such door")
        return found

    # --- acting -------------------------------------------------------------------------------------------------------

    async def device_command(self, call: Call) -> CommandAnswer:
        """Command a device. A door's id is none: what opens a door is asked of the door."""
        if self._backend.door(known_form(call.target)) is not None:
            raise ApiError("unknown-target", "that is a door", id=call.body.id)
        return await self._command(call)

    async def door_command(self, call: Call) -> CommandAnswer:
        """Command a door. Whether there is such a device is not looked at before the right is."""
        if self._backend.device(known_form(call.target)) is not None:
            raise ApiError("unknown-target", "that is a device", id=call.body.id)
        return await self._command(call)

    async def _command(self, call: Call) -> CommandAnswer:
        request: CommandRequest = call.body
        token = holder(call)
        most_s = min(request.timeout, TIMEOUT_S - ANSWER_S)
        command = Command(
            id=request.id,
            target=call.target,
            name=request.command,
            args=request.args,
            issuer=Issuer(Source.API, token.name, token.scopes),
            deadline_ns=self._clock.now().mono_ns + round(most_s * 1e9),
            expires_ns=None if request.expires_at is None else wall_ns(request.expires_at),
        )
        call.recorded = True
        try:
            outcome = await self._acts.run(self._backend.command(command), f"api-command-{request.id}", TIMEOUT_S)
        except TimeoutError:
            # The desk answers by the deadline; if it does not, the caller still gets an answer, and it is the honest one.
            outcome = Outcome(OutcomeStatus.UNKNOWN, "no-outcome", "no outcome in time; the record will tell")
        if outcome.status is OutcomeStatus.REJECTED:
            raise ApiError(outcome.reason, outcome.detail, id=request.id)
        return CommandAnswer(request.id, outcome.status, outcome.reason, outcome.detail, outcome.values)

    async def import_credentials(self, call: Call) -> Mapping[str, Any]:
        """Many credentials."""
        mode: ImportMode = "full" if choice(call, "mode", ("full", "delta")) == "full" else "delta"
        dry_run = choice(call, "dry_run", ("true", "false"), "false") == "true"
        work = self._backend.import_credentials(call.body, call.content_type, mode, dry_run=dry_run)
        return await self._acts.run(work, "api-import")

    async def put_credential(self, call: Call) -> CredentialStored:
        """One credential."""
        body: CredentialPut = call.body
        return CredentialStored(await self._acts.run(self._backend.put_credential(body), "api-put"))

    async def revoke_credential(self, call: Call) -> CredentialRevoked:
        """Revoke one."""
        body: CredentialNumber = call.body
        gone = await self._acts.run(self._backend.revoke(body.kind, body.number), "api-revoke")
        if not gone:
            raise ApiError("unknown-credential", "there was no such credential")
        return CredentialRevoked(revoked=True)

    async def credentials_summary(self, _: Call) -> CredentialSummary:
        """How many there are."""
        return self._backend.credentials_summary()
