"""The document says what the table of routes says, and nothing more."""

import json
import re
from pathlib import Path

import jsonschema
import msgspec

from edgegw.api.acts import Acts
from edgegw.api.handlers import Handlers
from edgegw.api.handlers_service import ServiceHandlers
from edgegw.api.openapi import document
from edgegw.api.problems import STATUSES
from edgegw.api.routes import ROUTES
from edgegw.api.server import ApiServer
from edgegw.api.types import CommandRequest
from edgegw.api.types_service import Tickets
from edgegw.commands.admission import REASONS
from edgegw.rights import WORDS


def operations():
    return {
        (method.upper(), path): one for path, methods in document()["paths"].items() for method, one in methods.items()
    }


def test_every_served_route_is_in_the_document_and_vice_versa(backend, path):
    server = ApiServer("127.0.0.1", 0, backend=backend, tokens=path, clock=backend.clock)
    served = {(one.method, one.resource.canonical) for one in server.application().router.routes()}
    assert served == set(operations())
    assert len({route.name for route in ROUTES}) == len(ROUTES)


def test_every_route_has_its_handler_and_vice_versa(backend):
    plain = {name for name in vars(Handlers) if not name.startswith("_")}
    service = {name for name in vars(ServiceHandlers) if not name.startswith("_")}
    assert not plain & service
    assert plain | service | {"events"} == {route.name for route in ROUTES}
    assert Handlers(backend, backend.clock, Acts())


def test_the_document_stands_by_itself():
    found = document()

    def references(node):
        if isinstance(node, dict):
            if "$ref" in node:
                yield node["$ref"]
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    schemas = found["components"]["schemas"]
    assert {name.rsplit("/", 1)[1] for name in references(found)} <= set(schemas)
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert "Attributes:" not in schema.get("description", "")
    assert schemas[CommandRequest.__name__]["additionalProperties"] is False


def test_what_acts_is_no_get_and_needs_a_token_and_a_body():
    for route in ROUTES:
        operation = operations()[route.method, route.path]
        if route.acts:
            assert route.scope in {"credentials", "tickets", "maintenance", "requests", "patrol", "target"}
            if route.method == "DELETE" and "{id}" in route.path:
                continue  # no form sends a DELETE, and a browser asks before it does across origins
            assert operation["requestBody"]["required"]
            assert set(operation["requestBody"]["content"]) <= {"application/json", "text/csv"}
        else:
            assert "requestBody" not in operation
        assert ("security" in operation) == (route.scope is not None)
        assert route.scope in {None, "target", *WORDS}


def test_every_reason_of_admission_that_the_api_can_meet_has_a_status():
    of_envelopes = {reason for reason in REASONS if reason not in STATUSES}
    assert {"forbidden", "unknown-target", "used-id", "busy", "store"} <= REASONS
    assert not of_envelopes & {"bad-id", "unknown-command", "unknown-argument", "missing-argument", "bad-argument"}
    from edgegw.commands.admission import ADMISSION_REASONS

    assert ADMISSION_REASONS - set(STATUSES) <= {"no-expiry"}  # upstream's alone


def test_the_examples_of_the_page_are_taken():
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
    found = re.findall(r"""\$U/([a-z/]+) -d '([^']+)'""", page)
    taken = {route.path.removeprefix("/api/v1/"): route.body for route in ROUTES if route.method == "POST"}
    assert {path for path, _ in found} == {"tickets", "maintenance", "requests", "patrols/checkins"}
    for path, body in found:
        assert msgspec.json.decode(body, type=taken[path])
    [told] = re.findall(r"""```json\n(\{"tickets".+?)```""", page, re.DOTALL)
    ticket = msgspec.json.decode(told, type=Tickets).tickets[0]
    assert set(msgspec.structs.asdict(ticket)) == set(json.loads(told)["tickets"][0])
