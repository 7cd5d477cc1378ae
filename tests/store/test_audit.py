"""The audit chain: what is chained, when its head is told, and that each way of tampering is found and named."""

import hashlib
import json
import sqlite3
import struct
from pathlib import Path

import pytest

from edgegw.errors import StoreError
from edgegw.model import Event, Lane
from edgegw.ports import Batch
from edgegw.store import audit, backup, budget, highwater, inspect
from edgegw.store.audit import ANCHOR_TYPE, LOST_TYPE, Head

V1 = Path(__file__).parent / "versions" / "v1.sql"


@pytest.fixture
def deed(clock):
    def make(number: int = 0, lane: Lane = Lane.ACCESS, size: int = 0) -> Event:
        data = json.dumps({"decision": number, "pad": "x" * size}).encode()
        return Event("edgegw.access.granted", lane, f"door/{number}", clock.now(), data)

    return make


async def filled(open_store, deed, clock, rows: int = 10) -> list[Head]:
    """A closed store with so many entries, each in a commit of its own; the heads as they were."""
    store = await open_store()
    heads = []
    for number in range(1, rows + 1):
        clock.advance(1)
        await store.commit(Batch(events=[deed(number)]))
        heads.append(Head(number, bytes.fromhex(store.audit_head[1])))
    await store.close()
    return heads


def edit(path: Path, *statements: str) -> None:
    db = sqlite3.connect(path)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()


DELIVERED = (
    "INSERT OR REPLACE INTO cursor SELECT 'up', 0, max((SELECT max(seq) FROM alarm), (SELECT max(seq) FROM access))",
    "DELETE FROM access",
    "DELETE FROM alarm",
)
"""Everything was accepted upstream and is gone from the lanes."""


def forget_elsewhere(path: Path) -> None:
    """Also take away what lies beside the chain, as somebody would who knows of it."""
    mark = highwater.path_of(path)
    mark.write_bytes(mark.read_bytes()[: highwater.AUDIT_AT])


def rehash(path: Path, since: int) -> None:
    """Compute all hashes from an entry on anew, as somebody would who knows how."""
    db = sqlite3.connect(path)
    before = db.execute("SELECT hash FROM audit WHERE n = ?", (since - 1,)).fetchone()[0] if since > 1 else bytes(32)
    entries = db.execute(
        "SELECT n, seq, boot, type, subject, wall_ns, mono_ns, synced, data FROM audit WHERE n >= ? ORDER BY n",
        (since,),
    ).fetchall()
    for row in entries:
        before = audit.link(before, row)
        db.execute("UPDATE audit SET hash = ? WHERE n = ?", (before, row[0]))
    db.commit()
    db.close()


def about(found: list[str], *words: str) -> bool:
    return any(all(word in line for word in words) for line in found)


# --- what is chained ------------------------------------------------------------------------------------------------------


def test_the_hash_is_what_the_documentation_says() -> None:
    row = (7, 9, 2, "t", "sü", -1, 5, True, b"data")
    plain = bytes(32) + struct.pack(">QQQqqB", 7, 9, 2, -1, 5, 1)
    for part in (b"t", "sü".encode(), b"data"):
        plain += struct.pack(">Q", len(part)) + part
    assert audit.link(bytes(32), row) == hashlib.sha256(plain).digest()


async def test_decisions_and_commands_are_chained_and_nothing_else(open_store, deed, event, path) -> None:
    store = await open_store()
    assert store.audit_head == (0, "00" * 32)
    lanes = [Lane.TELEMETRY, Lane.COMMAND, Lane.ALARM, Lane.ACCESS, Lane.COMMAND]
    await store.commit(Batch(events=[deed(n, lane) for n, lane in enumerate(lanes)]))
    assert store.audit_head[0] == 3
    await store.close()
    rows = sqlite3.connect(path).execute("SELECT n, seq, subject FROM audit ORDER BY n").fetchall()
    assert rows == [(1, 3, "door/3"), (2, 4, "door/1"), (3, 5, "door/4")]  # alarm and its anchor have seqs 1 and 2
    assert inspect.verify(path) == []


async def test_a_batch_of_many_and_what_follows_are_one_chain(open_store, deed, path) -> None:
    store = await open_store()
    await store.commit(Batch(events=[deed(n) for n in range(333)]))
    await store.commit(Batch(events=[deed(n, Lane.COMMAND) for n in range(3)]))
    await store.close()
    seen = inspect.examine(path)
    assert seen.findings == []
    assert seen.audit is not None
    assert (seen.audit.entries, seen.audit.head.n) == (336, 336)


