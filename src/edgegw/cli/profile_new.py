"""`edgegw profile new`: a new profile by questions, or from a file of answers.

Owns: the questions, their defaults and examples, the dialogue. Must not know: what the answers become (authoring.interview).
"""

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgegw.cli.profile_import import read_text, write_profile
from edgegw.errors import ProfileError

if TYPE_CHECKING:  # pydantic is imported when the command runs
    from edgegw.authoring.interview import Answers, Made

LINKS = ("mqtt", "modbus", "serial", "meter")
TYPES = ("bool", "int", "float", "str")
REGISTERS = (
    "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64", "bool", "bcd16", "bcd32", "bcd64",
)  # fmt: skip
METERS = ("dlt645", "cjt188")
METER_TYPES = ("water", "hot-water", "drinking-water", "heat", "cooling", "gas", "electricity")
SECRET = {"card", "code", "wiegand", "hex", "data", "uid", "pin"}
"""Fields that are a secret unless the answer is no."""


@click.command(short_help="Make a new profile by questions.")
@click.option("--link", type=click.Choice(LINKS), help="How the device is read; asked if not given.")
@click.option(
    "--answers",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Answers as YAML or JSON instead of questions.",
)
@click.option(
    "-o",
    "--output",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder of profiles: the file goes to <vendor>/<model>.yaml there. Default: stdout.",
)
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object (with --answers).")
def new(link: str | None, file: Path | None, output: Path | None, force: bool, as_json: bool) -> int:
    """Make a new profile: questions, a message that was seen, the readings it gives, the file.

    Answers that do not go together are shown again as JSON: saved to a file and put right, they are given with --answers, so that
    nothing is typed twice.

    Exits 1 if the message is refused, 2 if the answers do not go together.
    """
    if as_json and file is None:
        raise click.UsageError("--json goes with --answers")
    given = _from_file(file, link) if file is not None else _asked(link)
    try:
        made = _make(given)
    except ProfileError as error:
        if file is None:
            click.echo(
                f"\nyour answers, for --answers FILE:\n{json.dumps(given, ensure_ascii=False, indent=2)}\n", err=True
            )
        if error.reason != "sample":
            raise
        for line in error.detail.splitlines():
            click.echo(f"error: {line}", err=True)
        return 1
    path = None if output is None else write_profile(output, made.name, made.text, force=force)
    _show(made, path, as_json=as_json)
    return 0


def _make(given: dict[str, Any]) -> "Made":
    from edgegw.authoring.interview import make

    return make(_checked(json.dumps(given), "answers"), secrets.randbelow)


def _from_file(file: Path, link: str | None) -> dict[str, Any]:
    answers = _checked(read_text(file), str(file))
    if link not in {None, answers.link}:
        raise click.UsageError(f"--link {link}, and {file} says {answers.link}")
    given: dict[str, Any] = answers.model_dump(mode="json", exclude_unset=True)
    return given


def _checked(text: str, name: str) -> "Answers":
    from edgegw.authoring.interview import Answers
    from edgegw.yamlpos import parse, render

    answers, problems = parse(text, name).validate(Answers)
    if answers is None:
        raise ProfileError("profile", render(problems, name))
    return answers


def _show(made: "Made", path: Path | None, *, as_json: bool) -> None:
    readings = [] if made.decoded is None else [(one.point, one.value, one.unit) for one in made.decoded.readings]
    if as_json:
        told = {
            "name": made.name,
            "file": None if path is None else str(path),
            "readings": {name: value for name, value, _ in readings},
            **({} if path is not None else {"profile": made.text}),
        }
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    for name, value, unit in readings:
        click.echo(f"  {name} = {json.dumps(value, ensure_ascii=False)} {unit or ''}".rstrip(), err=True)
    if path is None:
        click.echo(made.text, nl=False)
    else:
        click.echo(f"{path}: sample passes; next: edgegw profile test {path}", err=True)


# --- the questions ----------------------------------------------------------------------------------------------------


def _asked(link: str | None) -> dict[str, Any]:
    click.echo("An empty answer takes what stands in brackets. Ctrl-C ends without writing anything.\n", err=True)
    given: dict[str, Any] = {
        "vendor": _ask("Vendor, e.g. Eastron"),
        "model": _ask("Model, e.g. SDM120"),
        "description": _ask("What it is, in a line", ""),
        "source": _ask("Where the facts are from (document, captures)"),
        "link": link or _ask("Link", "mqtt", LINKS),
    }
    if given["link"] == "mqtt":
        _mqtt(given)
    elif given["link"] == "modbus":
        _modbus(given)
    elif given["link"] == "serial":
        _serial(given)
    else:
        _meter(given)
    return {key: value for key, value in given.items() if value not in ("", None)}


def _mqtt(given: dict[str, Any]) -> None:
    from edgegw.authoring.interview import suggestions

    given["topic"] = _ask("Topic; {address} stands for the device's own part", "zigbee2mqtt/{address}")
    given["offline_after"] = _ask("Offline after a silence of, e.g. 25h; empty: never judged", "")
    payload = _ask("A payload that was seen, in one line; empty: none", "")
    if payload:
        given["sample"] = {"payload": payload, "source": _ask("Where it is from", "captured")}
    points = []
    for one in suggestions(payload):
        name = _ask(f"Point at {one.path} ({one.type}); - leaves it out", one.name)
        if name != "-":
            points.append({"name": name, "path": one.path, **_nature(_ask("  type", one.type, TYPES))})
    points += list(
        _points(lambda: {"path": _ask("  path into the JSON; empty: the whole payload", "")}, TYPES, "float")
    )
    given["points"] = points


