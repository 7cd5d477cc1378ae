"""Tickets, maintenance, requests and patrols over a real loopback socket."""

import json

import pytest

from edgegw.api.routes import TICKETS_BYTES
from edgegw.service.ticket import TicketState
from tests.api.fakes import CREATED_NS, MINUTE_NS, FakeBackend, client, make_token, serving, trouble

TICKETS = "/api/v1/tickets"
MAINTENANCE = "/api/v1/maintenance"
REQUESTS = "/api/v1/requests"
CHECKINS = "/api/v1/patrols/checkins"

REQUEST = {
    "id": "WX-20260101:7",
    "category": "cleaning",
    "title": "三楼有水渍",
    "place": {"building": "3"},
    "priority": "P3",
}


def audited(backend: FakeBackend) -> list[tuple]:
    told = [json.loads(event.data) for event in backend.audited]
    return [(one["method"], one["route"].removeprefix("/api/v1/"), one["target"], one["status"]) for one in told]


async def answer(request) -> tuple[int, dict]:
    async with request as reply:
        return reply.status, await reply.json()


async def test_an_alarm_shows_its_ticket_and_the_priority_that_counts(backend, path):
    backend.service.views["g/meter-1/offline"] = trouble(
        state=TicketState.ACKNOWLEDGED, number="4711", assignee="李", acknowledged_ns=CREATED_NS + MINUTE_NS, level=1
    )
    secret = make_token(path, "read")
    async with serving(backend, path) as server, client(server, secret) as http:
        _, found = await answer(http.get("/api/v1/alarms"))
    assert found["at"] == "2026-01-01T00:00:00Z"
    [alarm] = found["alarms"]
    assert alarm["priority"] == "P2"
    assert alarm["ticket"] == {
        "id": "01234567-89ab-7def-8123-456789abcdef", "ref": "EG-7K2M9QXA", "state": "acknowledged", "why": "", "cause": "",
        "priority": "P2", "team": "maintenance", "number": "4711", "url": "", "assignee": "李", "level": 1, "occurrences": 1,
        "respond_by": "2026-01-01T00:15:00Z", "resolve_by": "2026-01-01T02:00:00Z", "acknowledged_at": "2026-01-01T00:01:00Z",
    }  # fmt: skip


async def test_an_alarm_without_a_trouble_or_a_catalogue_has_no_ticket(backend, path):
    backend.service.views.clear()
    secret = make_token(path, "read")
    for service in (backend.service, None):
        async with serving(backend, path, service=service) as server, client(server, secret) as http:
            _, found = await answer(http.get("/api/v1/alarms"))
        assert (found["alarms"][0]["priority"], found["alarms"][0]["ticket"]) == ("P3", None)


async def test_troubles_by_urgency_and_by_what_is_asked(backend, path):
    views = backend.service.views
    views["b"] = trouble(
        "b/x", priority="P1", ref="EG-BBBBBBBB", ticket_id="t-b", state=TicketState.RESOLVED, active=False
    )
    views["c"] = trouble(
        "c/x", ref="EG-CCCCCCCC", ticket_id="t-c", state=TicketState.HELD, why="maintenance", respond_by_ns=0
    )
    secret = make_token(path, "read")
    async with serving(backend, path) as server, client(server, secret) as http:

        async def refs(query=""):
            status, found = await answer(http.get(TICKETS + query))
            assert status == 200
            return [one["ref"] for one in found["tickets"]]

        assert await refs() == ["EG-BBBBBBBB", "EG-CCCCCCCC", "EG-7K2M9QXA"]
        assert await refs("?state=held") == ["EG-CCCCCCCC"]
        assert await refs("?active=false") == ["EG-BBBBBBBB"]
        assert await refs("?active=true&state=resolved") == []
        for wrong in ("?state=lost", "?active=yes", "?team=x", "?state=held&state=held"):
            assert (await answer(http.get(TICKETS + wrong)))[0] == 422
        for name in ("EG-CCCCCCCC", "t-c"):
            status, one = await answer(http.get(f"{TICKETS}/{name}"))
            assert (status, one["dedup_key"], one["why"], one["respond_by"]) == (200, "g/c/x", "maintenance", None)
        for name in ("EG-NONE2345", "%0A", "a" * 65):
            status, one = await answer(http.get(f"{TICKETS}/{name}"))
            assert (status, one["reason"]) == (404, "unknown-ticket")
    assert backend.audited == []


