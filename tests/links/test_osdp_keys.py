"""What is a key of an OSDP reader; no message shows any of it."""

import pytest

from edgegw.app.osdp import DEFAULT_KEY, _key
from edgegw.errors import ConfigError


def test_32_hex_digits_however_they_are_grouped():
    assert _key("r", "00112233445566778899AABBCCDDEEFF") == _key("r", "00:11:22:33 44556677-8899aabb ccddeeff")


@pytest.mark.parametrize(
    "text", ["", "0011", "00112233445566778899AABBCCDDEEFG", "0" * 34, "0" * 32, "ab" * 16, DEFAULT_KEY.hex()]
)
def test_no_secret_is_no_key(text):
    with pytest.raises(ConfigError) as caught:
        _key("link a, reader r1", text)
    assert caught.value.reason == "secret"
    assert caught.value.detail.startswith("link a, reader r1: ")
    assert not text or text not in str(caught.value)
