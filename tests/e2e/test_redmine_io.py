"""Kind rest against a real Redmine, where Debian's redmine and redmine-sqlite are installed."""

from collections.abc import Iterator

import pytest

from edgegw.model import Lane
from edgegw.upstream.outcome import Accepted, Hold
from tests.e2e.redmine_server import KEY, Redmine, installed
from tests.upstream.rest_parts import Inbox, alarm_record, at_work, ref_of

pytestmark = pytest.mark.skipif(not installed(), reason="needs Debian's redmine and redmine-sqlite, readable")

SECRETS = {"key": KEY}
SETTINGS = {"project": "garden"}


@pytest.fixture(scope="module")
def redmine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redmine]:
    server = Redmine(tmp_path_factory.mktemp("redmine"))
    try:
        yield server
    finally:
        server.stop()


async def test_a_ticket_from_its_opening_to_its_end(redmine: Redmine) -> None:
    inbox = Inbox()
    async with at_work("redmine", redmine.url, inbox, settings=SETTINGS, secrets=SECRETS) as sender:

        async def send(action: str, **more: object) -> None:
            assert await sender.send(Lane.ALARM, [alarm_record(1, 1, action, **more)]) == Accepted(1)

        def issue() -> dict[str, object]:
            return redmine.ask(f"issues/{inbox.told[0].number}.json?include=journals")["issue"]

        await send("open", title='水浸 "}] {{ 7*7 }} <b> 长' + "长" * 1000)
        assert inbox.states() == ["opened"]
        assert inbox.told[0].url == f"{redmine.url}/issues/{inbox.told[0].number}"
        made = issue()
        assert made["subject"].startswith(f'[{ref_of(1)}] P2 水浸 "}}] {{{{ 7*7 }}}} <b> 长')
        assert (made["priority"]["name"], made["status"]["name"]) == ("Urgent", "New")
        assert "1. 关闭阀门" in made["description"]

        await send("open")
        assert len(redmine.issues(ref_of(1))) == 1

        await send("escalate", priority="P1", ticket={"why": "respond", "level": 1})
        assert issue()["priority"]["name"] == "Immediate"
        await send("resolve", cleared_at="2026-01-01T00:10:00.000Z")
        assert issue()["status"]["name"] == "Resolved"
        assert await sender.poller.once() == 1
        assert inbox.told[-1].state == "resolved"
        await send("reopen")
        assert issue()["status"]["name"] == "New"
        assert len([j for j in issue()["journals"] if j["notes"]]) == 3

        redmine.ask(
            f"issues/{inbox.told[0].number}.json", {"issue": {"status_id": 2, "assigned_to_id": 1}}, method="PUT"
        )
        assert await sender.poller.once() == 1
        assert (inbox.told[-1].state, inbox.told[-1].assignee) == ("assigned", "Redmine Admin")
        redmine.ask(f"issues/{inbox.told[0].number}.json", {"issue": {"status_id": 5}}, method="PUT")
        assert await sender.poller.once() == 1
        assert inbox.told[-1].state == "closed"


async def test_the_issue_is_found_when_it_is_closed_and_missed_when_it_is_deleted(redmine: Redmine) -> None:
    inbox = Inbox()
    for action in ("open", "open"):
        async with at_work("redmine", redmine.url, inbox, settings=SETTINGS, secrets=SECRETS) as sender:
            assert await sender.send(Lane.ALARM, [alarm_record(1, 2, action)]) == Accepted(1)
        redmine.ask(f"issues/{inbox.told[0].number}.json", {"issue": {"status_id": 5}}, method="PUT")
    assert len(redmine.issues(ref_of(2))) == 1
    assert inbox.states() == ["opened", "closed"]
    async with at_work("redmine", redmine.url, inbox, settings=SETTINGS, secrets=SECRETS) as sender:
        assert await sender.send(Lane.ALARM, [alarm_record(1, 2, "update")]) == Accepted(1)
        redmine.ask(f"issues/{inbox.told[0].number}.json", method="DELETE")
        assert await sender.send(Lane.ALARM, [alarm_record(2, 2, "resolve")]) == Accepted(1)
        assert redmine.issues(ref_of(2)) == []
        assert await sender.send(Lane.ALARM, [alarm_record(3, 2, "reopen")]) == Accepted(1)
        assert len(redmine.issues(ref_of(2))) == 1


async def test_what_it_refuses(redmine: Redmine, caplog: pytest.LogCaptureFixture) -> None:
    inbox = Inbox()
    async with at_work("redmine", redmine.url, inbox, settings=SETTINGS, secrets={"key": "b" * 40}) as sender:
        assert await sender.send(Lane.ALARM, [alarm_record(1, 3, "open")]) == Hold("http-401")
    # the site file is wrong: nothing is thrown away for that, and the log says what is the matter
    for wrong, word in (({"priority": {"P2": 99}}, "Priority"), ({"project": "nowhere"}, "Project")):
        async with at_work("redmine", redmine.url, inbox, settings=SETTINGS | wrong, secrets=SECRETS) as sender:
            for _ in range(2):
                assert await sender.send(Lane.ALARM, [alarm_record(1, 3, "open")]) == Hold("http-422")
        assert caplog.text.count(word) == 1
    assert inbox.told == []
