"""No secret is left, its shape and the frame's checksum are, and equal secrets stay equal."""

import json
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.authoring.blot import Blotter, UnblottableError
from edgegw.codec import cards, wiegand
from edgegw.errors import DecodeError
from edgegw.profiles.loader import ProfileLibrary
from edgegw.profiles.schema import Profile

LIBRARY = ProfileLibrary()
ACCESS = "access_device/v2/event/access"


def blotter(name=None, seed=1):
    return Blotter(LIBRARY.get(name) if isinstance(name, str) else name, random.Random(seed).randrange)


def talker(pattern=None, encoding="ascii", field="text"):
    return Profile.model_validate(
        {
            "vendor": "v",
            "model": "m",
            "source": "s",
            "link": "serial",
            "serial": {
                "framing": {"kind": "delimiter", "end": "0D"},
                "protocol": "text",
                "encoding": encoding,
                **({"pattern": pattern} if pattern else {}),
            },
            "points": {"card": {"type": "str", "secret": True, "serial": {"field": field}}},
            "samples": [{"source": "s", "hex": "41", "readings": {}}],
        }
    )


@given(st.text(max_size=24), st.integers(0, 9))
def test_a_replacement_has_the_same_shape_and_is_always_the_same(value, seed):
    blot = blotter(seed=seed)
    made = blot.text(value)
    assert blot.text(value) == made
    assert len(made) == len(value)
    if re.fullmatch("[0-9]+", value):
        assert re.fullmatch("[0-9]+", made)
        assert made != value


@given(st.binary(min_size=5, max_size=5), st.integers(0, 255), st.integers(0, 9))
def test_card_frames_keep_their_checksum_or_its_fault(ident, fault, seed):
    checksum = 0
    for byte in ident:
        checksum ^= byte
    frame = b"\x02" + (ident + bytes((checksum ^ fault,))).hex().upper().encode() + b"\x03"
    made = blotter("generic/rdm6300", seed).frame(frame)
    assert len(made) == 14
    assert made[1:3] == frame[1:3]
    assert made[3:11] != frame[3:11]
    if fault:
        with pytest.raises(DecodeError) as refused:
            cards.rdm6300(made)
        assert refused.value.reason == "bad-checksum"
    else:
        assert cards.rdm6300(made)["version"] == ident[0]


@given(st.integers(0, 2**32 - 1), st.integers(0, 255))
def test_binary_card_frames_too(number, version):
    body = bytes((10, 2, version)) + number.to_bytes(4)
    checksum = 0
    for byte in body:
        checksum ^= byte
    frame = b"\x02" + body + bytes((checksum, 3))
    made = cards.em_binary(blotter("generic/em4100-binary").frame(frame))
    assert (made["version"], made["type"]) == (version, 2)
    assert made["card"] != cards.em_binary(frame)["card"]


@given(st.binary(max_size=40) | st.text("abcXYZ0189-", max_size=20).map(str.encode))
def test_tlv_frames_keep_command_length_and_checksum(data):
    frame = b"\x55\xaa\x30" + len(data).to_bytes(2, "little") + data
    checksum = 0
    for byte in frame:
        checksum ^= byte
    made = cards.vguang(blotter("vguang/tlv").frame(frame + bytes((checksum,))))
    assert made["cmd"] == 0x30
    assert len(str(made["hex"])) == 2 * len(data)


@given(
    st.sampled_from([26, 34, 37]),
    st.integers(0, 2**35 - 1),
    st.sampled_from([(), (0,), (-1,), (0, -1)]),
    st.integers(0, 9),
)
def test_wiegand_bits_keep_their_parity_or_its_faults(size, data, faults, seed):
    layout = wiegand.LAYOUTS[size]
    data &= (1 << size - 2) - 1
    bits = list(wiegand.encode(size, data >> layout.card, data & (1 << layout.card) - 1))
    for at in faults:
        bits[at] = str(1 - int(bits[at]))
    line = f" {''.join(bits)}".encode()
    made = blotter("generic/wiegand-serial", seed).frame(line)
    assert len(made) == len(line)
    if not faults:
        assert wiegand.from_bits(made)["bits"] == size
        return
    with pytest.raises(DecodeError) as refused:
        wiegand.from_bits(made)
    assert refused.value.reason == "bad-checksum"


def test_wiegand_in_hex():
    made = blotter("generic/wiegand-serial-hex").frame(b"00d507D0\r")
    assert wiegand.from_hex(made)["bits"] == 34
    assert made.strip().lower() != b"00d507d0"


@pytest.mark.parametrize("frame", [b"", b"\x02\x03", b"\x02" + b"x" * 12 + b"\x03", bytes(14)])
@pytest.mark.parametrize(
    "name",
    ["generic/rdm6300", "generic/em4100-binary", "vguang/tlv", "generic/wiegand-serial", "generic/wiegand-serial-hex"],
)
def test_what_is_no_frame_is_not_passed_on(name, frame):
    if name == "vguang/tlv" and len(frame) == 14:
        frame = b"\x55\xaa" + frame
    with pytest.raises(UnblottableError):
        blotter(name).frame(frame)


