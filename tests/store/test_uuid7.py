"""Layout and order of UUIDv7."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.store import uuid7

WALL = 1_767_225_600_123_456_789


def test_layout_is_rfc_9562() -> None:
    value = uuid.UUID(int=uuid7.Uuid7().block(WALL, 1))
    assert value.version == 7
    assert value.variant == uuid.RFC_4122
    assert value.int >> 80 == WALL // 1_000_000


def test_text_is_the_usual_form_and_back() -> None:
    raw = uuid7.to_bytes(uuid7.Uuid7().block(WALL, 1))
    assert uuid7.to_text(raw) == str(uuid.UUID(bytes=raw))
    assert uuid7.from_text(uuid7.to_text(raw)) == raw


@pytest.mark.parametrize("text", ["", "zz", "0123"])
def test_text_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        uuid7.from_text(text)


@given(st.lists(st.tuples(st.integers(0, 2**44), st.integers(1, 1000)), min_size=1, max_size=50))
def test_ids_grow_whatever_the_clock_does(calls: list[tuple[int, int]]) -> None:
    ids = uuid7.Uuid7()
    last = -1
    for offset, count in calls:
        first = ids.block(WALL - 2**43 + offset, count)
        assert first > last
        last = first + count - 1
        for member in (first, last):
            assert uuid.UUID(int=member).version == 7
            assert uuid.UUID(int=member).variant == uuid.RFC_4122


@given(st.integers(0, (1 << 74) - 1), st.integers(1, 1000))
def test_a_block_never_carries_into_version_or_variant(counter: int, count: int) -> None:
    ids = uuid7.Uuid7()
    ids.block(WALL, 1)
    ids._counter = counter
    first = ids.block(WALL, count)
    assert uuid.UUID(int=first).version == 7
    assert uuid.UUID(int=first + count - 1).variant == uuid.RFC_4122
    assert uuid.UUID(int=first + count - 1).version == 7
