"""The wall clock set back two hours under a running gateway: what may no longer be decided by a date is not."""

from tests.e2e.clocked import SetClock, running
from tests.e2e.gate import Gate
from tests.e2e.plant import eventually
from tests.e2e.test_doors_io import PULSE_1S
from tests.e2e.upstream_signer import Platform, takes_commands

GARDEN_PULSE = {**PULSE_1S, "address": 0x0201, "value": 50}
DENIED = ["unknown-credential", "clock-untrusted", "unknown-credential", "unknown-credential", "unknown-credential"]
TWO_HOURS_NS = 2 * 3600 * 10**9


def test_a_clock_set_back_decides_nothing_by_date(lobby: Gate) -> None:
    """A right that ends and an envelope that expired would be good again; both are refused until the time is right again.

    A door whose policy is to allow goes on opening to whoever has a right there, and says so in the record.
    """
    gate = lobby
    gate.door_site(on_clock_untrusted="refuse")
    gate.second_door("garden", on_clock_untrusted="allow")
    every_day = ["mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday"]
    gate.plant.tree["access"]["schedules"] = {"always": [{"days": every_day}]}
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
        gate.opened()
        queued = platform.envelope("gate", "unlock", valid_s=-3600)  # by a clock set back it will not have expired
        assert platform.ask(queued)["reason"] == "expired"
        clock.ahead_ns = -TWO_HOURS_NS
        gate.do("tap", card=1)
        gate.refused()
        gate.opened(reader=1, channel=1)
        assert platform.ask(platform.envelope("gate", "unlock", valid_s=-3600))["reason"] == "clock-untrusted"
        assert platform.ask(queued)["reason"] == "clock-untrusted"
        gate.revoke()  # needs no clock
        gate.do("tap", reader=1, card=2)
        gate.refused(reader=1, channel=1)
        gate.give()
        clock.ahead_ns = 0
        gate.do("tap", card=2)
        gate.opened()
        eventually("all refusals", lambda: gate.reasons("denied") == DENIED)
        eventually("all grants", lambda: len(gate.reasons("granted")) == 3)
        doors = [
            (event["data"]["door"]["id"], event["data"].get("details", {}))
            for event in gate.records("edgegw.access.granted")
        ]
        assert doors == [("gate", {}), ("garden", {"untrusted_allowed": True}), ("gate", {})]
        assert gate.asked() == [PULSE_1S, GARDEN_PULSE, PULSE_1S]
