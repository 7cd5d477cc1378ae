"""Credentials as a list from outside: CSV or JSON becomes rows for the book, with every problem told at once.

Owns: both formats, their bounds, what a credential's fields may be.
Must not know: files, the store, who asked, what is in the book (changing).

No problem's text repeats what stood in the file: a shifted column could put a number or a PIN anywhere. Rows are packed as
they are read, so that a list of 100,000 takes some 20 MB.
"""

import csv
import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import BinaryIO, Protocol

import msgspec
from msgspec import Raw, Struct

from edgegw.access.credentials import NUMBER_MOST, Credential, card_hash, masked, pack, pin_hash
from edgegw.errors import DecodeError

COLUMNS = (
    "kind", "number", "holder", "name", "groups", "valid_from", "valid_until", "pin", "duress_pin", "duress",
)  # fmt: skip
"""What a credential has; of these only `NEEDED` must be there."""

NEEDED = ("number", "holder")

KINDS = ("card", "qr", "pin")

PROBLEMS_MOST = 50
"""Problems told one by one; a person mends a file's pattern, not a thousand lines."""

CREDENTIALS_MOST = 250_000
"""In one list and in the book: some 50 MB of memory, twice the largest community meant."""

LINE_BYTES = 16 * 1024
"""Longest line of CSV; a credential has some 100 bytes."""

TEXT_MOST = 64
"""Characters of holder and name, as the API takes them."""

GROUPS_MOST = 32

GROUP = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
PIN = re.compile(r"[0-9]{4,12}")
ROUNDED = re.compile(r"[0-9][.,]?[0-9]*[eE]\+[0-9]+")
"""How a spreadsheet writes a long number that it has cut down to 15 digits."""

TRUE, FALSE = ("true", "yes", "1"), ("", "false", "no", "0")

YEARS = range(1970, 2200)
"""Of moments: nanoseconds of these fit into 64 bits."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Row = tuple[bytes, bytes]
"""(hash, packed credential)."""


class BadFieldError(ValueError):
    """What is wrong with one credential; its text holds no value."""


class Problems:
    """Collects problems: the first `PROBLEMS_MOST` with their text, the rest as a number."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._lines: list[str] = []
        self._more = 0

    def __bool__(self) -> bool:
        return bool(self._lines)

    @property
    def crowded(self) -> bool:
        """Whether a further one would only be counted."""
        return len(self._lines) >= PROBLEMS_MOST

    def add(self, where: str, what: str) -> None:
        """One more."""
        if self.crowded:
            self._more += 1
        else:
            self._lines.append(f"{self._source}:{where}: {what}" if where else f"{self._source}: {what}")

    def lines(self) -> tuple[str, ...]:
        """As told."""
        return (*self._lines, f"and {self._more} more") if self._more else tuple(self._lines)


class Parsed(Struct, frozen=True):
    """A list that was read. With problems nothing of `rows` may be used."""

    rows: dict[bytes, bytes]
    problems: tuple[str, ...] = ()


def parse_csv(stream: BinaryIO, key: bytes, *, source: str, zone: tzinfo = UTC) -> Parsed:
    """A CSV file with a header line; UTF-8, with or without a mark at its beginning.

    Args:
        source: what problems call it.
        zone: where moments without an offset are meant.
    """
    problems = Problems(source)
    lines = _Lines(stream)
    reader = csv.reader(lines, strict=True)
    try:
        header = next(reader, None)
        columns = _header(header, problems)
        rows = {} if columns is None else _rows(_records(reader, columns, problems), key, zone, problems)
    except (csv.Error, BadFieldError) as error:
        problems.add(str(max(lines.number, 1)), str(error))  # from here on nothing is certain
        rows = {}
    return Parsed(rows, problems.lines())


def parse_json(body: bytes, key: bytes, *, source: str, zone: tzinfo = UTC) -> Parsed:
    """A JSON list of objects; arguments as `parse_csv`. Problems name the item, counted from 1."""
    problems = Problems(source)
    try:
        items = msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"), type=list[Raw])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        problems.add("", f"not a JSON list: {_said(error)}")
        return Parsed({}, problems.lines())
    return Parsed(_rows(_objects(items, problems), key, zone, problems), problems.lines())