async def test_a_ticket_system_says_what_became_of_its_tickets(backend, path):
    secret = make_token(path, "tickets")
    known = {"dedup_key": "g/meter-1/offline", "state": "opened", "number": "4711", "version": 3, "project": "ours"}
    other = {"dedup_key": "g/gone/x", "state": "closed"}
    async with serving(backend, path) as server, client(server, secret) as http:
        for _ in range(2):
            said = await answer(http.post(TICKETS, json={"tickets": [known, other], "next": "x"}))
            assert said == (200, {"taken": 1, "unknown": 1})
        assert [(one.dedup_key, one.state, one.version) for one in backend.service.said[:2]] == [
            ("g/meter-1/offline", "opened", 3), ("g/gone/x", "closed", 0),
        ]  # fmt: skip
        count = len(backend.service.said)
        for wrong in (
            {},
            {"tickets": [known, {**other, "state": "merged"}]},
            {"tickets": [{**known, "version": -1}]},
            {"tickets": [{**known, "dedup_key": ""}]},
            {"tickets": [other] * 1001},
        ):
            assert (await answer(http.post(TICKETS, json=wrong)))[0] == 422
        most = {"tickets": [{**known, "number": "4" * 64, "note": "n" * 500, "url": "u" * 300}] * 1000}
        assert 900_000 < len(json.dumps(most)) < TICKETS_BYTES
        assert await answer(http.post(TICKETS, json=most)) == (200, {"taken": 1000, "unknown": 0})
        large = b" " * (TICKETS_BYTES + 1)
        assert (await answer(http.post(TICKETS, data=large, headers={"Content-Type": "application/json"})))[0] == 413
        backend.service.store_down = True
        status, told = await answer(http.post(TICKETS, json={"tickets": [known]}))
        assert (status, told["reason"]) == (503, "store")
    assert len(backend.service.said) == count + 1000
    assert audited(backend)[0] == ("POST", "tickets", "", 200)


async def test_maintenance_is_declared_seen_and_ended(backend, path):
    secret = make_token(path, "read", "maintenance", name="duty")
    body = {"scope": "device", "target": "meter-1", "reason": "换电池", "minutes": 120}
    async with serving(backend, path) as server, client(server, secret) as http:
        status, window = await answer(http.post(MAINTENANCE, json=body))
        assert (status, window) == (
            200,
            {"id": "w-device-1", "scope": "device", "target": "meter-1", "reason": "换电池", "by": "duty",
             "began": "2026-01-01T00:00:00Z", "until": "2026-01-01T02:00:00Z"},
        )  # fmt: skip
        again = {**body, "minutes": None, "until": "2026-01-31T08:00:00+08:00"}
        status, window = await answer(http.post(MAINTENANCE, json=again))
        assert (status, window["id"], window["until"]) == (200, "w-device-2", "2026-01-31T00:00:00Z")
        place = {"scope": "place", "target": " floor=2 , building=3", "reason": "x", "minutes": 1}
        status, window = await answer(http.post(MAINTENANCE, json=place))
        assert (status, window["target"]) == (200, "floor=2,building=3")
        status, window = await answer(http.post(MAINTENANCE, json={"scope": "gateway", "reason": "x", "minutes": 1}))
        assert (status, window["target"]) == (200, "gateway")
        _, found = await answer(http.get(MAINTENANCE))
        assert [one["scope"] for one in found["windows"]] == ["device", "device", "place", "gateway"]
        assert await answer(http.delete(f"{MAINTENANCE}/w-device-1")) == (200, {"ended": True})
        for gone in ("w-device-1", "%0A"):
            status, told = await answer(http.delete(f"{MAINTENANCE}/{gone}"))
            assert (status, told["reason"]) == (404, "unknown-window")
    assert "w-device-1" not in backend.service.kept
    assert audited(backend) == [
        ("POST", "maintenance", "device/meter-1", 200),
        ("POST", "maintenance", "device/meter-1", 200),
        ("POST", "maintenance", "place/ floor=2 , building=3", 200),
        ("POST", "maintenance", "gateway/", 200),
        ("DELETE", "maintenance/{id}", "w-device-1", 200),
        ("DELETE", "maintenance/{id}", "w-device-1", 404),
        ("DELETE", "maintenance/{id}", "\n", 404),
    ]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"minutes": None}, 422), ({"until": "2026-01-02T00:00:00Z"}, 422), ({"minutes": 0}, 422), ({"minutes": 43_201}, 422),
        ({"minutes": None, "until": "2026-01-31T00:00:01Z"}, 422), ({"minutes": None, "until": "2026-01-01T00:00:00Z"}, 422),
        ({"reason": " "}, 422), ({"reason": "a\nb"}, 422), ({"reason": "a\n"}, 422), ({"reason": "\x9b31m"}, 422),
        ({"reason": "r" * 201}, 422), ({"scope": "world"}, 422), ({"forever": True}, 422),
        ({"target": "none"}, 404), ({"target": ""}, 404), ({"target": "METER"}, 404), ({"scope": "gateway"}, 404),
        ({"scope": "place"}, 404), ({"scope": "place", "target": "a=1,a=2"}, 404), ({"scope": "place", "target": "a="}, 404),
        ({"scope": "place", "target": ",".join(f"n{i}=1" for i in range(17))}, 404),
    ],
)  # fmt: skip
async def test_maintenance_that_is_refused(backend, path, changes, status):
    secret = make_token(path, "maintenance")
    body = {"scope": "device", "target": "meter-1", "reason": "x", "minutes": 5, **changes}
    async with serving(backend, path) as server, client(server, secret) as http:
        assert (await answer(http.post(MAINTENANCE, json=body)))[0] == status
    assert backend.service.kept == {}


