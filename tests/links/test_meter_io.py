"""A line of meters on a pty at the wire's pace: readings of both protocols, what goes wrong on such lines, the valve."""

import asyncio
import json

import pytest

from edgegw.app.bound import site_bounds
from edgegw.app.linking import encoders, make_links
from edgegw.clock import SystemClock
from edgegw.config.schema import MeterLink as MeterConfig
from edgegw.config.site import open_site
from edgegw.errors import LinkError
from edgegw.links.meter import MeterLink, unit_plan
from edgegw.model import MeterAnswer, OrderLane, OutcomeStatus
from edgegw.ports import Order
from edgegw.profiles.encode import compile_commands
from edgegw.profiles.loader import ProfileLibrary
from edgegw.profiles.schema import Profile
from simulators.meter_frames import digits
from simulators.meters import CUBIC_METRES, Dlt645Meter, MeterBus, MeterFault, electric, water

BAUD = 115200  # 48 times quicker than what is usual, so that tests are; the arithmetic is the same
LIBRARY = ProfileLibrary()
WATER = LIBRARY.get("generic/cjt188-water")
POWER, FLOW = "558890213594", "78330011223344"


def electricity(polls=("00010000",), every="50ms", timeout="60ms", formats=None, **section):
    """A profile of one point for each identifier."""
    formats = formats or {}
    return Profile.model_validate({
        "vendor": "test", "model": "meter", "source": "test", "link": "meter",
        "meter": {"protocol": "dlt645", "poll": {"normal": every}, "timeout": timeout, **section},
        "points": {
            f"p{di}".lower(): {"type": "float", "meter": {"di": di, "format": formats.get(di, "XXXXXX.XX")}} for di in polls
        },
        "samples": [{"source": "none", "hex": "16", "error": "bad-frame"}],
    })  # fmt: skip


def quick(profile, every="50ms", timeout="60ms"):
    """A shipped profile, polled as often as a test wants."""
    poll = dict.fromkeys(profile.meter.poll, every)
    told = profile.model_dump(by_alias=True, exclude_unset=True, mode="json")
    commands = told["commands"]
    for command in commands.values():
        command["confirm"] |= {"within": "400ms", "settle": "20ms"}
    return Profile.model_validate(
        told | {"meter": told["meter"] | {"poll": poll, "timeout": timeout}, "commands": commands}
    )


def link(bus, sink, *devices, late="60ms", **config):
    """devices: (id, address, profile)."""
    port = MeterConfig.model_validate({"kind": "meter", "port": bus.path, "baud": BAUD, "late": late, **config})
    units = [unit_plan(id_, address, profile) for id_, address, profile in devices]
    meters = {id_: (address, profile.meter) for id_, address, profile in devices}
    return MeterLink("meters", port, units, meters, sink=sink, clock=SystemClock(), random=lambda: 0.0)


def bus_of(*meters, **options):
    for meter in meters:
        meter.turnaround = 0.002
    return MeterBus(meters, baud=BAUD, **options)


def energy(hundredths):
    return MeterAnswer("dlt645", "00010000", digits(f"{hundredths:08d}"))


async def test_both_protocols_are_read_on_one_line(sink, running, started):
    power, flow = electric(POWER, 226), water(FLOW, 55667700)
    flow.wake = 4
    bus = await started(bus_of(power, flow))
    running(link(bus, sink, ("p", POWER, electricity()), ("w", FLOW, quick(WATER))).run(lambda: None))
    await sink.until(lambda: sink.of("p") and sink.of("w"))
    assert sink.of("p")[0] == energy(226)
    answer = sink.of("w")[0]
    assert (answer.protocol, answer.di) == ("cjt188", "901F")
    assert answer.data[:5] == digits("55667700") + bytes((CUBIC_METRES,))
    assert not sink.silences
    assert bus.bad_requests == 0


