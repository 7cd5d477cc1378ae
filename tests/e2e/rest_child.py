"""A gateway's sending half in a process of its own, to be killed: a real store, a delivery, kind rest.

``python -m tests.e2e.rest_child FOLDER CONFIG``: on its first start it records the alarms of CONFIG (JSON) in FOLDER/store.db.
What the inbox is told goes to FOLDER/told.jsonl, each line written to the disk before it counts.
"""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from edgegw.clock import SystemClock
from edgegw.config.schema import StoreSection
from edgegw.model import Lane
from edgegw.ports import Batch
from edgegw.service.ticket import TicketUpdate
from edgegw.store.store import Store
from edgegw.upstream.delivery import Delivery
from edgegw.upstream.rest.client import RestClient
from tests.upstream.rest_parts import Inbox, alarm_event, sender_for


class FileInbox(Inbox):
    """Writes down what it is told."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    async def answered(self, upstream: str, updates: Sequence[TicketUpdate], *, cursor: str | None = None) -> int:
        """See `Inbox`."""
        with self._path.open("ab") as file:  # a test's few lines may hold up its loop
            for update in updates:
                file.write(msgspec.json.encode(update) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return await super().answered(upstream, updates, cursor=cursor)


async def main(folder: Path, config: dict[str, Any]) -> None:
    """Work until killed."""
    clock, path = SystemClock(), folder / "store.db"
    fresh = not path.exists()
    store = await Store.open(path, section=StoreSection(), gateway="g1", upstreams={"desk": [Lane.ALARM]}, clock=clock)
    if fresh:
        await store.commit(Batch(events=[alarm_event(n, action) for n, action in config["alarms"]]))
    sender = sender_for(
        config["mapping"],
        RestClient(config["url"], timeout_s=config["timeout_s"]),
        FileInbox(folder / "told.jsonl"),
        base=config["url"],
        settings=config["settings"],
        secrets=config["secrets"],
        settle_s=config["settle_s"],
    )
    delivery = Delivery("desk", store, sender, lanes=[Lane.ALARM], clock=clock, first_s=0.05, most_s=0.2)
    async with asyncio.TaskGroup() as group:
        group.create_task(delivery.run())
        while store.depth("desk", Lane.ALARM):
            await asyncio.sleep(0.02)
        os.write(1, b"empty\n")  # the test reads it


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), json.loads(sys.argv[2])))
