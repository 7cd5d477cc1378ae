"""Kind rest against a ticket system in memory: never two issues for one ticket, never none."""

from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgegw.clock import ManualClock
from edgegw.mappings.answers import Again, Answer
from edgegw.mappings.compiled import Request
from edgegw.model import Lane, Record
from edgegw.service.ticket import TicketState
from edgegw.upstream.outcome import Accepted, Hold, Outcome, Refused, Retry
from edgegw.upstream.rest.sender import RestSender
from tests.upstream.fake_outbox import record as any_record
from tests.upstream.rest_desk import Desk, Fault
from tests.upstream.rest_parts import Inbox, alarm_record, ref_of, sender_for

SETTINGS, SECRETS = {"project": "garden"}, {"key": "s3cret-key"}


class World:
    """A desk, an inbox, and the senders of one process after the other."""

    def __init__(self, settle_s: float = 2.0) -> None:
        self.clock = ManualClock()
        self.desk = Desk(self.clock)
        self.inbox = Inbox()
        self.settle_s = settle_s
        self.sender = self.start()

    def start(self) -> RestSender:
        """A new process: nothing is known but the inbox."""
        self.sender = sender_for(
            "redmine", self.desk, self.inbox, settings=SETTINGS, secrets=SECRETS, clock=self.clock, settle_s=self.settle_s,
            sleep=self.desk.sleep,
        )  # fmt: skip
        return self.sender

    async def send(self, record: Record) -> Outcome:
        return await self.sender.send(Lane.ALARM, [record])

    def faults(self, *faults: Fault) -> None:
        """What happens to the next requests; then all goes well."""
        row: Iterator[Fault] = chain(faults, repeat(""))
        self.desk.fault = lambda _request: next(row)


async def test_the_number_is_handed_in_before_the_record_counts() -> None:
    world = World()
    world.inbox.fails = 1
    assert await world.send(alarm_record(1, 1, "open")) == Retry("store-full", answered=True)
    assert await world.send(alarm_record(1, 1, "open")) == Accepted(1)
    assert [(u.number, u.state, u.url) for u in world.inbox.told] == [
        ("100", "opened", "http://desk.test/t/issues/100")
    ]
    assert len(world.desk.issues) == 1


@pytest.mark.parametrize("action", ["none", "invented"])
async def test_what_asks_for_nothing_asks_nobody(action: str) -> None:
    world = World()
    assert await world.send(alarm_record(1, 1, action)) == Accepted(1)
    assert await world.send(any_record(1, Lane.ALARM)) == Accepted(1)
    assert await world.sender.send(Lane.TELEMETRY, [any_record(1)]) == Accepted(1)
    assert world.desk.requests == []


async def test_data_that_are_no_alarm_are_refused() -> None:
    said = await World().send(any_record(1, Lane.ALARM, data=b'{"ticket": {"action": "open"}}'))
    assert isinstance(said, Refused)
    assert said.reason == "bad-data"


@pytest.mark.parametrize(
    ("faults", "outcome"),
    [
        (["refused"], Retry("unreachable")),
        (["429"], Retry("http-429", 7.0, answered=True)),
        (["", "", "after"], Retry("timeout")),
        (["500-before"], Retry("http-502", answered=True)),
        (["page"], Retry("incomplete-answer", answered=True)),
    ],
)
async def test_what_goes_wrong_is_tried_again(faults: list[Fault], outcome: Outcome) -> None:
    world = World()
    world.faults(*faults)
    assert await world.send(alarm_record(1, 1, "open")) == outcome
    assert await world.send(alarm_record(1, 1, "open")) == Accepted(1)
    assert world.desk.with_ref(ref_of(1)) == [100]