async def test_a_commit_that_fails_leaves_the_head_where_it_was(open_store, deed, path) -> None:
    store = await open_store()
    await store.commit(Batch(events=[deed(1)]))
    before = store.audit_head
    blocker = sqlite3.connect(path)
    store._opened.session.db.run("PRAGMA busy_timeout = 1")
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError):
        await store.commit(Batch(events=[deed(2)]))
    assert store.audit_head == before
    blocker.rollback()
    blocker.close()
    await store.commit(Batch(events=[deed(3)]))
    assert store.audit_head[0] == 2
    await store.close()
    assert inspect.verify(path) == []


async def test_it_outlives_delivery(open_store, deed, path) -> None:
    store = await open_store()
    await store.commit(Batch(events=[deed(n) for n in range(5)]))
    for lane in Lane:
        store.accepted("up", lane, 6)
    await store.flush()
    assert await store.fetch(Lane.ACCESS, 0, 9) == []
    assert inspect.stats(path)["audit"] == {"n": 5, "entries": 5}


async def test_records_from_before_the_chain_are_no_finding(path, open_store, deed) -> None:
    edit_v1 = sqlite3.connect(path)
    edit_v1.executescript(V1.read_text())
    edit_v1.execute(
        "INSERT INTO access VALUES (5, x'019b76daa80070008000000000000005', 1, 't', 'd', 1767225600000000000, 9, 1, x'7b7d')"
    )
    edit_v1.commit()
    edit_v1.close()
    store = await open_store()
    await store.commit(Batch(events=[deed(1)]))
    await store.close()
    assert inspect.verify(path) == []
    edit(path, "DELETE FROM audit")
    assert about(inspect.verify(path), "no entry")


# --- the head, told -------------------------------------------------------------------------------------------------------


async def anchors(store) -> list[dict]:
    return [json.loads(r.data) for r in await store.fetch(Lane.ALARM, 0, 999) if r.type == ANCHOR_TYPE]


async def test_the_head_is_told_at_once_then_once_a_minute(open_store, deed, event, clock) -> None:
    store = await open_store()
    await store.commit(Batch(events=[event()]))
    assert await anchors(store) == []
    told = []
    for number in range(150):
        await store.commit(Batch(events=[deed(number)]))
        if number % 60 == 0:
            told.append({"n": number + 1, "hash": store.audit_head[1], "count": 1 if number == 0 else 60})
        clock.advance(1)
    assert await anchors(store) == told
    clock.advance(60)
    await store.commit(Batch(events=[event()]))  # any commit takes the head along, once
    await store.commit(Batch(events=[event()]))
    assert await anchors(store) == [*told, {"n": 150, "hash": store.audit_head[1], "count": 29}]


async def test_the_head_is_told_when_closing_and_opening(open_store, deed) -> None:
    store = await open_store()
    await store.commit(Batch(events=[deed(1)]))
    await store.commit(Batch(events=[deed(2)]))
    head = store.audit_head
    await store.close()
    store = await open_store()
    assert store.audit_head == head
    assert [(a["n"], a["hash"]) for a in await anchors(store)][1:] == [head, head]
    await store.close()
    store = await open_store()
    assert len(await anchors(store)) == 4  # nothing new at closing, the head again at opening


async def test_telling_the_head_changes_no_seq_of_the_batch(open_store, deed) -> None:
    store = await open_store()
    done = await store.commit(Batch(events=[deed(1), deed(2, Lane.ALARM)]))
    assert (done.first_seq, done.last_seq, done.per_lane) == (1, 3, (2, 1, 0, 0))
    (record,) = await store.fetch(Lane.ACCESS, 0, 9)
    assert record.seq == 3


# --- bounds ---------------------------------------------------------------------------------------------------------------


async def test_it_is_trimmed_and_still_verifies(open_store, deed, path, monkeypatch) -> None:
    monkeypatch.setattr(budget, "AUDIT_BYTES_MOST", 40_000)
    store = await open_store()
    early = None
    for number in range(100):
        await store.commit(Batch(events=[deed(number, size=1000) for _ in range(3)]))
        early = early or Head(3, bytes.fromhex(store.audit_head[1]))
    await store.close()
    seen = inspect.examine(path, [early])
    assert seen.findings == []
    assert seen.audit is not None
    assert 20 < seen.audit.entries < 40
    assert seen.audit.head.n == 300
    assert seen.audit.start.n == 300 - seen.audit.entries
    assert about(seen.audit.notes, "entry 3 is not kept any more")
    store = await open_store()
    await store.commit(Batch(events=[deed(1)]))
    await store.close()
    assert inspect.verify(path) == []
    edit(path, "DELETE FROM audit WHERE n = (SELECT min(n) FROM audit)")
    assert about(inspect.verify(path), f"entry {seen.audit.start.n + 1} is missing")


