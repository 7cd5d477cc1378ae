"""The main job end to end: real broker, real daemon, real desk, and plugs pulled."""

import random
import signal
import socket
import sqlite3
import time
from pathlib import Path

import pytest

from tests.e2e.plant import Plant, eventually
from tests.e2e.publisher import Publisher, send

TOPIC = "dev/counter-1"


def start(plant: Plant) -> None:
    plant.start_broker()
    plant.start_desk()
    plant.start_gateway()


def test_a_leak_becomes_one_ticket_and_recovers(plant_on_each: Plant) -> None:
    """Bounce as captured (zigbee2mqtt#663): true, true, false, false within a second is one ticket."""
    plant = plant_on_each
    start(plant)
    for n, leak in enumerate(("true", "true", "false", "false")):
        send(plant.ports["broker"], TOPIC, f'{{"n":{n},"leak":{leak}}}')
    (ticket,) = eventually("the ticket", plant.tickets)
    assert ticket["dedup_key"] == "gw/counter-1/leak"
    assert ticket["priority"] == "P2"
    assert "1203" in ticket["title"]
    eventually("recovery", lambda: plant.tickets("resolved"))
    assert plant.desk("stats")["opened"] == 1
    types = [e["type"] for e in plant.events() if e["type"].startswith("edgegw.alarm")]
    assert types == ["edgegw.alarm.raised", "edgegw.alarm.cleared"]


def test_poison_is_acknowledged_kept_and_does_not_stop_what_follows(plant_on_each: Plant) -> None:
    plant = plant_on_each
    start(plant)
    send(plant.ports["broker"], TOPIC, b"\xff\x00 not JSON", "[" * 100_000, '{"n":7}')
    eventually("the message after the poison", lambda: plant.numbers() == [7])
    plant.kill("gateway", signal.SIGTERM)
    with sqlite3.connect(plant.folder / "edgegw.db") as db:
        rows = db.execute("SELECT source, key, raw FROM dead_letter ORDER BY id").fetchall()
    assert [(r[0], r[1]) for r in rows] == [("counter-1", TOPIC)] * 2
    assert rows[0][2] == b"\xff\x00 not JSON"


def test_kill_9_under_load_loses_nothing_and_repeats_nothing(plant: Plant) -> None:
    """20 rounds at random moments: what the broker acknowledged to the device reaches the desk, once each."""
    seed = random.randrange(1 << 32)
    moments = random.Random(seed)
    start(plant)
    publisher = Publisher(plant.ports["broker"], rate=400)
    for _ in range(20):
        time.sleep(moments.uniform(0.05, 0.6))  # the random moment itself; nothing is waited for
        plant.kill("gateway")
        plant.start_gateway(ready=False)
    plant_is_up = eventually("the gateway after the last kill", plant.connected)
    assert plant_is_up
    acknowledged = publisher.finish()
    assert len(acknowledged) > 500
    eventually(
        "everything at the desk", lambda: plant.desk("stats")["by_type"].get("edgegw.reading", 0) >= len(acknowledged)
    )
    eventually("an empty outbox", lambda: _depth(plant) == 0)
    arrived = plant.numbers()
    missing = acknowledged - set(arrived)
    assert not missing, f"seed {seed}: lost {sorted(missing)[:10]}"
    # At least once from the broker: a message committed but not yet acknowledged when the daemon died comes again as a new
    # record. What must never happen twice is a *record*: the desk has each event id once (its key) and no seq twice.
    seqs = [e["seq"] for e in plant.events()]
    assert len(seqs) == len(set(seqs)), f"seed {seed}: a seq was used twice"
    stats = plant.desk("stats")
    assert stats["events"] == len(seqs)


def _depth(plant: Plant) -> float:
    return sum(v for k, v in plant.metrics().items() if k.startswith("edgegw_upstream_depth"))


def test_every_acknowledged_message_is_in_the_store(plant: Plant) -> None:
    """No upstream at all: after kill -9 the file alone must hold everything that was acknowledged to the broker."""
    plant.tree["upstream"] = {}
    plant.start_broker()
    plant.start_gateway()
    publisher = Publisher(plant.ports["broker"], rate=800)
    eventually("messages", lambda: plant.metrics().get("edgegw_pipeline_messages_total", 0) > 500)
    plant.kill("gateway")
    acknowledged = publisher.finish()
    plant.start_gateway()
    eventually("the rest", lambda: _stored(plant.folder / "edgegw.db") >= acknowledged)


def _stored(path: Path) -> set[int]:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        rows = db.execute("SELECT json_extract(data, '$.readings[0].value') FROM telemetry")
        return {int(row[0]) for row in rows if row[0] is not None}


def test_broker_killed_and_back(plant: Plant) -> None:
    start(plant)
    send(plant.ports["broker"], TOPIC, '{"n":1}')
    eventually("the first", lambda: plant.numbers() == [1])
    plant.kill("broker", signal.SIGTERM)
    eventually("the link to be down", lambda: plant.metrics().get('edgegw_link_up{kind="mqtt",link="broker"}') == 0)
    plant.start_broker()
    eventually("the link to be back", plant.connected)
    send(plant.ports["broker"], TOPIC, '{"n":2}')
    eventually("the second", lambda: plant.numbers() == [1, 2])
    log = plant.log("gateway")
    assert log.count("trying again until it works") <= 2  # once per outage, again only when the reason changes
    assert "back after" in log