async def test_the_line_is_silent_between_frames_and_nobody_is_spoken_over(sink, running, started):
    meters = [electric(f"{n:012d}", n) for n in range(1, 6)]
    bus = await started(bus_of(*meters))
    running(link(bus, sink, *((m.address, m.address, electricity(every="1ms")) for m in meters)).run(lambda: None))
    await sink.until(lambda: len(sink.offered) >= 50)
    assert bus.line.collisions == 0
    assert bus.line.short_gaps == 0


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (MeterFault("silent"), "timeout"),
        (MeterFault("bad-checksum"), "bad-frame"),
        (MeterFault("torn"), "bad-frame"),
        (MeterFault("refuse"), "exception"),
        (MeterFault("swapped"), "timeout"),  # of DL/T 645 that is another identifier
        (MeterFault("wrong-unit"), "timeout"),
    ],
)
async def test_a_faulty_meter_is_told_by_its_reason_and_costs_the_others_little(sink, running, started, fault, reason):
    good, bad = electric(POWER, 226), electric("000000000002", 3)
    bad.fault = fault
    bus = await started(bus_of(good, bad))
    made = link(bus, sink, ("good", POWER, electricity()), ("bad", bad.address, electricity()))
    running(made.run(lambda: None))
    await sink.until(lambda: len(sink.silent_of("bad")) >= 2 and len(sink.of("good")) >= 5)
    assert set(sink.silent_of("bad")) == {reason}
    assert not sink.of("bad")
    assert not sink.silent_of("good")
    assert set(sink.of("good")) == {energy(226)}
    assert made.open_units == (() if reason == "exception" else ("bad",))


async def test_identifiers_in_the_other_order_are_taken_from_water_meters(sink, running, started):
    flow = water(FLOW, 123)
    flow.fault = MeterFault("swapped")
    bus = await started(bus_of(flow))
    running(link(bus, sink, ("w", FLOW, quick(WATER))).run(lambda: None))
    await sink.until(lambda: len(sink.of("w")) >= 2)
    assert {answer.di for answer in sink.of("w")} == {"901F"}
    assert not sink.silences


@pytest.mark.parametrize("late_s", [0.07, 0.1, 0.14])
async def test_a_late_answer_is_nobodys(sink, running, started, late_s):
    """Each identifier holds a number of its own: one taken for another's would show."""
    dis = ("00010000", "00020000", "00030000")
    slow = Dlt645Meter("000000000001", {di: digits(f"{n + 1:08d}") for n, di in enumerate(dis)})
    other = Dlt645Meter("000000000002", {di: digits(f"{n + 11:08d}") for n, di in enumerate(dis)})
    slow.fault = MeterFault("slow", seconds=late_s, times=2)
    bus = await started(bus_of(slow, other))
    made = link(
        bus, sink, ("slow", slow.address, electricity(dis)), ("other", other.address, electricity(dis)), late="50ms"
    )
    running(made.run(lambda: None))
    await sink.until(lambda: len(sink.of("slow")) >= 6)
    for device, first in (("slow", 1), ("other", 11)):
        for answer in sink.of(device):
            assert answer.data == digits(f"{first + dis.index(answer.di):08d}")
    assert made.late_replies > 0
    assert not sink.silent_of("other")


async def test_follow_up_frames_are_fetched_on(sink, running, started):
    long = bytes(range(256)) * 2
    meter = Dlt645Meter(POWER, {"00010000": long})
    bus = await started(bus_of(meter))
    running(link(bus, sink, ("p", POWER, electricity(following=2))).run(lambda: None))
    await sink.until(lambda: bool(sink.of("p")))
    assert sink.of("p")[0].data == long


async def test_more_frames_than_the_profile_says_are_no_answer(sink, running, started):
    bus = await started(bus_of(Dlt645Meter(POWER, {"00010000": bytes(500)})))
    running(link(bus, sink, ("p", POWER, electricity(following=1))).run(lambda: None))
    await sink.until(lambda: bool(sink.silent_of("p")))
    assert sink.silent_of("p")[0] == "bad-frame"
    assert not sink.of("p")


async def test_an_adapter_that_hears_itself_does_no_harm(sink, running, started):
    power = electric(POWER, 226)
    bus = await started(bus_of(power))
    heard, line = bus.line.received, bus.line

    def echo(data, until):
        line.send(data, instantly=True)
        heard(data, until)

    line.received = echo
    made = link(bus, sink, ("p", POWER, electricity()))
    running(made.run(lambda: None))
    await sink.until(lambda: len(sink.of("p")) >= 3)
    assert not sink.silences
    assert made.late_replies == 0


async def test_a_lost_port_ends_the_run_and_comes_back(sink, running, started):
    bus = await started(bus_of(electric(POWER, 226)))
    made = link(bus, sink, ("p", POWER, electricity()))
    task = running(asyncio.wait_for(_ended(made), 5))
    await sink.until(lambda: bool(sink.of("p")))
    bus.line.unplug()
    assert (await task) == "lost"
    with pytest.raises(LinkError, match="no-port"):
        await made.run(lambda: None)
    bus.line.plug()
    before = len(sink.offered)
    running(made.run(lambda: None))
    await sink.until(lambda: len(sink.offered) > before)


