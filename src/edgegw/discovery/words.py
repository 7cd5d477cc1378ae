"""The words of Home Assistant's MQTT discovery: abbreviations, units, what its device classes mean to a community.

Owns: these tables, and how a config's short keys become long ones.
Must not know: what a config as a whole says.

Source: home-assistant.io, integrations/mqtt (supported abbreviations) and the pages of the components; only the words that are
read here are listed, all others are passed over.
"""

from typing import Any, NamedTuple

_SHORT = {
    "atype": "automation_type",
    "avty": "availability",
    "avty_mode": "availability_mode",
    "avty_t": "availability_topic",
    "avty_tpl": "availability_template",
    "cmd_off_tpl": "command_off_template",
    "cmd_on_tpl": "command_on_template",
    "cmd_t": "command_topic",
    "cmd_tpl": "command_template",
    "cmps": "components",
    "dev": "device",
    "dev_cla": "device_class",
    "exp_aft": "expire_after",
    "off_dly": "off_delay",
    "p": "platform",
    "pl": "payload",
    "pl_avail": "payload_available",
    "pl_cls": "payload_close",
    "pl_lock": "payload_lock",
    "pl_not_avail": "payload_not_available",
    "pl_off": "payload_off",
    "pl_on": "payload_on",
    "pl_open": "payload_open",
    "pl_prs": "payload_press",
    "pl_stop": "payload_stop",
    "pl_unlk": "payload_unlock",
    "pos_t": "position_topic",
    "pos_tpl": "position_template",
    "stat_cla": "state_class",
    "stat_clsd": "state_closed",
    "stat_closing": "state_closing",
    "stat_jam": "state_jammed",
    "stat_locked": "state_locked",
    "stat_locking": "state_locking",
    "stat_off": "state_off",
    "stat_on": "state_on",
    "stat_open": "state_open",
    "stat_opening": "state_opening",
    "stat_stopped": "state_stopped",
    "stat_t": "state_topic",
    "stat_unlocked": "state_unlocked",
    "stat_unlocking": "state_unlocking",
    "stat_val_tpl": "state_value_template",
    "stype": "subtype",
    "t": "topic",
    "uniq_id": "unique_id",
    "unit_of_meas": "unit_of_measurement",
    "val_tpl": "value_template",
}

_DEVICE_SHORT = {
    "cns": "connections",
    "ids": "identifiers",
    "mdl": "model",
    "mf": "manufacturer",
    "sw": "sw_version",
}


def expand(config: dict[str, Any]) -> dict[str, Any]:
    """A config with its short keys spelled out, those of its availability topics too. The values are not looked at."""
    long = {_SHORT.get(key, key): value for key, value in config.items()}
    if isinstance(long.get("availability"), list):
        long["availability"] = [expand(one) if isinstance(one, dict) else one for one in long["availability"]]
    return long


def expand_device(device: dict[str, Any]) -> dict[str, Any]:
    """The same for the section `device`, which has short keys of its own."""
    return {_DEVICE_SHORT.get(key, key): value for key, value in device.items()}


_UNITS = {
    "°C": "Cel",
    "°F": "[degF]",
    "Wh": "W.h",
    "kWh": "kW.h",
    "MWh": "MW.h",
    "GJ": "GJ",
    "kvarh": "kvar.h",
    "VA": "V.A",
    "m³": "m3",
    "ft³": "[cft_i]",
    "m³/h": "m3/h",
    "L": "L",
    "mbar": "mbar",
    "psi": "[psi]",
    "lx": "lx",
    "dBm": "dB[mW]",
    "ppm": "[ppm]",
    "ppb": "[ppb]",
    "µg/m³": "ug/m3",
    "μg/m³": "ug/m3",
    "mg/m³": "mg/m3",
    "µS/cm": "uS/cm",
    "μS/cm": "uS/cm",
    "µs": "us",
    "μs": "us",
    "°": "deg",
    "m/s²": "m/s2",
    "W/m²": "W/m2",
}
"""Units whose UCUM name is another. µ is there twice: the micro sign and the Greek letter, devices use both."""

_SAME = frozenset(
    {
        "%", "A", "GJ", "Hz", "K", "L", "L/h", "L/min", "MJ", "MW", "Pa", "V", "W", "bar", "cm", "d", "dB", "g", "h", "hPa",
        "kHz", "kPa", "kV", "kW", "kg", "km", "km/h", "lm", "m", "m/s", "mA", "mV", "mW", "mg", "min", "mm", "mm/h", "ms", "s",
        "var", "kvar",
    }
)  # fmt: skip
"""Units that UCUM calls the same."""

