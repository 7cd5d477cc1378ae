"""What the typed models say, for editors and readers: JSON Schema, and the tables of docs/configuration.md.

Owns: turning models, with the notes in their docstrings, into JSON Schema and Markdown.
Must not know: any particular section; the models say all.
"""

import re
import types
from collections.abc import Iterator
from inspect import cleandoc
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

from edgegw.config.fields import parse_size
from edgegw.config.partial import extending
from edgegw.config.schema import Site
from edgegw.mappings.schema import Mapping
from edgegw.profiles.extends import OWN
from edgegw.profiles.fields import Text, parse_duration, parse_hex
from edgegw.profiles.schema import Profile

SCHEMAS: dict[str, tuple[type[BaseModel], str]] = {
    "site": (Site, "edgegw site file"),
    "profile": (Profile, "edgegw device profile"),
    "mapping": (Mapping, "edgegw ticket-system mapping"),
}
"""What `edgegw schema` can write: name → model, title. The ``$id`` is a URN: nothing is to be fetched from it."""

_NOTE = re.compile(r"^    ([a-z_]+(?:, [a-z_]+)*): (.*)$")
_SPELLED = {parse_duration: "duration", parse_size: "size", parse_hex: "hex bytes"}


def json_schema(name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of ``site``, ``profile`` or ``mapping``: it accepts what the loader accepts.

    The loader checks more: YAML's surprises, and everything that concerns two places at once.
    """
    model, title = SCHEMAS[name]
    schema = model.model_json_schema(by_alias=True)
    for section in models(model):
        part = schema if section is model else schema.get("$defs", {}).get(section.__name__)
        if part is None:
            continue
        part["description"] = summary(section)
        told = notes(section)
        for field, info in section.model_fields.items():
            if text := told.get(field):
                part["properties"][info.alias or field].setdefault("description", text)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:edgegw:schema:{name}:1",
        "title": title,
    }
    whole = {k: v for k, v in schema.items() if k != "title"}
    return head | (extending(whole, "extends", OWN) if "extends" in model.model_fields else whole)


def tables(root: type[BaseModel]) -> str:
    """The reference: for each section in reading order a heading, its summary and a table of its keys."""
    return "\n\n".join(_table(model) for model in models(root)) + "\n"


def models(root: type[BaseModel]) -> list[type[BaseModel]]:
    """A model and every model inside it, each once, in reading order."""
    found: dict[type[BaseModel], None] = {root: None}
    for info in root.model_fields.values():
        for inner in _models_in(info.annotation):
            found.update(dict.fromkeys(models(inner)))
    return list(found)


def summary(model: type[BaseModel]) -> str:
    """The first paragraph of a model's docstring, in one line."""
    return " ".join(cleandoc(model.__doc__ or "").split("\n\n")[0].split()).replace("``", "`")


def notes(model: type[BaseModel]) -> dict[str, str]:
    """Field → its line in the docstring's Attributes, those of base classes included."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        doc = cleandoc(base.__doc__ or "") if base is not BaseModel else ""
        _, _, listed = doc.partition("Attributes:\n")
        names: list[str] = []
        for line in listed.splitlines():
            if match := _NOTE.match(line):
                names = match[1].split(", ")
                found.update(dict.fromkeys(names, match[2]))
            elif line.strip():
                found.update({name: f"{found[name]} {line.strip()}" for name in names})
            else:
                break
    return {name: text.replace("``", "`") for name, text in found.items()}


def _table(model: type[BaseModel]) -> str:
    told = notes(model)
    rows = [
        f"### {_heading(model)}",
        "",
        summary(model),
        "",
        "| key | value | default | meaning |",
        "|---|---|---|---|",
    ]
    for name, info in model.model_fields.items():
        meaning = told.get(name, "which kind this is" if name == "kind" else "")
        cells = (f"`{info.alias or name}`", _kind(info.annotation, info), _default(info), meaning)
        rows.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
    return "\n".join(rows)


def _heading(model: type[BaseModel]) -> str:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", model.__name__.removesuffix("Section"))
    kind = model.model_fields.get("kind")
    kinds = get_args(kind.annotation) if kind is not None else ()
    return f"{words} (`kind: {kinds[0]}`)" if len(kinds) == 1 else words


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:  # noqa: ANN401 - any annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    for arg in get_args(annotation):
        yield from _models_in(arg)


def _kind(annotation: Any, info: FieldInfo | None = None) -> str:  # noqa: ANN401, PLR0911 - any annotation; one case a line
    metadata = info.metadata if info is not None else []
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        return _bounded(_spelled(metadata) or _kind(inner), metadata)
    if spelled := _spelled(metadata):
        return _bounded(spelled, metadata)
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{_plain(a)}`" for a in args)
    if origin in (Union, types.UnionType):
        if info is not None and info.discriminator:
            return "by `kind`, see below"
        return " or ".join(dict.fromkeys(_kind(a) for a in args if a is not type(None)))
    if origin is dict:
        return (
            "by `kind`, each under its name" if "kind" in _kind(args[1]) else f"{_kind(args[1])}, each under its name"
        )
    if origin is tuple:
        return f"list of {_kind(args[0])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        heading = _heading(annotation)
        linked = f"[{heading}](#{heading.lower().replace(' ', '-')})"
        return f"text or {linked}" if annotation is Text else linked
    words = {str: "text", int: "whole number", float: "number", bool: "`true`, `false`", object: "as there"}
    return _bounded(words.get(annotation, "any"), metadata)


def _spelled(metadata: list[Any]) -> str | None:
    for item in metadata:
        if isinstance(item, BeforeValidator) and item.func in _SPELLED:
            return _SPELLED[item.func]
        if isinstance(item, FieldInfo):
            if item.discriminator:
                return "by `kind`"
            if (pattern := _pattern(item.metadata)) and pattern.startswith("^[a-z0-9][a-z0-9_.-]"):
                return "name"
    pattern = _pattern(metadata)
    return "name" if pattern is not None and pattern.startswith("^[a-z0-9][a-z0-9_.-]") else None


def _pattern(metadata: list[Any]) -> str | None:
    return next((p for item in metadata if (p := getattr(item, "pattern", None)) is not None), None)


def _bounded(kind: str, metadata: list[Any]) -> str:
    flat = [m for item in metadata for m in (item.metadata if isinstance(item, FieldInfo) else [item])]
    if kind == "size":
        return kind
    low, high, above = (
        next((bound for m in flat if (bound := getattr(m, name, None)) is not None), None)
        for name in ("ge", "le", "gt")
    )
    shown = _duration if kind == "duration" else _plain
    if low is not None and high is not None:
        return f"{kind}, {shown(low)} to {shown(high)}"
    if low is not None:
        return f"{kind}, {shown(low)} or more"
    if high is not None:
        return f"{kind}, at most {shown(high)}"
    return f"{kind}, more than {shown(above)}" if above is not None else kind


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.get_default()
    if value is None or value in ({}, (), "", b"") or isinstance(value, BaseModel):
        return ""
    if "duration" in _kind(info.annotation, info) and not isinstance(value, dict):
        return f"`{_duration(value)}`"
    if "size" in _kind(info.annotation, info):
        return f"`{value // (1024 * 1024)}MiB`"
    return ", ".join(f"`{_plain(v)}`" for v in (value if isinstance(value, tuple) else (value,)))


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return f'"{value.hex().upper()}"'
    if isinstance(value, dict):  # of durations: poll groups
        return "{" + ", ".join(f"{key}: {_duration(span)}" for key, span in value.items()) + "}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _duration(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds / length:g}{unit}"
    return f"{seconds:g}s"
