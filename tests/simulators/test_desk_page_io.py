"""The desk's page in a real browser: what it shows, that texts stay texts, that its buttons work, on a telephone too."""

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import PHONE_PX, WIDER, Tab, browser, needs_browser
from tests.simulators.desk_events import asks

pytestmark = needs_browser

ROOT = Path(__file__).parents[2]
EVIL = "<img src=x onerror=\"document.title='taken'\"><b>漏水</b>"
CARDS = """Object.fromEntries([...document.querySelectorAll('main section')].map(one =>
  [one.querySelector('h2').firstChild.data, [...one.querySelectorAll('article')].map(card => card.innerText)]))"""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    argv = [sys.executable, "-m", "simulators.desk", "--port", "0", "--db", str(tmp_path / "desk.db")]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        where = json.loads(process.stdout.readline())["url"]
        ask(f"{where}events", filled())
        yield where
        process.terminate()


def ask(url: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data), timeout=20) as answer:
        return json.load(answer)


def at(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def filled() -> list[dict[str, Any]]:
    """A ticket that is late, with everything a hostile device could say; one that recovered; a cause with 59 behind it."""
    guide = {"id": "leak", "title": EVIL, "steps": ["关闭进水阀", EVIL]}
    late = asks(1, "open", respond_by=at(-61), resolve_by=at(7000), team_name=EVIL, guide=guide, plan=guide, level=2)
    late["data"] |= {"title": EVIL, "location": {"text": EVIL}, "evidence": {EVIL: EVIL}}
    cause = asks(2, "open", "cause", "gw/link/a", respond_by=at(300), priority="P2")
    behind = [asks(n, "none", key=f"gw/d{n}/offline", why="cause", cause="gw/link/a") for n in range(3, 62)]
    over = [asks(62, "open", "over", "gw/door/open", priority="P3"), asks(63, "resolve", "over", "gw/door/open")]
    return [late, cause, *behind, *over]


async def seen(tab: Tab, expression: str) -> Any:
    """What an expression gives once it gives something."""
    async with asyncio.timeout(20):
        while not (found := await tab.look(expression)):
            await asyncio.sleep(0.05)
    return found


async def opened(tab: Tab, url: str, language: str) -> None:
    await tab.call("Runtime.enable")
    await tab.call("Page.navigate", url=f"{url}?lang={language}")
    await seen(tab, "document.querySelectorAll('article').length >= 3")


async def test_a_person_sees_what_matters_and_texts_stay_texts(url: str, tmp_path: Path) -> None:
    async with browser(tmp_path / "profile", this_machine=True) as tab:
        await tab.size(1400, 900)
        await opened(tab, url, "zh-CN")
        cards = await tab.look(CARDS)
        assert [len(cards[name]) for name in ("新工单", "已受理", "已派工", "已恢复", "已关闭")] == [2, 0, 0, 1, 0]
        late, cause = cards["新工单"]
        for text in ("P1", "#1", "! 超时 01:0", "升级 2", EVIL):
            assert text in late, text
        for text in ("P2", "响应 0", "+59 个告警"):
            assert text in cause, text
        assert "! 未受理" in cards["已恢复"][0]
        await tab.look("for (const one of document.querySelectorAll('summary')) one.click(); 1")
        assert "关闭进水阀" in await tab.look("document.querySelector('article').innerText")
        await seen(tab, "document.querySelectorAll('article')[1].querySelectorAll('li').length === 59")
        assert await tab.look("document.querySelectorAll('article img, article b').length") == 0
        assert await tab.look("document.title") == "工单台"
        await tab.look("document.querySelector('article .acts button.main').click(); 1")
        await seen(tab, "document.querySelectorAll('section')[1].querySelectorAll('article').length === 1")
        assert tab.messages("Runtime.exceptionThrown") == []
    assert ask(f"{url}api/tickets/1")["progress"] == "acknowledged"


async def test_on_a_telephone_one_stage_at_a_time_and_nothing_is_wider_than_the_screen(
    url: str, tmp_path: Path
) -> None:
    async with browser(tmp_path / "profile", this_machine=True) as tab:
        await tab.size(*PHONE_PX)
        await opened(tab, url, "en")
        shown = "[...document.querySelectorAll('article')].filter(one => one.offsetParent).length"
        assert await tab.look(shown) == 2
        await tab.look("for (const one of document.querySelectorAll('summary')) one.click(); 1")
        assert await tab.look("document.documentElement.scrollWidth") == PHONE_PX[0]
        assert [one for one in await tab.look(WIDER) if not one.startswith(("BUTTON", "NAV", "B "))] == []
        small = "[...document.querySelectorAll('button')].filter(b => b.offsetParent && b.offsetHeight < 40).length"
        assert await tab.look(small) == 0
        await tab.look("document.querySelectorAll('nav button')[3].click(); 1")
        assert await tab.look(shown) == 1
        await tab.look("document.querySelector('section.now article button.main').click(); 1")
        chips = "[...document.querySelectorAll('section.now .chip')].map(one => one.innerText).join()"
        await seen(tab, f"!{chips}.includes('not acknowledged')")
        assert tab.messages("Runtime.exceptionThrown") == []
    assert ask(f"{url}api/tickets/3")["progress"] == "acknowledged"
