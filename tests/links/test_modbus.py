"""From a profile and a configured link to what the line's owner works with; no port is opened."""

import subprocess
import sys

import pytest

from edgegw.config.lines import line_of
from edgegw.config.schema import ModbusRtuLink, ModbusRtuTcpLink, ModbusTcpLink
from edgegw.links.modbus import unit_plan
from edgegw.links.request import Poll, choose_probe
from edgegw.links.timing import byte_count
from edgegw.profiles.schema import Profile

PROFILE = {
    "vendor": "Eastron",
    "model": "SDM120",
    "source": "test",
    "link": "modbus",
    "modbus": {"poll": {"fast": "1s", "slow": "1m"}, "timeout": "250ms", "turnaround": "20ms"},
    "points": {
        "voltage": {"type": "float32", "modbus": {"table": "input", "address": 0, "group": "fast"}},
        "current": {"type": "float32", "modbus": {"table": "input", "address": 6, "group": "fast"}},
        "total": {"type": "float32", "modbus": {"table": "input", "address": 0x156, "group": "slow"}},
    },
    "samples": [{"source": "test", "hex": "00", "error": "bad-frame"}],
}


def test_a_profiles_plan_becomes_the_units():
    plan = unit_plan("meter1", 7, Profile.model_validate(PROFILE))
    assert (plan.device, plan.unit, plan.timeout_s, plan.turnaround_s) == ("meter1", 7, 0.25, 0.02)
    assert plan.polls == (Poll("input", 0, 8, 1.0), Poll("input", 0x156, 2, 60.0))


@pytest.mark.parametrize(
    ("config", "rtu", "gap_ms", "late_s", "reopen_after"),
    [
        (ModbusRtuLink(kind="modbus-rtu", port="/dev/x", baud=19200, gap="10ms"), True, 11.8229, 0.2, None),
        (ModbusRtuTcpLink(kind="modbus-rtu-tcp", host="h", port=4001, baud=9600), True, 3.6458, 0.5, 1),
        (ModbusTcpLink(kind="modbus-tcp", host="h", gap="60ms"), False, 60.0, 0.0, 3),
    ],
    ids=["rtu", "rtu over tcp", "tcp"],
)
def test_each_kind_of_line_has_its_silence_and_its_way_out(config, rtu, gap_ms, late_s, reopen_after):
    line = line_of(config)
    assert line.gap_s * 1e3 == pytest.approx(gap_ms, abs=0.001)
    assert (line.rtu, line.late_s, line.reopen_after) == (rtu, late_s, reopen_after)


def test_importing_the_links_does_not_import_their_libraries():
    """A gateway without such links must not pay for them at start."""
    code = "import sys, edgegw.links.modbus, edgegw.links.serial; print({'pymodbus', 'serial', 'serialx'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_a_block_on_which_something_urgent_hangs_is_an_alarm_poll():
    plan = unit_plan("meter1", 7, Profile.model_validate(PROFILE), {"current", "nonsense"})
    assert [poll.alarm for poll in plan.polls] == [True, False]
    assert not any(poll.alarm for poll in unit_plan("meter1", 7, Profile.model_validate(PROFILE)).polls)


def test_the_probe_differs_from_what_commands_are_read_back_by():
    relay = Profile.model_validate(
        PROFILE
        | {
            "points": {
                f"relay{n}": {"type": "bool", "modbus": {"table": "coil", "address": n, "group": "fast"}}
                for n in range(16)
            },
            "commands": {
                "on": {
                    "modbus": {"table": "coil", "address": 3, "value": True},
                    "confirm": {"point": "relay3", "equals": True},
                },
                "off": {
                    "modbus": {"table": "coil", "address": 3, "value": False},
                    "confirm": {"point": "relay3", "equals": False},
                },
                "all": {"modbus": {"table": "coil", "address": 255, "value": True}},
            },
        }
    )
    plan = unit_plan("relay", 1, relay)
    assert plan.readbacks == (Poll("coil", 3, 1, 0.0),)
    probe, distinct = choose_probe(plan.polls, plan.readbacks)
    assert (byte_count(probe.table, probe.count), distinct) == (1, False), (
        "both lengths there are belong to other answers"
    )
    assert choose_probe(plan.polls) == (Poll("coil", 0, 1, 1.0), True)
