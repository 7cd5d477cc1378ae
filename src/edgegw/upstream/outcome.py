"""What can become of a batch, as values; and what follows, as pure functions.

Owns: the outcomes a sender may return, the meaning of HTTP status codes and MQTT reason codes, back-off times.
Must not know: sockets, the outbox.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from msgspec import Struct

HOLD_S = 60.0
"""How often an upstream that does not know us (401, 403) is asked again: a person has to act, and may have."""

RETRY_AFTER_MOST_S = 300.0
"""The longest Retry-After that is honoured: a wrong header must not silence an alarm for a day."""


class Accepted(Struct, frozen=True):
    """The first `count` records were accepted, except those named in `rejected` (record id → reason), which never will be."""

    count: int
    rejected: Mapping[str, str] = {}


class Retry(Struct, frozen=True):
    """Not now: nothing of the batch counts as accepted.

    Attributes:
        after_s: what the upstream asked for; None: back off.
        answered: whether the upstream spoke at all. An error answered may be about this batch; silence is about the way.
    """

    reason: str
    after_s: float | None = None
    answered: bool = False


class Hold(Struct, frozen=True):
    """It does not know us or forbids it: a person must act. Records stay."""

    reason: str


class Refused(Struct, frozen=True):
    """It understood and will never take this batch as it is. The bad record is searched by halving."""

    reason: str
    detail: str = ""


Outcome = Accepted | Retry | Hold | Refused

RETRY_STATUS = frozenset({408, 425, 429})


def of_status(status: int, count: int, *, retry_after: str | None = None, now: datetime | None = None) -> Outcome:
    """What an HTTP status says of a batch of `count` (RFC 9110 section 15).

    Redirects are not followed: they count as refused by configuration, that is `Hold`.
    """
    if 200 <= status < 300:
        return Accepted(count)
    if status in RETRY_STATUS or status >= 500:
        return Retry(f"http-{status}", parse_retry_after(retry_after, now or datetime.now(UTC)), answered=True)
    if status in {401, 403} or 300 <= status < 400:
        return Hold(f"http-{status}")
    return Refused(f"http-{status}")


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds from a Retry-After header, in seconds or as a date; at most `RETRY_AFTER_MOST_S`; None without a usable one."""
    if not value:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        seconds = float(value[:9])
    else:
        try:
            when = parsedate_to_datetime(value)
        except ValueError:
            return None
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        seconds = (when - now).total_seconds()
    return min(max(seconds, 0.0), RETRY_AFTER_MOST_S)


def of_reason_code(code: int) -> Outcome:
    """What an MQTT 5 PUBACK reason code says of one message (MQTT 5 section 3.4.2.1)."""
    if code < 0x80:
        return Accepted(1)
    if code in {0x87, 0x8C, 0x86}:
        return Hold("not-authorized")
    if code in {0x90, 0x95, 0x99}:  # topic name invalid, packet too large, payload format invalid
        return Refused(f"mqtt-{code:02x}")
    return Retry(f"mqtt-{code:02x}", answered=True)


def back_off(attempt: int, first_s: float, most_s: float, random: Callable[[], float]) -> float:
    """Full jitter: uniform between 0 and first × 2^(attempt−1), capped. `attempt` counts failures in a row, from 1."""
    return random() * min(most_s, first_s * 2.0 ** min(attempt - 1, 30))
