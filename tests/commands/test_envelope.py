"""Signed envelopes: what comes through is what was signed, and nothing else comes through."""

import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.commands.envelope import ENVELOPE_REASONS, SIZE_MOST, Envelope, canonical, claimed_id, sign, verify
from edgegw.errors import CommandError

KEY = b"k" * 32
KEYS = {"platform": KEY, "other": b"o" * 32}
EXPIRES = "2026-01-01T00:00:30Z"
EXPIRES_NS = 1_767_225_630_000_000_000
MEMBERS: dict[str, Any] = {
    "id": "c-1",
    "target": "lobby",
    "command": "unlock",
    "args": {},
    "expires_at": EXPIRES,
    "boot": 7,
    "issuer": "platform",
    "gateway": "gw-1",
}
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
ARGS = st.dictionaries(
    TEXT, st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    max_size=5,
)  # fmt: skip


def check(payload: bytes) -> Envelope:
    return verify(payload, keys=KEYS, gateway="gw-1", boot=7)


def refused(payload: bytes) -> str:
    with pytest.raises(CommandError) as caught:
        check(payload)
    assert caught.value.reason in ENVELOPE_REASONS
    return caught.value.reason


def test_the_signature_is_what_the_documentation_says() -> None:
    text = (
        '{"args":{"n":1,"门":"开"},"boot":7,"command":"unlock","expires_at":"2026-01-01T00:00:30Z",'
        '"gateway":"gw-1","id":"c-1","issuer":"platform","target":"lobby"}'
    )
    sig = hmac.new(KEY, text.encode(), "sha256").hexdigest()
    whole = text.replace('"target"', f'"sig":"{sig}","target"').encode()
    assert sign({**MEMBERS, "args": {"门": "开", "n": 1}}, KEY) == whole
    assert check(whole) == Envelope("c-1", "lobby", "unlock", {"门": "开", "n": 1}, EXPIRES_NS, 7, "platform", "gw-1")


@given(TEXT, TEXT, TEXT, ARGS)
def test_round_trip(id_: str, target: str, command: str, args: dict[str, Any]) -> None:
    payload = sign({**MEMBERS, "id": id_, "target": target, "command": command, "args": args}, KEY)
    found = check(payload)
    assert (found.id, found.target, found.command) == (id_, target, command)
    assert canonical(dict(found.args)) == canonical(args)
    assert claimed_id(payload) == id_


@given(ARGS, st.data())
def test_any_one_byte_changed_is_refused(args: dict[str, Any], data: st.DataObject) -> None:
    payload = sign({**MEMBERS, "args": args}, KEY)
    at = data.draw(st.integers(0, len(payload) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != payload[at]))
    refused(payload[:at] + bytes([byte]) + payload[at + 1 :])


@given(st.data())
def test_any_byte_missing_or_added_is_refused(data: st.DataObject) -> None:
    payload = sign({**MEMBERS, "args": {"seconds": 2.5}}, KEY)
    at = data.draw(st.integers(0, len(payload) - 1))
    refused(payload[:at] + payload[at + 1 :])
    refused(payload[:at] + data.draw(st.binary(min_size=1, max_size=2)) + payload[at:])


def test_every_byte_matters() -> None:
    payload = sign({**MEMBERS, "args": {"a": 5e-324, "b": True, "c": 1e-05}}, KEY)
    check(payload)
    for at, old in enumerate(payload):
        for byte in b"0123456789abcdefABCDEF eE\t-+.\x00\xff":
            if byte != old:
                refused(payload[:at] + bytes([byte]) + payload[at + 1 :])


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_anything_else_is_refused_with_a_bounded_reason(payload: bytes) -> None:
    refused(payload)
    claimed_id(payload)


def changed(**members: Any) -> bytes:
    return sign({**MEMBERS, **members}, KEY)


def without(name: str) -> bytes:
    return sign({k: v for k, v in MEMBERS.items() if k != name}, KEY)


GOOD = sign(MEMBERS, KEY)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"x" * (SIZE_MOST + 1), "oversized"),
        (changed(args={"a": "x" * SIZE_MOST}), "oversized"),
        (b"", "malformed"),
        (b"[" * 5000, "malformed"),
        (b'{"args":' * 800, "malformed"),
        (b"\xff\xfe", "malformed"),
        (changed(args={"a": {"b": 1}}), "malformed"),
        (changed(args={"a": [1]}), "malformed"),
        (changed(args={"a": None}), "malformed"),
        (changed(args={f"a{n}": n for n in range(33)}), "malformed"),
        (changed(boot="7"), "malformed"),
        (changed(boot=True), "malformed"),
        (changed(extra=1), "malformed"),
        *((without(name), "malformed") for name in MEMBERS),
        (changed(expires_at="2026-01-01 00:00:30Z"), "malformed"),
        (changed(expires_at="2026-01-01T00:00:30+08:00"), "malformed"),
        (changed(expires_at="2026-02-30T00:00:30Z"), "malformed"),
        (changed(expires_at="2026-01-01T00:00:60Z"), "malformed"),
        (changed(expires_at="٢٠٢٦-01-01T00:00:30Z"), "malformed"),
        (GOOD.replace(b'"args":{}', b'"args":{"a":NaN}'), "malformed"),
        (GOOD.replace(b'"args":{}', b'"args":{"a":1e999}'), "malformed"),
        (GOOD.replace(b'"c-1"', b'"\\ud800"'), "malformed"),
        (GOOD.replace(b'"boot":7', b'"boot":7,"boot":7'), "not-canonical"),
        (GOOD.replace(b'"args":{}', b'"args":{"a":1,"a":1}'), "not-canonical"),
        (GOOD.replace(b'"boot":7', b'"boot": 7'), "not-canonical"),
        (GOOD.replace(b'"c-1"', b'"c\\u002d1"'), "not-canonical"),
        (GOOD + b"\n", "not-canonical"),
        (canonical(MEMBERS), "unsigned"),
        (canonical({**MEMBERS, "sig": ""}), "unsigned"),
        (changed(gateway="gw-2"), "foreign-gateway"),
        (changed(issuer="nobody"), "unknown-key"),
        (changed(issuer="other"), "bad-signature"),
        (canonical({**MEMBERS, "sig": "0" * 64}), "bad-signature"),
        (canonical({**MEMBERS, "sig": "é"}), "bad-signature"),
        (changed(boot=6), "old-boot"),
        (changed(boot=8), "old-boot"),
    ],
)
def test_refusals(payload: bytes, reason: str) -> None:
    assert refused(payload) == reason


def test_upper_case_hex_is_refused() -> None:
    parts = json.loads(GOOD)
    assert refused(canonical({**parts, "sig": parts["sig"].upper()})) == "bad-signature"


@pytest.mark.parametrize(
    ("text", "beyond_ns"), [("30Z", 0), ("30.5Z", 500_000_000), ("30.000000001Z", 1), ("30.123456789Z", 123_456_789)]
)
def test_expiry(text: str, beyond_ns: int) -> None:
    assert check(changed(expires_at="2026-01-01T00:00:" + text)).expires_ns == EXPIRES_NS + beyond_ns


def test_what_cannot_be_written_cannot_be_signed() -> None:
    for value in (float("nan"), float("inf"), "\ud800", object()):
        with pytest.raises(CommandError):
            sign({**MEMBERS, "args": {"a": value}}, KEY)