async def test_while_the_clock_is_not_set_maintenance_has_a_length_and_no_date(backend, path, clock):
    clock.set_wall(clock.now().wall_ns, synced=False)
    secret = make_token(path, "maintenance")
    body = {"scope": "device", "target": "meter-1", "reason": "x"}
    async with serving(backend, path) as server, client(server, secret) as http:
        status, told = await answer(http.post(MAINTENANCE, json={**body, "until": "2026-01-02T00:00:00Z"}))
        assert (status, told["reason"]) == (503, "clock-untrusted")
        assert (await answer(http.post(MAINTENANCE, json={**body, "minutes": 5})))[0] == 200


async def test_a_request_becomes_a_ticket_and_is_withdrawn(backend, path):
    secret = make_token(path, "requests", name="front-desk")
    async with serving(backend, path) as server, client(server, secret) as http:
        for _ in range(2):
            status, taken = await answer(http.post(REQUESTS, json=REQUEST))
            assert (status, taken["id"], taken["ticket"]["ref"]) == (200, "WX-20260101:7", "EG-REQ2EST7")
            assert taken["ticket"]["title"] == "三楼有水渍"
        status, told = await answer(http.post(REQUESTS, json={**REQUEST, "id": "x", "category": "none"}))
        assert (status, told["reason"]) == (404, "unknown-category")
        assert await answer(http.delete(f"{REQUESTS}/WX-20260101:7")) == (200, {"withdrawn": True})
        status, told = await answer(http.delete(f"{REQUESTS}/WX-20260101:7"))
        assert (status, told["reason"], told["id"]) == (404, "unknown-request", "WX-20260101:7")
        status, told = await answer(http.post(REQUESTS, json=REQUEST))
        assert (status, told["reason"], told["id"]) == (409, "used-id", "WX-20260101:7")
    assert set(backend.service.by) == {"front-desk"}
    assert audited(backend)[0] == ("POST", "requests", "WX-20260101:7", 200)
    assert audited(backend)[-3:] == [
        ("DELETE", "requests/{id}", "WX-20260101:7", 200),
        ("DELETE", "requests/{id}", "WX-20260101:7", 404),
        ("POST", "requests", "WX-20260101:7", 409),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ""}, {"id": "a\n"}, {"id": ".."}, {"id": "a" * 65}, {"category": "清洁"}, {"title": " "}, {"title": "t" * 101},
        {"title": "a\x1b[2J"}, {"title": "a\n"}, {"description": "\x00"}, {"place": {"Building": "3"}},
        {"place": {f"n{i}": "1" for i in range(17)}}, {"contact": "a\n"}, {"priority": "P0"}, {"team": "x"},
        {"place": {"floor": "3\n"}},
    ],
)  # fmt: skip
async def test_a_request_that_is_refused(backend, path, changes):
    secret = make_token(path, "requests")
    async with serving(backend, path) as server, client(server, secret) as http:
        assert (await answer(http.post(REQUESTS, json={**REQUEST, **changes})))[0] == 422
        lines = {**REQUEST, "description": "二楼\n三楼\t\r\n"}
        assert (await answer(http.post(REQUESTS, json=lines)))[0] == 200
    assert [one.title for one in backend.service.requests.values()] == ["三楼有水渍"]


