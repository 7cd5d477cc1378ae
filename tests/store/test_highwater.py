"""The mark survives torn writes and never promises a seq that is not on the disk."""

import os
from pathlib import Path

import pytest

from edgegw.store import highwater
from edgegw.store.highwater import RESERVE_SEQS, SLOT_BYTES, Highwater, Mark


def test_round_trip(path: Path) -> None:
    mark = Highwater(path)
    mark.reserve(10)
    mark.committed(10, 4)
    mark.close(clean=True)
    found = highwater.read(path)
    assert (found.committed, found.floor, found.flags) == (10, 4, highwater.CLEAN)
    assert found.reserved == 10 + RESERVE_SEQS


@pytest.mark.parametrize("slot", [0, 1])
def test_a_torn_slot_leaves_the_other(path: Path, slot: int) -> None:
    mark = Highwater(path)
    mark.reserve(1)
    mark.committed(1, 0)
    mark.committed(2, 0)
    mark.close(clean=False)
    data = bytearray(highwater.path_of(path).read_bytes())
    data[slot * SLOT_BYTES + 24] ^= 0x40
    found = highwater.unpack(bytes(data))
    assert found.committed in {1, 2}
    assert found.generation > 0


def test_nothing_valid_is_an_empty_mark(path: Path) -> None:
    highwater.path_of(path).write_bytes(b"garbage")
    assert highwater.read(path) == Mark()
    assert highwater.read(path.with_name("other")) == Mark()


def test_reserving_is_durable_before_use_and_rare(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs: list[int] = []
    monkeypatch.setattr(os, "fdatasync", syncs.append)
    mark = Highwater(path)
    for seq in range(1, 3 * RESERVE_SEQS, 500):
        mark.reserve(seq + 499)
        mark.committed(seq + 499, 0)
        assert highwater.read(path).reserved >= seq + 499
    assert len(syncs) <= 4
    mark.close(clean=False)


def test_marks_only_grow(path: Path) -> None:
    mark = Highwater(path)
    mark.committed(7, 5)
    mark.committed(3, 2)
    assert (mark.mark.committed, mark.mark.floor) == (7, 5)
    mark.close(clean=False)
