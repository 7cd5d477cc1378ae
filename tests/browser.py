"""A real browser without a window: Debian's chromium over the DevTools protocol.

Owns: starting and ending it, one page of it. Must not know: what a page should show.
"""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
PHONE_PX = (390, 844)

WIDER = """(() => {
  const wide = document.documentElement.clientWidth;
  return [...document.querySelectorAll('body *')].filter(one => {
    const box = one.getBoundingClientRect();
    return box.right > wide + 0.5 || one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0;
  }).filter(one => !one.closest('svg')).map(one => one.tagName + ' ' + one.textContent.slice(0, 60));
})()"""


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
async def browser(folder: Path, *, this_machine: bool = False) -> AsyncIterator[Tab]:
    """A browser that reaches nothing, or `this_machine` alone: no name resolves, and there is no way out of it."""
    reach = (
        ("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",)
        if this_machine
        else ("--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:1")
    )
    process = await asyncio.create_subprocess_exec(
        *(str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"),
        *("--remote-debugging-port=0", f"--user-data-dir={folder}"),
        *reach,
        "about:blank",
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
