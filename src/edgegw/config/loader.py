"""The site file, from a path to a typed model that knows where everything stood.

Owns: reading the file safely, all schema errors at once, and what can still be used of a file that has errors (so that the cross
checks can speak about the rest in the same run).
Must not know: profiles, what values mean together (config.check), running parts.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edgegw.config.schema import Site
from edgegw.errors import ConfigError
from edgegw.yamlpos import MAX_BYTES, Document, Problem, parse, render

NAMED_SECTIONS = frozenset({"links", "devices", "upstream", "doors", "linkages"})
"""Sections of the site file that hold named parts; one broken part does not make the others unusable."""


@dataclass(frozen=True)
class LoadedSite:
    """A site file that was read.

    Attributes:
        path: as the user gave it; the name in messages.
        base: the file's folder, absolute; relative paths in the file start here.
        site: the model; of a file with problems, what is left without the broken parts.
        document: positions.
        problems: of text and schema, sorted; empty if `site` is the whole file.
        broken: parts left out, as (section, name) or (section,).
    """

    path: Path
    base: Path
    site: Site
    document: Document
    problems: tuple[Problem, ...] = ()
    broken: frozenset[tuple[str, ...]] = frozenset()


def load_site(path: Path) -> LoadedSite:
    """Read a site file that must be right.

    Raises:
        ConfigError: ``file`` if it cannot be read (one line); ``site`` if it has problems: the detail holds all of them, one
            ``file:line:column: message`` each.
    """
    loaded = read_site(path)
    if loaded.problems:
        raise site_error(loaded.problems, path)
    return loaded


def read_site(path: Path) -> LoadedSite:
    """Read a site file as far as it is usable; `LoadedSite.problems` says what is wrong.

    Raises:
        ConfigError: as `load_site`, where nothing of use is left.
    """
    document = parse(_text(path), str(path))
    # An empty file would be "not a dictionary"; an empty mapping says what is missing.
    if document.data is None and not document.fatal:
        raise ConfigError("site", f"{path}:1:1: the file is empty; deploy/edgegw.example.yaml is a start")
    site, problems = document.validate(Site)
    broken: frozenset[tuple[str, ...]] = frozenset()
    if site is None:
        site, broken = _rest(document)
    if site is None:
        raise site_error(problems, path)
    return LoadedSite(path, path.absolute().parent, site, document, tuple(problems), broken)


def site_error(problems: tuple[Problem, ...] | list[Problem], path: Path) -> ConfigError:
    """The one error that holds every problem."""
    return ConfigError("site", render(problems, str(path)))


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            if path.exists():
                raise ConfigError("file", f"{path}: not a file; name the site file itself")
            raise ConfigError("file", f"{path}: no such file; deploy/edgegw.example.yaml is a start")
        with path.open("rb") as f:
            data = f.read(MAX_BYTES + 1)
    except OSError as e:
        raise ConfigError("file", f"{path}: cannot be read: {e.strerror or e}") from e
    except ValueError as e:  # a NUL in the path
        raise ConfigError("file", f"{str(path)!r}: not a path: {e}") from e
    if len(data) > MAX_BYTES:
        raise ConfigError("file", f"{path}: larger than {MAX_BYTES // 1024 // 1024} MiB; is it the site file?")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        column = e.start - data.rfind(b"\n", 0, e.start)
        raise ConfigError("file", f"{path}:{line}:{column}: not UTF-8; save the file as UTF-8") from e


def _rest(document: Document) -> tuple[Site | None, frozenset[tuple[str, ...]]]:
    """The model without the parts that have schema errors, and which these are."""
    data: Any = document.data
    if document.fatal or not isinstance(data, dict):
        return None, frozenset()
    try:
        return Site.model_validate(data), frozenset()
    except ValidationError as error:
        broken = frozenset(_part(e["loc"]) for e in error.errors(include_url=False, include_input=False))
    kept = {k: dict(v) if k in NAMED_SECTIONS and isinstance(v, dict) else v for k, v in data.items()}
    for part in broken:
        if len(part) == 1:
            kept.pop(part[0], None)
        elif isinstance(section := kept.get(part[0]), dict):
            section.pop(part[1], None)
    if ("gateway",) in broken:
        kept["gateway"] = {"id": "unknown"}  # only stands in: a plan is never made of a file with problems
    try:
        return Site.model_validate(kept), broken
    except ValidationError:
        return None, broken


def _part(loc: tuple[str | int, ...]) -> tuple[str, ...]:
    section = str(loc[0]) if loc else ""
    return (section, str(loc[1])) if section in NAMED_SECTIONS and len(loc) > 1 else (section,)
