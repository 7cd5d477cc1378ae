"""Pydantic's errors in the words of someone who writes YAML.

Owns: the wording, near matches for mistyped keys and choices, and removing the union branches pydantic puts into paths.
Must not know: positions.
"""

import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

Loc = tuple[str | int, ...]

_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "none_required": "null",
    "dict_type": "a section of `key: value` lines",
    "model_type": "a section of `key: value` lines",
    "model_attributes_type": "a section of `key: value` lines",
    "mapping_type": "a section of `key: value` lines",
    "tuple_type": "a list",
    "list_type": "a list",
}
_SLUG_START = "^[a-z0-9]["


def explain(errors: Iterable[ErrorDetails], model: type[BaseModel], data: object) -> Iterator[tuple[Loc, bool, str]]:
    """Yield (path into the data, whether the key rather than the value is meant, message) for each distinct fault.

    Branches of a union that failed at one place become one message.
    """
    groups: dict[tuple[Loc, bool], list[ErrorDetails]] = {}
    for error in errors:
        loc, is_key = _locate(error, data)
        groups.setdefault((loc, is_key), []).append(error)
    for (loc, is_key), group in groups.items():
        wanted = list(dict.fromkeys(_WANTED[e["type"]] for e in group if e["type"] in _WANTED))
        others = [e for e in group if e["type"] not in _WANTED]
        if others and (not wanted or any(e["type"] == "value_error" for e in others)):
            for message in dict.fromkeys(_word(e, loc, model, data) for e in others):
                yield loc, is_key, message
        else:
            yield loc, is_key, _should_be(wanted, group[0]["input"]) if wanted else _word(group[0], loc, model, data)


def _locate(error: ErrorDetails, data: object) -> tuple[Loc, bool]:
    """The path that exists in the data, without pydantic's branch names."""
    path: list[str | int] = []
    here: Any = data
    parts = error["loc"]
    if parts and parts[-1] == "[key]":
        return _walk(parts[:-1], here), True
    if error["type"] == "missing":
        found = _walk(parts[:-1], here)
        return (*found, parts[-1]), True
    path.extend(_walk(parts, here))
    return tuple(path), error["type"] in {"extra_forbidden", "union_tag_not_found"}


def _walk(parts: Sequence[str | int], here: Any) -> Loc:  # noqa: ANN401 - plain YAML data of any shape
    path: list[str | int] = []
    for part in parts:
        keys = here if isinstance(here, dict) else range(len(here)) if isinstance(here, list) else ()
        if part in keys:  # else it is a union branch's name, not a part of the data
            here = here[part]
            path.append(part)
    return tuple(path)


def _show(value: object) -> str:
    if isinstance(value, Mapping):
        return "a section"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _should_be(wanted: Sequence[str], got: object) -> str:
    message = f"should be {_or(wanted)}, not {_show(got)}"
    if "text" in wanted and isinstance(got, int | float):
        message += "; write it in quotes"
    return message


def _or(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]


def _near(word: object, words: Iterable[str]) -> str:
    found = get_close_matches(str(word), list(words), n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""


def _word(error: ErrorDetails, loc: Loc, model: type[BaseModel], data: object) -> str:
    kind, ctx, got = error["type"], error.get("ctx", {}), error["input"]
    name = error["loc"][-1] if error["loc"] else ""
    known = _fields(model, loc[:-1], data) if kind in {"extra_forbidden", "missing"} else ()
    words: dict[str, Callable[[], str]] = {
        "extra_forbidden": lambda: f"unknown key {name!r}" + (_near(name, known) or _listing(known)),
        "missing": lambda: f"key {name!r} is missing",
        "value_error": lambda: str(ctx.get("error", error["msg"])),
        "literal_error": lambda: _choice(_literals(ctx.get("expected", "")), got),
        "union_tag_invalid": lambda: (
            f"{ctx['discriminator']} ".replace("'", "") + _choice(_literals(ctx["expected_tags"]), ctx["tag"])
        ),
        "union_tag_not_found": lambda: f"key {ctx['discriminator']} is missing: it says which kind this is",
        "greater_than_equal": lambda: f"should be at least {ctx['ge']}, not {_show(got)}",
        "greater_than": lambda: f"should be more than {ctx['gt']}, not {_show(got)}",
        "less_than_equal": lambda: f"should be at most {ctx['le']}, not {_show(got)}",
        "less_than": lambda: f"should be less than {ctx['lt']}, not {_show(got)}",
        "too_short": lambda: f"should hold at least {ctx['min_length']}",
        "string_pattern_mismatch": lambda: _pattern(ctx["pattern"], got),
    }
    return words[kind]() if kind in words else error["msg"][:1].lower() + error["msg"][1:]


def _pattern(pattern: str, got: object) -> str:
    if pattern.startswith(_SLUG_START):
        return f"not a name: {_show(got)}; names are lower-case letters, digits and . _ -, 64 at most, a letter or digit first"
    return f"{_show(got)} does not look right here: it must match {pattern}"


def _listing(known: Sequence[str]) -> str:
    return f"; known here: {', '.join(known)}" if 0 < len(known) <= 12 else ""


def _literals(text: str) -> list[str]:
    return [part.strip().strip("'") for part in text.replace(" or ", ", ").split(",") if part.strip()]


def _choice(choices: Sequence[str], got: object) -> str:
    message = f"should be {_or(choices)}, not {_show(got)}"
    if isinstance(got, int | float) and str(got) in choices:
        return f'{message}; write "{got}" in quotes'
    return message + _near(got, choices)


def _fields(model: type[BaseModel], path: Loc, data: object) -> tuple[str, ...]:
    """Names a section at a path may hold, from the models' annotations."""
    candidates: list[object] = _models(model, data)
    here: Any = data
    for part in path:
        here = here[part]  # `_walk` found this path in this data
        candidates = [found for t in candidates for sub in _below(t, part) for found in _models(sub, here)]
    names: dict[str, None] = {}
    for t in candidates:
        if isinstance(t, type) and issubclass(t, BaseModel):
            names.update((f.alias or n, None) for n, f in t.model_fields.items())
    return tuple(names)


def _below(kind: object, part: str | int) -> list[object]:
    """The annotation under one key or index of a model, dict, list or tuple."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [f.annotation for n, f in kind.model_fields.items() if part in {f.alias, n}]
    args = get_args(kind)
    if get_origin(kind) is dict and len(args) == 2:
        return [args[1]]
    if get_origin(kind) in {list, tuple} and args:
        return [args[0]]
    return []


def _models(kind: object, data: object) -> list[object]:
    """An annotation without Annotated and unions; of a discriminated union only the branch the data names."""
    if get_origin(kind) is Annotated:
        return _models(get_args(kind)[0], data)
    if get_origin(kind) in {Union, types.UnionType}:
        branches = [found for arg in get_args(kind) for found in _models(arg, data)]
        named = [b for b in branches if _is_named(b, data)]
        return named or branches
    return [kind]


def _is_named(branch: object, data: object) -> bool:
    if not (isinstance(branch, type) and issubclass(branch, BaseModel) and isinstance(data, dict)):
        return False
    return any(
        get_origin(f.annotation) is Literal and data.get(n) in get_args(f.annotation)
        for n, f in branch.model_fields.items()
        if n == "kind"
    )
