"""The shipped Modbus profiles: published frames, checksums recomputed, families, the trap of FF, and how fast the set loads."""

import contextlib
import time

import pytest

from edgegw.errors import ProfileError
from edgegw.links.modbus import unit_plan
from edgegw.profiles.loader import ProfileLibrary
from simulators.slave import crc

LIBRARY = ProfileLibrary()


def modbus_names():
    """One that cannot be loaded fails in test_shipped.py, by name."""
    for name in LIBRARY.names():
        with contextlib.suppress(ProfileError):
            if LIBRARY.get(name).link == "modbus":
                yield name


MODBUS = list(modbus_names())

PUBLISHED = {
    "eastron/sdm630": ["01040000000271CB", "010404436633341B38"],
    "renke/temperature-humidity": ["010300000002C40B", "0103040292FF9B5A3D"],
    "lctech/rs485-relay": ["FF02000000086C12", "FF02010151A0", "FF01000000082812", "FF010101A1A0"],
}
COMMANDS = {
    "lctech/rs485-relay": ["FF050000FF0099E4", "FF0500000000D814"],
}
FOUND = {
    "eastron/sdm120", "eastron/sdm630", "chint/dtsu666", "chint/dtsu666-ct", "chint/ddsu666", "generic/xy-md02",
    "generic/xy-md02-clone", "renke/temperature-humidity", "generic/rs485-smoke", "generic/rs485-level", "generic/qdy30a",
    "waveshare/modbus-rtu-relay-8ch", "generic/relay-fc05-0100", "generic/relay-fc06", "lctech/rs485-relay",
    "advantech/adam-6060", "advantech/adam-6060-lift", "advantech/adam-6060-pump", "advantech/adam-6060-exit", "delta/vfd",
    "hiking/dds238-2", "hiking/dds238-2-relay", "xintai/water-meter",
}  # fmt: skip


def test_what_is_found_on_walls_is_there():
    assert set(MODBUS) >= FOUND


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_frames_are_samples(name):
    samples = LIBRARY.get(name).samples
    assert set(PUBLISHED[name]) <= {data.hex().upper() for s in samples for data in (s.request, s.hex) if data}


@pytest.mark.parametrize("name", COMMANDS)
def test_published_commands_are_samples(name):
    assert set(COMMANDS[name]) <= {s.hex.hex().upper() for s in LIBRARY.get(name).command_samples if s.hex}


@pytest.mark.parametrize("name", MODBUS)
def test_every_checksum_is_right_but_those_that_must_be_refused_for_it(name):
    profile = LIBRARY.get(name)
    for sample in profile.samples:
        assert crc(sample.request[:-2]) == sample.request[-2:], sample.source
        assert (crc(sample.hex[:-2]) == sample.hex[-2:]) == (sample.error != "bad-checksum"), sample.source
    for sample in profile.command_samples:
        if sample.hex:
            assert crc(sample.hex[:-2]) == sample.hex[-2:], sample.source


@pytest.mark.parametrize("name", MODBUS)
def test_every_profile_shows_a_message_it_refuses(name):
    assert any(sample.error for sample in LIBRARY.get(name).samples)


@pytest.mark.parametrize("name", MODBUS)
def test_every_profile_has_what_an_operator_needs(name):
    profile = LIBRARY.get(name)
    assert profile.offline_after
    assert any(alarm.when.offline for alarm in profile.alarms.values())
    for point in profile.points.values():
        report = point.report or profile.report
        assert report.max_interval, "a value that stays is told now and then"
    for name_, command in profile.commands.items():
        assert command.confirm, f"{name_} is confirmed by nothing"


def test_a_family_shares_its_energy_and_has_its_own_phases():
    one, three = LIBRARY.get("eastron/sdm120"), LIBRARY.get("eastron/sdm630")
    for point in ("frequency", "energy_import", "energy_export", "energy_total"):
        assert three.points[point] == one.points[point]
    assert not {"voltage", "current", "power"} & three.points.keys()
    assert three.modbus == one.modbus
    assert {alarm.point for alarm in three.alarms.values() if alarm.point} == {"voltage_l1", "voltage_l2", "voltage_l3"}


def test_someone_trapped_in_a_lift_is_the_most_urgent():
    alarm = LIBRARY.get("advantech/adam-6060-lift").alarms["entrapment"]
    assert (alarm.priority, alarm.category, alarm.hold) == ("P1", "lift", 0.0)


@pytest.mark.parametrize("use", ["lift", "pump", "exit"])
def test_input_modules_share_the_box_and_move_nothing(use):
    box, module = LIBRARY.get("advantech/adam-6060"), LIBRARY.get(f"advantech/adam-6060-{use}")
    assert module.vendor == box.vendor
    assert module.alarms["offline"] == box.alarms["offline"]
    assert not module.commands
    assert sorted(point.modbus.address for point in module.points.values()) == [0, 1, 2, 3, 4, 5]
    assert {alarm.point for alarm in module.alarms.values() if alarm.point} <= module.points.keys()


def test_a_drive_is_asked_one_parameter_a_read():
    plan = unit_plan("d", 1, LIBRARY.get("delta/vfd"))
    assert {poll.count for poll in plan.polls} == {1}


def test_ratios_are_asked_for_before_what_they_scale():
    polls = unit_plan("d", 1, LIBRARY.get("chint/dtsu666-ct")).polls
    assert (polls[0].address, polls[0].count) == (6, 2)


def test_the_board_that_answers_as_ff_says_so_to_its_line():
    assert unit_plan("d", 9, LIBRARY.get("lctech/rs485-relay")).answers_as == 255
    assert unit_plan("d", 9, LIBRARY.get("waveshare/modbus-rtu-relay-8ch")).answers_as is None


def test_all_shipped_profiles_load_in_half_a_second():
    took = []
    for _ in range(3):
        library, began = ProfileLibrary(), time.perf_counter()
        for name in library.names():
            with contextlib.suppress(ProfileError):
                library.get(name)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.5
