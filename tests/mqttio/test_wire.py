"""PUBLISH and PUBACK as bytes: agreement with paho's codec, any sizes, hostile input."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edgegw.mqttio import wire
from edgegw.mqttio.wire import Incoming, MalformedPacketError

TOPICS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="+#\0"), min_size=1, max_size=60)


def packet(topic: str, payload: bytes, mid: int, *, v5: bool, retain: bool = False, properties: bytes = b"") -> bytes:
    block = (properties or wire.NO_PROPERTIES) if v5 else b""
    return wire.publish_head(wire.topic_field(topic), len(payload), mid, properties=block, retain=retain) + payload


@given(
    TOPICS, st.sampled_from([0, 1, 113, 127, 128, 16_370, 16_384, 2_097_152, 2_100_000]), st.integers(0, 65535),
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_what_is_written_is_read(topic: str, size: int, mid: int, v5: bool, retain: bool) -> None:
    payload = b"x" * size
    data = packet(topic, payload, mid, v5=v5, retain=retain)
    cut = wire.frame(data, 0)
    assert cut is not None
    assert cut[1] == len(data)
    message = wire.read_publish(data, data[0], *cut, v5=v5)
    assert message == Incoming(topic, payload, 1 if mid else 0, mid, retain)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("32 0b 00 03 612f62 0001 6869 2121", Incoming("a/b", b"hi!!", 1, 1)),  # MQTT 3.1.1, QoS 1
        ("30 07 00 03 612f62 6869", Incoming("a/b", b"hi", 0, 0)),  # QoS 0: no packet id
        ("3b 09 00 03 612f62 abcd 6869", Incoming("a/b", b"hi", 1, 0xABCD, retain=True, dup=True)),
        ("32 07 00 03 612f62 0001", Incoming("a/b", b"", 1, 1)),
    ],
)
def test_packets_of_the_specification(body: str, expected: Incoming) -> None:
    data = bytes.fromhex(body)
    cut = wire.frame(data, 0)
    assert cut == (2, len(data))
    assert wire.read_publish(data, data[0], *cut, v5=False) == expected


def test_properties_are_skipped_as_paho_packs_them() -> None:
    properties = Properties(PacketTypes.PUBLISH)
    properties.ContentType = "application/cloudevents+json"
    properties.MessageExpiryInterval = 60
    properties.UserProperty = [("a", "b" * 200)]
    data = packet("t", b"{}", 9, v5=True, properties=bytes(properties.pack()))
    cut = wire.frame(data, 0)
    assert cut is not None
    assert wire.read_publish(data, data[0], *cut, v5=True) == Incoming("t", b"{}", 1, 9)


def test_the_content_type_property_is_what_paho_packs() -> None:
    properties = Properties(PacketTypes.PUBLISH)
    properties.ContentType = "application/cloudevents+json"
    assert wire.content_type_property("application/cloudevents+json") == bytes(properties.pack())


def test_the_expiry_property_is_what_paho_packs() -> None:
    properties = Properties(PacketTypes.PUBLISH)
    properties.MessageExpiryInterval = 5
    assert wire.expiry_property(5) == bytes(properties.pack())


@pytest.mark.parametrize(
    ("data", "answer"),
    [("40020001", (1, 0)), ("4003000110", (1, 0x10)), ("40040001 87 00", (1, 0x87))],
)
def test_puback(data: str, answer: tuple[int, int]) -> None:
    raw = bytes.fromhex(data)
    cut = wire.frame(raw, 0)
    assert cut is not None
    assert wire.read_puback(raw, *cut) == answer


def test_our_puback() -> None:
    assert wire.puback(0x1234) == bytes.fromhex("40021234")


@pytest.mark.parametrize("data", [b"", b"\x32", b"\x32\x80", b"\x32\x80\x80\x80"])
def test_an_unfinished_length_waits(data: bytes) -> None:
    assert wire.frame(data, 0) is None


def test_a_length_of_five_bytes_is_malformed() -> None:
    with pytest.raises(MalformedPacketError):
        wire.frame(b"\x32\x80\x80\x80\x80\x01", 0)


@given(st.binary(max_size=40), st.booleans())
def test_garbage_is_a_message_or_malformed_and_nothing_else(body: bytes, v5: bool) -> None:
    try:
        message = wire.read_publish(body, 0x32, 0, len(body), v5=v5)
    except MalformedPacketError:
        return
    assert len(message.payload) <= len(body)


@pytest.mark.parametrize("topic", ["", "a/+", "#", "a\0b", "x" * 65536])
def test_topics_nobody_may_publish_on(topic: str) -> None:
    with pytest.raises(ValueError, match="not a topic"):
        wire.topic_field(topic)
