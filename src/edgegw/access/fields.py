"""What a credential's fields may be, from whatever list it comes.

Owns: names, bounds and meaning of the fields; a number's way into its hash.
Must not know: formats of lists, pages, files.

No error's text repeats a value: a shifted column could put a number or a PIN anywhere.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time, timedelta, tzinfo

from edgegw.access.credentials import NUMBER_MOST, Credential, card_hash, masked, pin_hash
from edgegw.errors import DecodeError

COLUMNS = (
    "kind", "number", "holder", "name", "groups", "valid_from", "valid_until", "pin", "duress_pin", "duress",
)  # fmt: skip
"""What a credential has; of these only `NEEDED` must be there."""

NEEDED = ("number", "holder")

_KNOWN = frozenset(COLUMNS)

KINDS = ("card", "qr", "pin")

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


class BadFieldError(ValueError):
    """What is wrong with one credential; its text holds no value."""


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
    return not _KNOWN.issuperset(fields)


def _text(fields: Mapping[str, object], name: str, most: int = TEXT_MOST) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadFieldError(f"{name} must be text, in quotes")
    text = " ".join(value.split())
    if len(text) > most:
        raise BadFieldError(f"{name} has {len(text)} characters, {most} at most")
    if not text.isprintable():
        raise BadFieldError(f"{name} holds a character that cannot be seen")
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