UNIT_CHARS = 24
"""Longest unit that is kept: the longest real one has nine characters."""


def unit_of(said: str) -> str | None:
    """A unit in UCUM; of a unit that is not known its plain characters, as UCUM's annotation ``{…}``. None: no unit."""
    text = said.strip()
    if text in _UNITS:
        return _UNITS[text]
    if text in _SAME:
        return text
    plain = "".join(c for c in text if (c.isascii() and c.isalnum()) or c in "/%. ").strip()[:UNIT_CHARS]
    return f"{{{plain}}}" if plain else None


class Meaning(NamedTuple):
    """What a device class means: the alarm of a binary sensor that is on.

    Attributes:
        category: of the service catalogue. priority: P1 to P4.
        zh, en: the title.
        watched: whether the alarm is on by default; a door that opens is no trouble until a site says so.
    """

    category: str
    priority: str
    zh: str
    en: str
    watched: bool = True


BINARY = {
    "battery": Meaning("device", "P4", "{location} {device} 电池电量低", "{device} battery low, {location}"),
    "carbon_monoxide": Meaning(
        "fire", "P1", "{location} 一氧化碳报警（{device}）", "Carbon monoxide at {location} ({device})"
    ),
    "cold": Meaning("environment", "P3", "{location} 温度过低（{device}）", "Too cold at {location} ({device})"),
    "door": Meaning(
        "security", "P3", "{location} 门打开（{device}）", "Door open at {location} ({device})", watched=False
    ),
    "garage_door": Meaning(
        "security",
        "P3",
        "{location} 车库门打开（{device}）",
        "Garage door open at {location} ({device})",
        watched=False,
    ),
    "gas": Meaning("fire", "P1", "{location} 燃气泄漏报警（{device}）", "Gas at {location} ({device})"),
    "heat": Meaning("fire", "P1", "{location} 高温报警（{device}）", "Heat alarm at {location} ({device})"),
    "lock": Meaning(
        "security", "P3", "{location} 未上锁（{device}）", "Unlocked at {location} ({device})", watched=False
    ),
    "moisture": Meaning("water", "P2", "{location} 漏水报警（{device}）", "Water leak at {location} ({device})"),
    "motion": Meaning(
        "security", "P3", "{location} 检测到移动（{device}）", "Motion at {location} ({device})", watched=False
    ),
    "occupancy": Meaning(
        "security", "P3", "{location} 检测到有人（{device}）", "Presence at {location} ({device})", watched=False
    ),
    "opening": Meaning(
        "security", "P3", "{location} 打开（{device}）", "Opened at {location} ({device})", watched=False
    ),
    "problem": Meaning("device", "P3", "{location} {device} 故障", "{device} reports a problem, {location}"),
    "safety": Meaning("security", "P2", "{location} 不安全（{device}）", "Unsafe at {location} ({device})"),
    "smoke": Meaning("fire", "P1", "{location} 烟雾报警（{device}）", "Smoke at {location} ({device})"),
    "tamper": Meaning("security", "P2", "{location} {device} 被拆动", "{device} tampered with, {location}"),
    "vibration": Meaning(
        "security", "P3", "{location} 检测到振动（{device}）", "Vibration at {location} ({device})", watched=False
    ),
    "window": Meaning(
        "security", "P3", "{location} 窗打开（{device}）", "Window open at {location} ({device})", watched=False
    ),
}
"""Device classes of binary sensors (home-assistant.io, integrations/binary_sensor) that are a trouble while they are on."""

BATTERY = Meaning(
    "device", "P4", "{location} {device} 电池电量低（{value}%）", "{device} battery low ({value} %), {location}"
)
"""Of a sensor of class battery, in per cent."""
BATTERY_LOW, BATTERY_BACK = 15.0, 5.0
"""Per cent below which a battery is low, and how far it must be back: as in the profiles that come with edgegw."""

JAMMED = Meaning("security", "P2", "{location} 门锁卡住（{device}）", "Lock jammed at {location} ({device})")
OFFLINE = Meaning("device", "P3", "{location} {device} 离线", "{device} offline, {location}")

NOT_NUMBERS = frozenset({"date", "enum", "timestamp"})
"""Device classes of sensors whose values are words."""