async def test_a_late_create_is_waited_for_once() -> None:
    world = World()
    world.clock.advance(10)  # long after the start
    world.faults("", "late")
    record = alarm_record(1, 1, "open")
    assert await world.send(record) == Retry("timeout")
    before = world.clock.now().mono_ns
    assert await world.send(record) == Accepted(1)
    assert world.desk.with_ref(ref_of(1)) == [100]
    assert world.clock.now().mono_ns - before == 2_000_000_000
    assert await world.send(alarm_record(2, 2, "open")) == Accepted(1)
    assert world.clock.now().mono_ns - before == 2_000_000_000, "no doubt, no wait"


FAULTS: list[Fault] = ["", "refused", "before", "after", "500-before", "500-after", "429", "late", "page"]


@given(
    st.lists(
        st.tuples(st.integers(1, 3), st.sampled_from(["open", "escalate", "resolve", "reopen"])), min_size=1, max_size=6
    ),
    st.lists(st.sampled_from(FAULTS), max_size=8),
    st.lists(st.sampled_from(FAULTS), max_size=20),
    st.lists(st.booleans(), max_size=25),
)
@example([(1, "open")], ["late"], [], [])
@example([(1, "open")], ["late"], [], [False, True])
@example([(1, "escalate")], ["after"], [], [False, True])
async def test_any_lost_answers_and_any_restarts_leave_one_issue(
    work: list[tuple[int, str]], creates: list[Fault], others: list[Fault], kills: list[bool]
) -> None:
    world = World()
    rows = {True: chain(creates, repeat("")), False: chain(others, repeat(""))}
    world.desk.fault = lambda request: next(rows[request.method == "POST"])
    killed: Iterator[bool] = chain(kills, repeat(False))
    for seq, (n, action) in enumerate(work, 1):
        record = alarm_record(seq, n, action)
        for _ in range(200):
            if next(killed):
                world.start()
            outcome = await world.send(record)
            assert not isinstance(outcome, Refused | Hold)
            if outcome == Accepted(1):
                break
        else:
            pytest.fail("never accepted")
    world.clock.advance(60)
    world.desk.arrive()
    for n in {n for n, _ in work}:
        wanted = any(m == n and action != "resolve" for m, action in work)
        found = world.desk.with_ref(ref_of(n))
        assert len(found) == (1 if wanted else 0)
        assert {u.number for u in world.inbox.told if u.ticket_id.endswith(f"{n:012d}")} == {str(x) for x in found}


async def test_an_action_uses_the_number_it_knows() -> None:
    world = World()
    await world.send(alarm_record(1, 1, "open"))
    asked = len(world.desk.requests)
    await world.send(alarm_record(2, 1, "escalate"))
    assert [r.method for r in world.desk.requests[asked:]] == ["PUT"]
    world.start()
    await world.send(alarm_record(3, 1, "resolve", ticket={"number": "777"}))
    assert [r.method for r in world.desk.requests[asked + 1 :]] == ["GET", "PUT"], "that number may be another desk's"
    assert world.desk.issues[100]["status"] == {"name": "Resolved"}


@pytest.mark.parametrize(
    "body", ['"}], "admin": true, "x": [{"y": "', "{{ 7 * 7 }}", "{% raw %}", "a\x00b", "عربى\u202ex", "长" * 100_000]
)
async def test_words_stay_words(body: str) -> None:
    world = World()
    assert await world.send(alarm_record(1, 1, "open", title=body, name=body, evidence={"said": body})) == Accepted(1)
    subject = str(world.desk.issues[100]["subject"])
    assert len(subject) <= 255
    plain = body.replace("\x00", "").replace("\u202e", "")
    assert subject.removeprefix(f"[{ref_of(1)}] P2 ").rstrip("…") in plain
    assert len(world.desk.requests[-1].body or b"") < 64 * 1024