# --- tampering ------------------------------------------------------------------------------------------------------------

EDITS = {
    "data": "UPDATE audit SET data = CAST(replace(data, 'decision', 'derision') AS BLOB) WHERE n = 4",
    "time": "UPDATE audit SET wall_ns = wall_ns - 1 WHERE n = 4",
    "type": "UPDATE audit SET type = 'edgegw.access.denied' WHERE n = 4",
    "subject": "UPDATE audit SET subject = 'door/9' WHERE n = 4",
    "clock": "UPDATE audit SET synced = 0 WHERE n = 4",
    "boot": "UPDATE audit SET boot = 7 WHERE n = 4",
    "hash": "UPDATE audit SET hash = randomblob(32) WHERE n = 4",
}


@pytest.mark.parametrize("what", EDITS)
async def test_an_edited_entry(open_store, deed, clock, path, what) -> None:
    await filled(open_store, deed, clock)
    edit(path, "DELETE FROM access", EDITS[what])
    found = inspect.verify(path)
    assert about(found, "entry 4 does not follow from entry 3")
    assert len(found) <= 2  # a changed hash makes the next one wrong too


async def test_an_entry_edited_and_hashed_anew(open_store, deed, clock, path) -> None:
    await filled(open_store, deed, clock)
    edit(path, "DELETE FROM access", EDITS["subject"])
    db = sqlite3.connect(path)
    row = db.execute("SELECT n,seq,boot,type,subject,wall_ns,mono_ns,synced,data FROM audit WHERE n = 4").fetchone()
    before = db.execute("SELECT hash FROM audit WHERE n = 3").fetchone()[0]
    db.execute("UPDATE audit SET hash = ? WHERE n = 4", (audit.link(before, row),))
    db.commit()
    db.close()
    assert inspect.verify(path) == [
        "audit: entry 5 does not follow from entry 4: it was changed, moved or inserted",
    ]


async def test_an_edited_record_that_still_waits(open_store, deed, clock, path) -> None:
    await filled(open_store, deed, clock)
    edit(path, "UPDATE access SET subject = 'door/99' WHERE seq = (SELECT seq FROM audit WHERE n = 4)")
    assert about(inspect.verify(path), "entry 4 and record", "differ")


async def test_a_deleted_entry(open_store, deed, clock, path) -> None:
    await filled(open_store, deed, clock)
    edit(path, "DELETE FROM audit WHERE n = 4")
    found = inspect.verify(path)
    assert about(found, "entry 4 is missing")
    assert about(found, "no entry")  # its record still waits
    edit(path, "DELETE FROM access", "DELETE FROM audit WHERE n IN (5, 6)")
    assert inspect.verify(path) == ["audit: entries 4 to 6 are missing"]


async def test_a_deleted_entry_with_the_others_moved_up(open_store, deed, clock, path) -> None:
    await filled(open_store, deed, clock)
    edit(path, "DELETE FROM access", "DELETE FROM audit WHERE n = 4", "UPDATE audit SET n = n - 1 WHERE n > 4")
    found = inspect.verify(path)
    assert found[0] == "audit: entry 4 does not follow from entry 3: it was changed, moved or inserted"
    assert about(found, "the chain ends at entry 9", "its end was cut off")


async def test_two_entries_that_changed_places(open_store, deed, clock, path) -> None:
    await filled(open_store, deed, clock)
    edit(
        path,
        "DELETE FROM access",
        "UPDATE audit SET n = 99 WHERE n = 4",
        "UPDATE audit SET n = 4 WHERE n = 5",
        "UPDATE audit SET n = 5 WHERE n = 99",
    )
    found = inspect.verify(path)
    assert about(found, "entry 4 does not follow")
    assert about(found, "entry 5 has seq", "it was moved or inserted")