def credential_of(key: bytes, fields: Mapping[str, object], zone: tzinfo = UTC) -> tuple[bytes, Credential]:
    """Hash and credential of one item, its members named as `COLUMNS`; absent, None and "" are the same.

    Raises BadFieldError.
    """
    kind, number, name = _kind(fields), _number(fields), _text(fields, "name")
    holder = _text(fields, "holder")
    if not holder:
        raise BadFieldError("holder is missing")
    if kind == "pin" and PIN.fullmatch(number) is None:
        raise BadFieldError("number of a PIN: 4 to 12 digits")
    try:
        hashed = card_hash(key, kind, number)
    except DecodeError as error:
        raise BadFieldError(f"number: {error.detail}") from error
    valid_from = _moment(fields, "valid_from", zone, whole_day=False)
    valid_until = _moment(fields, "valid_until", zone, whole_day=True)
    if valid_from is not None and valid_until is not None and valid_until <= valid_from:
        raise BadFieldError("valid_until is not after valid_from")
    pin, duress_pin = _pin(fields, "pin"), _pin(fields, "duress_pin")
    if pin is not None and pin == duress_pin:
        raise BadFieldError("duress_pin is the same as pin")
    return hashed, Credential(
        kind=kind,
        holder=holder,
        name=name,
        groups=_groups(fields.get("groups")),
        valid_from_ns=valid_from,
        valid_until_ns=valid_until,
        pin=None if pin is None else pin_hash(key, hashed, pin),
        duress_pin=None if duress_pin is None else pin_hash(key, hashed, duress_pin),
        duress=_duress(fields.get("duress")),
        tail="" if kind == "pin" else masked(number),
    )


def unknown_names(fields: Iterable[str]) -> bool:
    """Whether there is a member that no credential has."""
    return any(name not in _KNOWN for name in fields)


_KNOWN = frozenset(COLUMNS)

# --- rows ---------------------------------------------------------------------------------------------------------------

Item = tuple[int, Mapping[str, object]]
"""Line or number of the item, and its members."""


def _rows(items: Iterable[Item], key: bytes, zone: tzinfo, problems: Problems) -> dict[bytes, bytes]:
    rows: dict[bytes, bytes] = {}
    places = array("L")
    for place, fields in items:
        try:
            hashed, credential = credential_of(key, fields, zone)
        except BadFieldError as error:
            problems.add(str(place), str(error))
            continue
        if hashed in rows:
            before = "" if problems.crowded else _place(rows, places, hashed)
            problems.add(str(place), f"the {credential.kind} {credential.tail} stands there before{before}")
            continue
        if len(rows) >= CREDENTIALS_MOST:
            problems.add(str(place), f"more than {CREDENTIALS_MOST} credentials")
            break
        rows[hashed] = pack(credential)
        places.append(place)
    return rows


def _place(rows: Mapping[bytes, bytes], places: Sequence[int], hashed: bytes) -> str:
    return next((f", at {place}" for known, place in zip(rows, places, strict=True) if known == hashed), "")


