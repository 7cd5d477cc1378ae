"""A gateway in a thread of the test, so that its clock can be set; lines, hardware, broker and desk are real."""

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from edgegw.app.gateway import Gateway
from edgegw.clock import SystemClock
from edgegw.config.site import open_site
from edgegw.model import Instant
from tests.e2e.gate import Gate
from tests.e2e.plant import eventually


class SetClock(SystemClock):
    """The machine's clock, off by `ahead_ns` of wall time."""

    ahead_ns = 0

    def now(self) -> Instant:
        at = super().now()
        return Instant(at.wall_ns + self.ahead_ns, at.mono_ns, at.synced)


@contextmanager
def running(gate: Gate, clock: SetClock) -> Iterator[None]:
    """The gateway on this clock, ready; stopped and looked at in the end."""
    gate.plant.site.write_text(json.dumps(gate.plant.tree))
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    gateway = Gateway(open_site(gate.plant.site, os.environ), clock)
    failed: list[BaseException] = []

    def work() -> None:
        try:
            loop.run_until_complete(gateway.run(stop))
        except BaseException as error:  # noqa: BLE001 - shown by the test's thread
            failed.append(error)
        finally:
            loop.close()

    thread = threading.Thread(target=work, name="gateway")
    thread.start()
    try:
        eventually(
            "the gateway's links", lambda: gate.plant.metrics().get('edgegw_link_up{kind="serial",link="reader"}')
        )
        yield
    finally:
        if thread.is_alive():
            loop.call_soon_threadsafe(stop.set)
        thread.join(30)
    assert not failed, failed
