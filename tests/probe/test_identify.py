"""Which Modbus profile fits what a unit answered."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.probe.found import Confidence, Fit, judged
from edgegw.probe.identify import CONTROLS, Ask, Reply, answer_to, fit_of, rank
from edgegw.probe.plan import MOST_READS, reads
from edgegw.profiles.plan import poll_plan
from edgegw.profiles.schema import Profile
from simulators.devices import LevelSensor, Sdm120, WaveshareRelay, XyMd02
from simulators.slave import Slave
from tests.probe.asking import answers_of, shipped

METER = "eastron/sdm120"


def meter(**values):
    made = Sdm120(1)
    made.set(**{"voltage": 231.4, "current": 1.25, "power": 287.5, "frequency": 50.0, "imported": 1234.5, **values})
    return made


def ranked(slave):
    return rank(answers_of(slave, shipped()), shipped())


def test_a_meter_is_told_with_reasons_and_what_would_be_read():
    best = ranked(meter())[0]
    assert (best.profile, best.confidence) == (METER, Confidence.CLEAR)
    assert best.why[0] == "3 of 3 blocks answered"
    assert "frequency 50 Hz" in best.why[1]
    assert "voltage 231.4 V" in best.why[1]
    assert best.readings["voltage"] == 231.4
    assert best.hindered == ""


def test_a_transmitter_is_told_by_two_plausible_registers():
    best = ranked(XyMd02(3, temperature=-5.5, humidity=99.0))[0]
    assert (best.profile, best.confidence) == ("generic/xy-md02", Confidence.CLEAR)
    assert best.readings == {"temperature": -5.5, "humidity": 99.0}


@pytest.mark.parametrize("slave", [LevelSensor(1), WaveshareRelay(1)], ids=["level", "relay"])
def test_what_any_device_might_answer_is_only_possible(slave):
    fits = ranked(slave)
    assert fits
    assert {fit.confidence for fit in fits} == {Confidence.POSSIBLE}


@pytest.mark.parametrize("seed", range(5))
def test_a_unit_that_answers_anything_anywhere_is_no_device_of_ours(seed):
    noise = random.Random(seed)
    slave = Slave(1)
    slave.tables = {t: {a: noise.randrange(65536) for a in range(0x10000)} for t in ("holding", "input")}
    slave.tables |= {t: {a: noise.randrange(2) for a in range(0x10000)} for t in ("coil", "discrete")}
    assert all(fit.confidence is not Confidence.CLEAR for fit in ranked(slave))


def test_zeros_anywhere_fit_nothing():
    slave = Slave(1)
    for table in ("holding", "input", "coil", "discrete"):
        slave.fill(table, range(0x10000))
    assert all(fit.confidence is Confidence.POSSIBLE for fit in ranked(slave))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e-40, 3e30])
def test_a_float_that_is_none_is_against_it(value):
    fit = fit_of(answers_of(meter(voltage=value), shipped()), METER, shipped()[METER])
    assert fit.hindered
    (judged_,) = judged([fit])
    assert judged_.confidence is Confidence.POSSIBLE
    assert fit.bits < fit_of(answers_of(meter(), shipped()), METER, shipped()[METER]).bits


def test_a_refused_block_is_against_it_and_named():
    answers = answers_of(meter(), shipped())
    answers = {ask: 2 if ask.address == 0x156 else words for ask, words in answers.items()}
    answers = {ask: words for ask, words in answers.items() if ask.address + ask.count <= 0x156 or words == 2}
    fit = fit_of(answers, METER, shipped()[METER])
    assert "input 0x0156+2 was refused: illegal address" in fit.why
    assert fit.hindered


def test_a_silent_block_is_against_it_too():
    answers = {
        ask: Reply.SILENT if ask.table == "input" and ask.address == 0x46 else words
        for ask, words in answers_of(meter(), shipped()).items()
    }
    fit = fit_of(
        {a: w for a, w in answers.items() if not (isinstance(w, tuple) and a.address < 0x46 < a.address + a.count)},
        METER,
        shipped()[METER],
    )
    assert any("was not answered" in why for why in fit.why)


def test_a_profile_of_which_nothing_was_answered_is_passed_over():
    assert fit_of({}, METER, shipped()[METER]) is None
    assert fit_of({}, "generic/rdm6300", shipped()["generic/rdm6300"]) is None


def test_the_answer_to_a_part_is_part_of_a_longer_ones():
    answers = {Ask("input", 10, 4): (1, 2, 3, 4), Ask("input", 20, 2): 2, Ask("holding", 11, 2): Reply.SILENT}
    assert answer_to(answers, Ask("input", 11, 2)) == (2, 3)
    assert answer_to(answers, Ask("input", 12, 4)) is None
    assert answer_to(answers, Ask("input", 20, 2)) == 2
    assert answer_to(answers, Ask("holding", 11, 2)) is Reply.SILENT


def test_what_scales_a_value_is_read_first():
    """DTSU666 by transformer ratios: the ratio is in another block than what it scales."""
    profile = shipped()["chint/dtsu666-ct"]
    scaled = [name for name, point in profile.points.items() if point.modbus.others]
    slave = Slave(1)
    for point in profile.points.values():
        place = point.modbus
        if point.type == "float32":
            slave.set_float(place.table, place.address, 5000.0 if point.unit == "Hz" else 2300.0)
        else:
            slave.set_int(place.table, place.address, 10)
    for table in ("holding",):
        slave.fill(table, range(0x1100))
        slave.fill(table, range(0x2000, 0x2100))
    fit = fit_of(answers_of(slave, {"x": profile}), "x", profile)
    assert scaled
    assert set(scaled) <= set(fit.readings)


def test_values_of_secret_points_are_masked():
    profile = Profile.model_validate(
        {
            "vendor": "v", "model": "m", "source": "constructed", "link": "modbus",
            "points": {"card": {"type": "uint32", "secret": True, "modbus": {"table": "holding", "address": 0}}},
            "samples": ({"source": "constructed", "hex": "00", "request": "00", "error": "bad-frame"},),
        }
    )  # fmt: skip
    fit = fit_of({Ask("holding", 0, 2): (0x1234, 0x5678)}, "v/m", profile)
    assert fit.readings == {"card": "…9896"}
    assert "305419896" not in repr(fit)


# --- properties -------------------------------------------------------------------------------------------------------

MODBUS = sorted(name for name, profile in shipped().items() if profile.link == "modbus")
words = st.integers(0, 0xFFFF)


@st.composite
def any_answers(draw):
    found = {}
    for ask in draw(st.lists(st.sampled_from(reads(shipped())), unique=True, max_size=12)):
        found[ask] = draw(
            st.one_of(
                st.lists(words, min_size=ask.count, max_size=ask.count).map(tuple),
                st.integers(1, 11),
                st.sampled_from(Reply),
            )
        )
    return found


@given(any_answers(), st.randoms())
def test_any_answers_rank_and_their_order_does_not_matter(answers, shuffle):
    names = list(shipped())
    shuffle.shuffle(names)
    items = [item for item in answers.items() if not isinstance(item[1], tuple)]
    whole = [item for item in answers.items() if isinstance(item[1], tuple)]
    shuffle.shuffle(items)
    first = rank(answers, shipped())
    again = rank(dict(whole + items), {name: shipped()[name] for name in names})
    assert first == again


@given(any_answers())
def test_clear_is_at_most_one_and_nothing_is_against_it(answers):
    fits = rank(answers, shipped())
    assert [fit.confidence for fit in fits] == sorted((fit.confidence for fit in fits), reverse=True)
    for place, fit in enumerate(fits):
        assert fit.bits > 0
        if fit.confidence is Confidence.CLEAR:
            assert place == 0
            blocks = [Ask(b.table, b.address, b.count) for b in poll_plan(shipped()[fit.profile])]
            assert all(isinstance(answer_to(answers, ask), tuple) for ask in blocks)


@given(any_answers(), st.sampled_from(MODBUS), st.data())
def test_a_refusal_never_speaks_for_a_profile(answers, name, data):
    profile = shipped()[name]
    before = fit_of(answers, name, profile)
    blocks = [Ask(b.table, b.address, b.count) for b in poll_plan(profile)]
    refused = data.draw(st.sampled_from(blocks))
    if answer_to(answers, refused) is not None or before is None:
        return
    after = fit_of({**answers, refused: 2}, name, profile)
    assert after.bits < before.bits
    assert after.hindered


@given(
    st.lists(
        st.builds(Fit, st.text(max_size=3), st.floats(-10, 40), st.just(()), st.just({}), st.sampled_from(["", "x"])),
        max_size=8,
    )
)
def test_judging_is_ordered_bounded_and_names_one_clear_fit_at_most(fits):
    told = judged(fits)
    assert sum(fit.confidence is Confidence.CLEAR for fit in told) <= 1
    assert all(not fit.hindered for fit in told if fit.confidence is not Confidence.POSSIBLE)
    assert [fit.confidence for fit in told] == sorted((fit.confidence for fit in told), reverse=True)


def test_the_plan_is_bounded_and_holds_every_block_once():
    plan = reads(shipped())
    assert len(plan) == len(set(plan)) <= MOST_READS
    assert plan[: len(CONTROLS)] == CONTROLS
    used = {
        (b.table, a)
        for p in shipped().values()
        if p.link == "modbus"
        for b in poll_plan(p)
        for a in range(b.address, b.address + b.count)
    }
    assert not used & {(ask.table, ask.address) for ask in CONTROLS}, "a control where a device has something"