async def test_patrols_and_check_ins(backend, path):
    secret = make_token(path, "read", "patrol", name="app")
    body = {
        "id": "c-1",
        "point": "gate",
        "plan": "night",
        "who": "王",
        "tag": "04A2B3C4D5E6F7",
        "at": "2026-01-01T00:05:00Z",
    }
    async with serving(backend, path) as server, client(server, secret) as http:
        _, found = await answer(http.get("/api/v1/patrols"))
        day, night = found["plans"]
        assert day == {
            "plan": "day", "name": "日巡", "round": None, "next": "2026-01-01T00:30:00Z", "missed": True, "last": None,
        }  # fmt: skip
        assert night["round"]["started"] == "2026-01-01T00:00:00Z"
        gate, roof = night["round"]["points"]
        assert gate == {
            "point": "gate", "name": "大门", "state": "late", "due": "2026-01-01T00:30:00Z",
            "by": "2026-01-01T00:31:00Z", "who": "王",
        }  # fmt: skip
        assert (roof["state"], roof["due"]) == ("due", None)
        assert (night["last"]["id"], night["last"]["ended"]) == ("night/r0", "2025-12-31T01:00:00Z")
        result = {"plan": "night", "round": "night/r1", "point": "gate", "result": "out-of-order", "also": ["late"]}
        taken = {"taken": True, "round": "night/r1", "results": [result]}
        assert await answer(http.post(CHECKINS, json=body)) == (200, taken)
        backend.service.results = [("repeated", ())]
        status, told = await answer(http.post(CHECKINS, json=body))
        assert (status, told["taken"], told["round"], told["results"][0]["result"]) == (200, False, "", "repeated")
        backend.service.results = []
        said = await answer(http.post(CHECKINS, json=body))
        assert said == (200, {"taken": False, "round": "", "results": []})
        status, told = await answer(http.post(CHECKINS, json={**body, "point": "moon"}))
        assert (status, told["reason"]) == (404, "unknown-point")
        for wrong in ({"who": ""}, {"who": "a\n"}, {"tag": "t" * 129}, {"id": "a b"}, {"at": "1960-01-01T00:00:00Z"}):
            assert (await answer(http.post(CHECKINS, json={**body, **wrong})))[0] == 422
    assert backend.service.checkins["c-1"].tag == "04A2B3C4D5E6F7"
    assert audited(backend)[0] == ("POST", "patrols/checkins", "night/gate", 200)
    assert not any(b"04A2B3" in event.data for event in backend.audited)


ACTS = [
    ("tickets", "POST", TICKETS, {"tickets": []}),
    ("maintenance", "POST", MAINTENANCE, {"scope": "gateway", "reason": "x", "minutes": 1}),
    ("maintenance", "DELETE", f"{MAINTENANCE}/w-1", None),
    ("requests", "POST", REQUESTS, REQUEST),
    ("requests", "DELETE", f"{REQUESTS}/r-1", None),
    ("patrol", "POST", CHECKINS, {"id": "c", "point": "gate", "who": "w"}),
]


async def test_each_act_has_its_own_scope_and_where_there_is_no_catalogue_nothing_is_done(backend, path):
    words = ("read", "events", "credentials", "tickets", "maintenance", "requests", "patrol", "admin")
    async with serving(backend, path, service=None, rate=1000, burst=1000) as server:
        for scope, method, url, body in ACTS:
            others = make_token(path, *(word for word in words if word != scope), name=f"not-{scope}-{method}")
            right = make_token(path, scope, name=f"{scope}-{method}")
            backend.clock.advance(1)
            async with client(server, others) as http:
                status, told = await answer(http.request(method, url, json=body))
                assert (status, told["reason"]) == (403, "forbidden")
            async with client(server, right) as http:
                status, told = await answer(http.request(method, url, json=body))
                assert (status, told["reason"]) == (404, "no-service")
        secret = make_token(path, "read", name="looks")
        backend.clock.advance(1)
        async with client(server, secret) as http:
            for url in (TICKETS, f"{TICKETS}/EG-7K2M9QXA", MAINTENANCE, "/api/v1/patrols"):
                status, told = await answer(http.get(url))
                assert (status, told["reason"]) == (404, "no-service")
    assert len(audited(backend)) == 2 * len(ACTS)


async def test_nothing_of_it_acts_by_get_or_by_what_a_form_can_send(backend, path):
    secret = make_token(path, "read", "tickets", "maintenance", "requests", "patrol")
    async with serving(backend, path, rate=1000, burst=1000) as server, client(server, secret) as http:
        for _, method, url, body in ACTS:
            if method == "DELETE":
                for other in ("GET", "POST", "PUT", "OPTIONS"):
                    async with http.request(other, url) as reply:
                        assert (reply.status, reply.headers["Allow"]) == (405, "DELETE")
                continue
            for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
                sent = http.post(url, data=json.dumps(body), headers={"Content-Type": kind})
                assert (await answer(sent))[0] == 415
            assert (await answer(http.post(f"{url}?sure=true", json=body)))[0] == 422
    assert backend.service.by == []
    assert backend.service.said == []