def test_desk_down_for_a_while_and_back_with_alarms_first(plant: Plant) -> None:
    start(plant)
    plant.desk("mode", {"mode": "refuse"})
    for n in range(300):
        if n % 100 == 0:
            send(plant.ports["broker"], TOPIC, *(f'{{"n":{n + i}}}' for i in range(100)))
    send(plant.ports["broker"], TOPIC, '{"n":1000,"leak":true}')
    eventually("all in the outbox", lambda: _depth(plant) >= 302)
    before = len(plant.events())
    plant.desk("mode", {"mode": "ok"})
    eventually("all at the desk", lambda: _depth(plant) == 0)
    after = plant.events()[before:]
    first_alarm = next(i for i, e in enumerate(after) if e["type"] == "edgegw.alarm.raised")
    first_reading = next(i for i, e in enumerate(after) if e["type"] == "edgegw.reading")
    assert first_alarm < first_reading
    assert [n for n in plant.numbers() if n < 300] == list(range(300))
    assert len(plant.tickets()) == 1


def test_desk_killed_and_back_sees_each_record_once(plant: Plant) -> None:
    start(plant)
    publisher = Publisher(plant.ports["broker"], rate=300)
    for _ in range(5):
        count = plant.desk("stats")["events"]
        eventually("more at the desk", lambda count=count: plant.desk("stats")["events"] > count + 20)
        plant.kill("desk")
        plant.start_desk()
    acknowledged = publisher.finish()
    eventually("all at the desk", lambda: set(plant.numbers()) >= acknowledged)
    assert sorted(plant.numbers()) == sorted(acknowledged)


def test_a_refused_record_is_isolated_and_the_rest_goes_on(plant: Plant) -> None:
    start(plant)
    plant.desk("mode", {"mode": "reject", "match": '"value":666'})
    send(plant.ports["broker"], TOPIC, *(f'{{"n":{n}}}' for n in range(660, 672)))
    eventually("the rest", lambda: len(plant.numbers()) == 11)
    assert 666 not in plant.numbers()
    eventually("the dead letter", lambda: sum(v for k, v in plant.metrics().items() if "upstream_rejected" in k) == 1)


def test_an_alarm_survives_a_restart_neither_repeated_nor_forgotten(plant: Plant) -> None:
    start(plant)
    send(plant.ports["broker"], TOPIC, '{"n":1,"leak":true}')
    eventually("the ticket", plant.tickets)
    plant.kill("gateway")
    plant.start_gateway()
    send(plant.ports["broker"], TOPIC, '{"n":2,"leak":true}')
    eventually("the second reading", lambda: plant.numbers() == [1, 2])
    send(plant.ports["broker"], TOPIC, '{"n":3,"leak":false}')
    eventually("recovery", lambda: plant.tickets("resolved"))
    types = [e["type"] for e in plant.events() if e["type"].startswith("edgegw.alarm")]
    assert types == ["edgegw.alarm.raised", "edgegw.alarm.cleared"]


@pytest.mark.parametrize("damage", [b"this is no database at all" * 200, b""])
def test_a_damaged_store_is_set_aside_and_the_gateway_runs(plant: Plant, damage: bytes) -> None:
    start(plant)
    send(plant.ports["broker"], TOPIC, '{"n":1}')
    eventually("the first", lambda: plant.numbers() == [1])
    plant.kill("gateway")
    database = plant.folder / "edgegw.db"
    for other in plant.folder.glob("edgegw.db-*"):
        other.unlink()
    database.write_bytes(damage)
    plant.start_gateway()
    send(plant.ports["broker"], TOPIC, '{"n":2}')
    eventually("life after damage", lambda: plant.numbers()[-1:] == [2])
    seqs = [e["seq"] for e in plant.events()]
    assert len(seqs) == len(set(seqs))
    eventually("the announcement", lambda: [e for e in plant.events() if e["type"] == "edgegw.gateway.gap"])


def test_systemd_sees_ready_watchdog_and_stopping(plant: Plant) -> None:
    path = plant.folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(path))
        sock.settimeout(20)
        plant.start_broker()
        plant.start_gateway(ready=False, NOTIFY_SOCKET=str(path), WATCHDOG_USEC="900000")
        seen = ""
        for wanted in ("READY=1", "WATCHDOG=1", "WATCHDOG=1"):
            while wanted not in (message := sock.recv(4096).decode()):
                seen += message
        plant.children["gateway"].terminate()
        while "STOPPING=1" not in sock.recv(4096).decode():
            pass
        assert plant.children["gateway"].wait(20) == 0


def test_stopping_drains_and_the_next_start_goes_on(plant: Plant) -> None:
    start(plant)
    publisher = Publisher(plant.ports["broker"], rate=500)
    eventually("messages", lambda: plant.desk("stats")["events"] > 200)
    assert plant.kill("gateway", signal.SIGTERM) == 0
    acknowledged = publisher.finish()
    plant.start_gateway()
    eventually("the rest", lambda: set(plant.numbers()) >= acknowledged)
    assert sorted(plant.numbers()) == sorted(acknowledged), "a clean stop repeats nothing"


def test_a_bad_site_file_is_one_clear_message(plant: Plant) -> None:
    plant.tree["devices"]["counter-1"]["linc"] = "x"
    plant.start_gateway(ready=False)
    assert plant.children["gateway"].wait(20) == 2
    log = plant.log("gateway")
    assert "linc" in log
    assert "Traceback" not in log
