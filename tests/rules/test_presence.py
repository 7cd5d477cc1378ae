"""Unknown, online, offline: what is told, what is kept, and what silence means."""

from edgegw.model import Decoded, Quality


def test_first_online_is_told_once_ever(kit) -> None:
    box = kit.Box(kit.device())
    box.read({"t": 1.0})
    assert box.told("device") == ["online"]
    assert box.data(kind="device") == {
        "device": {"id": "d1", "name": "Sensor", "profile": "v/m", "link": "m"},
        "location": {"text": "building 3, room 502", "labels": {"building": "3", "room": "502"}},
        "reason": "message",
    }
    assert [event.lane for event in box.events] == [3, 3]
    box.reboot()
    box.read({"t": 1.0})
    assert box.told("device") == ["online"]


def test_two_silences_in_a_row(kit) -> None:
    box = kit.Box(kit.device())
    box.read({"t": 1.0})
    box.silent()
    box.read({"t": 1.0})
    box.silent(reason="bad-frame")
    assert box.told("device") == ["online"]
    box.silent()
    box.silent()
    assert box.told("device") == ["online", "offline"]
    assert box.data(kind="device")["reason"] == "timeout"
    assert box.data(kind="device")["last_seen"] == "2026-01-01T00:00:00.000Z"
    view = box.engine.presence()[0]
    assert (view.device, view.status, view.silences, view.reasons) == (
        "d1",
        "offline",
        3,
        {"timeout": 3, "bad-frame": 1},
    )


def test_availability_messages(kit) -> None:
    box = kit.Box(kit.device())
    for online in (True, True, False, False, True):
        box.says(online=online)
    assert box.told("device") == ["online", "offline", "online"]
    box.says(online=False)
    box.read({"t": 1.0})
    assert box.told("device")[-1] == "online"


def test_an_old_message_is_no_sign_of_life(kit) -> None:
    box = kit.Box(kit.device(offline_after=60.0))
    box.read({"t": 1.0})
    for _ in range(5):
        box.wait(10)
        box.read({"t": 1.0}, quality=Quality.STALE)
    box.commit(box.engine.decoded("d1", Decoded(), box.clock.now()))
    box.wait(10)
    assert box.told("device") == ["online", "offline"]
    assert box.data(kind="device")["reason"] == "silence"
    box.read({"t": 1.0}, quality=Quality.STALE)
    assert box.told("device") == ["online", "offline"]


def test_silence_counts_from_the_last_message_not_from_the_last_write(kit) -> None:
    box = kit.Box(kit.device(offline_after=60.0))
    for _ in range(20):
        box.read({"t": 1.0})
        box.wait(59)
    assert box.told("device") == ["online"]
    box.wait(1)
    assert box.told("device") == ["online", "offline"]


def test_no_flood_at_start_but_a_full_duration(kit) -> None:
    box = kit.Box(*(kit.device(f"d{number}", offline_after=60.0) for number in range(20)))
    for number in range(20):
        box.read({"t": 1.0}, device=f"d{number}")
    box.wait(50)
    box.reboot()
    box.wait(59)
    assert "offline" not in box.told("device")
    box.wait(1)
    assert box.told("device").count("offline") == 20
    assert box.data(kind="device")["last_seen"] == "2026-01-01T00:00:00.000Z"
    box.restart()
    box.wait(600)
    assert box.told("device").count("offline") == 20


def test_a_device_never_heard_goes_offline_once(kit) -> None:
    box = kit.Box(kit.device(offline_after=60.0))
    box.wait(600)
    assert box.told("device") == ["offline"]
    assert "last_seen" not in box.data(kind="device")


def test_link_down_stops_the_clock_and_raises_one_alarm(kit) -> None:
    box = kit.Box(*(kit.device(f"d{number}", offline_after=60.0) for number in range(5)))
    for number in range(5):
        box.read({"t": 1.0}, device=f"d{number}")
    box.wait(40)
    box.link(up=False)
    box.wait(2)
    assert box.told() == []
    box.silent("d1")
    box.silent("d1")
    box.link(up=False)
    box.wait(600)
    assert box.told() == ["raised"]
    assert "offline" not in box.told("device")
    data = box.data()
    assert (data["dedup_key"], data["priority"], data["category"], data["title"]) == (
        "g1/link/m",
        "P2",
        "device",
        "Link m is down",
    )
    assert data["evidence"]["reason"] == "refused"
    assert box.events[-1].subject == "link/m"
    box.link(up=True)
    assert box.told() == ["raised", "cleared"]
    box.wait(29)  # 20 s were left, 30 s is the least
    assert "offline" not in box.told("device")
    box.wait(1)
    assert box.told("device").count("offline") == 5


def test_a_short_break_of_a_link_is_no_alarm(kit) -> None:
    box = kit.Box(kit.device())
    box.link(up=False)
    box.wait(2)
    box.link(up=True)
    box.wait(60)
    assert box.told() == []
    assert box.states["alarm"] == {}


def test_a_link_alarm_outlives_a_restart(kit) -> None:
    box = kit.Box(kit.device(offline_after=60.0))
    box.link(up=False)
    box.wait(20)
    box.reboot()
    box.link(up=False)
    box.wait(600)
    assert box.told() == ["raised"]
    assert box.told("device") == []
    box.link(up=True)
    assert box.told() == ["raised", "cleared"]
    box.link(up=True, link="unknown")


def test_last_seen_is_written_every_30_s_and_on_change_only(kit) -> None:
    box = kit.Box(kit.device())
    writes = 0
    for _ in range(100):
        writes += len([state for state in box.read({"t": 1.0}).states if state.kind == "presence"])
        box.wait(1)
    assert writes == 4
    box.silent()
    assert len(box.silent().states) == 1


def test_a_removed_device_is_forgotten(kit) -> None:
    box = kit.Box(kit.device(), kit.device("d2"))
    box.read({"t": 1.0})
    box.devices = (kit.device("d2"),)
    box.restart()
    assert box.states["presence"] == {}
