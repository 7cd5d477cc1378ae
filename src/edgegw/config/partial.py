"""The JSON Schema of a section that says only how it differs from another one (`extends`).

Owns: turning the schema of the whole into that of a part. Must not know: what the section is.
"""

from typing import Any

_PART = ".part"
"""Ends the names of definitions of which everything may be left out."""


def extending(schema: dict[str, Any], key: str, own: frozenset[str]) -> dict[str, Any]:
    """A schema that accepts the whole, or where `key` stands a part: nothing is required, null removes, but for what is `own`.

    Lists are not merged: what is in them is whole.
    """
    definitions = schema.get("$defs", {})
    whole = {k: v for k, v in schema.items() if k != "$defs"}
    part = _part(whole)
    part["required"] = [key, *(name for name in whole.get("required", ()) if name in own)]
    part["properties"] |= {name: value for name, value in whole["properties"].items() if name in own}
    return {
        "if": {"type": "object", "required": [key], "properties": {key: {"type": "string"}}},
        "then": part,
        "else": whole,
        "$defs": definitions | {f"{name}{_PART}": _part(value) for name, value in definitions.items()},
    }


def _part(node: Any) -> Any:  # noqa: ANN401 - JSON Schema of any shape
    if isinstance(node, list):
        return [_part(item) for item in node]
    if not isinstance(node, dict):
        return node
    made: dict[str, Any] = {}
    for word, value in node.items():
        if word == "$ref":
            made[word] = f"{value}{_PART}"
        elif word in {"properties", "patternProperties"}:
            made[word] = {name: _or_null(_part(inner)) for name, inner in value.items()}
        elif word == "additionalProperties" and isinstance(value, dict):
            made[word] = _or_null(_part(value))
        elif word in {"anyOf", "allOf", "oneOf"}:  # of parts, several may fit
            made["allOf" if word == "allOf" else "anyOf"] = _part(value)
        elif word not in {"required", "minProperties", "discriminator"}:
            made[word] = value
    return made


def _or_null(node: dict[str, Any]) -> dict[str, Any]:
    told = {word: node[word] for word in ("description", "default", "title") if word in node}
    return told | {"anyOf": [{k: v for k, v in node.items() if k not in told}, {"type": "null"}]}
