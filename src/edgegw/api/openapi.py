"""The OpenAPI 3.1 document, made from the table of routes and the types' own JSON Schema.

Owns: the document's form. Must not know: how a request is answered.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from edgegw import __version__
from edgegw.api.problems import Problem
from edgegw.api.routes import ROUTES, SEQ, SSE, Route
from edgegw.api.types import TIMEOUT_S

_REF = "#/components/schemas/{name}"

_MEANINGS = {
    400: "The body is not JSON",
    401: "No token, or none that is valid",
    403: "The token has no right to this",
    404: "There is no such thing",
    408: "The body came too slowly",
    409: "The id was used before; nothing was done now",
    413: "The body is too long",
    415: "The body's type is not taken",
    422: "The request is understood and not right",
    429: "Too often; see Retry-After",
    503: "Not now: busy, or nothing can be stored",
}

_ABOUT = f"""\
Devices, points, alarms, tickets, maintenance, requests, patrols, doors, commands, credentials and events of one gateway.

Every request but this document's needs `Authorization: Bearer egw_…` (`edgegw token create`).

A command answers within {TIMEOUT_S:g} s with its outcome: 200 for one that was admitted, however it ended (`done`, `failed`,
`expired`, `unknown`); another status for one that was not, and then nothing was sent. `unknown` was sent and is not confirmed:
ask the device before trying again.
"""


def document() -> dict[str, Any]:
    """The document as a JSON object."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    types = _types(ROUTES)
    _, schemas = msgspec.json.schema_components(types, ref_template=_REF)
    return {
        "openapi": "3.1.0",
        "info": {"title": "edgegw", "version": __version__, "description": _ABOUT},
        "paths": paths,
        "components": {
            "schemas": {name: _told(schema) for name, schema in schemas.items()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _types(routes: Iterable[Route]) -> list[Any]:
    wanted: list[Any] = [Problem]
    for route in routes:
        wanted += [one for one in (route.body, route.gives) if one not in (None, bytes, str, dict)]
    return wanted


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": route.name, "summary": route.summary, "responses": _responses(route)}
    parameters = _parameters(route)
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        schema = {} if route.body is bytes else _schema(route.body)
        operation["requestBody"] = {"required": True, "content": {kind: {"schema": schema} for kind in route.takes}}
    if route.scope is not None:
        operation["security"] = [{"token": []}]
        right = "a scope of the target" if route.scope == "target" else f"scope `{route.scope}`"
        operation["description"] = f"Needs {right}."
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if "{id}" in route.path:
        schema = {"type": "string", "pattern": route.id_pattern}
        found.append({"name": "id", "in": "path", "required": True, "schema": schema})
    if route.gives_type == SSE:
        found.append({"name": "Last-Event-ID", "in": "header", "description": "resume after this seq", "schema": SEQ})
    found += [
        {
            "name": query.name,
            "in": "query",
            "required": query.required,
            "description": query.description,
            "schema": query.schema,
        }
        for query in route.query
    ]
    return found


def _responses(route: Route) -> dict[str, Any]:
    if route.gives_type == SSE:
        # An event stream has no schema of its own; `data` of a message is this.
        content: dict[str, Any] = {"schema": {"type": "string"}}
        meaning = (
            "Messages: `id` is the seq, `data` a StoredEvent; `event: gap` ends a stream whose reader was too slow"
        )
    else:
        plain = {dict: {"type": "object"}, str: {"type": "string"}}
        content = {"schema": plain[route.gives] if route.gives in plain else _schema(route.gives)}
        meaning = route.summary
    found: dict[str, Any] = {"200": {"description": meaning, "content": {route.gives_type: content}}}
    for status in sorted(_errors(route)):
        found[str(status)] = {
            "description": _MEANINGS[status],
            "content": {"application/json": {"schema": _schema(Problem)}},
        }
        if status == 429:
            found[str(status)]["headers"] = {"Retry-After": {"schema": {"type": "integer", "minimum": 1}}}
    return found


def _errors(route: Route) -> set[int]:
    statuses = set(route.errors)
    if route.scope is not None:
        statuses |= {401, 403, 429, 503}
    if route.body is not None:
        statuses |= {400, 408, 413, 415, 422}
    return statuses


def _schema(of: Any) -> dict[str, Any]:  # noqa: ANN401 - any msgspec type
    return {"$ref": _REF.format(name=of.__name__)}


def _told(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema whose description is the docstring's first paragraph."""
    description = schema.get("description")
    if isinstance(description, str):
        first = description.split("\n\n", 1)[0]
        schema = {**schema, "description": re.sub(r"\s+", " ", first).strip()}
    return schema