class _Lines:
    """Text lines of a binary stream, numbered, each with a bound. Raises BadFieldError."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._stream.readline(LINE_BYTES + 1):
            self.number += 1
            if len(line) > LINE_BYTES:
                raise BadFieldError(f"a line of more than {LINE_BYTES} bytes; is a quote not closed?")
            text: str | None
            try:
                text = line.decode("utf-8-sig" if self.number == 1 else "utf-8")
            except UnicodeDecodeError:
                text = None  # raised below, outside: a chained UnicodeDecodeError would carry the bytes
            if text is None:
                raise BadFieldError("not UTF-8; save the sheet as 'CSV UTF-8'")
            yield text


def _header(header: Sequence[str] | None, problems: Problems) -> tuple[str, ...] | None:
    if header is None:
        problems.add("1", f"empty; the first line names the columns: {','.join(COLUMNS)}")
        return None
    columns = tuple(name.strip().casefold() for name in header)
    while columns and not columns[-1]:
        columns = columns[:-1]  # a sheet's empty columns
    before = bool(problems)
    for at, name in enumerate(columns, 1):
        if name not in _KNOWN:
            problems.add("1", f"column {at} has no known name; columns are {','.join(COLUMNS)}")
        elif name in columns[: at - 1]:
            problems.add("1", f"column {name} stands there twice")
    for name in NEEDED:
        if name not in columns:
            problems.add("1", f"there is no column {name}")
    return None if bool(problems) is not before else columns


class _Reader(Protocol):
    """A csv.reader, which has no public type."""

    @property
    def line_num(self) -> int: ...
    def __iter__(self) -> Iterator[list[str]]: ...


def _records(reader: _Reader, columns: Sequence[str], problems: Problems) -> Iterator[Item]:
    count = len(columns)
    for record in reader:
        if not any(record):
            continue  # an empty line, or a sheet's empty row
        if len(record) != count and (len(record) < count or any(record[count:])):
            problems.add(str(reader.line_num), f"{len(record)} fields; the header has {count}")
            continue
        yield reader.line_num, dict(zip(columns, record, strict=False))


def _objects(items: Sequence[Raw], problems: Problems) -> Iterator[Item]:
    for at, raw in enumerate(items, 1):
        try:
            fields = msgspec.json.decode(raw, type=dict[str, object])
        except (msgspec.DecodeError, RecursionError) as error:
            problems.add(str(at), f"not an object: {_said(error)}")
            continue
        if unknown_names(fields):
            problems.add(str(at), f"has a member that is not known; members are {', '.join(COLUMNS)}")
            continue
        yield at, fields


def _said(error: Exception) -> str:
    """Parsers tell what they expected and where; a nested key could be anything, so what follows ``- at`` is left out."""
    return "nested too deep" if isinstance(error, RecursionError) else str(error).split(" - at ")[0]


# --- fields -------------------------------------------------------------------------------------------------------------


def _text(fields: Mapping[str, object], name: str, most: int = TEXT_MOST) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadFieldError(f"{name} must be text, in quotes")
    text = value.strip()
    if len(text) > most:
        raise BadFieldError(f"{name} has {len(text)} characters, {most} at most")
    if not text.isprintable():
        raise BadFieldError(f"{name} holds a control character")
    return text


def _kind(fields: Mapping[str, object]) -> str:
    kind = _text(fields, "kind").casefold() or "card"
    if kind not in KINDS:
        raise BadFieldError(f"kind must be one of {', '.join(KINDS)}")
    return kind


def _number(fields: Mapping[str, object]) -> str:
    number = _text(fields, "number", NUMBER_MOST)
    if not number:
        raise BadFieldError("number is missing")
    if ROUNDED.fullmatch(number):
        raise BadFieldError("number was rounded by a spreadsheet; format that column as text and export again")
    return number


def _pin(fields: Mapping[str, object], name: str) -> str | None:
    pin = _text(fields, name)
    if not pin:
        return None
    if PIN.fullmatch(pin) is None:
        raise BadFieldError(f"{name}: 4 to 12 digits")
    return pin


def _groups(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        value = value.replace("|", " ").split()
    if not isinstance(value, list) or not all(isinstance(group, str) for group in value):
        raise BadFieldError("groups must be a list of text")
    if len(value) > GROUPS_MOST:
        raise BadFieldError(f"{len(value)} groups, {GROUPS_MOST} at most")
    if not all(GROUP.fullmatch(group) for group in value):
        raise BadFieldError("groups: a name is lower-case letters, digits, '_', '.', '-', 64 at most")
    return tuple(dict.fromkeys(value))


def _duress(value: object) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    word = value.strip().casefold() if isinstance(value, str) else None
    if word not in (*TRUE, *FALSE):
        raise BadFieldError("duress must be true or false")
    return word in TRUE


def _moment(fields: Mapping[str, object], name: str, zone: tzinfo, *, whole_day: bool) -> int | None:
    """Wall nanoseconds. A date alone is its beginning; with `whole_day` (an end) the day counts in full."""
    text = _text(fields, name)
    if not text:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        when = None
    if when is None:
        raise BadFieldError(f"{name}: a date or time such as 2026-10-01 or 2026-10-01T08:00:00+08:00")
    if when.year not in YEARS:
        raise BadFieldError(f"{name}: outside of the years {YEARS.start} to {YEARS.stop - 1}")
    if when.tzinfo is None:
        if whole_day and when.time() == time() and "T" not in text.upper() and ":" not in text:
            when += timedelta(days=1)
        when = when.replace(tzinfo=zone)
    return (when - _EPOCH) // _MICROSECOND * 1000
