"""Which MQTT profile fits what was heard on a topic tree. Payloads are those of the profiles' samples (../shared: devices)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.model import MqttPayload
from edgegw.probe.found import Confidence
from edgegw.probe.identify_mqtt import identify, templates
from edgegw.profiles.schema import Profile
from tests.probe.asking import shipped

LEAK = '{"battery":"80.00","voltage":2900,"linkquality":0,"temperature":27.35,"water_leak":true}'  # captured, zigbee2mqtt#663
CLIMATE = '{"battery":100,"temperature":21.5,"humidity":48.2,"linkquality":94}'
PLUG = (
    '{"src":"shellyplugsg3-28372f2c745c","method":"NotifyStatus","params":{"ts":1773420285,"switch:0":{"apower":73.2,'
    '"voltage":235.0,"current":0.372,"aenergy":{"total":2067.124}}}}'
)
FACE = (
    '{"operator":"RecPush","info":{"personId":"3","RecordID":"2","VerifyStatus":"1","PersonType":"0","similarity1":"83.000000",'
    '"Sendintime":1,"facesluiceId":"1026700","time":"2026-04-10 10:00:07","PushType":0}}'
)
FACE_BEAT = '{"operator":"HeartBeat","info":{"facesluiceId":"1026700","time":"2026-04-10 10:00:37"}}'
DOOR = (
    '{"serialNo":"6w8keif5g6","uuid":"e4720000964b5c00","time":1639475284,"sign":"","data":[{"userId":"U001","type":"300",'
    '"timeStamp":1639475284,"result":0,"name":"","code":"0008844356","extra":{},"error":"ALLOW"}]}'
)


def of(texts):
    return {topic: [MqttPayload(topic, text.encode())] for topic, text in texts.items()}


def best(messages):
    return {one.address: (one.best.profile, one.best.confidence) for one in identify(messages, shipped()).found}


def test_devices_of_a_tree_are_told_apart():
    found = best(
        of(
            {
                "zigbee2mqtt/bridge/state": '{"state":"online"}',
                "zigbee2mqtt/climate1": CLIMATE,
                "zigbee2mqtt/climate1/availability": "online",
                "shellyplugsg3-28372f2c745c/events/rpc": PLUG,
                "shellyplugsg3-28372f2c745c/online": "true",
                "tele/lamp/STATE": '{"Time":"2024-02-24T22:20:38","UptimeSec":611,"POWER":"OFF","Wifi":{"RSSI":44,"Signal":-78}}',
                "tele/lamp/LWT": "Online",
                "weird/a/b": "hello",
            }
        )
    )
    assert found == {
        "climate1": ("zigbee2mqtt/climate", Confidence.CLEAR),
        "shellyplugsg3-28372f2c745c": ("shelly/plug-s-gen3", Confidence.CLEAR),
        "lamp": ("tasmota/relay", Confidence.CLEAR),
    }


def test_a_leak_sensor_is_a_leak_sensor_whatever_its_maker():
    (one,) = identify(of({"zigbee2mqtt/kitchen": LEAK}), shipped()).found
    assert one.best.readings["leak"] is True
    assert "zigbee2mqtt/leak" in {fit.profile for fit in one.fits}


def test_a_terminal_on_a_shared_topic_is_found_by_what_its_messages_say():
    found = identify(of({"mqtt/face/1026700/Rec": FACE, "mqtt/face/heartbeat": FACE_BEAT}), shipped()).found
    assert [(one.address, one.best.profile) for one in found] == [("1026700", "mqtt-face/terminal")]
    assert "2 topics" in found[0].best.why[0]


def test_card_numbers_are_masked():
    (one,) = identify(of({"access_device/v2/event/access": DOOR}), shipped()).found
    assert one.best.profile == "vguang/vf105"
    assert "8844356" not in repr(one)


def test_what_no_profile_reads_is_counted_by_prefix_and_never_shown():
    told = identify(of({f"site/roof/{n}": "secret" for n in range(3)}), shipped())
    assert told.found == ()
    assert told.unread == (("site/roof/…", 3, 3),)


def test_a_refused_message_is_against_a_profile():
    messages = of({"zigbee2mqtt/x": CLIMATE})
    messages["zigbee2mqtt/x"].append(MqttPayload("zigbee2mqtt/x", b'{"temperature":"hot","humidity":1}'))
    (one,) = identify(messages, shipped()).found
    fit = next(fit for fit in one.fits if fit.profile == "zigbee2mqtt/climate")
    assert fit.confidence is Confidence.POSSIBLE
    assert "refused zigbee2mqtt/x: wrong-type" in fit.why


def test_a_friendly_name_with_a_level_of_its_own_is_found_but_no_topic_below_a_device():
    found = best(
        of({"zigbee2mqtt/hall/climate": CLIMATE, "zigbee2mqtt/cellar": CLIMATE, "zigbee2mqtt/cellar/get": CLIMATE})
    )
    assert set(found) == {"hall/climate", "cellar"}


def test_an_address_that_stands_twice_in_a_topic_is_one():
    profile = Profile.model_validate(
        {
            "vendor": "v", "model": "m", "source": "constructed", "link": "mqtt", "mqtt": {"topic": "a/{address}/b/{address}"},
            "points": {"x": {"type": "int", "mqtt": {"path": "x"}}},
            "samples": ({"source": "constructed", "payload": '{"x":1}', "readings": {"x": 1}},),
        }
    )  # fmt: skip
    (template,) = templates(profile)
    assert template.address("a/7/b/7", ()) == ["7"]
    assert template.address("a/7/b/8", ()) == []


topics = st.sampled_from(
    ["zigbee2mqtt/a", "zigbee2mqtt/a/availability", "mqtt/face/heartbeat", "tele/x/STATE", "a/b", "$SYS/x", "/", ""]
)
payloads = st.sampled_from([LEAK, CLIMATE, FACE, PLUG, DOOR, "online", ""]).map(str.encode) | st.binary(max_size=40)


@given(st.dictionaries(topics, st.lists(payloads, min_size=1, max_size=3), max_size=5))
def test_anything_that_is_heard_is_judged(said):
    messages = {topic: [MqttPayload(topic, payload) for payload in told] for topic, told in said.items()}
    told = identify(messages, shipped())
    for one in told.found:
        assert one.fits
        assert sum(fit.confidence is Confidence.CLEAR for fit in one.fits) <= 1
    assert told == identify(dict(reversed(messages.items())), shipped())
    assert sum(count for _, count, _ in told.unread) <= len(messages)


@pytest.mark.parametrize("name", sorted(n for n, p in shipped().items() if p.link == "mqtt"))
def test_every_profile_fits_its_own_samples(name):
    """Not always alone: what only Zigbee2MQTT's families share is read by several."""
    profile = shipped()[name]
    sample = next(s for s in profile.samples if s.readings and not s.retained and not s.error)
    address = sample.address or "sample"
    topic = (sample.topic or profile.mqtt.topic).replace("{address}", address)
    found = identify({topic: [MqttPayload(topic, sample.payload.encode())]}, {name: profile}).found
    assert [(one.address, one.best.profile) for one in found] == [(address, name)]
