"""The file of tokens: its form, its privacy, and what a token is worth when."""

import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.api import tokens
from edgegw.api.limits import Buckets
from edgegw.api.problems import ApiError
from edgegw.api.tokens import Token, TokenBook, Tokens, changing, check_expiry, hashed, new_secret, read, write
from edgegw.api.types import moment
from edgegw.errors import ConfigError
from edgegw.model import Instant
from tests.api.fakes import CREATED, make_token


def test_a_secret_is_256_bits_and_its_own():
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(secret.startswith("egw_") and len(secret) == 4 + 43 for secret in secrets)


def test_no_file_is_no_tokens(path):
    assert read(path) == Tokens()


def test_the_file_is_private_whole_and_holds_no_secret(path):
    secret = make_token(path, "read", "door:lobby:unlock")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert secret.removeprefix("egw_") not in path.read_text()
    found = read(path).tokens[0]
    assert (found.scopes, found.hash) == (("read", "door:lobby:unlock"), hashed(secret))
    before = path.stat().st_ino
    with changing(path):
        write(path, Tokens())
    assert path.stat().st_ino != before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_may_read_is_refused(path, mode):
    make_token(path, "read")
    path.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        read(path)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"tokens":[{}]}', b'{"version":2}', b"{}" + b" " * 2**20])
def test_a_damaged_file_is_refused(path, data):
    path.write_bytes(data)
    path.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert caught.value.reason == "tokens"


def test_a_file_of_somebody_else_is_refused(path, monkeypatch):
    make_token(path, "read")
    monkeypatch.setattr(tokens.os, "geteuid", lambda: 12345)
    os.chown(path, 54321, -1) if os.getuid() == 0 else pytest.skip("needs root")
    with pytest.raises(ConfigError, match="54321"):
        read(path)


def test_no_directory(tmp_path):
    path = tmp_path / "none" / "tokens"
    with pytest.raises(ConfigError), changing(path):
        pass
    with pytest.raises(ConfigError):
        write(path, Tokens())


def token(**changes):
    return Token(id="t00000000", name="x", hash="0" * 64, scopes=(), created=CREATED, **changes)


HOUR_NS = 3_600_000_000_000
NOW_NS = 1_767_225_600_000_000_000


@pytest.mark.parametrize(
    ("ahead_ns", "synced", "reason"),
    [
        (0, True, None),
        (-HOUR_NS, True, None),
        (-HOUR_NS - 1_000_000, True, "clock-untrusted"),
        (0, False, "clock-untrusted"),
        (2 * HOUR_NS - 1_000, True, None),
        (2 * HOUR_NS, True, "token-expired"),
    ],
)
def test_expiry(ahead_ns, synced, reason):
    now = Instant(NOW_NS + ahead_ns, 0, synced)
    check_expiry(token(), now)  # without an expiry, whatever the clock
    ends = token(expires=moment(NOW_NS + 2 * HOUR_NS))
    if reason is None:
        check_expiry(ends, now)
    else:
        with pytest.raises(ApiError) as caught:
            check_expiry(ends, now)
        assert caught.value.reason == reason


async def test_the_book_follows_the_file_once_a_second(path, clock, caplog):
    book = TokenBook(path, clock)
    with pytest.raises(ApiError, match="bad-token"):
        await book.find("egw_x")
    secret = make_token(path, "read")
    with pytest.raises(ApiError, match="bad-token"):
        await book.find(secret)
    clock.advance(1)
    assert (await book.find(secret)).scopes == ("read",)
    path.write_bytes(b"{")
    for _ in range(3):
        clock.advance(1)
        with pytest.raises(ApiError) as caught:
            await book.find(secret)
        assert caught.value.status == 503
    assert [one.levelname for one in caplog.records if one.levelname == "ERROR"] == ["ERROR"]


@given(
    st.floats(0.5, 100),
    st.integers(1, 20),
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2_000_000_000)), max_size=200),
)
def test_buckets_give_no_more_than_rate_and_burst(rate, burst, asked):
    buckets = Buckets(rate, burst, 2)
    only = Buckets(rate, burst, 1)
    now, given_out = 0, 0
    for key, step in asked:
        now += step
        buckets.take(key, now)
        assert len(buckets) <= 2
        wait = only.take("a", now)
        assert wait >= 0
        given_out += wait == 0
        assert given_out <= burst + now / 1e9 * rate + 1e-6
        if wait:
            assert only.take("a", now + round(wait * 1e9) + 1) == 0
            given_out += 1
            now += round(wait * 1e9) + 1
