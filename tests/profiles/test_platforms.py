"""Shelly, Alink, IoTDA: partial messages laid over what is known, acknowledgements, values with a time of their own."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.clock import ManualClock
from edgegw.model import MqttPayload, Quality
from edgegw.profiles.acks import compile_acks
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.loader import ProfileLibrary
from edgegw.profiles.owntime import own_time
from edgegw.rules.engine import DeviceSpec, RuleEngine

LIBRARY = ProfileLibrary()
PLUG = LIBRARY.get("shelly/plug-s-gen3")
FLOOD = LIBRARY.get("shelly/flood")
INPUTS = LIBRARY.get("shelly/input")
ALINK = LIBRARY.get("alink/property-post")
IOTDA = LIBRARY.get("huawei/iotda")
POST = "/sys/pk/pump-1/thing/event/property/post"
NOW = own_time("2026-11-25T12:00:00Z", "iso")


def status(**params):
    return json.dumps({"src": "s", "method": "NotifyStatus", "params": {"ts": 1, **params}}).encode()


class TestPartialMessages:
    """What is not in a message has not changed: it is neither gone nor fresh."""

    STATES = {"output": True, "apower": 73.2, "voltage": 235.0, "current": 0.372}  # noqa: RUF012 - not changed
    NAMES = {"output": "output", "apower": "power", "voltage": "voltage", "current": "current"}  # noqa: RUF012 - not changed

    @given(st.sets(st.sampled_from(sorted(STATES))))
    def test_only_what_it_says_gives_readings(self, keys):
        payload = status(**{"switch:0": {key: self.STATES[key] for key in keys}})
        readings = compile_profile(PLUG, "s").decode(MqttPayload("s/events/rpc", payload)).readings
        assert {r.point: r.value for r in readings} == {self.NAMES[key]: self.STATES[key] for key in keys}

    @given(st.lists(st.tuples(st.sampled_from(sorted(STATES)), st.integers(0, 9)), max_size=12))
    def test_laid_over_each_other_they_are_the_whole(self, changes):
        decoder = compile_profile(PLUG, "s")
        whole, known, at = {}, {}, {}
        for moment, (key, number) in enumerate(changes):
            value = bool(number % 2) if key == "output" else float(number)
            whole[key] = value
            for reading in decoder.decode(MqttPayload("s/events/rpc", status(**{"switch:0": {key: value}}))).readings:
                known[reading.point] = reading.value
                at[reading.point] = moment
        full = decoder.decode(MqttPayload("s/events/rpc", status(**{"switch:0": whole}))).readings
        assert known == {r.point: r.value for r in full}
        for key in whole:
            assert at[self.NAMES[key]] == max(n for n, change in enumerate(changes) if change[0] == key)

    def test_an_alarm_outlives_messages_about_other_things(self):
        clock, decoder = ManualClock(), compile_profile(FLOOD, "f")
        spec = DeviceSpec("f", "f", "l", {}, FLOOD.alarms, FLOOD.report, {}, FLOOD.offline_after, "shelly/flood")
        rules = RuleEngine(gateway="g", language="en", devices=[spec], alarms={}, presence={}, now=clock.now())

        def say(**flood):
            rules.decoded("f", decoder.decode(MqttPayload("f/events/rpc", status(**{"flood:0": flood}))), clock.now())
            clock.advance(60)
            rules.tick(clock.now())
            return [alarm.rule for alarm in rules.active_alarms()]

        assert say(flood=True) == ["leak"]
        assert say(mute=True) == ["leak"]
        assert say() == ["leak"]
        assert say(alarm=False) == []

    def test_several_events_in_one_message(self):
        events = [
            {"component": f"input:{n}", "id": n, "event": what, "ts": 1}
            for n, what in [(0, "btn_down"), (1, "long_push"), (0, "btn_up")]
        ]
        payload = json.dumps({"method": "NotifyEvent", "params": {"ts": 1, "events": events}}).encode()
        readings = compile_profile(INPUTS, "i").decode(MqttPayload("i/events/rpc", payload)).readings
        assert [(r.point, r.value) for r in readings] == [
            ("input0", "btn_down"),
            ("input0", "btn_up"),
            ("input1", "long_push"),
        ]


class TestAlink:
    @pytest.mark.parametrize(("id_", "told"), [('"123"', '"123"'), ("3536123", "3536123"), ('"a\\"b"', '"a\\"b"')])
    def test_a_post_is_acknowledged_by_its_id(self, id_, told):
        acks = compile_acks(ALINK, "pk/pump-1")
        assert acks is not None
        answer = acks.of(POST, f'{{"id":{id_},"version":"1.0","params":{{}}}}'.encode())
        assert answer == (f"{POST}_reply", f'{{"code":200,"data":{{}},"id":{told},"message":"success"}}'.encode())

    @pytest.mark.parametrize("payload", [b"{}", b'{"id":null}', b'{"id":{}}', b"x"])
    def test_without_an_id_nobody_could_tell_what(self, payload):
        acks = compile_acks(ALINK, "pk/pump-1")
        assert acks is not None
        assert acks.of(POST, payload) is None

    def test_what_was_kept_comes_with_its_old_time(self):
        params = {
            "WF": {"value": 1.5, "time": NOW // 10**6 - 3_600_000},
            "Power": {"value": "on", "time": NOW // 10**6},
        }
        payload = json.dumps({"id": "1", "params": params}).encode()
        power, wf = compile_profile(ALINK, "pk/pump-1").decode(MqttPayload(POST, payload, received_ns=NOW)).readings
        assert (power.quality, power.time) == (Quality.FRESH, "2026-11-25T12:00:00.000Z")
        assert (wf.quality, wf.time) == (Quality.STALE, "2026-11-25T11:00:00.000Z")


def test_iotda_history_in_one_report():
    services = [
        {"service_id": "BasicServer", "properties": {"Temperature": 20 + n}, "event_time": f"20261125T1{n}0000Z"}
        for n in (2, 0, 1)
    ]
    payload = json.dumps({"services": services}).encode()
    readings = compile_profile(IOTDA, "d").decode(
        MqttPayload("$oc/devices/d/sys/properties/report", payload, received_ns=NOW)
    )
    assert [(r.value, r.quality is Quality.STALE) for r in readings.readings] == [(20, True), (21, True), (22, False)]
