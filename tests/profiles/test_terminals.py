"""Shared topics, messages that are late, points that stand in some messages only, acknowledgements."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.errors import DecodeError
from edgegw.model import Decoded, MqttPayload, Quality
from edgegw.profiles.acks import compile_acks
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.loader import ProfileLibrary
from edgegw.profiles.schema import Profile

VF105 = ProfileLibrary().get("vguang/vf105")
FACE = ProfileLibrary().get("mqtt-face/terminal")
EVENT = "access_device/v2/event"


def make(points, **mqtt):
    return Profile.model_validate(
        {
            "vendor": "v",
            "model": "m",
            "source": "s",
            "link": "mqtt",
            "mqtt": mqtt,
            "points": points,
            "samples": [{"source": "x", "payload": "{}", "readings": {}}],
        }
    )


def decode(profile, topic, payload, address="a", *, retained=False):
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return compile_profile(profile, address).decode(MqttPayload(topic, data, retained))


def values(decoded):
    return {r.point: r.value for r in decoded.readings}


NUMBER = {"n": {"type": "int", "mqtt": {"path": "n"}}}


@pytest.mark.parametrize(
    ("said", "mine"), [("7", True), (7, True), (7.0, True), ("07", False), (None, False), ({"7": 7}, False)]
)
def test_a_match_is_by_text(said, mine):
    profile = make(NUMBER, topic="all", match={"path": "who.id"})
    assert values(decode(profile, "all", {"n": 1, "who": {"id": said}}, "7")) == ({"n": 1} if mine else {})


def test_a_topic_of_its_own_needs_no_match():
    profile = make(NUMBER, topic="t/{address}", match={"path": "id"})
    assert values(decode(profile, "t/a", {"n": 1})) == {"n": 1}
    assert compile_profile(profile, "a").matched() == {}


def test_garbage_on_a_shared_topic_is_poison():
    with pytest.raises(DecodeError) as caught:
        decode(VF105, f"{EVENT}/access", b"{", "a")
    assert caught.value.reason == "bad-json"


@pytest.mark.parametrize(
    ("kind", "point"), [(256, "open"), (257, "fire"), (258, "tamper"), ("258", "tamper"), (9, None)]
)
def test_a_point_that_stands_in_some_messages_only(kind, point):
    message = {"uuid": "a", "data": {"type": kind, "value": 1}}
    assert list(values(decode(VF105, f"{EVENT}/alarm", message))) == ([point] if point else [])


@pytest.mark.parametrize(
    ("info", "late"),
    [
        ({}, False),
        ({"Sendintime": 0}, True),
        ({"Sendintime": "0"}, True),
        ({"PushType": 2}, True),
        ({"PushType": 0}, False),
    ],
)
def test_a_late_record_is_stale(info, late):
    body = {"info": {"RecordID": "1", "Sendintime": 1, "PushType": 0, **info}}
    decoded = decode(FACE, "mqtt/face/a/Rec", body)
    assert {r.quality for r in decoded.readings} == {Quality.STALE if late else Quality.FRESH}


def test_what_is_retained_is_stale_whatever_it_says():
    body = {"info": {"RecordID": "1", "Sendintime": 1, "PushType": 0}}
    assert {r.quality for r in decode(FACE, "mqtt/face/a/Rec", body, retained=True).readings} == {Quality.STALE}


def test_a_last_will_without_a_word():
    assert decode(VF105, f"{EVENT}/offline", {"uuid": "a"}) == Decoded((), False)
    assert decode(VF105, f"{EVENT}/offline", {"uuid": "b"}) == Decoded()


def test_live_topics_are_apart():
    compiled = compile_profile(VF105, "a")
    assert compiled.live_topics() == (f"{EVENT}/access_online",)
    assert f"{EVENT}/access" in compiled.topics()
    assert f"{EVENT}/access_online" not in compiled.topics()
    assert "card" in values(decode(VF105, f"{EVENT}/access_online", {"uuid": "a", "data": {"code": "1"}}))


def test_how_large_a_payload_may_be():
    picture = {"info": {"RecordID": "1", "pic": "A" * 1_000_000}}
    assert values(decode(FACE, "mqtt/face/a/Rec", picture)) == {"record": "1"}
    picture["info"]["pic"] *= 2
    with pytest.raises(DecodeError) as caught:
        decode(FACE, "mqtt/face/a/Rec", picture)
    assert caught.value.reason == "too-large"


@given(
    st.dictionaries(
        st.sampled_from(["uuid", "serialNo", "data", "time"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda c: (
                st.lists(c, max_size=3)
                | st.dictionaries(st.sampled_from(["code", "type", "value", "0"]), c, max_size=3)
            ),
        ),
    )
)
def test_whatever_a_terminal_says_is_read_or_refused(said):
    for topic in (*compile_profile(VF105, "a").topics(), f"{EVENT}/access_online"):
        with suppress(DecodeError):
            decode(VF105, topic, {**said, "uuid": "a"})


# --- acknowledgements


def test_what_acknowledges_a_record():
    acks = compile_acks(VF105, "e47")
    assert acks is not None
    answer = acks.of(f"{EVENT}/access", b'{"serialNo":"6w8k\\"eif","uuid":"e47"}')
    assert answer is not None
    assert answer[0] == f"{EVENT}/e47/access_reply"
    assert json.loads(answer[1])["serialNo"] == '6w8k"eif'


@pytest.mark.parametrize("payload", [b"{}", b"{", b"", b'{"serialNo":null}', b'{"serialNo":{}}', b"[1]"])
def test_what_does_not_say_what_it_is_is_not_acknowledged(payload):
    acks = compile_acks(VF105, "e47")
    assert acks is not None
    assert acks.of(f"{EVENT}/access", payload) is None


def test_requests_and_heartbeats_are_not_acknowledged():
    acks = compile_acks(VF105, "e47")
    assert acks is not None
    for name in ("access_online", "heartbeat", "offline"):
        assert acks.of(f"{EVENT}/{name}", b'{"serialNo":"1"}') is None


def test_a_message_cannot_choose_where_its_acknowledgement_goes():
    profile = make(NUMBER, topic="in", acks=[{"topic": "in", "reply": "out/{{who}}", "payload": "ok"}])
    acks = compile_acks(profile, "a")
    assert acks is not None
    assert acks.of("in", b'{"who":"x"}') == ("out/x", b"ok")
    for who in ("x/y", "#", "+", ""):
        assert acks.of("in", json.dumps({"who": who}).encode()) is None


def test_most_devices_wait_for_none():
    assert compile_acks(ProfileLibrary().get("tasmota/relay"), "x") is None
