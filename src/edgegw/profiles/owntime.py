"""The time a device itself gives a value.

Owns: reading it, and whether a value is old by it. Must not know: messages, paths, clocks (the moment of reception is handed in).
"""

from datetime import UTC, datetime, timedelta

from edgegw.errors import DecodeError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

NO_CLOCK_BEFORE_NS = 978_307_200 * 10**9
"""2001-01-01. Devices whose clock was never set count from 1970 or 2000; such a time is none."""

LATEST_NS = 2**63 - 1
"""In the year 2262: what the store can hold."""

_UNITS_NS = {"unix-s": 10**9, "unix-ms": 10**6}

MAX_CHARS = 40
"""Of a time as text: ``2015-12-12T12:12:12.000000+08:00`` has 32."""


def own_time(raw: object, form: str) -> int | None:
    """Nanoseconds since 1970 of a time in one of `schema_mqtt.TimeForm`; None where the device's clock was never set.

    Raises:
        DecodeError: ``wrong-type`` for what is no such time (also one without a zone), ``out-of-range`` for one nobody can hold.
    """
    unit_ns = _UNITS_NS.get(form)
    ns = _iso(raw) if unit_ns is None else _unix(raw, unit_ns)
    if not -LATEST_NS <= ns <= LATEST_NS:
        raise DecodeError("out-of-range", "a time beyond the year 2262")
    return ns if ns >= NO_CLOCK_BEFORE_NS else None


def _iso(raw: object) -> int:
    """With or without separators: both 2015-12-12T12:12:12Z and 20151212T121212Z."""
    if type(raw) is str and len(raw) <= MAX_CHARS:
        try:
            read = datetime.fromisoformat(raw)
        except ValueError:
            read = None
        if read is not None and read.tzinfo is not None:
            return (read - _EPOCH) // _MICROSECOND * 1000
    raise _wrong("date, time and zone", raw)


def _unix(raw: object, unit_ns: int) -> int:
    if type(raw) is str and len(raw) <= MAX_CHARS and raw.isascii() and raw.isdecimal():
        return int(raw) * unit_ns
    if type(raw) is int:
        return raw * unit_ns
    if type(raw) is float and abs(raw) < 2**53:
        return int(raw * 1000) * unit_ns // 1000
    raise _wrong("seconds or milliseconds since 1970", raw)


def _wrong(wanted: str, raw: object) -> DecodeError:
    text = repr(raw) if isinstance(raw, str | float | bool) else type(raw).__name__
    return DecodeError("wrong-type", f"a time: wanted {wanted}, got {text[:80]}")


def rfc3339(ns: int) -> str:
    """A time as text, UTC, to the millisecond."""
    whole = _EPOCH + timedelta(microseconds=ns // 1000)
    return whole.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
