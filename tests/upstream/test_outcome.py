"""What status codes, reason codes and headers mean; how long a back-off lasts."""

from datetime import UTC, datetime

import pytest

from edgegw.upstream.outcome import (
    RETRY_AFTER_MOST_S,
    Accepted,
    Hold,
    Refused,
    Retry,
    back_off,
    of_reason_code,
    of_status,
    parse_retry_after,
)

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_2xx_accepts(status: int) -> None:
    assert of_status(status, 5) == Accepted(5)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_trouble_is_tried_again(status: int) -> None:
    assert of_status(status, 5) == Retry(f"http-{status}", None, answered=True)


@pytest.mark.parametrize("status", [301, 302, 307, 401, 403])
def test_a_person_must_act(status: int) -> None:
    assert of_status(status, 5) == Hold(f"http-{status}")


@pytest.mark.parametrize("status", [400, 404, 409, 410, 413, 415, 422])
def test_other_4xx_refuse(status: int) -> None:
    assert of_status(status, 5) == Refused(f"http-{status}")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("999999999999", RETRY_AFTER_MOST_S),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("Wed, 24 Nov 2027 12:00:00 GMT", RETRY_AFTER_MOST_S),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        (None, None),
    ],
)
def test_retry_after_in_seconds_and_as_a_date(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW) == seconds


@pytest.mark.parametrize(
    ("code", "kind"), [(0x00, Accepted), (0x10, Accepted), (0x87, Hold), (0x97, Retry), (0x80, Retry), (0x99, Refused)]
)
def test_puback_reason_codes(code: int, kind: type) -> None:
    assert isinstance(of_reason_code(code), kind)


def test_back_off_is_full_jitter_that_doubles_up_to_its_bound() -> None:
    assert [back_off(n, 0.5, 30.0, lambda: 1.0) for n in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert back_off(10_000, 0.5, 30.0, lambda: 1.0) == 30.0
    assert back_off(3, 0.5, 30.0, lambda: 0.0) == 0.0
    assert back_off(3, 0.5, 30.0, lambda: 0.25) == 0.5
