"""Kind rest against a real Alertmanager, where Debian's prometheus-alertmanager is installed."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edgegw.model import Lane
from edgegw.upstream.outcome import Accepted
from tests.e2e.plant import eventually, fetch, free_port
from tests.upstream.rest_parts import Inbox, alarm_record, at_work, ref_of

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs Debian's prometheus-alertmanager")

CONFIG = """
route: {receiver: none, group_by: [ticket], group_wait: 1s}
receivers: [{name: none}]
"""


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("alertmanager"), free_port()
    (folder / "config.yml").write_text(CONFIG)
    command = [str(PROGRAM), f"--config.file={folder}/config.yml", f"--storage.path={folder}",
               f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]  # fmt: skip
    with Path(folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            eventually("Alertmanager to be ready", lambda: fetch(f"{url}/-/ready"))
            yield url
        finally:
            process.terminate()
            process.wait(20)


def alerts(url: str, n: int) -> list[dict[str, Any]]:
    """The alerts of a ticket that are not over."""
    return [one for one in fetch(f"{url}/api/v2/alerts") if one["labels"]["ticket"] == ref_of(n)]


async def test_a_ticket_is_one_alert_until_it_is_over(alertmanager: str) -> None:
    settings = {"labels": {"site": "garden", "severity": "not-ours"}}
    async with at_work("alertmanager", alertmanager, Inbox(), settings=settings) as sender:

        async def send(action: str, **more: object) -> None:
            assert await sender.send(Lane.ALARM, [alarm_record(1, 1, action, **more)]) == Accepted(1)

        await send("open", title='水浸 "}] {{ 7*7 }}')
        (alert,) = eventually("the alert", lambda: alerts(alertmanager, 1))
        assert alert["labels"] == {
            "alertname": "EdgegwTicket", "severity": "P2", "gateway": "g1", "dedup_key": "g1/leak-1/wet", "ticket": ref_of(1),
            "category": "water", "team": "repair", "subject": "leak-1", "site": "garden",
        }  # fmt: skip
        assert alert["endsAt"].startswith("2099"), "it ends when the gateway says so"
        assert alert["annotations"]["summary"] == f'[{ref_of(1)}] P2 水浸 "}}] {{{{ 7*7 }}}}'

        await send("open")
        assert len(alerts(alertmanager, 1)) == 1
        await send("escalate", priority="P1")
        severities = eventually(
            "the alert of the new priority alone",
            lambda: (found := [a["labels"]["severity"] for a in alerts(alertmanager, 1)]) == ["P1"] and found,
        )
        assert severities == ["P1"]
        await send("resolve")
        eventually("the end of the alert", lambda: not alerts(alertmanager, 1))
        await send("reopen", priority="P1")
        eventually("the alert again", lambda: len(alerts(alertmanager, 1)) == 1)


async def test_what_is_no_ticket_is_no_alert(alertmanager: str) -> None:
    async with at_work("alertmanager", alertmanager, Inbox()) as sender:
        assert await sender.send(Lane.ALARM, [alarm_record(1, 2, "none")]) == Accepted(1)
    assert alerts(alertmanager, 2) == []
