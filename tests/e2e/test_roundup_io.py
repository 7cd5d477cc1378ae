"""Kind rest against a real Roundup: one ticket, one issue, over its whole life and over kill -9."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from edgegw.model import Lane
from edgegw.upstream.outcome import Accepted, Hold
from tests.e2e.asking import Asking
from tests.e2e.plant import ROOT, Plant, eventually
from tests.e2e.publisher import send
from tests.e2e.roundup_server import PASSWORD, USER, Roundup
from tests.e2e.stalling import Fault, Stalling
from tests.upstream.rest_parts import Inbox, alarm_record, at_work, ref_of

SECRETS = {"password": PASSWORD}
SETTINGS = {"user": USER}
numbers = count(1)


@pytest.fixture(scope="module")
def roundup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Roundup]:
    server = Roundup(tmp_path_factory.mktemp("roundup") / "tracker")
    try:
        yield server
    finally:
        server.stop()


async def test_a_ticket_from_its_opening_to_its_end(roundup: Roundup) -> None:
    n, inbox = next(numbers), Inbox()
    async with at_work("roundup", roundup.url, inbox, settings=SETTINGS, secrets=SECRETS) as sender:

        async def send(action: str, **more: object) -> None:
            assert await sender.send(Lane.ALARM, [alarm_record(1, n, action, **more)]) == Accepted(1)

        await send("open")
        assert inbox.states() == ["opened"]
        number, url = inbox.told[0].number, inbox.told[0].url
        assert url == f"{roundup.url}/issue{number}"
        assert inbox.told[0].dedup_key == f"g1/leak-{n}/wet"
        issue = roundup.issue(number)
        assert issue["title"] == f"[{ref_of(n)}] P2 水浸告警"
        assert (issue["priority"]["name"], issue["status"]["name"]) == ("urgent", "unread")
        assert "1. 关闭阀门" in roundup.messages(number)[0]

        await send("update", ticket={"why": "flapping"})
        assert roundup.issue(number)["status"]["name"] == "unread", "our own words acknowledge nothing"
        assert "告警频繁抖动" in roundup.messages(number)[1]

        await send("escalate", priority="P1", ticket={"level": 1, "why": "respond"})
        assert roundup.issue(number)["priority"]["name"] == "critical"

        await send("resolve", cleared_at="2026-01-01T00:10:00.000Z", reason="recovered")
        assert roundup.issue(number)["status"]["name"] == "resolved"

        await send("reopen", ticket={"why": "raised-again"})
        assert roundup.issue(number)["status"]["name"] == "unread"
        assert len(roundup.messages(number)) == 5
        assert roundup.issues(ref_of(n)) == [number]
        assert inbox.states() == ["opened"], "only the opening is answered at once"


async def test_states_come_back(roundup: Roundup) -> None:
    inbox = Inbox()
    first, second = next(numbers), next(numbers)
    async with at_work("roundup", roundup.url, inbox, settings=SETTINGS, secrets=SECRETS) as sender:
        for n in (first, second):
            await sender.send(Lane.ALARM, [alarm_record(n, n, "open")])
        a, b = (update.number for update in inbox.told)
        poll = sender.poller.once
        assert await poll() == 0, "nothing is new"
        roundup.set(a, status="in-progress", assignedto=USER)
        assert await poll() == 1
        assert (inbox.told[-1].number, inbox.told[-1].state, inbox.told[-1].assignee) == (a, "assigned", USER)
        assert await poll() == 0
        roundup.set(b, status="resolved")
        assert await poll() == 1
        assert (inbox.told[-1].number, inbox.told[-1].state) == (b, "resolved")
        roundup.set(b, status="unread")
        assert await poll() == 1
        assert inbox.told[-1].state == "opened", "a person opened it again"
        roundup.ask(f"issue/{a}", {}, method="DELETE", etag=roundup.issue(a)["etag"])
        assert await poll() == 0


async def test_a_new_process_finds_the_issue_of_the_old_one(roundup: Roundup) -> None:
    n, inbox = next(numbers), Inbox()
    for action in ("open", "open", "escalate", "resolve"):
        async with at_work("roundup", roundup.url, inbox, settings=SETTINGS, secrets=SECRETS) as sender:
            assert await sender.send(Lane.ALARM, [alarm_record(1, n, action)]) == Accepted(1)
    assert len(roundup.issues(ref_of(n))) == 1
    assert {update.number for update in inbox.told} == set(roundup.issues(ref_of(n)))


async def test_an_issue_that_was_thrown_away(roundup: Roundup) -> None:
    """What is over needs no new issue; what still needs people gets one."""
    n, inbox = next(numbers), Inbox()
    async with at_work("roundup", roundup.url, inbox, settings=SETTINGS, secrets=SECRETS) as sender:
        await sender.send(Lane.ALARM, [alarm_record(1, n, "open")])
        number = inbox.told[0].number
        roundup.ask(f"issue/{number}", {}, method="DELETE", etag=roundup.issue(number)["etag"])
        assert await sender.send(Lane.ALARM, [alarm_record(2, n, "resolve")]) == Accepted(1)
        assert roundup.issues(ref_of(n)) == []
        assert await sender.send(Lane.ALARM, [alarm_record(3, n, "escalate")]) == Accepted(1)
        assert roundup.issues(ref_of(n)) == [inbox.told[-1].number] != [number]


HOSTILE = '"}] , {{ 7 * 7 }} {% for %} \\ <script> \u202eمرحبا\x00\x07 EG-\r\nX-Evil: 1 ' + "长" * 100_000


async def test_hostile_words_arrive_as_words(roundup: Roundup) -> None:
    n, inbox = next(numbers), Inbox()
    async with at_work("roundup", roundup.url, inbox, settings=SETTINGS, secrets=SECRETS) as sender:
        record = alarm_record(1, n, "open", title=HOSTILE, name=HOSTILE, evidence={HOSTILE[:50]: HOSTILE})
        assert await sender.send(Lane.ALARM, [record]) == Accepted(1)
    title = roundup.issue(inbox.told[0].number)["title"]
    assert title.startswith(f'[{ref_of(n)}] P2 "}}] , {{{{ 7 * 7 }}}} {{% for %}} \\ <script> مرحبا EG- X-Evil: 1 长')
    assert len(title) <= 255


async def test_a_wrong_password_holds(roundup: Roundup) -> None:
    inbox = Inbox()
    async with at_work("roundup", roundup.url, inbox, settings=SETTINGS, secrets={"password": "wrong"}) as sender:
        assert await sender.send(Lane.ALARM, [alarm_record(1, next(numbers), "open")]) == Hold("http-401")
    assert inbox.told == []


# --- kill -9 ------------------------------------------------------------------------------------------------------------


class Child:
    """The sending half of a gateway in a process of its own."""

    def __init__(self, folder: Path, config: dict[str, object]) -> None:
        self._folder = folder
        self._config = config
        self._process: Process | None = None

    async def start(self, settle_s: float) -> None:
        config = json.dumps(self._config | {"settle_s": settle_s})
        command = (sys.executable, "-m", "tests.e2e.rest_child", str(self._folder), config)
        self._process = await create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE)

    async def kill(self) -> None:
        """With no chance to say anything."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def empty(self) -> None:
        """Wait until everything recorded was accepted."""
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(30):
            assert await self._process.stdout.readline() == b"empty\n"

    def told(self) -> list[dict[str, str]]:
        path = self._folder / "told.jsonl"
        return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


