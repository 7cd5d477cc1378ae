"""Who lives in the community, in the words of a site file.

Owns: names and places in both languages, profiles, the alarms a site adds to them.
Must not know: sockets, what happens when.
"""

from simulators.community_town import DOORS, LEAKS, METERS, RELAY_UNIT, ROOM_UNIT, SMOKES, SUMP_UNIT, Places

Section = dict[str, object]
Both = tuple[str, str]
"""A text in Chinese and in English."""

LEAK, DOOR, SMOKE = "aqara/sjcgq11lm", "aqara/mccgq11lm", "aqara/jtyj-gd-01lm-bw"
METER, ROOM, SUMP, RELAY = "eastron/sdm120", "generic/xy-md02", "generic/rs485-level", "waveshare/modbus-rtu-relay-8ch"
INPUTS, READER, SCANNER = "advantech/adam-6060", "generic/rdm6300", "generic/gm65"

POWER: Both = ("配电间", "power room")
PUMP: Both = ("水泵房", "pump room")
GATE: Both = ("东门", "east gate")
LIFT: Both = ("电梯机房", "lift room")


LIVELY: Section = {"min_interval": "4s", "max_interval": "10s"}
"""Reporting of the demo's devices: profiles report a quiet device every few hours, here somebody is watching."""


class _Cast:
    """Collects devices in one language."""

    def __init__(self, language: str) -> None:
        self._chinese = language.startswith("zh")
        self.devices: dict[str, Section] = {}

    def say(self, text: Both) -> str:
        """The text in this language."""
        return text[0] if self._chinese else text[1]

    def at(self, building: int, unit: int = 0, spot: Both | str = "") -> dict[str, str]:
        """Labels: 3号楼, 2单元, and a room's number or a place's name."""
        labels = {"building": self.say((f"{building}号楼", f"bldg {building}"))}
        if unit:
            labels["unit"] = self.say((f"{unit}单元", f"unit {unit}"))
        if spot:
            labels["room"] = spot if isinstance(spot, str) else self.say(spot)
        return labels

    def add(self, device: str, on: tuple[str, str], name: Both, labels: dict[str, str], **more: object) -> None:
        """A device `on` a link with a profile; `more`: address, rules …"""
        link, profile = on
        self.devices[device] = {"name": self.say(name), "link": link, "profile": profile, **more, "labels": labels}
        if link not in {"card-reader", "qr-scanner"}:
            self.devices[device]["report"] = dict(LIVELY)


def _rule(point: str, when: Section, how: Both, title: Both, **more: object) -> Section:
    """An alarm rule of the site; `how`: priority and category."""
    rule: Section = {"point": point, "when": when, **more, "clear_after": "2s", "priority": how[0], "category": how[1]}
    return rule | {"title": {"zh": title[0], "en": title[1]}}


def _held_open() -> Section:
    title = ("{location} {device}未关", "{device} held open, {location}")
    return {"held-open": _rule("open", {"equals": True}, ("P3", "access"), title, **{"for": "3s"})}


def links_of(places: Places, *, will_topic: str | None = None) -> dict[str, Section]:
    """The ``links`` section. `will_topic`: where the gateway's state is to stand."""
    zigbee: Section = {"kind": "mqtt", "host": places.mqtt_host, "port": places.mqtt_port, "client_id": "edgegw-demo"}
    return {
        "zigbee": zigbee | ({"will_topic": will_topic} if will_topic else {}),
        "rs485-power": {"kind": "modbus-rtu", "port": places.line, "baud": 9600, "format": "8N1"},
        "lift-room": {"kind": "modbus-tcp", "host": places.input_host, "port": places.input_port},
        "card-reader": {"kind": "serial", "port": places.card, "baud": 9600},
        "qr-scanner": {"kind": "serial", "port": places.scanner, "baud": 9600},
    }


def devices_of(language: str) -> dict[str, Section]:
    """The ``devices`` section, with names and places in ``zh-CN`` or ``en``."""
    c = _Cast(language)
    _zigbee(c)
    _line(c)
    faults = {
        "lift-fault": _rule(
            "input0", {"equals": True}, ("P1", "lift"), ("{location} 电梯故障", "lift fault, {location}")
        )
    }
    c.add(
        "lift-inputs",
        ("lift-room", INPUTS),
        ("电梯机房输入", "lift room inputs"),
        c.at(3, 2, LIFT),
        address=1,
        rules=faults,
    )
    c.add("gate-reader", ("card-reader", READER), ("门禁读卡器", "card reader"), c.at(1, 0, GATE))
    c.add("gate-scanner", ("qr-scanner", SCANNER), ("访客扫码器", "visitor scanner"), c.at(1, 0, GATE))
    return c.devices


def _zigbee(c: _Cast) -> None:
    for device, name, labels in (
        (LEAKS[0], ("厨房水浸", "kitchen leak sensor"), c.at(3, 2, "1203")),
        (LEAKS[1], ("厨房水浸", "kitchen leak sensor"), c.at(3, 1, "0801")),
        (LEAKS[2], ("泵房水浸", "pump room leak sensor"), c.at(1, 0, PUMP)),
    ):
        c.add(device, ("zigbee", LEAK), name, labels, address=device)
    c.add(DOORS[0], ("zigbee", DOOR), ("单元门", "unit door"), c.at(3, 2), address=DOORS[0], rules=_held_open())
    c.add(DOORS[1], ("zigbee", DOOR), ("天台门", "roof door"), c.at(3, 1), address=DOORS[1], rules=_held_open())
    corridor, garage = c.at(3, 2, ("3层走廊", "corridor 3F")), c.at(1, 0, ("车库", "garage"))
    c.add(
        SMOKES[0], ("zigbee", SMOKE), ("走廊烟感", "corridor smoke detector"), corridor,
        address=SMOKES[0], alarms={"smoke": {"clear_after": "5s"}},
    )  # fmt: skip
    c.add(SMOKES[1], ("zigbee", SMOKE), ("车库烟感", "garage smoke detector"), garage, address=SMOKES[1])


def _line(c: _Cast) -> None:
    line = "rs485-power"
    for unit in range(1, METERS + 1):
        labels = c.at((unit + 1) // 2, 2 - unit % 2, POWER)
        c.add(
            f"meter-{unit}", (line, METER), (f"电表 {unit}", f"meter {unit}"), labels, address=unit, offline_after="6s"
        )
    hot = _rule(
        "temperature", {"above": 45, "hysteresis": 5}, ("P2", "power"),
        ("{location} 温度过高 {value} {unit}", "{location} too hot: {value} {unit}"),
    )  # fmt: skip
    c.add(
        "power-room", (line, ROOM), ("温湿度", "climate"), c.at(1, 0, POWER), address=ROOM_UNIT, rules={"too-hot": hot}
    )
    high = _rule(
        "level", {"above": 150, "hysteresis": 20}, ("P2", "water"),
        ("{location} 集水井水位过高 {value} {unit}", "{location} sump too high: {value} {unit}"),
    )  # fmt: skip
    c.add(
        "sump",
        (line, SUMP),
        ("集水井液位", "sump level"),
        c.at(1, 0, PUMP),
        address=SUMP_UNIT,
        rules={"sump-high": high},
    )
    c.add("relay", (line, RELAY), ("继电器", "relay"), c.at(1, 0, POWER), address=RELAY_UNIT)
