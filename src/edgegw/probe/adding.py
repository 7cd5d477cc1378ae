"""Entries for devices that were found, put into the text of a site file; comments and layout stay as they are.

Owns: ids, the entries' text, where they go.
Must not know: files (the command reads, checks and replaces them), how devices were found.

Nothing is rewritten: lines are put in behind the last device. What then is read of the text must be what was read before, and
the new devices beside it; otherwise nothing is added.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from edgegw.errors import ConfigError
from edgegw.yamlpos import parse, render
from edgegw.yamlpos.scalars import plain

ID_MOST = 64
"""Characters of an id, see `profiles.fields.Slug`."""

_NOT_IN_IDS = re.compile(r"[^a-z0-9]+")
_SLUG = re.compile(r"[a-z0-9][a-z0-9_.-]*")


class Entry(Struct, frozen=True):
    """A device to be added. `why`: a comment beside it, for whoever reads the file."""

    link: str
    profile: str
    address: int | str
    why: str = ""


def make_id(entry: Entry, taken: Iterable[str]) -> str:
    """A free id: the profile's model and the address, then numbered."""
    model = entry.profile.rpartition("/")[2]
    base = _NOT_IN_IDS.sub("-", f"{model}-{entry.address}".lower()).strip("-")[: ID_MOST - 5].strip("-") or "device"
    used = set(taken)
    if base not in used:
        return base
    number = 2
    while f"{base}-{number}" in used:
        number += 1
    return f"{base}-{number}"


def named(entries: Sequence[Entry], taken: Iterable[str]) -> dict[str, Entry]:
    """The entries by ids that are free and differ."""
    used = set(taken)
    made: dict[str, Entry] = {}
    for entry in entries:
        id_ = make_id(entry, used)
        used.add(id_)
        made[id_] = entry
    return made


def added(text: str, entries: dict[str, Entry]) -> str:
    """The site file's text with the entries under ``devices:``.

    Raises:
        ConfigError: ``site`` if the text is no YAML mapping, ``devices`` is written in a form that lines cannot be put into, or
            what is read of the result is not what was there and the entries.
    """
    if not entries:
        return text
    document = parse(text, "the site file")
    before = document.data
    if document.problems or not isinstance(before, dict):
        raise ConfigError("site", render(document.problems, "the site file") or "the site file is no YAML mapping")
    end = "\r" if "\r\n" in text else ""
    lines = text.split("\n")
    devices = before.get("devices")
    if "devices" not in before:
        at, indent = _end(lines), 2
        block = [*([""] if at and lines[at - 1].strip() else []), "devices:", *_lines(entries, indent)]
    else:
        head = document.key_position(("devices",))[0]
        tops = sorted(document.key_position((key,))[0] for key in before)
        below = next((line for line in tops if line > head), len(lines) + 1)
        if not isinstance(devices, dict | None) or (
            devices is not None and _flow(document.position(("devices",)), head)
        ):
            raise ConfigError(
                "site", f"line {head}: write `devices:` with one device below the other; nothing can be put into {{…}}"
            )
        indent = document.key_position(("devices", next(iter(devices))))[1] - 1 if devices else 2
        at = _end(lines[: below - 1], least=head)
        block = _lines(entries, indent)
    lines[at:at] = [line + end for line in block]
    result = "\n".join(lines)
    if not result.endswith("\n"):
        result += "\n"
    _same(before, entries, result)
    return result


def _flow(value: tuple[int, int], head: int) -> bool:
    """A block mapping begins below its key; one in braces may not."""
    return value[0] == head


def _end(lines: Sequence[str], least: int = 0) -> int:
    """The index behind the last line that belongs to what stands above: neither blank nor a comment at the margin."""
    at = len(lines)
    while at > least and (not lines[at - 1].strip() or lines[at - 1].startswith("#")):
        at -= 1
    return at


def _lines(entries: dict[str, Entry], indent: int) -> list[str]:
    pad, inner = " " * indent, " " * (indent + 2)
    made = []
    for id_, entry in entries.items():
        why = "".join(sign for sign in entry.why if sign.isprintable())
        made.append(f"{pad}{_key(id_)}:{f'  # {why}' if why else ''}")
        made += [f"{inner}link: {_key(entry.link)}", f"{inner}profile: {entry.profile}"]
        made.append(f"{inner}address: {entry.address if isinstance(entry.address, int) else _quoted(entry.address)}")
    return made


def _key(name: str) -> str:
    """A name that YAML takes for text without quotes, or in quotes: ``12``, ``no`` and ``1e3`` would be something else."""
    return name if _SLUG.fullmatch(name) and plain(name) == (name, None) else _quoted(name)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _same(before: dict[str, Any], entries: dict[str, Entry], result: str) -> None:
    wanted = dict(before)
    new = {id_: {"link": e.link, "profile": e.profile, "address": e.address} for id_, e in entries.items()}
    wanted["devices"] = {**(before.get("devices") or {}), **new}
    document = parse(result, "the site file")
    if document.problems or document.data != wanted:
        raise ConfigError("site", "the entries cannot be put into the file as it is written; add them by hand")
