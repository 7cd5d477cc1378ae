"""Every shipped profile passes its samples, and every published frame of its device is one of them."""

import pytest

from edgegw.profiles.loader import ProfileLibrary
from edgegw.profiles.plan import poll_plan

NAMES = ProfileLibrary().names()

PUBLISHED = {
    "aqara/sjcgq11lm": ['{"battery":"80.00","voltage":2900,"linkquality":0,"temperature":27.35,"water_leak":true}'],
    "aqara/jtyj-gd-01lm-bw": ['{"battery":100,"voltage":3115,"smoke_density":2,"linkquality":94,"smoke":false}'],
    "zigbee2mqtt/button": [
        '{"action":"emergency","battery":null,"linkquality":90}',
        '{"action":""}',
        '{"action":null}',
    ],
    "shelly/plug-s-gen3": [
        '{"src":"shellyplugsg3-28372f2c745c","method":"NotifyStatus","params":{"ts":1773420285,"switch:0":{"apower":73.2,"voltage":235.0,"current":0.372,"aenergy":{"total":2067.124}}}}',
    ],
    "alink/property-post": [
        '{"id":"123","version":"1.0","sys":{"ack":0},"params":{"WF":{"value":23.6,"time":1524448722000}},"method":"thing.event.property.post"}',
    ],
    "huawei/iotda": [
        '{"services":[{"service_id":"BasicServer","properties":{"Temperature":30},"event_time":"20151212T121212Z"}]}',
    ],
    "zigbee2mqtt/climate": ['{"temperature":27.34,"humidity":44.72}'],
    "zigbee2mqtt/lock": ['{"battery":100,"linkquality":255,"lock_state":"locked","state":"LOCK"}'],
    "tasmota/relay": [
        '{"Time":"2024-02-24T22:20:38","UptimeSec":611,"POWER":"OFF","Wifi":{"RSSI":44,"Signal":-78}}',
        '{"Time":"2024-02-24T22:20:38","Switch1":"ON"}',
        '{"POWER":"ON"}',
    ],
    "eastron/sdm120": ["01040000000271CB", "010404436633341B38"],
    "generic/xy-md02": ["010400010001600A", "010404013102222ACE"],
    "generic/rs485-smoke": ["01030002000125CA"],
    "generic/rs485-level": ["0203000000018439", "020302001FBD8C"],
    "waveshare/modbus-rtu-relay-8ch": ["01050000FF008C3A", "0101000000083DCC", "0105020000324DA7"],
    "vguang/vf105": [
        '{"serialNo":"6w8keif5g6","uuid":"e4720000964b5c00","time":1639475284,"sign":"","data":[{"userId":"U001","type":"300","timeStamp":1639475284,"result":0,"name":"张三","code":"","extra":{},"error":"ALLOW"}]}',
    ],
    "mqtt-face/terminal": [
        '{"operator":"RecPush","info":{"personId":"3","RecordID":"2","VerifyStatus":"1","PersonType":"0",'  # noqa: ISC004
        '"similarity1":"83.000000","Sendintime":1,"facesluiceId":"1026700","time":"2026-04-10 10:00:07","PushType":0,'
        '"pic":"data:image/jpeg;base64,…"}}',
    ],
    "generic/dlt645-single-phase": [
        "6894352190885568910833333433593533338116",
        "68943521908855689106333434357B555E16",
        "6872003209172068910833333433B93433336D16",
    ],
    "generic/cjt188-water": [
        "68104433221100337881161F9000007766552C007766552C3101221105152021841316",
        "6810010023091820008116901F01600000002C600000002C602020000000000000DC16",
    ],
    "generic/rdm6300": ["0231303030383646343434323603"],
    "generic/em4100-binary": ["020A0206008E6D5DB003"],
}


COMMANDS = {
    "waveshare/modbus-rtu-relay-8ch": ["01050000FF008C3A", "0105020000324DA7"],
    "generic/relay-fc05-0100": ["0105000101009D9A"],
    "generic/relay-fc06": ["010600000001480A"],
    "generic/cjt188-water": ["FEFE6810690590051533780404A01701555016"],
    "shelly/plug-s-gen3": [
        '{"id":1,"src":"edgegw-shellyplugsg3-28372f2c745c","method":"Switch.Set","params":{"id":0,"on":true}}'
    ],
    "tasmota/relay": ["ON"],
    "zigbee2mqtt/valve": ['{"state":"ON"}'],
    "vguang/vf105": [
        '{"serialNo":"0000000001","uuid":"e4720000964b5c00","code":"000000","time":0,"sign":"","data":{},"message":""}'
    ],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_published_commands_are_samples(name):
    samples = ProfileLibrary().get(name).command_samples
    used = {sample.hex.hex().upper() if sample.hex else sample.payload for sample in samples}
    assert set(COMMANDS[name]) <= used


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_a_sample(name):
    profile = ProfileLibrary().get(name)
    assert set(profile.commands) == {sample.command for sample in profile.command_samples if sample.error is None}


@pytest.mark.parametrize("name", NAMES)
def test_commands_that_unlock_end_by_themselves(name):
    for command, spec in ProfileLibrary().get(name).commands.items():
        if command.startswith(("pulse", "allow")):
            assert spec.timed, command


@pytest.mark.parametrize("name", NAMES)
def test_samples_pass(name):
    profile = ProfileLibrary().get(name)  # raises if one fails
    assert profile.source
    assert profile.description
    assert all(sample.source for sample in profile.samples)
    read = {point for sample in profile.samples for point in sample.readings or {}}
    assert read == set(profile.points), "a point no sample shows"


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_frames_are_samples(name):
    used = set()
    for sample in ProfileLibrary().get(name).samples:
        used |= {sample.payload, *(b.hex().upper() for b in (sample.hex, sample.request) if b)}
    assert set(PUBLISHED[name]) <= used


def test_at_least_two_a_link():
    links = [ProfileLibrary().get(name).link for name in NAMES]
    assert all(links.count(link) >= 2 for link in ("mqtt", "modbus", "serial"))


@pytest.mark.parametrize("name", NAMES)
def test_titles_in_both_languages_and_blocks_shown_by_samples(name):
    profile = ProfileLibrary().get(name)
    for alarm in profile.alarms.values():
        assert alarm.title.zh != alarm.title.en
        for text in (alarm.title.zh, alarm.title.en):
            text.format(device="d", location="l", value=1, unit="V")
    for block in poll_plan(profile) if profile.meter is None else ():  # a meter's answer says what was asked
        asked = [s.request for s in profile.samples if s.request]
        wanted = block.address.to_bytes(2) + block.count.to_bytes(2)
        assert any(request[2:6] == wanted for request in asked), f"no sample of {block}"


def test_a_contact_that_is_true_is_closed():
    sample = next(s for s in ProfileLibrary().get("aqara/mccgq11lm").samples if '"contact":true' in (s.payload or ""))
    assert sample.readings is not None
    assert sample.readings["open"] is False
