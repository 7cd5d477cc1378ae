"""Mapping files: finding them, reading them, refusing what is wrong with file:line:column.

Owns: the search (a path, else the shipped ones by name), settings put in place, trying every template on sample tickets.
Must not know: the site file, sockets. Errors are ConfigErrors with reason ``mapping``.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from msgspec import Struct

from edgegw.errors import ConfigError
from edgegw.mappings.compiled import Compiled, CompiledStep, Loc, LocatedFault
from edgegw.mappings.context import base_names, now_names, samples
from edgegw.mappings.schema import Mapping as Spec
from edgegw.mappings.templates import TemplateFault
from edgegw.model import Instant
from edgegw.yamlpos import MAX_BYTES, Document, Problem, parse, render

SHIPPED = Path(__file__).parent / "shipped"

_SAMPLE_VIEW = {
    "number": "1",
    "ref": "EG-23456789",
    "ticket_id": "i",
    "dedup_key": "g1/d1/r1",
    "state": "opened",
    "url": "u",
}


class Loaded(Struct, frozen=True):
    """A mapping read and checked against its schema. `path`: for messages."""

    path: Path
    spec: Spec
    document: Document


def shipped() -> list[str]:
    """Names of the mappings that come with edgegw."""
    return sorted(path.stem for path in SHIPPED.glob("*.yaml"))


def find_mapping(name: str, base: Path) -> Path:
    """Where a mapping is: ``./my.yaml`` is a path from `base`, ``redmine`` a shipped one. Raises ConfigError."""
    if "/" in name or name.endswith((".yaml", ".yml")):
        return base / name
    if name in (names := shipped()):
        return SHIPPED / f"{name}.yaml"
    near = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
    raise ConfigError("mapping", f"there is no mapping {name!r}; {hint}; for a file of your own write ./{name}.yaml")


def load_mapping(path: Path) -> Loaded:
    """Read a mapping. Raises ConfigError with every problem of its spelling and schema."""
    document = parse(_text(path), str(path))
    spec, problems = document.validate(Spec)
    if spec is None:
        raise ConfigError("mapping", render(problems, str(path)))
    return Loaded(path, spec, document)


def compile_mapping(loaded: Loaded, settings: Mapping[str, Any] | None = None, *, language: str = "en") -> Compiled:
    """Compile every template and try each on sample tickets.

    Args:
        settings: the site's, from `settings_of`; None: the defaults, and ``1`` for what is required.

    Raises:
        ConfigError: with every fault, one ``file:line:column: message`` each.
    """
    faults: dict[Loc, str] = {}

    def report(loc: Loc, message: str) -> None:
        faults.setdefault(loc, message)

    compiled = Compiled(loaded.spec, report)
    if not faults:
        given = {n: "1" if s.required else s.default for n, s in loaded.spec.settings.items()}
        _try_all(compiled, given if settings is None else settings, language, faults)
    if faults:
        found = [Problem(*_place(loaded.document, loc), message) for loc, message in faults.items()]
        raise ConfigError("mapping", render(sorted(set(found)), str(loaded.path)))
    return compiled


def settings_of(spec: Spec, given: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping's defaults with the site's settings; sections are merged key by key."""
    made = {name: setting.default for name, setting in spec.settings.items() if not setting.required}
    for name, value in given.items():
        before = made.get(name)
        made[name] = {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value
    return made


def setting_faults(
    spec: Spec, settings: Mapping[str, Any], secrets: Iterable[str]
) -> list[tuple[tuple[str, ...], str]]:
    """What is wrong with a site's settings and secrets for this mapping: (place below the upstream, message)."""
    found: list[tuple[tuple[str, ...], str]] = []
    for section, given, known in (
        ("settings", settings, spec.settings),
        ("secrets", dict.fromkeys(secrets), spec.secrets),
    ):
        for name in given.keys() - known.keys():
            there = ", ".join(sorted(known)) or "none"
            found.append(((section, name), f"this mapping has no {name!r} among its {section}; there are: {there}"))
        for name, entry in known.items():
            if entry.required and name not in given:
                text = entry.help if isinstance(entry.help, str) else entry.help.en
                found.append(((section,), f"{section} needs {name}: {text}"))
    for name, value in settings.items():
        if name in spec.settings and not spec.settings[name].required and spec.settings[name].default is not None:
            wanted = isinstance(spec.settings[name].default, dict)
            if wanted != isinstance(value, dict):
                found.append((("settings", name), "should be a section" if wanted else "should not be a section"))
    return found


def _try_all(compiled: Compiled, settings: Mapping[str, Any], language: str, faults: dict[Loc, str]) -> None:
    common = {
        "base": base_names("https://example.net/t"),
        "gateway": {"id": "g1"},
        "language": language,
        "settings": settings,
        "secret": dict.fromkeys(compiled.spec.secrets, "s"),
        "now": now_names(Instant(1_767_225_600_000_000_000, 0)),
    }
    for operation, steps in compiled.operations.items():
        for names in _sample_names(operation, language):
            _try(steps, {**common, **names}, faults)


def _sample_names(operation: str, language: str) -> list[dict[str, Any]]:
    all_names = samples(language)
    if operation == "poll":
        return [{"numbers": ["1", "2"], "tickets": [_SAMPLE_VIEW, _SAMPLE_VIEW]}]
    if operation == "message":
        return [{"tickets": [one], "more": more} for one, more in zip(all_names, (0, 2), strict=True)]
    return [{**one, "number": "1"} for one in all_names]


def _try(steps: tuple[CompiledStep, ...], names: dict[str, Any], faults: dict[Loc, str]) -> None:
    saved: dict[str, Any] = {}
    for step in steps:
        try:
            step.fill({**names, "saved": saved})
        except LocatedFault as fault:
            faults.setdefault(fault.loc, fault.message)
        except TemplateFault as fault:
            faults.setdefault(step.at, fault.message)
        saved |= {name: ["1"] if path.endswith("[]") else "1" for name, path in step.saves.items()}


def _place(document: Document, loc: Loc) -> tuple[int, int]:
    return document.position(loc)


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            raise ConfigError("mapping", f"{path}: no such file")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1).decode("utf-8-sig")
    except OSError as error:
        raise ConfigError("mapping", f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError("mapping", f"{path}:1:1: not UTF-8 text") from error
    except ValueError as error:  # a NUL in the path
        raise ConfigError("mapping", f"{str(path)!r}: not a path") from error
