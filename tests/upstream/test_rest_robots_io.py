"""Group robots: a local server that answers, limits and checks as WeCom's and DingTalk's do."""

import asyncio
import base64
import hashlib
import hmac
import re
import socket
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from edgegw.clock import ManualClock
from edgegw.model import Lane
from edgegw.upstream.outcome import Accepted, Hold, Outcome, Retry
from tests.upstream.fake_outbox import FakeOutbox
from tests.upstream.harness import running
from tests.upstream.rest_parts import Inbox, alarm_record, at_work, ref_of

KEY, SIGN = "693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa", "SEC0123456789"
WINDOW_NS = 60_000_000_000


class Robots:
    """Both kinds. The clock is the senders' own, so that minutes pass at once."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.texts: list[str] = []
        self.answer: dict[str, Any] | None = None
        self._gone: deque[int] = deque()
        self.url = ""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.clock.advance(seconds)

    async def wecom(self, request: web.Request) -> web.Response:
        """POST /cgi-bin/webhook/send?key=…"""
        if request.query.get("key") != KEY:
            return web.json_response({"errcode": 93000, "errmsg": "invalid webhook url, hint: [1]"})
        body = await request.json()
        text = body["markdown"]["content"]
        if body["msgtype"] != "markdown" or not 0 < len(text.encode()) <= 4096:
            return web.json_response({"errcode": 40058, "errmsg": "markdown.content exceed max length 4096"})
        return self._take(text, {"errcode": 45009, "errmsg": "api freq out of limit"})

    async def dingtalk(self, request: web.Request) -> web.Response:
        """POST /robot/send?access_token=…&timestamp=…&sign=…"""
        if request.query.get("access_token") != KEY:
            return web.json_response({"errcode": 400101, "errmsg": "access_token不存在"})
        stamp = request.query.get("timestamp", "")
        digest = hmac.new(SIGN.encode(), f"{stamp}\n{SIGN}".encode(), hashlib.sha256).digest()
        late = abs(int(stamp or 0) - self.clock.now().wall_ns // 1_000_000) > 3_600_000
        if late or request.query.get("sign") != base64.b64encode(digest).decode():
            return web.json_response({"errcode": 310000, "errmsg": "sign not match"})
        body = await request.json()
        if not body["markdown"]["title"] or len(body["markdown"]["text"].encode()) > 20000:
            return web.json_response({"errcode": 40035, "errmsg": "缺少参数 json"})
        return self._take(
            body["markdown"]["text"], {"errcode": 130101, "errmsg": "send too fast, exceed 20 times per minute"}
        )

    def _take(self, text: str, too_many: dict[str, object]) -> web.Response:
        now = self.clock.now().mono_ns
        while self._gone and now - self._gone[0] >= WINDOW_NS:
            self._gone.popleft()
        self._gone.append(now)
        if self.answer is not None:
            return web.json_response(self.answer)
        if len(self._gone) > 20:
            return web.json_response(too_many)
        self.texts.append(text)
        return web.json_response({"errcode": 0, "errmsg": "ok"})


@pytest.fixture
async def robots() -> AsyncIterator[Robots]:
    made = Robots()
    app = web.Application()
    app.router.add_post("/cgi-bin/webhook/send", made.wecom)
    app.router.add_post("/robot/send", made.dingtalk)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    sock = socket.create_server(("127.0.0.1", 0))
    made.url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    await web.SockSite(runner, sock).start()
    try:
        yield made
    finally:
        await runner.cleanup()


def robot(robots: Robots, kind: str, **more: Any) -> Any:
    secrets = {"key": KEY} if kind == "wecom" else {"token": KEY, "sign": SIGN}
    options = {"secrets": secrets, "clock": robots.clock, "sleep": robots.sleep} | more
    return at_work(kind, robots.url, Inbox(), **options)


@pytest.mark.parametrize("kind", ["wecom", "dingtalk"])
async def test_a_storm_is_told_whole_within_the_limits(robots: Robots, kind: str) -> None:
    """600 tickets: each once, in order, never more than 20 messages in any minute, none too long."""
    outbox = FakeOutbox([alarm_record(n, n, "open", title=f"水浸告警 {n} 号位") for n in range(1, 601)])
    async with robot(robots, kind) as sender:
        async with running(outbox, sender, lanes=(Lane.ALARM,)) as delivery, asyncio.timeout(30):
            while not outbox.empty("desk"):
                await asyncio.sleep(0.01)
        assert delivery.retries == {}
    told = re.findall(r"EG-[0-9A-Z]{8}", "".join(robots.texts))
    assert told == [ref_of(n) for n in range(1, 601)]
    assert len(robots.texts) > 20 if kind == "wecom" else len(robots.texts) >= 6
    counts = [int(found[1]) if (found := re.search(r"还有 (\d+) 条", text)) else 0 for text in robots.texts]
    assert counts[-1] == 0
    assert (max(counts) > 0) == (kind == "wecom"), "only WeCom's limit cuts a batch"


@pytest.mark.parametrize("kind", ["wecom", "dingtalk"])
async def test_hostile_words_neither_mention_nor_link(robots: Robots, kind: str) -> None:
    words = "<@all> [click](http://evil.test) **x** `y` </font>\n# big\n{{ 7*7 }} " + "长" * 100_000
    async with robot(robots, kind) as sender:
        assert await sender.send(Lane.ALARM, [alarm_record(1, 1, "open", title=words)]) == Accepted(1)
    (text,) = robots.texts
    assert "{{ 7＊7 }}" in text
    assert "<@" not in text
    assert "](" not in text
    assert "\n#" not in text.removeprefix("#### g1")
    assert len(text.encode()) <= 4096


@pytest.mark.parametrize(
    ("kind", "answer", "outcome"),
    [
        ("wecom", {"errcode": 45009, "errmsg": "api freq out of limit"}, Retry("code-45009", 60.0, answered=True)),
        ("wecom", {"errcode": -1, "errmsg": "system busy"}, Retry("code--1", answered=True)),
        ("wecom", {"errcode": 93000, "errmsg": "invalid webhook url"}, Hold("code-93000")),
        ("dingtalk", {"errcode": 130101, "errmsg": "send too fast"}, Retry("code-130101", 600.0, answered=True)),
        ("dingtalk", {"errcode": 410100, "errmsg": "发送速度太快而限流"}, Retry("code-410100", 600.0, answered=True)),
        ("dingtalk", {"errcode": 310000, "errmsg": "keywords not in content"}, Hold("code-310000")),
        ("dingtalk", {"unexpected": True}, Retry("bad-answer", answered=True)),
    ],
)
async def test_status_200_is_not_yet_yes(robots: Robots, kind: str, answer: dict[str, Any], outcome: Outcome) -> None:
    robots.answer = answer
    async with robot(robots, kind) as sender:
        assert await sender.send(Lane.ALARM, [alarm_record(1, 1, "open")]) == outcome


@pytest.mark.parametrize("kind", ["wecom", "dingtalk"])
async def test_only_what_people_wait_for_is_told(robots: Robots, kind: str) -> None:
    records = [
        alarm_record(n, n, action) for n, action in enumerate(["none", "update", "escalate", "resolve", "merge"], 1)
    ]
    async with robot(robots, kind) as sender:
        assert await sender.send(Lane.ALARM, records[:2]) == Accepted(2)
        assert robots.texts == []
        assert await sender.send(Lane.ALARM, records) == Accepted(5)
    (text,) = robots.texts
    assert "已升级" in text
    assert "已恢复" in text
    assert len(re.findall("EG-", text)) == 2


@pytest.mark.parametrize("kind", ["wecom", "dingtalk"])
async def test_the_key_in_the_url_is_told_to_nobody(
    robots: Robots, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with robot(robots, kind) as sender:
        robots.answer = {"errcode": 40035, "errmsg": f"no good: {KEY} {SIGN}"}
        said = [await sender.send(Lane.ALARM, [alarm_record(1, 1, "open")])]
        robots.answer = {"errcode": 400102 if kind == "dingtalk" else 93000, "errmsg": f"robot {KEY} is gone"}
        said.append(await sender.send(Lane.ALARM, [alarm_record(1, 1, "open")]))
    async with at_work(kind, "http://127.0.0.1:9", Inbox(), secrets={"key": KEY, "token": KEY}) as sender:
        said.append(await sender.send(Lane.ALARM, [alarm_record(1, 1, "open")]))
    assert "***" in str(said[0])
    assert "robot *** is gone" in caplog.text
    for text in (str(said), caplog.text):
        assert KEY not in text
        assert kind == "wecom" or SIGN not in text
