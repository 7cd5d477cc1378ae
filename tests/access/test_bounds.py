"""Nothing in the door core grows without end."""

from edgegw.access.door import PENDING_MOST
from edgegw.access.passback import INSIDE_MOST, Areas
from edgegw.access.specs import MultiSpec, PassbackSpec
from edgegw.access.waiting import GATHERED_MOST, Gathering
from edgegw.model import Instant
from tests.access.site import Site, door

NOW = Instant(0, 0)


def test_an_area_forgets_its_oldest() -> None:
    areas = Areas({"a"}, {}, NOW)
    for number in range(INSIDE_MOST):
        assert len(areas.move("a", str(number), NOW, entered=True, trusted=True)) == 1
    areas.move("a", "0", NOW, entered=True, trusted=True)  # again: now the youngest
    changes = areas.move("a", "new", NOW, entered=True, trusted=True)
    assert [(change.key, change.value is None) for change in changes] == [("a/new", False), ("a/1", True)]
    assert areas.count("a") == INSIDE_MOST


def test_a_stored_area_is_cut_too() -> None:
    stored: dict[str, bytes] = {}
    areas = Areas({"a"}, {}, NOW)
    for number in range(INSIDE_MOST):
        for change in areas.move("a", f"h/{number}", Instant(number, 0), entered=True, trusted=True):
            assert change.value is not None
            stored[change.key] = change.value
    stored["a/older"] = b'{"at_ns":-1,"synced":true}'
    again = Areas({"a"}, stored, NOW)
    assert [change.key for change in again.leftovers()] == ["a/older"]
    assert again.leftovers() == ()
    assert again.count("a") == INSIDE_MOST
    assert [change.key for change in again.move("a", "new", NOW, entered=True, trusted=True)] == ["a/new", "a/h/0"]


def test_who_waits_for_others_is_bounded() -> None:
    gathering = Gathering(MultiSpec())
    for number in range(GATHERED_MOST + 5):
        gathering.add(str(number), "", b"", "in", 0)
    assert [one.holder for one in gathering.present(0)] == [str(number) for number in range(5, GATHERED_MOST + 5)]


def test_who_presents_again_waits_from_then_on_and_an_end_is_not_included() -> None:
    gathering = Gathering(MultiSpec(within_ns=10))
    gathering.add("a", "", b"", "in", 0)
    gathering.add("b", "", b"", "in", 1)
    gathering.add("a", "", b"", "in", 2)
    assert [one.holder for one in gathering.present(10)] == ["b", "a"]
    assert [one.holder for one in gathering.present(11)] == ["a"]
    assert [one.holder for one in gathering.lapse(11)] == ["b"]
    assert gathering.due_ns() == 12


def test_a_restored_entry_is_forgotten_exactly_after_its_time() -> None:
    areas = Areas({"a"}, {"a/h": b'{"at_ns":100,"synced":true}'}, NOW)
    assert areas.inside("a", "h", 50, Instant(149, 0), trusted=True)
    assert not areas.inside("a", "h", 50, Instant(150, 0), trusted=True)
    assert not areas.inside("a", "h", 50, Instant(0, 50), trusted=False)


def test_who_is_on_the_way_through_a_door_is_bounded() -> None:
    site = Site(door(passback=PassbackSpec("a", hard=True)))
    for number in range(PENDING_MOST + 5):
        site.person(f"p{number}", f"1{number}")
        site.show(f"1{number}")
    site.opened()
    assert site.core.inside("a") == PENDING_MOST


def test_what_a_door_keeps_is_small() -> None:
    site = Site(door(passback=PassbackSpec("a", hard=True)))
    site.person()
    site.walk()
    site.operate("release")
    assert sum(len(value) for kept in site.stored.values() for value in kept.values()) < 200
