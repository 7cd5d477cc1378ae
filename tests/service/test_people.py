"""Ratings and requests: what counts, what asks for a ticket, and what is refused."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.clock import ManualClock
from edgegw.errors import EdgegwError
from edgegw.model import Lane
from edgegw.profiles.fields import Text
from edgegw.rules.wording import fill
from edgegw.service.people import Ratings, RatingSpec, word
from edgegw.service.people_requests import REQUESTS_MOST, Requests
from edgegw.service.specs import NS_PER_S
from edgegw.service.ticket import TicketState, TroubleView

CLOCK = ManualClock()
AT = CLOCK.now()
PANEL = RatingSpec(
    id="lobby",
    name=Text(zh="大堂服务", en="Lobby service"),
    device="panel",
    point="action",
    scores={"single": 5, "double": 3, "hold": 1},
    labels={"building": "3"},
    ticket_at=2,
)


def ticket(resolved_ago_s: float) -> TroubleView:
    return TroubleView(
        dedup_key="g1/leak/leak",
        ticket_id="t",
        ref="EG-23456789",
        title="Leak",
        category="water",
        priority="P2",
        team="works",
        subject="leak",
        active=False,
        state=TicketState.CLOSED,
        number="1042",
        resolved_ns=AT.wall_ns - round(resolved_ago_s * NS_PER_S),
    )


def rated(step) -> dict:
    (event,) = step.changes.events
    assert (event.type, event.lane, event.subject) == ("edgegw.service.rated", Lane.TELEMETRY, "panel")
    return msgspec.json.decode(event.data)


def test_a_rating_names_the_ticket_that_ended_last_there():
    asked = []

    def last(labels, category):
        asked.append((dict(labels), category))
        return ticket(3600)

    step = Ratings([PANEL], language="zh-CN", last_ticket=last).pressed("panel", "action", "single", AT)
    assert asked == [({"building": "3"}, "")]
    assert rated(step) == {
        "rating": "lobby",
        "name": "大堂服务",
        "score": 5,
        "at": "2026-01-01T00:00:00.000Z",
        "device": "panel",
        "location": {"text": "3号楼", "labels": {"building": "3"}},
        "ticket": {"ref": "EG-23456789", "number": "1042", "dedup_key": "g1/leak/leak", "category": "water"},
        "not_counted": 0,
    }
    assert (step.score, step.conditions) == (5, ())


@pytest.mark.parametrize("found", [None, ticket(86_401), ticket(-1), msgspec.structs.replace(ticket(1), resolved_ns=0)])
def test_no_ticket_is_named_where_none_ended_lately(found):
    step = Ratings([PANEL], language="en", last_ticket=lambda _labels, _category: found).pressed(
        "panel", "action", "single", AT
    )
    assert "ticket" not in rated(step)


def test_no_ticket_is_named_by_a_clock_that_is_not_trusted():
    step = Ratings([PANEL], language="en", last_ticket=lambda _l, _c: ticket(1)).pressed(
        "panel", "action", "single", msgspec.structs.replace(AT, synced=False)
    )
    assert "ticket" not in rated(step)
    assert rated(step)["clock_unsynced"] is True


def test_a_child_at_the_panel_counts_once_a_minute():
    ratings = Ratings([PANEL, msgspec.structs.replace(PANEL, id="more", point="more")], language="en")
    clock = ManualClock()
    events = []
    for _ in range(100):
        events += ratings.pressed("panel", "action", "hold", clock.now()).changes.events
        events += ratings.pressed("panel", "more", "single", clock.now()).changes.events
        clock.advance(0.1)
    assert len(events) == 1
    assert ratings.not_counted == 199
    clock.advance(60)
    assert rated(ratings.pressed("panel", "action", "single", clock.now()))["not_counted"] == 199
    clock.advance(60)
    assert rated(ratings.pressed("panel", "action", "single", clock.now()))["not_counted"] == 0


@pytest.mark.parametrize("value", ["", "triple", None, 7, True])
def test_what_is_no_score_says_nothing(value):
    step = Ratings([PANEL], language="en").pressed("panel", "action", value, AT)
    assert (step.changes.events, step.conditions, step.score) == ((), (), 0)


def test_a_bad_rating_asks_for_one_ticket_until_that_is_over():
    ratings = Ratings([PANEL], language="en", last_ticket=lambda _l, _c: ticket(60))
    (condition,) = ratings.pressed("panel", "action", "hold", AT).conditions
    assert (condition.key, condition.subject, condition.active, condition.category) == (
        "rating-lobby",
        "service",
        True,
        "water",
    )
    assert condition.evidence == {"value": 1, "rated_at": "2026-01-01T00:00:00.000Z", "ticket": "1042"}
    gone = ratings.ended("rating-lobby", AT)
    assert gone is not None
    assert (gone.key, gone.active) == ("rating-lobby", False)
    assert ratings.ended("rating-lobby", AT) is None
    assert Ratings([PANEL], language="en", raised=["rating-lobby", "request-1"]).ended("rating-lobby", AT) is not None


@pytest.mark.parametrize(
    ("language", "title"), [("zh-CN", "大堂服务评价低：1 分（满分 5 分）"), ("en", "Lobby service: rated 1 of 5")]
)
def test_title_of_a_bad_rating(language, title):
    (condition,) = Ratings([PANEL], language=language).pressed("panel", "action", "hold", AT).conditions
    values = {"device": condition.owner, "value": str(condition.evidence["value"])}
    assert fill(condition.title.of(language), values) == title


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (5, "5"), (5.0, "5"), (0.5, "0.5"), ("single", "single")])
def test_values_as_words(value, text):
    assert word(value) == text


# --- requests -------------------------------------------------------------------------------------------------------------


def take(requests: Requests, id_: str = "r-1", **more):
    given = {"category": "water", "title": "水龙头漏水", "at": AT, **more}
    return requests.take(id_, **given)


def test_a_request_is_a_condition():
    condition = take(
        Requests(language="zh-CN"),
        description="厨房\n一直滴水",
        labels={"building": "3", "room": "502"},
        contact="138…",
        priority="P3",
        by="app",
    )
    assert condition is not None
    assert (condition.key, condition.subject, condition.active) == ("request-r-1", "service", True)
    assert (condition.category, condition.priority) == ("water", "P3")
    assert condition.title.of("zh-CN") == condition.title.of("en") == "水龙头漏水"
    assert condition.location is not None
    assert condition.location.text == "3号楼 502室"
    assert condition.evidence == {
        "request": "r-1",
        "description": "厨房\n一直滴水",
        "contact": "138…",
        "by": "app",
        "asked_at": "2026-01-01T00:00:00.000Z",
    }


def test_a_title_fills_in_nothing():
    condition = take(Requests(language="en"), title="  {device}\u3000leaks {value} ")
    assert condition is not None
    assert fill(condition.title.en, {"device": "X", "value": "Y"}) == "(device) leaks (value)"


def test_a_request_sent_twice_is_one_and_over_once():
    requests = Requests(language="en", raised=["request-old", "rating-x"])
    assert requests.is_open("old")
    assert take(requests) is not None
    assert take(requests, title="another") is None
    assert len(requests) == 2
    gone = requests.withdrawn("r-1", AT)
    assert gone is not None
    assert gone.active is False
    assert requests.ended("request-r-1", AT) is None
    assert requests.ended("rating-x", AT) is None
    with pytest.raises(EdgegwError, match="used-id"):
        take(requests)


def test_so_many_may_be_open():
    requests = Requests(language="en")
    for i in range(REQUESTS_MOST):
        assert take(requests, f"r-{i}") is not None
    with pytest.raises(EdgegwError, match="too-many"):
        take(requests, "one-more")
    assert take(requests, "r-5") is None
    assert requests.withdrawn("r-5", AT) is not None
    assert take(requests, "one-more") is not None


BAD = [
    ("id", {"id_": "a b"}),
    ("id", {"id_": "x" * 65}),
    ("title", {"title": " "}),
    ("title", {"title": "x" * 101}),
    ("title", {"title": "two\nlines"}),
    ("description", {"description": "x" * 2001}),
    ("description", {"description": "bell\x07"}),
    ("contact", {"contact": "x" * 101}),
    ("labels", {"labels": {f"l{i}": "1" for i in range(17)}}),
    ("labels", {"labels": {"room": ""}}),
    ("labels", {"labels": {"room": "a\nb"}}),
    ("priority", {"priority": "P5"}),
]


@pytest.mark.parametrize(("what", "given"), BAD)
def test_what_is_no_request_is_refused_and_changes_nothing(what, given):
    requests = Requests(language="en")
    with pytest.raises(EdgegwError, match=f"^bad-request: {what}: ") as error:
        take(requests, **given)
    assert len(requests) == 0
    assert len(str(error.value)) < 120


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=30))
def test_each_request_is_raised_once_and_cleared_once(acts):
    requests = Requests(language="en")
    said: dict[str, list[bool]] = {}
    for id_, asks in acts:
        try:
            condition = take(requests, id_) if asks else requests.withdrawn(id_, AT)
        except EdgegwError:  # used-id
            continue
        if condition is not None:
            said.setdefault(id_, []).append(condition.active)
    assert all(active in ([True], [True, False]) for active in said.values())