async def test_an_inserted_entry(open_store, deed, clock, path) -> None:
    await filled(open_store, deed, clock)
    edit(
        path,
        "UPDATE audit SET n = -n - 1 WHERE n >= 4",
        "UPDATE audit SET n = -n WHERE n < 0",
        "INSERT INTO audit SELECT 4, seq, boot, type, 'door/9', wall_ns, mono_ns, synced, bytes, hash, data "
        "FROM audit WHERE n = 5",
    )
    assert about(inspect.verify(path), "entry 4 does not follow from entry 3")
    edit(path, "INSERT INTO audit SELECT 0, 1, 1, type, subject, 1, 1, 1, 0, hash, data FROM audit WHERE n = 5")
    assert about(inspect.verify(path), "entry 0", "inserted")


async def test_an_inserted_record(open_store, deed, clock, path) -> None:
    await filled(open_store, deed, clock)
    edit(
        path,
        "INSERT INTO access SELECT seq + 100, x'019b76daa80070008000000000000099', boot, type, subject, wall_ns, "
        "mono_ns, synced, data FROM access WHERE seq = (SELECT max(seq) FROM access)",
    )
    assert about(inspect.verify(path), "has no entry")


async def test_a_tail_cut_off_is_found_by_the_mark(open_store, deed, clock, path) -> None:
    await filled(open_store, deed, clock)
    edit(path, *DELIVERED, "DELETE FROM audit WHERE n > 7")
    assert inspect.verify(path) == [
        "audit: the chain ends at entry 7, the mark beside the store knows 10: its end was cut off"
    ]


async def test_a_tail_cut_off_is_found_by_records_that_still_wait(open_store, deed, clock, path) -> None:
    await filled(open_store, deed, clock)
    edit(path, "DELETE FROM access", "DELETE FROM audit WHERE n > 7")
    mark = highwater.path_of(path)
    mark.write_bytes(mark.read_bytes()[: highwater.AUDIT_AT])
    assert about(inspect.verify(path), "the chain ends at entry 7", "in lane alarm knows 10")


async def test_a_tail_cut_off_everywhere_is_found_by_an_anchor_from_upstream(open_store, deed, clock, path) -> None:
    heads = await filled(open_store, deed, clock)
    edit(path, *DELIVERED, "DELETE FROM audit WHERE n > 7")
    forget_elsewhere(path)
    assert inspect.verify(path) == []  # nothing on this box can tell any more
    assert about(inspect.verify(path, [heads[8]]), "the chain ends at entry 7", "knows 9")


async def test_a_rewritten_chain_is_found_by_an_anchor(open_store, deed, clock, path) -> None:
    heads = await filled(open_store, deed, clock)
    edit(path, *DELIVERED, EDITS["subject"])
    rehash(path, 4)
    assert about(inspect.verify(path), "entry 10 is not the one that the mark")
    forget_elsewhere(path)
    assert inspect.verify(path) == []
    assert inspect.verify(path, heads[:3]) == []
    assert about(inspect.verify(path, [heads[0], heads[5]]), "entry 6 is not the one that anchor 6:")


async def test_a_whole_chain_taken_away(open_store, deed, clock, path) -> None:
    heads = await filled(open_store, deed, clock)
    edit(path, *DELIVERED, "DELETE FROM audit")
    forget_elsewhere(path)
    assert about(inspect.verify(path, heads[-1:]), "the chain ends at entry 0")


# --- losses the store tells of itself ---------------------------------------------------------------------------------------


async def entries(path: Path) -> list[tuple[int, str]]:
    return sqlite3.connect(path).execute("SELECT n, type FROM audit ORDER BY n").fetchall()


async def test_a_cut_tail_is_told_at_the_next_opening_and_no_number_is_used_again(
    open_store, deed, clock, path
) -> None:
    await filled(open_store, deed, clock)
    edit(path, *DELIVERED, "DELETE FROM audit WHERE n > 7")
    store = await open_store()
    assert store.audit_head[0] == 11
    alarm = next(r for r in await store.fetch(Lane.ALARM, 0, 99) if r.type == "edgegw.alarm.raised")
    assert json.loads(alarm.data)["rule"] == "store-audit"
    await store.commit(Batch(events=[deed(1)]))
    await store.close()
    assert (await entries(path))[-2:] == [(11, LOST_TYPE), (12, "edgegw.access.granted")]
    seen = inspect.examine(path)
    assert seen.findings == []
    assert seen.audit is not None
    assert seen.audit.notes == ["audit: entry 11 tells that entries 8 to 10 are missing"]


