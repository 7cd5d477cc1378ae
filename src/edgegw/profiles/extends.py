"""Profiles that take over another one: which files lie under a profile's own.

Owns: following `extends` from file to file, its limit, circles; what is not handed on.
Must not know: where profiles are looked for (a `Source` does), how what they say together is checked.
"""

import re
from pathlib import Path
from typing import Protocol

from edgegw.errors import ProfileError
from edgegw.yamlpos import Document, render

MOST_BASES = 4
"""Profiles under one profile: a maker's model, its kind, its power supply, its gateway. More could not be read by anybody."""

OWN = frozenset({"extends", "samples", "command_samples"})
"""Keys that are not handed on: samples are of one device, and every profile proves itself by its own."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
"""``<vendor>/<model>``; nothing that leaves the folders of profiles."""


class Source(Protocol):
    """Where profile files are."""

    def document(self, path: Path, *, keep: bool) -> Document:
        """A file's text, parsed; `keep`: others will ask for it too. Raises ProfileError ``file``."""
        ...

    def base(self, name: str, path: Path) -> Path:
        """Where the profile is that the one at `path` extends by that name. Raises ProfileError ``missing``."""
        ...


def chain(path: Path, source: Source) -> list[tuple[Path, Document]]:
    """The file of a profile and those it extends, itself first. What is not the first holds a section; none is fatal.

    Raises:
        ProfileError: ``file`` if one can't be read; ``profile`` with ``file:line:column: message`` in the file that is wrong, if
            one is no YAML, or if there is no such profile to extend, a circle, or more than `MOST_BASES` of them.
    """
    found: list[tuple[Path, Document]] = []
    while True:
        document = source.document(path, keep=bool(found))
        if document.fatal:
            raise ProfileError("profile", render(document.problems, document.name))
        if found and not isinstance(document.data, dict):
            raise _wrong(document, (), "a profile is a section of `key: value` lines")
        found.append((path, document))
        name = document.data.get("extends") if isinstance(document.data, dict) else None
        if name is None:
            return found
        path = _base(name, found, source)


def _base(name: object, found: list[tuple[Path, Document]], source: Source) -> Path:
    path, document = found[-1]
    if not isinstance(name, str) or not NAME.match(name):
        raise _wrong(document, ("extends",), "extends names a profile: <vendor>/<model>")
    if len(found) > MOST_BASES:
        raise _wrong(document, ("extends",), f"the last of more than {MOST_BASES} profiles, each extending the next")
    try:
        base = source.base(name, path)
    except ProfileError as error:
        raise _wrong(document, ("extends",), error.detail) from error
    if any(base == known for known, _ in found):
        way = " → ".join(map(name_of, [*(known for known, _ in found), base]))
        raise _wrong(document, ("extends",), f"a circle: {way}")
    return base


def name_of(path: Path) -> str:
    """The name a profile's place gives it."""
    return f"{path.parent.name}/{path.stem}"


def _wrong(document: Document, loc: tuple[str, ...], message: str) -> ProfileError:
    line, column = document.position(loc)
    return ProfileError("profile", f"{document.name}:{line}:{column}: {message}")
