"""Repeats of a frame, without a port."""

import pytest

from edgegw.links.serial import RepeatFilter

MS = 1_000_000


def test_a_held_card_is_one_event_however_long_it_is_held():
    repeat = RepeatFilter(0.3)
    assert [repeat.repeated(b"A", n * 50 * MS) for n in range(100)] == [False] + [True] * 99


@pytest.mark.parametrize(("pause_ms", "same"), [(300, True), (301, False)])
def test_after_a_pause_the_same_card_is_a_new_event(pause_ms, same):
    repeat = RepeatFilter(0.3)
    repeat.repeated(b"A", 0)
    assert repeat.repeated(b"A", pause_ms * MS) is same


def test_another_card_between_makes_it_new():
    repeat = RepeatFilter(10)
    assert [repeat.repeated(frame, n) for n, frame in enumerate((b"A", b"B", b"A", b"A"))] == [
        False,
        False,
        False,
        True,
    ]


def test_without_a_time_every_frame_counts():
    repeat = RepeatFilter(0)
    assert [repeat.repeated(b"A", 0) for _ in range(3)] == [False] * 3
