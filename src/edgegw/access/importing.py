"""Credentials as a list from outside: CSV or JSON becomes rows for the book, with every problem told at once.

Owns: both formats, their bounds.
Must not know: files, the store, who asked, what a field may be (fields), what is in the book (changing).

No problem's text repeats what stood in the file. Rows are packed as they are read, so that a list of 100,000 takes some 20 MB.
"""

import csv
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, tzinfo
from typing import BinaryIO, Protocol

import msgspec
from msgspec import Raw, Struct

from edgegw.access.credentials import pack
from edgegw.access.fields import COLUMNS, NEEDED, BadFieldError, credential_of, unknown_names

PROBLEMS_MOST = 50
"""Problems told one by one; a person mends a file's pattern, not a thousand lines."""

CREDENTIALS_MOST = 250_000
"""In one list and in the book: some 50 MB of memory, twice the largest community meant."""

LINE_BYTES = 16 * 1024
"""Longest line of CSV; a credential has some 100 bytes."""

Row = tuple[bytes, bytes]
"""(hash, packed credential)."""


class Problems:
    """Collects problems: the first `PROBLEMS_MOST` with their text, the rest as a number."""

    def __init__(self, source: str, unit: str = "") -> None:
        self._source = source
        self._unit = unit
        self._lines: list[str] = []
        self._more = 0

    def __bool__(self) -> bool:
        return bool(self._lines)

    @property
    def crowded(self) -> bool:
        """Whether a further one would only be counted."""
        return len(self._lines) >= PROBLEMS_MOST

    def add(self, where: int | None, what: str) -> None:
        """One more, at a line or item; None: of the whole."""
        if self.crowded:
            self._more += 1
        else:
            at = "" if where is None else f":{self._unit}{where}"
            self._lines.append(f"{self._source}{at}: {what}")

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
        problems.add(max(lines.number, 1), str(error))  # from here on nothing is certain
        rows = {}
    return Parsed(rows, problems.lines())


def parse_json(body: bytes, key: bytes, *, source: str, zone: tzinfo = UTC) -> Parsed:
    """A JSON list of objects; arguments as `parse_csv`. Problems name the item, counted from 1."""
    problems = Problems(source, "item ")
    try:
        items = msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"), type=list[Raw])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        problems.add(None, f"not a JSON list: {_said(error)}")
        return Parsed({}, problems.lines())
    return Parsed(_rows(_objects(items, problems), key, zone, problems), problems.lines())


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
            problems.add(place, str(error))
            continue
        if hashed in rows:
            before = "" if problems.crowded else _place(rows, places, hashed)
            problems.add(place, f"the {credential.kind} {credential.tail} stands there before{before}")
            continue
        if len(rows) >= CREDENTIALS_MOST:
            problems.add(place, f"more than {CREDENTIALS_MOST} credentials")
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
        problems.add(1, f"empty; the first line names the columns: {','.join(COLUMNS)}")
        return None
    columns = tuple(name.strip().casefold() for name in header)
    while columns and not columns[-1]:
        columns = columns[:-1]  # a sheet's empty columns
    before = bool(problems)
    for at, name in enumerate(columns, 1):
        if unknown_names((name,)):
            problems.add(1, f"column {at} has no known name; columns are {','.join(COLUMNS)}")
        elif name in columns[: at - 1]:
            problems.add(1, f"column {name} stands there twice")
    for name in NEEDED:
        if name not in columns:
            problems.add(1, f"there is no column {name}")
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
            problems.add(reader.line_num, f"{len(record)} fields; the header has {count}")
            continue
        yield reader.line_num, dict(zip(columns, record, strict=False))


def _objects(items: Sequence[Raw], problems: Problems) -> Iterator[Item]:
    for at, raw in enumerate(items, 1):
        try:
            fields = msgspec.json.decode(raw, type=dict[str, object])
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            problems.add(at, f"not an object: {_said(error)}")
            continue
        if unknown_names(fields):
            problems.add(at, f"has a member that is not known; members are {', '.join(COLUMNS)}")
            continue
        yield at, fields


def _said(error: Exception) -> str:
    """Parsers tell what they expected and where; a nested key could be anything, so what follows ``- at`` is left out."""
    return "nested too deep" if isinstance(error, RecursionError) else str(error).split(" - at ")[0]
