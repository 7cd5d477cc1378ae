"""A device's own time: what is read, what is none, what is refused."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.errors import DecodeError
from edgegw.profiles.owntime import own_time, rfc3339

IOTDA_NS = 1_449_922_332 * 10**9


@pytest.mark.parametrize(
    ("raw", "form", "wanted"),
    [
        ("20151212T121212Z", "iso", IOTDA_NS),  # Huawei IoTDA
        ("2015-12-12T12:12:12Z", "iso", IOTDA_NS),
        ("2015-12-12T12:12:12.555Z", "iso", IOTDA_NS + 555_000_000),
        ("2015-12-12T20:12:12+08:00", "iso", IOTDA_NS),
        (1524448722000, "unix-ms", 1_524_448_722 * 10**9),  # Alink
        ("1524448722000", "unix-ms", 1_524_448_722 * 10**9),
        (1524448722, "unix-s", 1_524_448_722 * 10**9),
        (1646945882.47, "unix-s", 1_646_945_882_470_000_000),  # Shelly
        (0, "unix-s", None),
        (12_000, "unix-ms", None),
        ("1970-01-01T00:00:10Z", "iso", None),
        ("2000-01-01T00:00:10Z", "iso", None),
        (-5, "unix-s", None),
    ],
)
def test_read(raw, form, wanted):
    assert own_time(raw, form) == wanted


@pytest.mark.parametrize(
    ("raw", "form", "reason"),
    [
        ("20151212T121212", "iso", "wrong-type"),  # no zone
        ("2024-02-24T22:20:38", "iso", "wrong-type"),  # Tasmota
        ("20151312T121212Z", "iso", "wrong-type"),
        ("yesterday", "iso", "wrong-type"),
        ("", "iso", "wrong-type"),
        ("2" * 5000, "iso", "wrong-type"),
        (1524448722, "iso", "wrong-type"),
        ("15e8", "unix-s", "wrong-type"),
        ("9" * 41, "unix-s", "wrong-type"),
        (True, "unix-s", "wrong-type"),
        ({}, "unix-ms", "wrong-type"),
        (1e300, "unix-s", "wrong-type"),
        (2**63, "unix-s", "out-of-range"),
        ("9" * 40, "unix-ms", "out-of-range"),
        ("9999-12-31T23:59:59Z", "iso", "out-of-range"),
    ],
)
def test_refused(raw, form, reason):
    with pytest.raises(DecodeError) as caught:
        own_time(raw, form)
    assert caught.value.reason == reason
    assert len(caught.value.detail) < 200


@given(
    st.datetimes(datetime(2001, 1, 2), datetime(2200, 1, 1)),  # noqa: DTZ001 - Hypothesis wants them without a zone
    st.integers(-14 * 60, 14 * 60),
    st.booleans(),
)
def test_round_trip(local, offset_min, basic):
    moment = local.replace(microsecond=local.microsecond // 1000 * 1000, tzinfo=timezone(timedelta(minutes=offset_min)))
    text = moment.isoformat(timespec="milliseconds")
    if basic:
        text = text.replace(":", "")
        date, _, rest = text.partition("T")
        text = f"{date.replace('-', '')}T{rest}"
    ns = own_time(text, "iso")
    assert ns == own_time(ns // 10**6, "unix-ms")
    assert datetime.fromisoformat(rfc3339(ns)) == moment
    assert rfc3339(ns).endswith("Z")


@given(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    st.sampled_from(["iso", "unix-s", "unix-ms"]),
)
def test_anything(raw, form):
    try:
        ns = own_time(raw, form)
    except DecodeError as error:
        assert error.reason in {"wrong-type", "out-of-range"}  # noqa: PT017 - an error is one of two good outcomes
    else:
        assert ns is None or datetime.fromisoformat(rfc3339(ns)) >= datetime(2001, 1, 1, tzinfo=UTC)
