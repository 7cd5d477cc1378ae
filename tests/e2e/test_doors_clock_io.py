"""The wall clock set back two hours under a running gateway: what may no longer be decided by a date is not.

The gateway runs in a thread of the test, so that its clock can be set; lines, hardware, broker and desk are real.
"""

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
from tests.e2e.gate import CARD, Gate
from tests.e2e.plant import eventually
from tests.e2e.test_doors_io import PULSE_1S
from tests.e2e.upstream_signer import Platform, takes_commands

TWO_HOURS_NS = 2 * 3600 * 10**9


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


def test_a_clock_set_back_decides_nothing_by_date(gate: Gate) -> None:
    """A right that ends and an envelope that expired would be good again; both are refused until the time is right again."""
    gate.door_site(on_clock_untrusted="refuse")
    gate.plant.tree["access"]["schedules"] = {
        "always": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday"]}]
    }
    gate.plant.tree["access"]["rights"]["residents"]["schedule"] = "always"
    takes_commands(gate)
    gate.plant.start_broker()
    gate.plant.start_desk()
    clock = SetClock()
    platform = Platform(gate)
    with running(gate, clock):
        gate.make_token("credentials", "read", "door:gate:*")
        gate.settled()
        platform.meet()
        gate.give()
        assert "confirmed" in gate.do("pass", card=CARD)
        queued = platform.envelope(
            "gate", "unlock", valid_s=-3600
        )  # expired an hour ago; by a clock set back it has not
        assert platform.ask(queued)["reason"] == "expired"
        clock.ahead_ns = -TWO_HOURS_NS
        gate.do("tap", card=1)
        assert gate.do("pass", card=CARD, within=1.0).get("refused")
        assert platform.ask(platform.envelope("gate", "unlock", valid_s=-3600))["reason"] == "clock-untrusted"
        clock.ahead_ns = 0
        gate.do("tap", card=2)
        assert "confirmed" in gate.do("pass", card=CARD)
        reasons = eventually(
            "the refusal by the clock",
            lambda: (found := [e["data"]["reason"] for e in gate.records("edgegw.access.denied")]) and found,
        )
        assert "clock-untrusted" in reasons
        assert gate.moved() == [PULSE_1S, PULSE_1S]
