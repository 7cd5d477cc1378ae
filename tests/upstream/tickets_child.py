"""A gateway's topic in a process of its own, to be killed: ``python -m tests.upstream.tickets_child PORT FILE``.

It says ``got`` when it is handed a message, and commits (a line to FILE) only after a line on its standard input.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from edgegw.clock import SystemClock
from edgegw.mqttio import MqttOptions
from edgegw.service.ticket import TicketUpdate
from edgegw.upstream.tickets_mqtt import TicketTopic
from tests.upstream.fake_inbox import FakeInbox, FakeRecords


def say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


class FileInbox(FakeInbox):
    """Commits to a file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    async def answered(self, upstream: str, updates: Sequence[TicketUpdate], *, cursor: str | None = None) -> int:
        """See `TicketInbox.answered`."""
        say("got", *(one.state for one in updates))
        await asyncio.to_thread(sys.stdin.readline)
        with self._path.open("a") as file:
            file.writelines(f"{one.dedup_key} {one.state}\n" for one in updates)
            file.flush()
            os.fsync(file.fileno())
        say("kept")
        return len(updates)


async def main(port: int, path: Path) -> None:
    options = MqttOptions("127.0.0.1", port, client_id="gw-tickets", session_expiry_s=600.0)
    inbox = FileInbox(path)
    await TicketTopic(options, "t", inbox, name="desk", store=FakeRecords(), clock=SystemClock()).run()


asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
