"""Lists in messages, values with a time of their own, values at one of two places."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.errors import DecodeError
from edgegw.model import MqttPayload, Quality
from edgegw.profiles.decode import REASONS, compile_profile
from edgegw.profiles.mqtt_fields import MAX_ITEMS
from edgegw.profiles.owntime import own_time, rfc3339
from edgegw.profiles.schema import Profile
from edgegw.yamlpos import parse, render

NOW = own_time("2026-11-25T12:00:00Z", "iso")
FRESH, STALE = Quality.FRESH, Quality.STALE


def refusal(points):
    return make(points)[1]


def make(points):
    text = f"vendor: v\nmodel: m\nsource: s\nlink: mqtt\nmqtt: {{topic: z}}\npoints:\n{points}"
    text += "samples: [{source: x, payload: '{}', readings: {}}]\n"
    profile, problems = parse(text, "p").validate(Profile)
    return profile, render(problems, "p")


def decoder(points):
    profile, problems = make(points)
    assert profile is not None, problems
    return compile_profile(profile, "a")


def read(of, said, received_ns=NOW, *, retained=False):
    payload = said if isinstance(said, bytes) else json.dumps(said).encode()
    return of.decode(MqttPayload("z", payload, retained, received_ns)).readings


def shown(readings):
    return [(r.point, r.value, r.time or None, r.quality) for r in readings]


SERVICES = decoder(
    "  t: {type: float, mqtt: {each: services, when: {path: id, equals: A}, path: p.t, time: {path: at, old_after: 1m}}}\n"
    "  n: {type: int, mqtt: {each: services, when: {path: id, equals: 2}, path: p.n}}\n"
    "  v: {type: str, mqtt: {path: version}}\n"
)


class TestEach:
    def test_the_items_that_say_so(self):
        said = {
            "version": "1",
            "services": [{"id": "B", "p": {"t": 9}}, {"id": "A", "p": {"t": 1}}, {"id": "2", "p": {"n": 3}}],
        }
        assert shown(read(SERVICES, said)) == [("t", 1.0, None, FRESH), ("n", 3, None, FRESH), ("v", "1", None, FRESH)]

    def test_every_one_in_the_order_of_its_own_time(self):
        said = {"services": [
            {"id": "A", "p": {"t": 3}, "at": "20261125T120000Z"},
            {"id": "A", "p": {"t": 1}, "at": "20261125T110000Z"},
            {"id": "A", "p": {"t": 2}, "at": "20261125T115930Z"},
        ]}  # fmt: skip
        assert shown(read(SERVICES, said)) == [
            ("t", 1.0, "2026-11-25T11:00:00.000Z", STALE),
            ("t", 2.0, "2026-11-25T11:59:30.000Z", FRESH),
            ("t", 3.0, "2026-11-25T12:00:00.000Z", FRESH),
        ]

    @pytest.mark.parametrize(
        "said",
        [{}, {"services": []}, {"services": None}, {"services": [5, None, "x", [1]]}, {"services": [{"id": "A"}]}],
    )
    def test_nothing_there(self, said):
        assert read(SERVICES, said) == ()

    def test_items_that_are_values(self):
        plain = decoder("  e: {type: str, mqtt: {each: keys}}\n")
        assert [r.value for r in read(plain, {"keys": ["a", "b"]})] == ["a", "b"]

    def test_must_be_there(self):
        of = decoder("  e: {type: str, optional: false, mqtt: {each: keys, path: k}}\n")
        assert refused(of, {"keys": [{}]}) == ("missing-point", "e: no keys.k")

    def test_no_list_and_too_many(self):
        assert refused(SERVICES, {"services": {"id": "A"}})[0] == "wrong-type"
        assert read(SERVICES, {"services": [{"id": "A", "p": {"t": 1}}] * MAX_ITEMS})
        assert refused(SERVICES, {"services": [{}] * (MAX_ITEMS + 1)})[0] == "too-large"


def refused(of, said):
    with pytest.raises(DecodeError) as caught:
        read(of, said)
    return caught.value.reason, caught.value.detail


TIMED = decoder(
    "  t: {type: float, unit: V, mqtt: {path: t.value, or_path: t, time: {path: t.time, form: unix-s, old_after: 10s}}}\n"
)


class TestTime:
    @pytest.mark.parametrize(
        ("age_s", "quality"), [(0, FRESH), (10, FRESH), (11, STALE), (86_400, STALE), (-3600, FRESH)]
    )
    def test_old_by_its_own_time(self, age_s, quality):
        (reading,) = read(TIMED, {"t": {"value": 1.5, "time": NOW // 10**9 - age_s}})
        assert (reading.value, reading.unit, reading.quality) == (1.5, "V", quality)
        assert own_time(reading.time, "iso") == NOW - age_s * 10**9

    def test_without_a_trusted_clock_none_is_old(self):
        (reading,) = read(TIMED, {"t": {"value": 1.5, "time": NOW // 10**9 - 86_400}}, None)
        assert (reading.quality, reading.time) == (FRESH, "2026-11-24T12:00:00.000Z")

    def test_retained_stays_stale(self):
        (reading,) = read(TIMED, {"t": {"value": 1.5, "time": NOW // 10**9}}, retained=True)
        assert reading.quality is STALE

    @pytest.mark.parametrize("said", [{"value": 1.5}, {"value": 1.5, "time": None}, {"value": 1.5, "time": 77}, 1.5])
    def test_no_time_is_now(self, said):
        assert shown(read(TIMED, {"t": said})) == [("t", 1.5, None, FRESH)]

    def test_a_time_that_is_none_is_refused(self):
        assert refused(TIMED, {"t": {"value": 1.5, "time": "noon"}})[0] == "wrong-type"
        assert refused(TIMED, {"t": {"time": 5}})[0] == "wrong-type"  # what stands in the second place is no number

    def test_plain_text_has_none(self):
        assert "time and or_path go with path" in refusal("  t: {type: float, mqtt: {time: {path: a}}}\n")
        assert "should be more than 0" in refusal(
            "  t: {type: float, mqtt: {path: t, time: {path: a, old_after: 0}}}\n"
        )


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(["A", "2", "20261125T120000Z", "x"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["services", "id", "p", "t", "n", "at", "value", "time"]), inner, max_size=5)
    ),
    max_leaves=12,
)


@given(json_values, st.none() | st.integers(0, 2**62))
def test_anything_gives_readings_or_a_known_reason(said, received_ns):
    for of in (SERVICES, TIMED):
        try:
            readings = read(of, said, received_ns)
        except DecodeError as error:
            assert error.reason in REASONS  # noqa: PT017 - an error is one of two good outcomes
        else:
            assert all(reading.quality is FRESH or reading.time for reading in readings)


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(-100, 100)), max_size=6))
def test_age_is_all_that_counts_and_no_value_is_lost(values):
    said = [{"id": "A", "p": {"t": value}, "at": rfc3339(NOW - age * 10**9)} for age, value in values]
    readings = read(SERVICES, {"services": said})
    assert sorted((r.value, r.time, r.quality is STALE) for r in readings) == sorted(
        (float(value), rfc3339(NOW - age * 10**9), age > 60) for age, value in values
    )
    assert [r.time for r in readings] == sorted(r.time for r in readings)
