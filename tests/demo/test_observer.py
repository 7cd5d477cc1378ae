"""The picture of the community from events alone."""

from edgegw.demo.figures import Response
from edgegw.demo.observer import Observer, told, wall_ns
from edgegw.demo.site import Cast

CAST = Cast(
    links={"zigbee": {"kind": "mqtt"}},
    devices={
        "leak-1203": {"link": "zigbee", "name": "水浸 1203", "labels": {"building": "3号楼", "room": "1203"}},
        "door-2": {"link": "zigbee"},
    },
)


def alarm(seq: int, what: str) -> dict[str, object]:
    data = {
        "dedup_key": "demo/leak-1203/leak",
        "title": "漏水",
        "priority": "P2",
        "location": {"text": "3号楼 1203", "labels": {}},
    }
    return {"seq": seq, "type": f"edgegw.alarm.{what}", "data": data}


def reading(seq: int, **values: object) -> dict[str, object]:
    readings = [{"point": point, "value": value, "unit": "Cel", "quality": "fresh"} for point, value in values.items()]
    return {
        "seq": seq,
        "type": "edgegw.reading",
        "data": {"device": "leak-1203", "profile": "x/y", "readings": readings},
    }


def test_a_device_that_never_spoke_is_shown_as_unknown() -> None:
    seen = Observer(CAST).devices["leak-1203"]
    assert (seen.name, seen.link, seen.place, seen.state, seen.at_s) == (
        "水浸 1203",
        "zigbee",
        "3号楼 1203",
        "unknown",
        None,
    )


def test_readings_keep_their_order_the_dull_ones_last_and_are_counted_per_link_and_device() -> None:
    observer = Observer(CAST)
    observer.take(reading(1, battery=80, temperature=21.53, leak=False), 5.0)
    observer.take(reading(2, battery=79), 6.0)
    seen = observer.devices["leak-1203"]
    assert list(seen.values.items()) == [("temperature", "21.53 ℃"), ("leak", "✗ ℃"), ("battery", "79 ℃")]
    assert (seen.state, seen.at_s) == ("online", 6.0)
    assert (observer.readings["zigbee"], observer.messages["leak-1203"]) == (4, 2)


def test_an_event_given_twice_changes_nothing() -> None:
    observer = Observer(CAST)
    for event in (alarm(1, "raised"), alarm(2, "cleared"), alarm(1, "raised")):
        observer.take(event, 1.0)
    assert observer.active == {}
    assert observer.by_type["edgegw.alarm.raised"] == 1
    assert observer.arrivals.repeated == 1


def test_an_update_keeps_the_time_an_alarm_was_first_seen() -> None:
    observer = Observer(CAST)
    observer.take(alarm(1, "raised"), 1.0)
    observer.take(alarm(2, "updated"), 9.0)
    (active,) = observer.active.values()
    assert (active.since_s, active.place, active.priority) == (1.0, "3号楼 1203", "P2")


def test_what_tells_of_a_ticket_alone_changes_no_alarm() -> None:
    observer = Observer(CAST)
    observer.take(alarm(1, "raised"), 1.0)
    observer.take(alarm(2, "cleared"), 2.0)
    for seq, kind in enumerate(("edgegw.alarm.escalated", "edgegw.ticket.requested", "edgegw.ticket.updated"), 3):
        observer.take(alarm(seq, "x") | {"type": kind, "time": "2026-01-01T00:00:00Z", "received_ns": 1}, 3.0)
    assert observer.active == {}
    assert observer.response().count == 0


def test_offline_and_online_are_told_by_device_events() -> None:
    observer = Observer(CAST)
    observer.take(
        {"seq": 1, "type": "edgegw.device.offline", "data": {"device": {"id": "door-2"}, "reason": "silence"}},
        1.0,
    )
    assert observer.devices["door-2"].state == "offline"


def test_what_is_no_event_of_ours_is_passed_over() -> None:
    observer = Observer(CAST)
    for event in ({}, {"type": "edgegw.reading", "data": 5}, {"type": "edgegw.reading", "data": {"device": "else"}}):
        observer.take(event, 1.0)
    assert observer.readings.total() == 0


def test_values_are_short_enough_for_a_table() -> None:
    assert [told(v, u) for v, u in ((True, None), (None, "V"), (230.17893, "V"), ("x" * 99, None))] == [
        "✓",
        "— V",
        "230.18 V",
        "x" * 40,
    ]


def test_response_times_are_taken_from_the_desks_own_clock_and_not_from_telemetry() -> None:
    observer = Observer(CAST)
    at = "2026-01-01T00:00:00.000000000Z"
    for seq in range(1, 101):
        took_ns = seq * 1_000_000
        observer.take(alarm(seq, "raised") | {"time": at, "received_ns": wall_ns(at) + took_ns}, 1.0)
    observer.take(reading(101) | {"time": at, "received_ns": wall_ns(at) + 10**12}, 1.0)
    assert observer.response() == Response(100, 51.0, 100.0, 100.0)


def test_times_keep_their_nanoseconds() -> None:
    assert wall_ns("1970-01-01T00:00:01.000000002Z") == 1_000_000_002
    assert wall_ns("1970-01-01T00:00:01.5Z") == 1_500_000_000
    assert wall_ns("1970-01-01T00:00:01Z") == 1_000_000_000
