"""The desk as a process: ready line, intake, people, the ways back, moods, page, kill -9, speed."""

import asyncio
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

import aiomqtt
import pytest
from aiohttp import web

from edgegw.demo.children import Child
from edgegw.demo.stage import free_port
from simulators.desk.outbound import push_address
from tests.simulators.desk_events import KEY, TICKET, asks

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


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A desk with one ticket, for what changes nothing."""
    process, where = start(tmp_path_factory.mktemp("desk"))
    ask(f"{where}events", [asks(1, "open")])
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
def test_what_is_no_event_is_a_400(shared: str, body: bytes) -> None:
    assert ask(f"{shared}events", body)[0] == 400
    assert ask(f"{shared}api/stats")[2]["events"] == 1


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


def test_the_page_is_one_file_and_asks_nobody_else(shared: str) -> None:
    status, headers, page = ask(shared)
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


# --- people, and the ways back ----------------------------------------------------------------------------------------


def test_opened_tickets_are_in_the_answer_and_every_change_in_the_feed(url: str) -> None:
    assert ask(f"{url}events", [event(50)])[2] == {"accepted": 1, "new": 1}
    answer = ask(f"{url}events", [asks(1, "open")])[2]
    assert answer["tickets"] == [
        {"dedup_key": KEY, "ticket_id": TICKET, "number": "1", "state": "opened", "version": 1}
    ]
    first = ask(f"{url}api/ticket-updates?after=")[2]
    assert [t["state"] for t in first["tickets"]] == ["opened"]
    status, _, ticket = ask(f"{url}api/tickets/1/acknowledge", {"by": "王芳", "note": "已派人"})
    assert (status, ticket["progress"], ticket["version"]) == (200, "acknowledged", 2)
    (told,) = ask(f"{url}api/ticket-updates?after={first['next']}")[2]["tickets"]
    assert (told["state"], told["version"], told["by"], told["note"]) == ("acknowledged", 2, "王芳", "已派人")
    ask(f"{url}events", [asks(2, "resolve")])
    for step in ("assign", "resolve", "close"):
        assert ask(f"{url}api/tickets/1/{step}", b"")[0] == 200
    assert [one["state"] for one in ask(f"{url}api/tickets/1")[2]["history"]][-1] == "closed"
    assert ask(f"{url}api/tickets?state=closed")[2]["tickets"][0]["number"] == 1


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("api/tickets/9/close", {}, 404),
        ("api/tickets/x/close", {}, 404),
        ("api/tickets/99999999999999999999/close", {}, 404),
        ("api/tickets/1/explode", {}, 404),
        ("api/tickets/1/close", [], 400),
        ("api/tickets/1/close", b"{", 400),
        ("api/tickets/1/close", {"by": 5}, 400),
        ("api/tickets/1/close", {"note": "x" * 501}, 400),
        ("api/staff", {"speed": 0}, 400),
        ("api/staff", {"on": 1}, 400),
        ("api/ticket-updates?after=5", None, 400),
    ],
)
def test_bad_requests_are_refused_and_change_nothing(shared: str, path: str, body: object, status: int) -> None:
    assert ask(shared + path, body)[0] == status
    assert ask(f"{shared}api/tickets/1")[2]["version"] == 1


def test_what_cannot_be_done_now_says_why(url: str) -> None:
    ask(f"{url}events", [asks(1, "open")])
    ask(f"{url}api/tickets/1/close", {})
    status, _, text = ask(f"{url}api/tickets/1/acknowledge", {})
    assert (status, json.loads(text)["error"]) == (409, "ticket 1 is closed: it cannot be acknowledged now")


def until(condition: Any) -> Any:
    deadline = time.monotonic() + 20
    while not (found := condition()):
        assert time.monotonic() < deadline, "never came"
        time.sleep(0.02)
    return found


def test_the_staff_works_a_ticket_off(tmp_path: Path) -> None:
    process, where = start(tmp_path, "--staff", "--speed", "50")
    ask(f"{where}events", [asks(1, "open"), asks(2, "open", "b", "gw/smoke-1/smoke")])
    until(lambda: ask(f"{where}api/stats")[2]["acknowledged"] == 2)
    ask(f"{where}events", [asks(3, "resolve")])
    until(lambda: ask(f"{where}api/tickets/1")[2]["progress"] == "closed")
    assert ask(f"{where}api/stats")[2]["open"] == 1
    assert ask(f"{where}api/staff", {"on": False, "speed": 2})[2] == {"on": False, "speed": 2.0}
    process.terminate()
    assert process.wait(20) == 0
    process.communicate()


async def test_changes_are_pushed_in_order_over_refusals_and_kill_9(tmp_path: Path) -> None:
    heard: list[dict[str, Any]] = []
    answers = [503, 401]

    async def take(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer egw_secret"
        if answers:
            return web.Response(status=answers.pop())
        heard.extend((await request.json())["tickets"])
        return web.json_response({"known": 1})

    app = web.Application()
    app.router.add_post("/api/v1/tickets", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port := free_port("127.0.0.1")).start()
    (tmp_path / "token").write_text("egw_secret\n")
    more = ("--push", f"http://127.0.0.1:{port}", "--push-token-file", str(tmp_path / "token"))
    process, where = await asyncio.to_thread(start, tmp_path, *more)
    for number in (1, 2):
        await asyncio.to_thread(ask, f"{where}events", [asks(number, "open", f"t{number}", f"gw/d{number}/x")])
    await asyncio.to_thread(until, lambda: len(heard) == 2)
    process.kill()
    await asyncio.to_thread(process.communicate)
    process, where = await asyncio.to_thread(start, tmp_path, *more)
    await asyncio.to_thread(ask, f"{where}api/tickets/2/acknowledge", {})
    await asyncio.to_thread(until, lambda: heard[-1]["state"] == "acknowledged")
    # killed between the gateway's answer and its own note, it tells a message once more; never less, never out of order
    told = list(dict.fromkeys((t["ticket_id"], t["version"]) for t in heard))
    assert told == [("t1", 1), ("t2", 1), ("t2", 2)]
    process.terminate()
    process.communicate(timeout=20)
    await runner.cleanup()


def test_a_push_address_may_be_the_gateway_or_the_whole_path() -> None:
    assert push_address("http://gw:8080") == push_address("http://gw:8080/") == "http://gw:8080/api/v1/tickets"
    assert push_address("https://gw/behind/tickets") == "https://gw/behind/tickets"


async def test_events_by_mqtt_and_changes_on_a_topic(tmp_path: Path) -> None:
    port = free_port("127.0.0.1")
    broker = Child("broker", [sys.executable, "-m", "simulators.broker", "--port", str(port)], folder=tmp_path)
    await broker.start()
    async with aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5) as client:
        await client.subscribe("edgegw/tickets", qos=1)
        await client.subscribe("desk/accepted", qos=1)
        mqtt = ("--mqtt", f"127.0.0.1:{port}", "--tickets-topic", "edgegw/tickets", "--topic", "edgegw/gw/+")
        process, _ = await asyncio.to_thread(start, tmp_path, *mqtt)
        said: dict[str, Any] = {}
        async with asyncio.timeout(20):
            while set(said) != {"desk/accepted", "edgegw/tickets"}:
                if not said:  # the desk may not have subscribed yet; the id is the same each time
                    await client.publish("edgegw/gw/alarm", json.dumps(asks(1, "open")), qos=1)
                try:
                    async with asyncio.timeout(0.3):
                        message = await anext(aiter(client.messages))
                except TimeoutError:
                    continue
                assert isinstance(message.payload, bytes)
                said[str(message.topic)] = json.loads(message.payload)
        process.terminate()
        await asyncio.to_thread(process.communicate)
    await broker.stop()
    assert said["desk/accepted"] == {"ids": ["id-1"]}
    assert [(t["ticket_id"], t["state"]) for t in said["edgegw/tickets"]["tickets"]] == [(TICKET, "opened")]


def test_what_it_cannot_start_with_is_one_line(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "simulators.desk", "--db", str(tmp_path / "desk.db"), "--push", "http://x"]
    done = subprocess.run(
        [*argv, "--push-token-file", str(tmp_path / "none")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
