"""Backup while the store works, restore, verification, and how the command line shows them."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgegw.cli.store import store as command
from edgegw.errors import StoreError
from edgegw.model import DeadLetter, Lane
from edgegw.ports import Batch
from edgegw.store import backup, highwater, inspect


async def test_a_backup_of_a_working_store_is_sound(open_store, event, path, tmp_path) -> None:
    store = await open_store()
    await store.commit(Batch(events=[event()] * 100))
    to = tmp_path / "backup.db"
    assert backup.backup(path, to) == to.stat().st_size
    await store.commit(Batch(events=[event()] * 10))
    assert inspect.verify(to) == []
    assert inspect.stats(to)["lanes"]["telemetry"]["rows"] == 100
    with pytest.raises(StoreError) as caught:
        backup.backup(path, to)
    assert caught.value.reason == "exists"
    assert not list(tmp_path.glob("*.part*"))


async def test_restore_keeps_the_old_one_and_seq_never_goes_back(open_store, event, path, tmp_path, clock) -> None:
    store = await open_store()
    await store.commit(Batch(events=[event(data=b"1")] * 100))
    to = tmp_path / "backup.db"
    backup.backup(path, to)
    await store.commit(Batch(events=[event(data=b"2")] * 50))
    with pytest.raises(StoreError) as caught:
        backup.restore(to, path, clock.now())
    assert caught.value.reason == "locked"
    await store.close()
    aside = backup.restore(to, path, clock.now())
    assert aside is not None
    assert inspect.stats(aside)["lanes"]["telemetry"]["rows"] == 150
    store = await open_store()
    assert len(await store.fetch(Lane.TELEMETRY, 0, 999)) == 100
    (gap,) = await store.fetch(Lane.ALARM, 0, 9)
    hole = json.loads(gap.data)
    assert (hole["from_seq"], hole["to_seq"], hole["reason"]) == (101, 150, "missing")
    assert gap.seq == 151


async def test_restore_on_a_new_box_leaps(open_store, event, path, tmp_path, clock) -> None:
    store = await open_store()
    await store.commit(Batch(events=[event()] * 100))
    to = tmp_path / "backup.db"
    backup.backup(path, to)
    other = tmp_path / "new" / "edgegw.db"
    assert backup.restore(to, other, clock.now()) is None
    store = await open_store(other)
    assert (await store.commit(Batch(events=[event()]))).first_seq > 100 + backup.LEAP


async def test_a_damaged_backup_is_refused_and_nothing_moves(open_store, event, path, tmp_path, clock) -> None:
    store = await open_store()
    await store.commit(Batch(events=[event()] * 100))
    await store.close()
    before = path.read_bytes()
    bad = tmp_path / "bad.db"
    bad.write_bytes(before[:5000])
    with pytest.raises(StoreError) as caught:
        backup.restore(bad, path, clock.now())
    assert caught.value.reason == "damaged"
    assert path.read_bytes() == before
    assert not list(path.parent.glob("*.restoring*"))
    with pytest.raises(StoreError) as caught:
        backup.restore(tmp_path / "none.db", path, clock.now())
    assert caught.value.reason == "missing"


@pytest.mark.parametrize(
    ("sql", "word"),
    [
        ("UPDATE alarm SET seq = 2 WHERE seq = 1", "seq"),
        ("UPDATE telemetry SET id = (SELECT id FROM alarm)", "id"),
        ("UPDATE telemetry SET id = x'00'", "UUIDv7"),
        ("UPDATE telemetry SET boot = 77", "boot"),
        ("UPDATE boot SET first_seq = 9", "boot"),
        ("INSERT OR REPLACE INTO cursor VALUES ('up', 3, 99)", "cursor"),
        ("DELETE FROM telemetry", "highwater"),
        ("PRAGMA user_version = 0", "schema"),
    ],
)
async def test_verify_finds(open_store, event, path, sql, word) -> None:
    store = await open_store()
    await store.commit(Batch(events=[event(), event(Lane.ALARM)]))
    await store.close()
    assert inspect.verify(path) == []
    db = sqlite3.connect(path)
    db.execute(sql)
    db.commit()
    db.close()
    assert any(word in line for line in inspect.verify(path))


def test_verify_needs_a_store(path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        inspect.verify(path)
    assert caught.value.reason == "missing"
    assert not path.exists()


async def test_command_line(open_store, event, path, tmp_path, clock) -> None:
    store = await open_store()
    await store.commit(
        Batch(events=[event()] * 3, dead=[DeadLetter("device", "d", "bad-json", "no", "t", b"\xff", clock.now())])
    )
    run = CliRunner().invoke
    stats = run(command, ["stats", "--db", str(path), "--json"])
    assert json.loads(stats.output)["lanes"]["telemetry"]["rows"] == 3
    assert "telemetry" in run(command, ["stats", "--db", str(path)]).output
    assert run(command, ["verify", "--db", str(path)]).exit_code == 0
    dead = run(command, ["dead", "--db", str(path), "--json"])
    assert json.loads(dead.output)["raw_hex"] == "ff"
    assert "bad-json" in run(command, ["dead", "--db", str(path)]).output
    to = tmp_path / "b.db"
    assert json.loads(run(command, ["backup", "--db", str(path), str(to), "--json"]).output)["bytes"] > 0
    locked = run(command, ["restore", "--db", str(path), str(to)])
    assert isinstance(locked.exception, StoreError)
    await store.close()
    assert run(command, ["restore", "--db", str(path), str(to), "--json"]).exit_code == 0
    broken = tmp_path / "broken.db"
    shutil.copy(path, broken)
    broken.write_bytes(broken.read_bytes()[:9000])
    found = run(command, ["verify", "--db", str(broken), "--json"])
    assert found.exit_code == 1
    assert json.loads(found.output)["ok"] is False


async def test_looking_leaves_no_file_behind(open_store, event, path) -> None:
    store = await open_store()
    await store.commit(Batch(events=[event()]))
    await store.close()
    before = {p.name for p in path.parent.iterdir()}
    inspect.stats(path)
    inspect.verify(path)
    assert {p.name for p in path.parent.iterdir()} == before
    assert highwater.read(path).flags & highwater.CLEAN
