"""Scopes: what is one, what it matches, and that nothing else is granted."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.errors import CommandError
from edgegw.model import Issuer, Source
from edgegw.rights import (
    DOOR_ACTIONS,
    WORDS,
    allows,
    allows_command,
    allows_door,
    parse_scope,
    parse_scopes,
)

SLUGS = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,9}", fullmatch=True)


def issuer(*scopes: str) -> Issuer:
    return Issuer(Source.API, "token", scopes)


@pytest.mark.parametrize("text", [*WORDS, "command:*:*", "command:pump-*:st[ao]p", "door:lobby:unlock", "door:*:*"])
def test_good_scopes(text: str) -> None:
    parse_scope(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no scope"),
        ("Read", "is no scope"),
        ("command", "is no scope"),
        ("command:a", "is no scope"),
        ("command:a:b:c", "is no scope"),
        ("command::b", "matches no id"),
        ("command:Pump:start", "matches no id"),
        ("command:pump:st art", "matches no id"),
        ("command:pump\n:start", "matches no id"),
        ("door:lobby:open", "unlock, release, relock"),
        ("door:lobby:un*", "unlock, release, relock"),
        ("doors:*:*", "is no scope"),
        ("command:" + "a" * 300 + ":b", "at most 200"),
    ],
)
def test_bad_scopes_say_what_is_right(text: str, says: str) -> None:
    with pytest.raises(CommandError) as caught:
        parse_scopes(["read", text])
    assert caught.value.reason == "bad-scope"
    assert says in caught.value.detail


def test_words() -> None:
    assert allows(issuer("read"), "read")
    assert not allows(issuer("admin", "command:*:*", "door:*:*"), "read")
    assert not allows(issuer(), "events")


def test_commands() -> None:
    holder = issuer("command:pump-?:start", "command:valve-*:*", "read")
    assert allows_command(holder, "pump-1", "start")
    assert not allows_command(holder, "pump-1", "stop")
    assert not allows_command(holder, "pump-11", "start")
    assert allows_command(holder, "valve-b2.west", "close")
    assert not allows_command(holder, "xvalve-1", "close"), "a glob matches from the beginning"
    assert not allows_command(holder, "Valve-1", "close"), "case counts"


def test_doors_by_id_and_by_group() -> None:
    holder = issuer("door:lobby-*:unlock", "door:garage:*")
    assert allows_door(holder, "lobby-1", (), "unlock")
    assert not allows_door(holder, "lobby-1", (), "release")
    assert allows_door(holder, "gate-3", ("garage",), "relock")
    assert not allows_door(holder, "gate-3", ("roof",), "relock")
    assert not allows_door(holder, "gate-3", ("garage",), "explode"), "* stands for the actions there are"


def test_no_kind_grants_another() -> None:
    assert not allows_door(issuer("command:*:*", "admin", *WORDS), "lobby", (), "unlock")
    assert not allows_command(issuer("door:*:*", *WORDS), "pump", "start")


@given(st.lists(st.text(max_size=20), max_size=5), SLUGS, SLUGS)
def test_what_is_no_scope_grants_nothing(texts: list[str], device: str, command: str) -> None:
    bad = [text for text in texts if _bad(text)]
    holder = issuer(*bad)
    assert not allows_command(holder, device, command)
    assert not any(allows_door(holder, device, (command,), action) for action in DOOR_ACTIONS)


def _bad(text: str) -> bool:
    try:
        parse_scope(text)
    except CommandError:
        return True
    return False


@given(SLUGS, SLUGS, SLUGS, SLUGS)
def test_an_exact_scope_allows_exactly_that(device: str, command: str, other: str, other_command: str) -> None:
    holder = issuer(f"command:{device}:{command}")
    assert allows_command(holder, device, command)
    assert allows_command(holder, other, other_command) == ((other, other_command) == (device, command))


@given(st.text("ab*?[]!", min_size=1, max_size=8), SLUGS)
def test_globs_are_fnmatch(glob: str, door: str) -> None:
    assert allows_door(issuer(f"door:{glob}:unlock"), door, (), "unlock") == fnmatchcase(door, glob)