@pytest.mark.parametrize("fault", ["answer-lost", "request-late"])
async def test_killed_between_create_and_acceptance(roundup: Roundup, tmp_path: Path, fault: Fault) -> None:
    first, second = next(numbers), next(numbers)
    proxy = Stalling(
        f"http://127.0.0.1:{roundup.port}", lambda r: (r.method, r.path) == ("POST", "/t/rest/data/issue"), fault
    )
    async with proxy.running():
        child = Child(
            tmp_path,
            {
                "alarms": [(first, "open"), (first, "escalate"), (second, "open")],
                "mapping": "roundup",
                "url": f"http://127.0.0.1:{proxy.port}/t",
                "settings": SETTINGS | {"web": roundup.url},
                "secrets": SECRETS,
                "timeout_s": 20.0,
            },
        )
        try:
            await child.start(settle_s=0.0)  # nothing was before it
            async with asyncio.timeout(30):
                await proxy.stalled.wait()
                if fault == "answer-lost":
                    await proxy.arrived.wait()
            await child.kill()
            assert child.told() == [], "killed before the number was known"
            asked = proxy.seen.count(("GET", "/t/rest/data/issue"))
            await child.start(settle_s=0.3)
            async with asyncio.timeout(30):
                while proxy.seen.count(("GET", "/t/rest/data/issue")) == asked:
                    await asyncio.sleep(0.01)
            proxy.release.set()  # late: after the new process looked and found nothing
            await child.empty()
        finally:
            await child.kill()
    for n in (first, second):
        assert len(roundup.issues(ref_of(n))) == 1
    number = roundup.issues(ref_of(first))[0]
    assert {told["number"] for told in child.told() if told["dedup_key"] == f"g1/leak-{first}/wet"} == {number}
    assert len(roundup.messages(number)) == 2, "the opening and the escalation"


# --- the whole gateway --------------------------------------------------------------------------------------------------


def test_from_a_wet_sensor_to_a_closed_loop(roundup: Roundup, plant: Plant) -> None:
    """Real broker, real daemon, real Roundup: opened, taken by a person, killed meanwhile, recovered."""
    office = Asking(plant)
    office.serve()
    plant.tree["upstream"] = {
        "desk": {
            "kind": "rest",
            "mapping": "roundup",
            "url": roundup.url,
            "settings": SETTINGS,
            "secrets": {"password": {"env": "ROUNDUP_PASSWORD"}},
            "poll_every": "200ms",
            "settle": "300ms",
        }
    }

    def leak(wet: bool) -> None:
        send(plant.ports["broker"], "dev/counter-1", json.dumps({"n": 1, "leak": wet}))

    def trouble(state: str) -> dict[str, str]:
        def look() -> dict[str, str] | None:
            found = office.ask("GET", "tickets")[1]["tickets"]
            return next((t for t in found if t["dedup_key"] == "gw/counter-1/leak" and t["state"] == state), None)

        return eventually(f"the ticket to be {state}", look)  # type: ignore[return-value] # true, so not None

    plant.start_broker()
    plant.start_gateway(ROUNDUP_PASSWORD=PASSWORD)
    office.make_token("read")
    leak(True)
    ticket = trouble("opened")
    number = ticket["number"]
    assert roundup.issues(ticket["ref"]) == [number]
    assert ticket["url"] == f"{roundup.url}/issue{number}"
    roundup.set(number, status="in-progress", assignedto=USER)
    assert trouble("assigned")["assignee"] == USER
    plant.kill("gateway")
    plant.start_gateway(ROUNDUP_PASSWORD=PASSWORD)
    leak(False)
    eventually("the issue to be resolved", lambda: roundup.issue(number)["status"]["name"] == "resolved")
    assert trouble("resolved")["number"] == number
    assert roundup.issues(ticket["ref"]) == [number]
    assert PASSWORD not in plant.log("gateway")