def _modbus(given: dict[str, Any]) -> None:
    given["poll"] = _ask("Ask every", "10s")
    given["offline_after"] = _ask("Offline after a silence of", "60s")
    given["points"] = list(_points(_register, REGISTERS, "uint16"))
    if request := _ask("A request that was seen, as hex with its CRC; empty: a sample is constructed", ""):
        given["sample"] = {
            "request": request,
            "hex": _ask("Its answer"),
            "source": _ask("Where they are from", "captured"),
        }


def _serial(given: dict[str, Any]) -> None:
    from edgegw.codec.serial import SERIAL_PROTOCOLS

    given["protocol"] = _ask("Protocol of the frames", "text", tuple(SERIAL_PROTOCOLS))
    given["offline_after"] = _ask("Offline after a silence of, e.g. 1m; empty: never judged", "")
    if given["protocol"] == "text":
        end = _ask("Bytes that end a line, as hex", "0D0A")
        given["framing"] = {"kind": "delimiter", "end": end, "max": 256}
    fields: tuple[str, ...] = ()
    while not fields:
        if given["protocol"] == "text":
            given["pattern"] = _ask(
                "Pattern of a line with named groups, e.g. L=(?P<level>[0-9]+) cm; empty: the whole line", ""
            )
        try:
            fields = SERIAL_PROTOCOLS[given["protocol"]](given.get("pattern") or None, "ascii").fields
        except ProfileError as error:
            click.echo(f"  not this one: {error.detail}", err=True)
    points = []
    for field in fields:
        name = _ask(f"Point for the field {field}; - leaves it out", field)
        if name != "-":
            kind = _nature(_ask("  type", "str", TYPES))
            secret = click.confirm("  a secret (card number, code)?", default=field in SECRET, err=True)
            points.append({"name": name, "field": field, **kind, **({"secret": True} if secret else {})})
    given["points"] = points
    given["sample"] = {"hex": _ask("A frame that was seen, as hex"), "source": _ask("Where it is from", "captured")}


def _meter(given: dict[str, Any]) -> None:
    given["protocol"] = _ask("Protocol", "dlt645", METERS)
    if given["protocol"] == "cjt188":
        given["meter_type"] = _ask("Type", "water", METER_TYPES)
    given["poll"] = _ask("Ask every", "15m")
    given["offline_after"] = _ask("Offline after a silence of", "1h")

    def place() -> dict[str, Any]:
        di = _ask("  data identifier, e.g. 00010000")
        if given["protocol"] == "cjt188":
            return {"di": di, "field": _ask("  field, e.g. total")}
        return {"di": di, "format": _ask("  format, e.g. XXXXXX.XX")}

    given["points"] = list(_points(place, TYPES, "float"))
    given["sample"] = {"hex": _ask("An answer that was seen, as hex"), "source": _ask("Where it is from", "captured")}


def _points(place: Callable[[], dict[str, Any]], kinds: tuple[str, ...], usual: str) -> Iterator[dict[str, Any]]:
    """Points one after the other, until one has no name."""
    while name := _ask("A point, e.g. temperature; empty: no more", ""):
        where = place()
        kind = where.pop("type", None) or _ask("  type", usual, kinds)
        yield {"name": name, **where, **_nature(kind)}


def _register() -> dict[str, Any]:
    table = _ask("  table", "holding", ("coil", "discrete", "holding", "input"))
    made: dict[str, Any] = {
        "table": table,
        "address": _ask("  address, counted from 0, decimal or 0x hex", kind=_number),
    }
    if table in {"coil", "discrete"}:
        return made | {"type": "bool"}
    kind = _ask("  type", "uint16", REGISTERS)
    made["type"] = kind
    if kind == "bool":
        made["bit"] = _ask("  bit, 0 the lowest", "0", kind=_number)
    elif kind.endswith(("32", "64")):
        made["order"] = _ask("  order of the bytes", "ABCD", ("ABCD", "CDAB", "BADC", "DCBA"))
    return made


def _nature(kind: str) -> dict[str, Any]:
    """Type, unit and scale."""
    made: dict[str, Any] = {"type": kind}
    if kind not in {"bool", "str"}:
        if unit := _ask("  unit, e.g. V, Cel, %, kW.h; empty: none", ""):
            made["unit"] = unit
        scale = _ask("  scale: value = raw times", "1", kind=float)
        if scale != 1:
            made["scale"] = scale
    return made


def _number(text: str) -> int:
    return int(text, 0)


def _ask(
    question: str, default: str | None = None, choices: tuple[str, ...] = (), kind: Callable[[str], object] = str.strip
) -> Any:  # noqa: ANN401 - what `kind` makes of it
    """One question on stderr; the answer without blanks around it."""
    wanted = click.Choice(choices) if choices else click.types.FuncParamType(kind)
    return click.prompt(question, default=default, type=wanted, show_default=bool(default), err=True)