async def test_no_secret_is_told(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    key = SECRETS["key"]

    class Echo(Desk):
        """Answers with what it was sent."""

        status = 400

        async def ask(self, request: Request) -> Answer | Again:
            return Answer(self.status, {}, f"who is {request.headers['X-Redmine-API-Key']}?".encode())

    said: list[Any] = []
    for status in (400, 403):
        world.desk = Echo(world.clock)
        world.desk.status = status
        world.start()
        said.append(await world.send(alarm_record(1, 1, "open")))
    assert said[0] == Refused("http-400", "find, GET /issues.json: who is ***?")
    assert said[1] == Hold("http-403")
    assert "who is ***?" in caplog.text
    assert key not in caplog.text


# --- polls --------------------------------------------------------------------------------------------------------------


async def test_a_poll_hands_in_what_is_news() -> None:
    world = World()
    poll = world.sender.poller.once
    for n in (1, 2):
        await world.send(alarm_record(n, n, "open"))
    assert await poll() == 0
    world.desk.issues[100]["status"] = {"name": "in progress"}
    world.desk.issues[100]["assigned_to"] = {"name": "王工"}
    world.desk.issues[101]["status"] = {"name": "已关闭"}
    assert await poll() == 2
    assert [(u.number, u.state, u.assignee) for u in world.inbox.told[2:]] == [
        ("100", "assigned", "王工"),
        ("101", "closed", ""),
    ]
    assert await poll() == 0
    world.desk.issues[100]["status"] = {"name": "Parked"}
    assert await poll() == 0, "a word the mapping does not know"


async def test_closed_twice_is_told_twice() -> None:
    """Closed by a person, opened again by us, closed again."""
    world = World()
    poll = world.sender.poller.once
    await world.send(alarm_record(1, 1, "open"))
    for _ in range(2):
        world.desk.issues[100]["status"] = {"name": "Closed"}
        assert await poll() == 1
        view = next(iter(world.inbox.views.values()))
        world.inbox.views[view.ticket_id] = _as(view, TicketState.REQUESTED)
        assert await poll() == 0, "told already; our reopening is on its way"
        await world.send(alarm_record(2, 1, "reopen"))
        assert await poll() == 1
        assert world.inbox.told[-1].state == "opened"


async def test_a_poll_that_began_before_an_action_says_nothing_of_it() -> None:
    world = World()
    await world.send(alarm_record(1, 1, "open"))
    world.desk.issues[100]["status"] = {"name": "Closed"}
    asked = world.desk.ask

    async def meanwhile(request: Request) -> Answer | Again:
        answer = await asked(request)
        world.desk.ask = asked  # type: ignore[method-assign] # once
        await world.send(alarm_record(2, 1, "reopen"))
        return answer

    world.desk.ask = meanwhile  # type: ignore[method-assign] # a poll that takes long
    assert await world.sender.poller.once() == 0


async def test_a_number_of_another_desk_is_not_believed() -> None:
    world = World()
    await world.send(alarm_record(1, 1, "open"))
    view = next(iter(world.inbox.views.values()))
    world.desk.issues[55] = {"subject": "coffee machine", "status": {"name": "Closed"}}
    world.inbox.views["other"] = _as(view, TicketState.OPENED, ticket_id="other", ref=ref_of(9), number="55")
    assert await world.sender.poller.once() == 0


async def test_a_poll_that_fails_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    await world.send(alarm_record(1, 1, "open"))
    world.desk.issues[100]["status"] = {"name": "Closed"}
    world.faults("500-before", "500-before")
    assert [await world.sender.poller.once() for _ in range(3)] == [0, 0, 1]
    assert caplog.text.count("the poll for ticket states failed: http-502") == 1
    world.inbox.fails = 1
    world.desk.issues[100]["status"] = {"name": "New"}
    world.inbox.views[world.inbox.told[0].ticket_id] = _as(next(iter(world.inbox.views.values())), TicketState.RESOLVED)
    assert [await world.sender.poller.once() for _ in range(2)] == [0, 1]


def _as(view: Any, state: TicketState, **more: str) -> Any:
    import msgspec

    return msgspec.structs.replace(view, state=state, **more)
