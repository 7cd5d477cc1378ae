"""`edgegw store verify`: what a person and a script see of the audit chain."""

import asyncio
import json
import sqlite3

import pytest

from edgegw.cli.main import main
from edgegw.clock import ManualClock
from edgegw.config.schema import StoreSection
from edgegw.model import Event, Lane
from edgegw.ports import Batch
from edgegw.store.store import Store


@pytest.fixture
def db(tmp_path):
    """A closed store with three entries in its chain; path and ``N:HASH`` of the second."""
    path = tmp_path / "edgegw.db"

    async def fill() -> str:
        clock = ManualClock()
        section = StoreSection(reserve=0)
        store = await Store.open(path, section=section, gateway="g", upstreams={"up": tuple(Lane)}, clock=clock)
        heads = []
        for number in range(3):
            event = Event("edgegw.access.granted", Lane.ACCESS, f"door/{number}", clock.now(), b"{}")
            await store.commit(Batch(events=[event]))
            heads.append("{}:{}".format(*store.audit_head))
        await store.close()
        return heads[1]

    return path, asyncio.run(fill())


def run(capsys, *args):
    code = main(["store", "verify", *args])
    done = capsys.readouterr()
    return code, done.out, done.err


def test_a_sound_chain(capsys, db):
    path, second = db
    code, out, _ = run(capsys, "--db", str(path), "--anchor", second)
    assert code == 0
    assert "audit chain: 3 entries" in out
    assert f"{path}: sound" in out
    code, out, _ = run(capsys, "--db", str(path), "--json")
    told = json.loads(out)
    assert (code, told["ok"], told["findings"]) == (0, True, [])
    assert (told["audit"]["entries"], told["audit"]["n"], told["audit"]["trimmed"]) == (3, 3, 0)


def test_an_anchor_that_does_not_agree(capsys, db):
    path, second = db
    code, out, _ = run(capsys, "--db", str(path), "--anchor", second[:-4] + "0000", "--json")
    assert code == 1
    (finding,) = json.loads(out)["findings"]
    assert "entry 2 is not the one that anchor 2:" in finding


def test_a_cut_chain(capsys, db):
    path, _ = db
    file = sqlite3.connect(path)
    file.execute("DELETE FROM audit WHERE n = 3")
    file.commit()
    file.close()
    code, out, _ = run(capsys, "--db", str(path))
    assert code == 1
    assert "the chain ends at entry 2, the mark beside the store knows 3: its end was cut off" in out
    assert "has no entry" in out


def test_no_anchor_at_all(capsys, db):
    code, _, err = run(capsys, "--db", str(db[0]), "--anchor", "latest")
    assert code == 2
    assert "N:HASH" in err or "hexadecimal" in err


def test_stats_tell_of_the_chain(capsys, db):
    assert main(["store", "stats", "--db", str(db[0])]) == 0
    assert "audit chain 3 entries, the last is 3" in capsys.readouterr().out