async def _ended(made):
    try:
        await made.run(lambda: None)
    except LinkError as error:
        return error.reason
    return ""


# --- the valve --------------------------------------------------------------------------------------------------------


def order(made, name, seconds=4.0):
    outgoing = compile_commands(quick(WATER), FLOW, None).encode(name, {}, "1")
    deadline_ns = SystemClock().now().mono_ns + round(seconds * 1e9)
    return made.carry_out(Order("1", "w", outgoing, OrderLane.COMMAND, deadline_ns))


async def valve(sink, running, started, **how):
    flow = water(FLOW, 123)
    for name, value in how.items():
        setattr(flow, name, value)
    bus = await started(bus_of(flow))
    made = link(bus, sink, ("w", FLOW, quick(WATER)))
    up = asyncio.Event()
    running(made.run(up.set))
    await up.wait()
    return flow, made


async def test_the_valve_closes_and_its_state_says_so(sink, running, started):
    flow, made = await valve(sink, running, started)
    outcome = await order(made, "close_valve")
    assert (outcome.status, outcome.values) == (OutcomeStatus.DONE, {"valve": "closed"})
    assert flow.closed
    assert flow.writes == [b"\x99"]
    outcome = await order(made, "open_valve")
    assert (outcome.status, outcome.values) == (OutcomeStatus.DONE, {"valve": "open"})
    assert not flow.closed


async def test_a_stuck_valve_is_unknown_and_not_sent_again(sink, running, started):
    flow, made = await valve(sink, running, started, stuck=True)
    outcome = await order(made, "close_valve")
    assert (outcome.status, outcome.reason) == (OutcomeStatus.UNKNOWN, "readback-differs")
    assert "A017" in outcome.detail
    assert flow.writes == [b"\x99"]


async def test_a_meter_that_refuses_the_order_says_so(sink, running, started):
    flow, made = await valve(sink, running, started)
    await sink.until(lambda: bool(sink.of("w")))
    flow.fault = MeterFault("refuse")
    outcome = await order(made, "close_valve")
    assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, "device-refused")


async def test_with_a_silent_neighbour_the_valve_answers_within_the_bound_check_prints(
    sink, running, started, tmp_path
):
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "water.yaml").write_text(
        "extends: generic/cjt188-water\n"
        "meter: {poll: {normal: 300ms}, timeout: 60ms}\n"
        "commands:\n"
        "  close_valve: {confirm: {within: 200ms, settle: 20ms}}\n"
        "  open_valve: {confirm: {within: 200ms, settle: 20ms}}\n"
        "samples: [{source: none, hex: 'FF', error: bad-frame}]\n"
    )
    flow, others = water(FLOW, 1), [water(f"{n:014d}", n) for n in range(1, 6)]
    others[2].fault = MeterFault("silent")
    bus = await started(bus_of(flow, *others))
    site = tmp_path / "site.yaml"
    devices = {"w": FLOW} | {f"n{n}": meter.address for n, meter in enumerate(others)}
    site.write_text(
        json.dumps(
            {
                "gateway": {"id": "g"},
                "profiles": [str(tmp_path)],
                "links": {"meters": {"kind": "meter", "port": bus.path, "baud": BAUD, "late": "60ms"}},
                "devices": {n: {"link": "meters", "profile": "test/water", "address": a} for n, a in devices.items()},
                "api": {"enabled": True},
            }
        )
    )
    plan = open_site(site, {})
    bound = next(b for b in site_bounds(plan) if b.id == "w")
    encode = encoders(plan)
    (made,) = make_links(plan, {}, encode, sink=sink, urgent=sink, clock=SystemClock()).links
    running(made.run(lambda: None))
    await sink.until(lambda: len(sink.silent_of("n2")) >= 2 and bool(sink.of("w")))
    longest_s = 0.0
    for n in range(8):
        outgoing = encode["w"].encode(("close_valve", "open_valve")[n % 2], {}, "1")
        began_ns = SystemClock().now().mono_ns
        outcome = await made.carry_out(Order("1", "w", outgoing, OrderLane.COMMAND, began_ns + 5_000_000_000))
        longest_s = max(longest_s, (SystemClock().now().mono_ns - began_ns) / 1e9)
        assert outcome.status is OutcomeStatus.DONE
    assert 0.0 < longest_s <= bound.seconds
