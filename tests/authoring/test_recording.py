"""From what was heard to samples that pass: each kind once or twice, secrets gone, what cannot be a sample told."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.authoring.recording import Recording, plain
from edgegw.codec.modbus import read_request, seal
from edgegw.profiles.loader import ProfileLibrary, load_profile

LIBRARY = ProfileLibrary()
LEAK, PLUG, FACE, METER, CARD = (
    "zigbee2mqtt/leak",
    "shelly/plug-s-gen3",
    "mqtt-face/terminal",
    "eastron/sdm120",
    "generic/rdm6300",
)


def recording(name, address=None, count=20):
    profile = LIBRARY.get(name) if name else None
    return Recording(profile, address, date="2026-11-25", count=count, pick=random.Random(1).randrange)


def reload(made, name, path):
    """The profile with its own samples replaced by the recorded ones, as the loader sees it."""
    text = LIBRARY.path(name).read_text()
    head = text[: text.index("\nsamples:")] + "\nsamples:\n" + made.text()
    (path / "p.yaml").write_text(head)
    return load_profile(path / "p.yaml", library=LIBRARY)


def test_partial_updates_are_kinds_of_their_own(tmp_path):
    made = recording(PLUG, "plug1")
    topic = "plug1/events/rpc"
    for power in (1.5, 2.5, 3.5):
        made.mqtt(
            topic,
            json.dumps({"method": "NotifyStatus", "params": {"switch:0": {"apower": power}}}).encode(),
            retained=False,
        )
    made.mqtt(topic, b'{"method":"NotifyStatus","params":{"switch:0":{"output":true}}}', retained=False)
    made.mqtt("plug1/online", b"false", retained=True)
    assert [one.get("readings") or one.get("online") for one in made.samples] == [
        {"power": 1.5},
        {"power": 2.5},
        {"output": True},
        False,
    ]
    assert made.samples[-1] == {
        "source": "captured 2026-11-25",
        "topic": "{address}/online",
        "payload": "false",
        "retained": True,
        "online": False,
    }
    assert "topic" not in made.samples[0]
    assert (made.heard, made.full) == (5, False)
    assert len(reload(made, PLUG, tmp_path).samples) == 4


def test_the_same_again_is_not_kept_and_count_ends_it():
    made = recording(LEAK, "k1", count=2)
    for wet in ("true", "true", "false", "true"):
        made.mqtt("zigbee2mqtt/k1", f'{{"water_leak":{wet}}}'.encode(), retained=False)
    assert [one["readings"] for one in made.samples] == [{"leak": True}, {"leak": False}]
    assert made.full
    assert made.heard == 3


def test_refused_messages_are_samples_with_their_reason(tmp_path):
    made = recording(LEAK, "k1")
    made.mqtt("zigbee2mqtt/k1", b'{"water_leak":"perhaps"}', retained=False)
    made.mqtt("zigbee2mqtt/k1", b'{"water_leak', retained=False)
    assert [one["error"] for one in made.samples] == ["wrong-type", "bad-json"]
    assert len(reload(made, LEAK, tmp_path).samples) == 2


def test_another_device_s_messages_on_a_shared_topic_are_not_looked_at():
    made = recording(FACE, "1026700")
    heartbeat = '{"operator":"HeartBeat","info":{"facesluiceId":"%s","time":"2026-04-10 10:00:07"}}'
    made.mqtt("mqtt/face/heartbeat", (heartbeat % "999").encode(), retained=False)
    assert made.heard == 0
    made.mqtt("mqtt/face/heartbeat", (heartbeat % "1026700").encode(), retained=False)
    assert made.samples[0]["address"] == "1026700"


def test_what_cannot_be_a_sample_is_told():
    made = recording(LEAK, "k1")
    made.mqtt("zigbee2mqtt/k1", b"\xff\xfe", retained=False)
    made.mqtt("zigbee2mqtt/k1", b"", retained=True)
    assert made.samples == []
    assert sorted(made.left_out.values()) == [1, 1]
    assert made.text() == ""


def test_a_card_is_another_card_of_the_same_reader(tmp_path):
    made = recording(CARD)
    frame = bytes.fromhex("0231303030383646343434323603")
    assert made.frame(frame)
    assert not made.frame(frame)
    assert made.frame(bytes.fromhex("0231303030383646343435323603"))  # its checksum is wrong
    assert b"86F444" not in bytes.fromhex(str(made.samples[0]["hex"]))
    assert "0008844356" not in made.text()
    assert made.samples[1]["error"] == "bad-checksum"
    assert made.blotted == 2
    assert len(reload(made, CARD, tmp_path).samples) == 2


def test_lines_have_their_delimiter():
    made = recording("generic/gm65")
    made.frame(b"VISIT-12345")
    assert str(made.samples[0]["hex"]).endswith("0D")
    assert "VISIT-12345" not in made.text()


def test_modbus_blocks_and_exceptions(tmp_path):
    made = recording(METER, "7")
    request = read_request(7, "input", 0x48, 4)
    for hundredths in (b"\x44\x9a\x51\xec", b"\x44\x9a\x61\xec", b"\x44\x9a\x71\xec"):
        made.modbus(request, seal(bytes((7, 4, 8)) + hundredths + bytes(4)))
    made.modbus(request, seal(bytes((7, 0x84, 2))))
    made.modbus(request, b"\x07\x04\x08")
    assert [one.get("error") for one in made.samples] == [None, None, "device-exception", "bad-frame"]
    assert made.samples[0]["request"] == request.hex().upper()
    assert len(reload(made, METER, tmp_path).samples) == 4


def test_registers_that_scale_others_are_given(tmp_path):
    name = "chint/dtsu666"
    profile = LIBRARY.get(name)
    made = recording(name, "1")
    for sample in profile.samples:
        if sample.error is None and sample.request is not None:
            made.modbus(sample.request, sample.hex)
    assert made.samples
    assert not any("says something else" in why for why in made.left_out)
    assert len(reload(made, name, tmp_path).samples) == len(made.samples)


def test_without_a_profile_readings_are_to_be_filled_in():
    made = recording(None)
    made.mqtt("some/topic", b'{"a":1}', retained=False)
    made.mqtt("some/topic", b'{"a":1}', retained=False)
    assert made.text() == (
        "  - source: captured 2026-11-25\n    topic: some/topic\n    payload: '{\"a\":1}'\n"
        "    readings: {}  # what it means is not known yet: fill in\n"
    )
    assert plain(made.samples)[0]["readings"] == {}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["k1", "k1/availability", "k2"]),
            st.binary(max_size=20) | st.sampled_from([b'{"water_leak":true}', b"online"]),
            st.booleans(),
        )
    )
)
def test_whatever_comes_the_samples_pass(messages):
    made = recording(LEAK, "k1", count=5)
    for topic, payload, retained in messages:
        made.mqtt(f"zigbee2mqtt/{topic}", payload, retained=retained)
    assert len(made.samples) <= 5
    assert made.text().count("- source") == len(made.samples)


@pytest.mark.parametrize("name", sorted(LIBRARY.names()))
def test_every_shipped_sample_can_be_recorded(name):
    """The profiles' own samples, heard once more: what is kept passes, and nothing is left out for a fault of the recorder."""
    profile = LIBRARY.get(name)
    made = Recording(profile, "sample", date="2026-11-25", count=200, pick=random.Random(1).randrange)
    for sample in profile.samples:
        if sample.payload is not None and (sample.address or "sample") == "sample":
            template = sample.topic or profile.mqtt.topic
            made.mqtt(
                template.replace("{address}", "sample"),
                sample.payload.encode(errors="surrogatepass"),
                retained=sample.retained,
            )
        elif profile.link == "modbus":
            made.modbus(sample.request or b"", sample.hex or b"")
    made.text()
    assert not any("says something else" in why for why in made.left_out), made.left_out
