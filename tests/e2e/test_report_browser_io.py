"""The report in a real browser: on a telephone nothing is wider than the screen, every plot is there, no request leaves it."""

import re

import pytest

from edgegw.report.page import html
from edgegw.report.show import Show
from tests.browser import PHONE_PX, WIDER, browser, needs_browser
from tests.report import history

pytestmark = needs_browser

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
