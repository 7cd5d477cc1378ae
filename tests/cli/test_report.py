"""`edgegw report`: from a real store, also beside its daemon; which period is meant; errors in one line."""

import asyncio
import json
import sqlite3
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import msgspec
import pytest

from edgegw.cli.main import main
from edgegw.cli.report import _last
from edgegw.clock import ManualClock
from edgegw.config.schema import StoreSection
from edgegw.model import Lane, StateChange
from edgegw.ports import Batch
from edgegw.rules.events import AlarmData
from edgegw.service.indicators_report import Period
from edgegw.service.indicators_rows import INDICATOR_KIND
from edgegw.service.ticket import HISTORY_KIND, TROUBLE_KIND, TicketState
from edgegw.service.trouble import Stored
from edgegw.store.store import Store
from tests.report import history

WEEK = ("--from", "2026-11-09", "--to", "2026-11-15")


def states():
    encode = msgspec.json.encode
    found = [StateChange(INDICATOR_KIND, key, value) for key, value in history.counters().items()]
    found += [StateChange(HISTORY_KIND, f"x/{one.ticket_id}", encode(one)) for one in history.tickets()]
    (late, _) = history.live()
    data = AlarmData(
        dedup_key=late.dedup_key,
        alarm_id="a",
        rule="sump-high",
        state="active",
        title=late.title,
        category="water",
        priority="P2",
        evidence=msgspec.Raw(b"{}"),
        count=1,
        raised_at="",
    )
    trouble = Stored(
        dedup_key=late.dedup_key,
        subject="pump-3",
        ticket_id=late.ticket_id,
        ref=late.ref,
        data=data,
        state=TicketState.OPENED,
        raised_ns=late.raised_ns,
        requested_ns=late.requested_ns,
    )
    found.append(StateChange(TROUBLE_KIND, late.dedup_key, encode(trouble)))
    found += [StateChange(HISTORY_KIND, "broken", b"["), StateChange(TROUBLE_KIND, "other", encode(trouble))]
    return found


@contextmanager
def opened(path: Path):
    """A store with two weeks in it, open as a daemon has it."""
    with asyncio.Runner() as runner:

        async def start() -> Store:
            store = await Store.open(
                path,
                section=StoreSection(reserve=0),
                gateway="lakeside-1",
                upstreams={"up": tuple(Lane)},
                clock=ManualClock(),
            )
            await store.commit(Batch(states=states()))
            return store

        store = runner.run(start())
        try:
            yield
        finally:
            runner.run(store.close())


