"""MQTT messages to readings: what is accepted, what is refused with which reason, and that sharing holds."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.errors import DecodeError
from edgegw.model import Decoded, Frame, MqttPayload, Quality, Reading
from edgegw.profiles.check import findings
from edgegw.profiles.decode import REASONS, compile_profile
from edgegw.profiles.decode_mqtt import MAX_PAYLOAD
from edgegw.profiles.schema import Profile
from edgegw.yamlpos import parse, render

TOPIC = "z/a"


def make(points, more=""):
    text = (
        "vendor: v\nmodel: m\nsource: s\nlink: mqtt\nmqtt:\n  topic: z/{address}\n"
        f"{more}points:\n{points}samples: [{{source: x, payload: '{{}}', readings: {{}}}}]\n"
    )
    profile, problems = parse(text, "p").validate(Profile)
    assert profile is not None, render(problems, "p")
    return profile


def decoder(points, more=""):
    return compile_profile(make(points, more), "a")


PLAIN = decoder(
    "  b: {type: bool, mqtt: {path: b}}\n  i: {type: int, mqtt: {path: i}}\n  f: {type: float, unit: V, mqtt: {path: f}}\n"
    "  s: {type: str, mqtt: {path: s}}\n  u: {type: uint64, mqtt: {path: u}}\n"
    "  n: {type: int, min: 0, max: 100, mqtt: {path: n}}\n"
    "  m: {type: bool, map: {'ON': true, '1': true, 'false': false, '': null}, mqtt: {path: m}}\n"
)
NESTED = decoder(
    '  p: {type: float, mqtt: {path: "params.switch:0.apower"}}\n  e: {type: str, mqtt: {path: events.0.event}}\n'
)
TEXT = decoder("  v: {type: float, mqtt: {}}\n")


def values(payload, of=PLAIN):
    data = payload if isinstance(payload, bytes) else payload.encode(errors="surrogatepass")
    return {r.point: r.value for r in of.decode(MqttPayload(TOPIC, data)).readings}


def reason(payload, of=PLAIN, topic=TOPIC):
    data = payload if isinstance(payload, bytes) else payload.encode(errors="surrogatepass")
    with pytest.raises(DecodeError) as caught:
        of.decode(MqttPayload(topic, data))
    assert caught.value.reason in REASONS
    assert len(caught.value.detail) < 400
    return caught.value.reason


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        ('{"b":true,"i":5,"f":2.5,"s":"x"}', {"b": True, "i": 5, "f": 2.5, "s": "x"}),
        ('{"f":2}', {"f": 2.0}),
        ('{"i":5.0}', {"i": 5}),
        ('{"i":"80","f":"80.00"}', {"i": 80, "f": 80.0}),
        ('{"i":"80.00"}', {"i": 80}),
        ('{"f":" -1.5e3 "}', {"f": -1500.0}),
        ('{"i":null,"f":null}', {}),
        ("{}", {}),
        ('{"other":[1,{"x":2}]}', {}),
        ('{"s":""}', {"s": ""}),
        ('{"s":3}', {"s": "3"}),
        ('{"u":18446744073709551615}', {"u": 2**64 - 1}),
        ('{"i":-9223372036854775808}', {"i": -(2**63)}),
        ('{"m":"ON"}', {"m": True}),
        ('{"m":1}', {"m": True}),
        ('{"m":1.0}', {"m": True}),
        ('{"m":false}', {"m": False}),
        ('{"m":""}', {}),
        ('{"a":1,"i":1,"i":2}', {"i": 2}),
        (b"", {}),
    ],
)
def test_accepted(payload, wanted):
    got = values(payload)
    assert got == wanted
    assert [type(v) for v in got.values()] == [type(v) for v in wanted.values()]


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        ("not json", "bad-json"),
        ("{", "bad-json"),
        (" ", "bad-json"),
        ("5", "wrong-type"),
        ('"x"', "wrong-type"),
        ("[]", "wrong-type"),
        ("null", "wrong-type"),
        (b"\xff\xfe{}", "bad-json"),
        (b'{"s":"\xff"}', "bad-json"),
        ('{"f":NaN}', "bad-json"),
        ('{"f":Infinity}', "bad-json"),
        ('{"f":1e400}', "bad-json"),
        ('{"f":"1e400"}', "not-finite"),
        ('{"f":"nan"}', "wrong-type"),
        ('{"i":"1_000"}', "wrong-type"),
        ('{"i":"' + "9" * 50 + '"}', "wrong-type"),
        ('{"i":9223372036854775808}', "out-of-range"),
        ('{"u":18446744073709551616}', "out-of-range"),
        ('{"u":-1}', "out-of-range"),
        ('{"i":1e300}', "out-of-range"),
        ('{"i":' + "9" * 400 + "}", "out-of-range"),
        ('{"f":' + "9" * 300 + "}", "out-of-range"),
        ('{"i":' + "9" * 6000 + "}", "bad-json"),
        ('{"m":' + "9" * 2000 + "}", "wrong-type"),
        ('{"s":' + "9" * 2000 + "}", "wrong-type"),
        ('{"i":1.5}', "wrong-type"),
        ('{"i":true}', "wrong-type"),
        ('{"f":false}', "wrong-type"),
        ('{"b":1}', "wrong-type"),
        ('{"b":"true"}', "wrong-type"),
        ('{"b":"ON"}', "wrong-type"),
        ('{"s":true}', "wrong-type"),
        ('{"s":1.5}', "wrong-type"),
        ('{"s":{}}', "wrong-type"),
        ('{"i":[1]}', "wrong-type"),
        ('{"m":[1]}', "wrong-type"),
        ('{"m":"on"}', "unmapped"),
        ('{"n":101}', "out-of-range"),
        ('{"n":-1}', "out-of-range"),
        ('{"s":"' + "x" * 1025 + '"}', "too-long"),
        ('{"s":"\\ud800"}', "bad-json"),
        ('{"x":"\\ud800 and more text"}', "bad-json"),
        ("[" * 100_000, "too-deep"),
        ('{"a":' * 50_000 + "1" + "}" * 50_000, "too-large"),
        (b'{"s":"' + b"x" * MAX_PAYLOAD + b'"}', "too-large"),
    ],
)
def test_refused(payload, wanted):
    assert reason(payload) == wanted


def test_retained_values_are_stale():
    decoded = PLAIN.decode(MqttPayload(TOPIC, b'{"f":1.5}', retained=True))
    assert decoded == Decoded((Reading("f", 1.5, "V", Quality.STALE),))


def test_nested_paths_and_lists():
    assert values('{"params":{"switch:0":{"apower":73.2}}}', NESTED) == {"p": 73.2}
    assert values('{"events":[{"event":"push"}]}', NESTED) == {"e": "push"}
    assert values('{"params":5,"events":[]}', NESTED) == {}
    assert values('{"params":{"switch:0":null},"events":{"0":{"event":"push"}}}', NESTED) == {"e": "push"}
    assert reason("5", NESTED) == "wrong-type"


def test_plain_text_payload():
    assert values("23.5\n", TEXT) == {"v": 23.5}
    assert reason("warm", TEXT) == "wrong-type"
    assert reason(b"\xff", TEXT) == "bad-text"
    switch = decoder("  up: {type: bool, mqtt: {}}\n")
    assert values("true", switch) == {"up": True}
    assert reason("1", switch) == "unmapped"


def test_a_point_that_must_be_there():
    strict = decoder("  i: {type: int, optional: false, mqtt: {path: i}}\n")
    assert reason("{}", strict) == "missing-point"
    assert reason('{"i":null}', strict) == "missing-point"
    assert values("", strict) == {}


def test_scale_and_decimals():
    scaled = decoder(
        "  t: {type: int, scale: 0.1, mqtt: {path: t}}\n  k: {type: float, decimals: 1, mqtt: {path: k}}\n"
    )
    assert values('{"t":236,"k":1.26}', scaled) == {"t": 23.6, "k": 1.3}
    huge = decoder("  t: {type: int, scale: 1000000, mqtt: {path: t}}\n")
    assert reason('{"t":9223372036854775807}', huge) == "out-of-range"


class TestTopics:
    points = "  a: {type: int, mqtt: {path: a}}\n  b: {type: int, mqtt: {topic: '{address}/b', path: b}}\n"
    of = decoder(points, "  availability: {topic: '{address}/up'}\n")

    def test_exact(self):
        assert self.of.topics() == ("z/a", "a/b", "a/up")

    def test_each_topic_has_its_points(self):
        assert self.of.decode(MqttPayload("a/b", b'{"a":1,"b":2}')).readings == (Reading("b", 2),)
        assert reason("{}", self.of, "z/other") == "wrong-topic"

    @pytest.mark.parametrize(
        ("payload", "online"),
        [("online", True), ("Online\n", True), ('{"state":"online"}', True), ("true", True), ('{"state":true}', True),
         ("offline", False), ('{"state":"offline"}', False), ("false", False)],
    )  # fmt: skip
    def test_availability_plain_and_json(self, payload, online):
        for retained in (False, True):
            decoded = self.of.decode(MqttPayload("a/up", payload.encode(), retained))
            assert decoded == Decoded((), online)

    @pytest.mark.parametrize("payload", ["away", "{}", "1", '{"state":1}', "[]"])
    def test_availability_unknown(self, payload):
        assert reason(payload, self.of, "a/up") == "unmapped"

    def test_a_bridge_that_is_gone_takes_its_devices_along_and_does_not_bring_them_back(self):
        section = "  availability: {topic: '{address}/up'}\n  bridge: {topic: hub/state}\n"
        of = decoder(self.points, section)
        assert of.topics() == ("z/a", "a/b", "a/up", "hub/state")
        told = [of.decode(MqttPayload("hub/state", said)).online for said in (b"offline", b'{"state":"online"}')]
        assert told == [False, None]
        assert of.decode(MqttPayload("a/up", b"online")).online is True
        shared = decoder(self.points, section + "  match: {path: id}\n")
        assert shared.decode(MqttPayload("hub/state", b"offline")).online is False

    @pytest.mark.parametrize("topic", ["z/{address}", "{address}/up", "hub/#"])
    def test_a_bridge_has_a_topic_of_its_own(self, topic):
        profile = make(self.points, f"  availability: {{topic: '{{address}}/up'}}\n  bridge: {{topic: '{topic}'}}\n")
        assert [".".join(map(str, at)) for at, _ in findings(profile)] == ["mqtt.bridge.topic"]

    def test_data_and_availability_on_one_topic(self):
        both = decoder("  s: {type: str, mqtt: {path: state}}\n", "  availability: {topic: 'z/{address}'}\n")
        decoded = both.decode(MqttPayload(TOPIC, b'{"state":"online"}'))
        assert decoded == Decoded((Reading("s", "online"),), online=True)


def test_devices_share_what_is_compiled():
    profile = make("  i: {type: int, mqtt: {path: i}}\n")
    one, two = compile_profile(profile, "one"), compile_profile(profile, "two")
    assert one.topics() == ("z/one",)
    assert two.decode(MqttPayload("z/two", b'{"i":1}')).readings == (Reading("i", 1),)
    assert one._by_topic["z/one"] is two._by_topic["z/two"]
    assert profile == make("  i: {type: int, mqtt: {path: i}}\n")  # compiling does not change a profile


def test_other_links_messages():
    with pytest.raises(DecodeError) as caught:
        PLAIN.decode(Frame(b"x"))
    assert caught.value.reason == "wrong-kind"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("bifsunm"), inner, max_size=4),
    max_leaves=8,
)


@given(st.one_of(st.binary(max_size=60), json_values.map(lambda v: json.dumps(v).encode())))
def test_anything_gives_readings_or_a_known_reason(payload):
    for of in (PLAIN, NESTED, TEXT):
        try:
            decoded = of.decode(MqttPayload(TOPIC, payload))
        except DecodeError as error:
            assert error.reason in REASONS  # noqa: PT017 - an error is one of two good outcomes
        else:
            json.dumps([r.value for r in decoded.readings], allow_nan=False).encode()
