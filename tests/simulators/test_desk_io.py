"""The desk as a process: ready line, intake, moods, page, kill -9, speed."""

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def start(folder: Path, *more: str) -> tuple[subprocess.Popen[bytes], str]:
    argv = [sys.executable, "-m", "simulators.desk", "--port", "0", "--db", str(folder / "desk.db"), *more]
    process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())["url"]


def ask(url: str, body: object = None) -> tuple[int, Any, Any]:
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/cloudevents-batch+json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            text = answer.read().decode()
            return answer.status, answer.headers, json.loads(text) if text.startswith(("{", "[")) else text
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def event(number: int, kind: str = "edgegw.reading", **data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": f"id-{number}", "source": "edgegw/gw", "type": kind, "subject": f"d-{number % 50}",
        "edgegwseq": str(number), "data": data,
    }  # fmt: skip


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    process, where = start(tmp_path)
    yield where
    process.terminate()
    process.communicate(timeout=20)


def test_single_and_batch(url: str) -> None:
    assert ask(f"{url}events", event(1))[0] == 200
    assert ask(f"{url}events", [event(1), event(2)])[0] == 200
    stats = ask(f"{url}api/stats")[2]
    assert (stats["events"], stats["duplicates"]) == (2, 1)
    assert [one["id"] for one in ask(f"{url}api/events?after=0&type=edgegw.reading")[2]["events"]] == ["id-1", "id-2"]


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'{"id":"x"}', b"[" * 100_000, b"\xff\xfe"])
def test_what_is_no_event_is_a_400(url: str, body: bytes) -> None:
    assert ask(f"{url}events", body)[0] == 400
    assert ask(f"{url}api/stats")[2]["events"] == 0


def test_moods(url: str) -> None:
    ask(f"{url}api/mode", {"mode": "refuse"})
    status, headers, _ = ask(f"{url}events", event(1))
    assert (status, headers["Retry-After"]) == (503, "1")
    ask(f"{url}api/mode", {"mode": "unauthorized"})
    assert ask(f"{url}events", event(1))[0] == 401
    ask(f"{url}api/mode", {"mode": "reject", "match": "venom"})
    assert ask(f"{url}events", [event(1), event(2, say="venom")])[0] == 422
    assert ask(f"{url}events", event(1))[0] == 200
    ask(f"{url}api/mode", {"mode": "down"})
    with pytest.raises((ConnectionError, urllib.error.URLError)):
        ask(f"{url}events", event(3))
    assert ask(f"{url}api/stats")[2]["events"] == 1
    assert ask(f"{url}api/mode", {"mode": "sleepy"})[0] == 400


def test_the_page_is_one_file_and_asks_nobody_else(url: str) -> None:
    status, headers, page = ask(url)
    assert status == 200
    assert headers["Content-Type"].startswith("text/html")
    assert "工单台" in page
    assert "Ticket desk" in page
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    assert "innerHTML" not in page


def test_what_was_accepted_survives_kill_9(tmp_path: Path) -> None:
    process, where = start(tmp_path)
    ask(f"{where}events", [event(n) for n in range(1, 101)])
    process.kill()
    process.communicate()
    process, where = start(tmp_path)
    assert ask(f"{where}api/stats")[2]["events"] == 100
    process.terminate()
    assert process.wait(20) == 0
    process.communicate()


def test_two_thousand_events_a_second_are_no_burden(url: str) -> None:
    began = time.monotonic()
    for batch in range(20):
        assert ask(f"{url}events", [event(batch * 200 + n, value=n) for n in range(1, 201)])[0] == 200
    assert ask(f"{url}api/stats")[2]["events"] == 4000
    assert time.monotonic() - began < 10  # 2 s is the promise; the rest is a busy machine
