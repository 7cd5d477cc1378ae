"""The report in a real browser: on a telephone nothing is wider than the screen, every plot is there, no request leaves it."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from edgegw.report.page import html
from edgegw.report.show import Show
from tests.report import history

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PHONE_PX = (390, 844)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

WIDER = """(() => {
  const wide = document.documentElement.clientWidth;
  return [...document.querySelectorAll('body *')].filter(one => {
    const box = one.getBoundingClientRect();
    return box.right > wide + 0.5 || one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0;
  }).filter(one => !one.closest('svg')).map(one => one.tagName + ' ' + one.textContent.slice(0, 60));
})()"""

PLOTS = """[...document.querySelectorAll('svg.chart')].map(one => {
  const box = one.getBoundingClientRect();
  const texts = [...one.querySelectorAll('text')].map(text => text.getBoundingClientRect());
  return {
    name: one.getAttribute('aria-label'), width: box.width, height: box.height,
    shapes: one.querySelectorAll('rect, circle').length,
    smallest: Math.min(...texts.map(text => text.height)),
    outside: texts.filter(text => text.left < 0 || text.right > document.documentElement.clientWidth).length,
  };
})"""


class Tab:
    """A page of the browser, over the DevTools protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._last = 0
        self.told: list[dict[str, Any]] = []

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._last += 1
        await self._socket.send_json({"id": self._last, "method": method, "params": params})
        while True:
            message = await self._socket.receive_json(timeout=10)
            if message.get("id") == self._last:
                assert "error" not in message, message
                return dict(message["result"])
            self.told.append(message)

    async def look(self, expression: str) -> Any:
        found = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"]["value"]

    async def open(self, path: Path) -> None:
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")
        await self.call("Page.navigate", url=path.as_uri())
        while not any(one.get("method") == "Page.loadEventFired" for one in self.told):
            self.told.append(await self._socket.receive_json(timeout=10))

    async def size(self, width: int, height: int, *, dark: bool = False) -> None:
        await self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.call("Emulation.setEmulatedMedia", features=[scheme])

    def messages(self, *methods: str) -> list[dict[str, Any]]:
        return [one["params"] for one in self.told if one.get("method") in methods]


@asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Tab]:
    """A browser that reaches nothing: no name resolves, and there is no way out of it."""
    process = await asyncio.create_subprocess_exec(
        *(str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"),
        *("--remote-debugging-port=0", f"--user-data-dir={folder}"),
        *("--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:1", "about:blank"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(20):
            while not (where := folder / "DevToolsActivePort").is_file() or not where.read_text().strip():
                assert process.returncode is None, "chromium ended"
                await asyncio.sleep(0.02)
        port = where.read_text().split()[0]
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                pages = [one for one in json.loads(await answer.text()) if one["type"] == "page"]
            async with session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                yield Tab(socket)
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 10)


@pytest.mark.parametrize("language", ["zh-CN", "en"])
async def test_on_a_telephone(tmp_path, language):
    text = html(history.report(), names=history.NAMES, show=Show(language, history.ZONE, history.NAMES))
    assert not re.search(r"https?:|//[a-z]|<script|<link|@import|url\(|\son\w+=", text)
    page = tmp_path / "report.html"
    page.write_text(text, "utf-8")
    async with browser(tmp_path / "profile") as tab:
        await tab.size(*PHONE_PX)
        await tab.open(page)
        assert await tab.look("document.documentElement.clientWidth") == PHONE_PX[0]
        assert await tab.look("document.documentElement.scrollWidth") == PHONE_PX[0]
        assert await tab.look(WIDER) == []
        plots = await tab.look(PLOTS)
        assert len(plots) == 6
        for plot in plots:
            assert plot["width"] > 300, plot
            assert plot["height"] > 100, plot
            assert plot["shapes"] >= 3, plot
            assert plot["smallest"] > 9, plot
            assert plot["outside"] == 0, plot
        assert await tab.look("document.querySelector('.tiles .bad .sign').getBoundingClientRect().width") > 10
        light = await tab.look("getComputedStyle(document.body).backgroundColor")
        await tab.size(*PHONE_PX, dark=True)
        assert await tab.look("getComputedStyle(document.body).backgroundColor") != light
        asked = [one["request"]["url"] for one in tab.messages("Network.requestWillBeSent")]
        assert asked == [page.as_uri()]
        wrong = tab.messages("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        assert wrong == []
