"""A file of any version becomes one of this version, and what the steps make is what the code expects."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy import inspect as reflect

from edgegw.errors import StoreError
from edgegw.model import Lane
from edgegw.store import migrations
from edgegw.store.engine import Db
from edgegw.store.schema import METADATA

V1 = Path(__file__).parent / "versions" / "v1.sql"


def test_all_steps_give_the_metadata(path: Path) -> None:
    db = Db(path)
    assert migrations.migrate(db) == len(migrations.STEPS)
    db.close()
    found = reflect(create_engine(f"sqlite:///{path}"))
    assert set(found.get_table_names()) == set(METADATA.tables)
    for name, table in METADATA.tables.items():
        columns = {c["name"]: (str(c["type"]), c["nullable"]) for c in found.get_columns(name)}
        assert columns == {c.name: (str(c.type), bool(c.nullable)) for c in table.columns}
        assert found.get_pk_constraint(name)["constrained_columns"] == [c.name for c in table.primary_key]


async def test_a_file_of_version_1_opens_with_all_it_holds(path: Path, open_store) -> None:
    db = sqlite3.connect(path)
    db.executescript(V1.read_text())
    db.close()
    store = await open_store()
    (record,) = await store.fetch(Lane.ALARM, 0, 9)
    assert (record.seq, record.subject, record.data) == (7, "leak-1", b'{"wet":true}')
    assert record.id == "019b76da-a800-7000-8000-000000000007"
    assert store.cursor("up", Lane.ALARM) == 6
    assert store.states("alarm") == {"gw-1/leak-1/leak": b"{}"}


def test_steps_run_once_and_wholly(path: Path) -> None:
    db = Db(path)
    migrations.migrate(db)
    later = (*migrations.STEPS, ("ALTER TABLE meta ADD COLUMN extra TEXT", "this is no SQL"))
    with pytest.raises(Exception, match="syntax"):
        migrations.migrate(db, later)
    assert db.value("PRAGMA user_version") == len(migrations.STEPS)
    assert "extra" not in str(db.rows("SELECT sql FROM sqlite_master WHERE name = 'meta'"))
    good = (*migrations.STEPS, ("ALTER TABLE meta ADD COLUMN extra TEXT",))
    assert migrations.migrate(db, good) == 1
    assert migrations.migrate(db, good) == 0
    with pytest.raises(StoreError) as caught:
        migrations.migrate(db)
    assert caught.value.reason == "newer"
    db.close()
