"""Card readers: published frames give their cards, no damaged frame gives any."""

from functools import reduce
from operator import xor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.codec.cards import em_binary, rdm6300, vguang
from edgegw.errors import DecodeError

CARD = bytes.fromhex("0231303030383646343434323603")
EM = bytes.fromhex("020A0206008E6D5DB003")


def tlv(cmd, data):
    body = b"\x55\xaa" + bytes([cmd]) + len(data).to_bytes(2, "little") + data
    return body + bytes([reduce(xor, body)])


def test_published_cards():
    assert rdm6300(CARD) == {"card": "0008844356", "wiegand": "134,62532", "hex": "100086F444", "version": 16}
    assert em_binary(EM) == {"card": "0009334109", "wiegand": "142,27997", "hex": "06008E6D5D", "version": 6, "type": 2}


def test_digits_of_either_case():
    assert rdm6300(CARD[:1] + CARD[1:13].lower() + CARD[13:]) == rdm6300(CARD)


@pytest.mark.parametrize(("parse", "good"), [(rdm6300, CARD), (em_binary, EM), (vguang, tlv(0x30, b"s345"))])
def test_no_single_wrong_bit_passes(parse, good):
    for bit in range(8 * len(good)):
        damaged = bytearray(good)
        damaged[bit // 8] ^= 1 << bit % 8
        if parse is rdm6300 and good.upper() == bytes(damaged).upper():
            continue  # a digit's other case is the same digit
        with pytest.raises(DecodeError) as caught:
            parse(bytes(damaged))
        assert caught.value.reason in {"bad-checksum", "bad-frame"}


@pytest.mark.parametrize("parse", [rdm6300, em_binary, vguang])
@given(frame=st.binary(max_size=20))
def test_any_bytes_are_refused_not_crashed_on(parse, frame):
    with pytest.raises(DecodeError):
        parse(frame)


def test_blanks_between_digits_are_no_card():
    with pytest.raises(DecodeError):
        rdm6300(b"\x0210 00 86 F4 \x03")


@given(st.integers(0, 255), st.binary(max_size=300))
def test_tlv_round_trip(cmd, data):
    fields = vguang(tlv(cmd, data))
    assert fields["cmd"] == cmd
    assert bytes.fromhex(str(fields["hex"])) == data
    if "text" in fields:
        assert str(fields["text"]).encode() == data