def test_named_groups_of_a_line():
    made = blotter(talker("C=(?P<card>[0-9]+) D=(?P<door>[0-9])", field="card")).frame(b"  C=12345678 D=1")
    assert re.fullmatch(rb"  C=[0-9]{8} D=1", made)
    assert b"12345678" not in made
    with pytest.raises(UnblottableError, match="pattern"):
        blotter(talker("C=(?P<card>[0-9]+)", field="card")).frame(b"D=12345678")
    with pytest.raises(DecodeError):
        blotter(talker(encoding="ascii")).frame("卡".encode())


def test_a_protocol_that_cannot_be_closed_again_is_refused():
    profile = talker().model_copy(update={"serial": talker().serial.model_copy(update={"protocol": "no-such"})})
    with pytest.raises(UnblottableError, match="checksum"):
        blotter(profile).frame(b"12345678")


def test_a_terminal_s_record_loses_the_card_the_name_and_nothing_else():
    said = (
        '{"serialNo":"6w8keif5g6","uuid":"e4720000964b5c00","time":1639475284,"sign":"a1b2c3d4","data":[{"userId":"U001","type":"300",'
        '"timeStamp":1639475284,"result":0,"name":"张三李四","code":"00123456","extra":{"link":"/p/00123456.jpg"},"error":"ALLOW"}]}'
    )
    made = blotter("vguang/vf105").payload(ACCESS, said)
    before, after = json.loads(said), json.loads(made)
    assert len(made) == len(said)
    for gone in ("00123456", "张三", "a1b2c3d4", "U001"):
        assert gone not in made
    assert after["data"][0]["extra"]["link"] == f"/p/{after['data'][0]['code']}.jpg"
    for key in ("serialNo", "uuid", "time"):
        assert after[key] == before[key]
    for key in ("type", "timeStamp", "result", "error"):
        assert after["data"][0][key] == before["data"][0][key]


def test_pictures_are_cut_and_short_codes_stay():
    picture = "data:image/jpeg;base64," + "Zm9v" * 500
    made = json.loads(
        blotter().payload("t", json.dumps({"info": {"pic": picture}, "raw": "x" * 600, "code": 200, "key": "a"}))
    )
    assert made == {"info": {"pic": "data:image/jpeg;base64,AAAAAAAA"}, "raw": "AAAAAAAA", "code": 200, "key": "a"}


@pytest.mark.parametrize(
    "key", ["cardNo", "card_no", "CardID", "password", "accessToken", "idCard", "license-plate", "ssid"]
)
def test_keys_that_hold_secrets(key):
    assert "12345678" not in blotter().payload("t", json.dumps({key: "12345678"}))
    assert "12345678" not in blotter().payload("t", json.dumps({key: 12345678}))


@pytest.mark.parametrize("key", ["temperature", "discard", "keyboard_layout", "imaging", "serialNo"])
def test_keys_that_do_not(key):
    said = json.dumps({key: "12345678"})
    assert blotter().payload("t", said) == said


def test_words_that_the_profile_knows_stay_and_free_text_does_not():
    profile = LIBRARY.get("shelly/plug-s-gen3")
    free = profile.points["event"].model_copy(
        update={"mqtt": profile.points["event"].mqtt.model_copy(update={"path": "name", "each": None})}
    )
    said = '{"name":"button-long"}'
    for point, stays in ((free, False), (free.model_copy(update={"map": {"button-long": "long"}}), True)):
        changed = profile.model_copy(update={"points": {"event": point}})
        assert (blotter(changed).payload(profile.mqtt.topic, said) == said) is stays


def test_text_that_is_no_json():
    assert blotter().payload("t", "ON") == "ON"
    assert blotter().payload("t", "{torn") == "{torn"
    with pytest.raises(UnblottableError, match="no JSON"):
        blotter("vguang/vf105").payload(ACCESS, '{"data":[{"code":"0012')


@pytest.mark.parametrize(
    ("read", "said"),
    [
        ({"each": "list", "path": "no"}, {"list": [{"no": "1"}, {"no": "0008844356"}]}),
        ({"each": "list"}, {"list": ["0008844356"]}),
        ({"path": "a.value", "or_path": "a"}, {"a": "0008844356"}),
        ({"path": "a.value", "or_path": "a"}, {"a": {"value": "0008844356"}}),
    ],
)
def test_a_secret_in_a_list_or_at_its_second_place(read, said):
    profile = Profile.model_validate(
        {
            "vendor": "v",
            "model": "m",
            "source": "s",
            "link": "mqtt",
            "mqtt": {"topic": "t"},
            "points": {"seen": {"type": "str", "secret": True, "mqtt": read}},
            "samples": [{"source": "s", "payload": "{}", "readings": {}}],
        }
    )
    made = blotter(profile).payload("t", json.dumps(said))
    assert "0008844356" not in made
    assert json.loads(made).keys() == said.keys()