@pytest.fixture(scope="module")
def db(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "lakeside-1.db"
    with opened(path):
        pass
    return path


def run(capsys, *args):
    code = main(["report", *map(str, args)])
    done = capsys.readouterr()
    return code, done.out, done.err


def test_beside_the_running_daemon(capsys, tmp_path):
    path = tmp_path / "edgegw.db"
    with opened(path):
        code, out, err = run(capsys, "--store", path, *WEEK, "--format", "json", "--language", "en")
    assert code == 0
    assert err == f"note: 2 tickets in {path} cannot be read and are left out\n"
    told = json.loads(out)
    wanted = history.report()
    by_key = {one["key"]: one for one in told["indicators"]}
    assert by_key["device_within_5s"]["n"] == 2017
    assert by_key["steps_missed"]["n"] == next(one.n for one in wanted.figures if one.key == "steps_missed") - 1
    assert told["period"] == {"from": "2026-11-09", "to": "2026-11-15"}
    assert told["last_period"] == {"from": "2026-11-02", "to": "2026-11-08"}
    # Raised, and without a time to respond: not to be judged.
    assert told["pending"] == 1


def test_html_goes_to_a_file_that_is_named(capsys, tmp_path, monkeypatch, db):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(capsys, "--store", db, *WEEK)
    assert (code, out) == (0, "edgegw-report-lakeside-1-2026-11-09-2026-11-15.html\n")
    text = (tmp_path / out.strip()).read_text("utf-8")
    assert '<html lang="zh-CN">' in text
    assert "给排水" in text


def test_csv_for_a_spreadsheet_and_for_a_pipe(capsys, tmp_path, db):
    file = tmp_path / "report.csv"
    assert run(capsys, "--store", db, *WEEK, "--format", "csv", "-o", file)[:2] == (0, f"{file}\n")
    assert file.read_bytes().startswith(b"\xef\xbb\xbfsection,indicator,item,")
    code, out, _ = run(capsys, "--store", db, *WEEK, "--format", "csv")
    assert code == 0
    assert out.encode().startswith(b"section,indicator,item,")


def test_with_a_site_file(capsys, tmp_path, db):
    site = tmp_path / "edgegw.yaml"
    site.write_text(
        "gateway: {id: lakeside-1, language: en, location: Lakeside, timezone: Asia/Shanghai}\n"
        f"store: {{path: {db}}}\n"
        "links: {line: {kind: modbus-tcp, host: 127.0.0.1}}\n"
        "devices: {pump-3: {name: Pump, link: line, address: 1, profile: generic/xy-md02}}\n"
        "upstream: {desk: {kind: http, url: 'http://127.0.0.1:1/'}}\n"
    )
    code, out, err = run(capsys, site, *WEEK, "--format", "json")
    assert code == 0, err
    told = json.loads(out)
    assert (told["gateway"], told["location"], told["language"]) == ("lakeside-1", "Lakeside", "en")
    assert "water" in {one["key"] for one in told["by_category"]}
    assert "Pump" in {one["name"] for one in told["worst"]["slow"]}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--from", "2026-11-09", "--to", "2026-11-08"), "2026-11-09 is after 2026-11-08"),
        (("--from", "2025-01-01", "--to", "2026-11-08"), "more than 400 days"),
        (("--from", "9.11.2026"), "not a date: '9.11.2026'; write 2026-11-01"),
        (("--from", "0001-01-01", "--to", "0001-01-02"), "not a year that can be reported"),
        (("--to", "2026-11-08"), "--to needs --from"),
        (("--last", "7d", "--from", "2026-11-09"), "--last does not go with"),
        (("--last", "0d"), "write week, month, or days as 7d"),
        (("--last", "401d"), "400d at most"),
        (("--timezone", "Mars/Olympus"), "no such time zone: 'Mars/Olympus'"),
        ((*WEEK, "-o", "/nowhere/report.html"), "/nowhere/report.html: No such file or directory"),
    ],
)
def test_bad_input_is_one_line(capsys, db, args, said):
    code, out, err = run(capsys, "--store", db, *args)
    assert (code, out) == (2, "")
    assert said in err


def test_stores_that_cannot_be_read(capsys, tmp_path, db):
    assert run(capsys)[0] == 2
    code, out, err = run(capsys, "--store", tmp_path / "none.db")
    assert (code, out, err) == (2, "", f"error: {tmp_path / 'none.db'}: there is no store\n")
    later = tmp_path / "later.db"
    later.write_bytes(db.read_bytes())
    with sqlite3.connect(later) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    code, out, err = run(capsys, "--store", later)
    assert (code, out) == (2, "")
    assert "the store has schema version 99, this edgegw has" in err


def test_which_period_is_the_last():
    today = date(2026, 11, 25)
    assert _last("week", today) == Period(date(2026, 11, 16), date(2026, 11, 22))
    assert _last("week", date(2026, 11, 23)) == Period(date(2026, 11, 16), date(2026, 11, 22))
    assert _last("month", today) == Period(date(2026, 10, 1), date(2026, 10, 31))
    assert _last("7d", today) == Period(date(2026, 11, 18), date(2026, 11, 24))
    assert _last("1d", date(2026, 3, 1)) == Period(date(2026, 2, 28), date(2026, 2, 28))
