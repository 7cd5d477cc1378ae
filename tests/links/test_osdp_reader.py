"""When an OSDP reader is there, and keys put together: no session, no line."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.links.osdp_reader import KEYS_WITHIN_NS, MOST_KEYS, NS, Keys, Standing, Told, Watch

SILENT_NS = 3 * NS


@pytest.fixture
def watch():
    return Watch(SILENT_NS, 0, secure=True)


def joined(watch, at=0):
    watch.asked()
    watch.heard(at)
    assert watch.judge(at, usable=False, over=False) is None
    return watch.judge(at, usable=True, over=False)


def test_a_reader_that_joins_is_told_once(watch):
    assert joined(watch) == Told(online=True)
    assert watch.judge(1, usable=True, over=False) is None


def test_silence_is_told_at_the_deadline_and_not_before(watch):
    joined(watch)
    watch.asked()
    assert watch.judge(SILENT_NS - 1, usable=True, over=False) is None
    assert watch.judge(SILENT_NS, usable=True, over=False) == Told(online=False, reason="silent")
    assert watch.standing is Standing.AWAY
    assert watch.try_ns == SILENT_NS


def test_a_reader_never_heard_is_told_at_the_deadline(watch):
    watch.asked()
    assert watch.judge(SILENT_NS - 1, usable=False, over=False) is None
    assert watch.judge(SILENT_NS, usable=False, over=False) == Told(online=False, reason="silent")
    assert watch.judge(9 * SILENT_NS, usable=False, over=False) is None


def test_a_session_lost_and_found_again_in_time_is_told_to_nobody(watch):
    joined(watch)
    assert watch.judge(NS, usable=False, over=True) is None
    assert watch.standing is Standing.JOINING
    watch.heard(2 * NS)
    assert watch.judge(2 * NS, usable=True, over=False) is None
    assert watch.standing is Standing.ONLINE


def test_answers_without_a_secure_channel_are_insecure(watch):
    for at in range(0, SILENT_NS, NS // 10):
        watch.asked()
        watch.heard(at)
        assert watch.judge(at, usable=False, over=watch.standing is Standing.JOINING) is None
    assert watch.judge(SILENT_NS, usable=False, over=True) == Told(online=False, reason="insecure")
    assert watch.try_ns > SILENT_NS - NS


def test_where_nothing_is_to_be_secure_it_is_called_otherwise():
    watch = Watch(SILENT_NS, 0, secure=False)
    watch.asked()
    watch.heard(0)
    assert watch.judge(SILENT_NS, usable=False, over=False) == Told(online=False, reason="not-understood")


def test_nobody_is_blamed_for_a_pause(watch):
    joined(watch)
    watch.excused(9 * SILENT_NS)
    assert watch.judge(9 * SILENT_NS, usable=True, over=False) is None


@given(st.lists(st.tuples(st.sampled_from("ahgux"), st.integers(0, 2 * NS)), max_size=60))
def test_told_in_turn_and_online_only_with_a_session(steps):
    watch, now, told = Watch(SILENT_NS, 0, secure=True), 0, []
    for what, passed in steps:
        now += passed
        if what == "a":
            watch.asked()
        elif what == "h":
            watch.heard(now)
        change = watch.judge(now, usable=what == "g", over=what == "x")
        if change is not None:
            assert not (change.online and watch.standing is not Standing.ONLINE)
            told.append(change.online)
    assert all(one != next_ for one, next_ in itertools.pairwise(told))


def pressed(keys, text, at=0, each_ns=NS):
    found = []
    for number, key in enumerate(text):
        code = {"#": 0x0D, "*": 0x7F}.get(key, ord(key))
        found += keys.feed(bytes((0x53, 0, 1, code)), at + number * each_ns)
    return [entry[3:] for entry in found]


def test_keys_become_one_entry():
    keys = Keys()
    assert pressed(keys, "12#") == [b"12\x0d"]
    assert pressed(keys, "34*5#6#") == [b"5\x0d", b"6\x0d"]
    assert pressed(keys, "##") == []


def test_an_entry_given_up_is_nobody_elses():
    keys = Keys()
    assert pressed(keys, "12") == []
    assert pressed(keys, "34#", at=NS + KEYS_WITHIN_NS + 1) == [b"34\x0d"]


def test_too_many_digits_are_no_entry_and_not_the_rest_of_one():
    keys = Keys()
    assert pressed(keys, "1" * (MOST_KEYS + 4) + "#", each_ns=0) == []
    assert pressed(keys, "1" * MOST_KEYS + "#", each_ns=0) == [b"1" * MOST_KEYS + b"\x0d"]


@given(st.lists(st.binary(max_size=20), max_size=20))
def test_any_reply_is_taken_and_no_more_than_an_entry_kept(replies):
    keys = Keys()
    for at, reply in enumerate(replies):
        keys.feed(reply, at)
        assert len(keys._digits) <= MOST_KEYS