async def test_an_anchor_of_a_lost_entry_is_a_finding(open_store, deed, clock, path) -> None:
    heads = await filled(open_store, deed, clock)
    edit(path, *DELIVERED, "DELETE FROM audit WHERE n > 7")
    await (await open_store()).close()
    assert inspect.verify(path, [heads[9]]) == []  # the last one lost is still vouched for by its hash
    assert about(inspect.verify(path, [heads[8]]), "entry 9", "among the missing 8 to 10")
    edit(path, "UPDATE audit SET data = CAST(replace(data, '8', '7') AS BLOB) WHERE n = 11")
    assert about(inspect.verify(path), "entries 8 to 10 are missing")


async def test_a_changed_head_is_told_at_the_next_opening(open_store, deed, clock, path) -> None:
    await filled(open_store, deed, clock)
    edit(path, *DELIVERED, EDITS["subject"])
    rehash(path, 4)
    store = await open_store()
    assert store.audit_head[0] == 11
    assert any(b"store-audit" in r.data for r in await store.fetch(Lane.ALARM, 0, 99))
    await store.close()
    seen = inspect.examine(path)
    assert seen.findings == []
    assert seen.audit is not None
    assert about(seen.audit.notes, "entry 11 tells", "were not those that were committed")


async def test_rubbish_in_the_newest_entry_does_not_keep_the_gateway_from_running(
    open_store, deed, clock, path
) -> None:
    await filled(open_store, deed, clock)
    edit(path, *DELIVERED, "UPDATE audit SET hash = CAST(x'ff' AS TEXT), bytes = 'many' WHERE n = 10")
    store = await open_store()
    await store.commit(Batch(events=[deed(1)]))
    assert store.audit_head[0] == 12
    await store.close()
    assert about(inspect.verify(path), "entry 10 does not follow")


async def test_a_store_set_aside_goes_on_with_the_numbers(open_store, deed, clock, path) -> None:
    heads = await filled(open_store, deed, clock)
    path.write_bytes(b"rubbish" * 1000)
    store = await open_store()
    assert store.damaged
    assert store.audit_head[0] == 11
    await store.commit(Batch(events=[deed(1)]))
    await store.close()
    assert await entries(path) == [(11, LOST_TYPE), (12, "edgegw.access.granted")]
    seen = inspect.examine(path, [heads[9], heads[2]])
    assert seen.findings == []
    assert seen.audit is not None
    assert seen.audit.start == heads[9]  # the new file follows the old one's head


async def test_a_restored_store_goes_on_with_the_numbers(open_store, deed, clock, path, tmp_path) -> None:
    await filled(open_store, deed, clock, 5)
    backup.backup(path, tmp_path / "copy.db")
    store = await open_store()
    await store.commit(Batch(events=[deed(n) for n in range(3)]))
    await store.close()
    backup.restore(tmp_path / "copy.db", path, clock.now())
    assert about(inspect.verify(path), "the chain ends at entry 5", "knows 8")
    store = await open_store()
    assert store.audit_head[0] == 9
    await store.close()
    assert inspect.verify(path) == []
    backup.backup(path, tmp_path / "again.db")
    other = tmp_path / "other" / "edgegw.db"
    backup.restore(tmp_path / "again.db", other, clock.now())  # a box that has no mark
    store = await open_store(other)
    assert store.audit_head[0] == 9 + backup.LEAP + 1
    await store.close()
    assert inspect.verify(other) == []


async def test_a_file_of_an_edgegw_that_knew_no_chain_has_no_audit_mark(path) -> None:
    mark = highwater.Highwater(path)
    mark.save(durable=True)
    mark.close(clean=True)
    assert highwater.read_audit(path).n == 0
    mark = highwater.Highwater(path)
    mark.audited(3, b"h" * 32)
    mark.audited(4, b"i" * 32)
    mark.close(clean=True)
    assert highwater.read_audit(path) == highwater.AuditMark(2, 4, b"i" * 32)
    data = bytearray(highwater.path_of(path).read_bytes())
    data[highwater.AUDIT_AT + 30] ^= 1  # the newer slot is torn: the older one counts
    highwater.path_of(path).write_bytes(data)
    assert highwater.read_audit(path).n == 3
    assert highwater.read(path).generation == mark.mark.generation


@pytest.mark.parametrize("text", ["", "5", "5:", "5:zz", "x:" + "00" * 32, "5:" + "00" * 31, "-1:" + "00" * 32])
def test_an_anchor_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"hex|HASH"):
        Head.parse(text)
