"""The device profile as typed models: what one YAML file under device_profiles/ may say.

Owns: the schema (also published as JSON Schema for editors).
Must not know: how a profile is found and read (loader), how messages are decoded (decode), what a site adds.

Vocabulary close to EdgeX device profiles: a profile has points with type, unit, scale, offset, map. Every profile carries
samples: real messages with the readings they must give; a profile whose samples fail cannot be used.
"""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from edgegw.errors import DecodeError
from edgegw.profiles.fields import Duration, HexBytes, Slug, Strict, Text
from edgegw.profiles.owntime import own_time
from edgegw.profiles.schema_commands import CommandSample, CommandSpec
from edgegw.profiles.schema_meter import MeterRead, MeterSection
from edgegw.profiles.schema_modbus import ModbusRead, ModbusSection
from edgegw.profiles.schema_mqtt import MqttRead, MqttSection
from edgegw.profiles.schema_osdp import OsdpRead, OsdpSection
from edgegw.profiles.schema_serial import SerialRead, SerialSection

PointType = Literal[
    "bool", "int", "float", "str", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64",
    "bcd16", "bcd32", "bcd64",
]  # fmt: skip
"""bool, int, float and str suit messages that carry text or JSON; the sized ones suit registers and binary fields."""

Scalar = bool | int | float | str | None


class Condition(Strict):
    """When an alarm's condition holds. Exactly one kind; `hysteresis` goes with above and below.

    Attributes:
        above, below: holds beyond the limit, and until the value is back by `hysteresis` (same unit as the point).
        hysteresis: how far the value must be back before the condition is over; goes with above and below.
        equals, one_of: holds while the value is (one of) this.
        changed: holds for the moment the value differs from the one before.
        rate_above: holds while the value rises or falls faster than this per second.
        missing: holds when the point has given no value for this long.
        offline: holds while the device is offline.
    """

    above: float | None = None
    below: float | None = None
    hysteresis: Annotated[float, Field(ge=0)] = 0.0
    equals: Scalar = None
    one_of: Annotated[tuple[Scalar, ...] | None, Field(alias="in", strict=False)] = None
    changed: Literal[True] | None = None
    rate_above: Annotated[float, Field(gt=0)] | None = None
    missing: Duration | None = None
    offline: Literal[True] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "Condition":
        kinds = self.model_fields_set - {"hysteresis"}
        if len(kinds) != 1:
            named = ", ".join(sorted(kinds)) or "none"
            raise ValueError(
                f"a condition has exactly one of above, below, equals, in, changed, rate_above, missing, offline; here: {named}"
            )
        if self.hysteresis and not kinds & {"above", "below"}:
            raise ValueError("hysteresis goes with above or below")
        return self


class AlarmRule(Strict):
    """An alarm a device can raise: one condition, one dedup key, one state machine.

    Attributes:
        point: the point watched; not given for `offline`.
        when: the condition, see Condition.
        hold: the condition must hold this long before the alarm is raised (``for`` in the file).
        clear_after: the condition must be gone this long before it is cleared; this is the debounce.
        priority: P1 (most urgent) to P4; by impact and urgency if not given (docs/service.md).
        impact, urgency: 1 to 5, instead of the category's in the service catalogue, whose matrix gives the priority.
        category: slug of the service catalogue: security, fire, lift, water, power, hvac, environment, access, parking, cleaning,
            device.
        title: what an operator reads; ``{device}``, ``{location}``, ``{value}``, ``{unit}`` are filled in.
        enabled: a site may switch a profile's alarm off.
        momentary: the value is an event, not a state (a button's action that is never taken back): every matching reading is one
            occurrence, cleared `clear_after` the last. `changed` is always so.
    """

    point: Slug | None = None
    when: Condition
    hold: Annotated[Duration, Field(alias="for")] = 0.0
    clear_after: Duration = 5.0
    priority: Literal["P1", "P2", "P3", "P4"] | None = None
    impact: Annotated[int, Field(ge=1, le=5)] | None = None
    urgency: Annotated[int, Field(ge=1, le=5)] | None = None
    category: Slug = "device"
    title: Annotated[
        Text,
        BeforeValidator(lambda v: {"zh": v, "en": v} if isinstance(v, str) else v, json_schema_input_type=str | Text),
    ]
    enabled: bool = True
    momentary: bool = False

    @model_validator(mode="after")
    def _moment_or_duration(self) -> "AlarmRule":
        if self.hold and (self.momentary or self.when.changed):
            raise ValueError("`for` cannot go with `changed` or `momentary`: a moment does not last")
        if self.momentary and not self.when.model_fields_set & {"above", "below", "equals", "one_of", "changed"}:
            raise ValueError("momentary goes with above, below, equals, in or changed")
        return self

    @model_validator(mode="after")
    def _priority_one_way(self) -> "AlarmRule":
        if self.priority and (self.impact or self.urgency):
            raise ValueError("priority is given outright, or comes from impact and urgency; not both")
        return self

    @model_validator(mode="after")
    def _point_or_offline(self) -> "AlarmRule":
        if (self.point is None) != (self.when.offline is True):
            raise ValueError("name the point this alarm watches (or use `when: {offline: true}` without a point)")
        return self


class Report(Strict):
    """Which readings become records. Together: a reading is recorded if it changed enough and `min_interval` has passed,
    or if `max_interval` has passed. Alarms see every reading whatever is reported.

    Attributes:
        on_change: record only when the value differs from the last one recorded.
        deadband: and differs by at least this much (same unit as the point).
        min_interval: no two records of a point closer than this.
        max_interval: a record at least this often, changed or not.
    """

    on_change: bool = False
    deadband: Annotated[float, Field(ge=0)] = 0.0
    min_interval: Duration = 0.0
    max_interval: Duration | None = None


class Point(Strict):
    """A named value of the device.

    Attributes:
        type: bool, int, float and str suit messages that carry text or JSON; the sized ones suit registers and binary fields.
        description: for people.
        unit: UCUM-like, e.g. ``V``, ``Cel``, ``kW.h``, ``%``.
        scale, offset: value = raw × scale + offset; decimal scales are applied exactly (0.1 never gives 23.400000000000002).
        decimals: round to what the device resolves: a float32 of 230.20001 from a meter that shows tenths is 230.2.
        map: raw value (as text) to value, e.g. ``{"ON": true}``; an unmapped value is a decode error; null: no reading.
        min, max: outside is a decode error (a sensor's error code, a torn frame).
        length: registers of a ``str``.
        optional: a message without this point is fine (partial updates); on Modbus every point is always there.
        mqtt, modbus, serial, osdp, meter: where it is; the link's own.
        report: which of its readings become records; the profile's `report` if not given.
        secret: a card number, code or PIN: doors are told, but no record, log or figure shows it.
    """

    type: PointType
    description: str = ""
    unit: str | None = None
    scale: float = 1
    offset: float = 0
    decimals: Annotated[int, Field(ge=0, le=9)] | None = None
    map: dict[str, Scalar] | None = None
    min: float | None = None
    max: float | None = None
    length: Annotated[int, Field(ge=1, le=125)] | None = None
    optional: bool = True
    secret: bool = False
    mqtt: MqttRead | None = None
    modbus: ModbusRead | None = None
    serial: SerialRead | None = None
    osdp: OsdpRead | None = None
    meter: MeterRead | None = None
    report: Report | None = None


class Sample(Strict):
    """A real message and what must come of it. Exactly one of `payload` (MQTT) and `hex` (serial frame, Modbus or meter answer).

    Attributes:
        source: where the bytes are from: captured, constructed, which document.
        payload, retained: of an MQTT message.
        topic: MQTT topic, with ``{address}``; the profile's first topic if not given.
        hex: serial: the bytes on the wire, delimiters included; Modbus and meters: the answer.
        address: what ``{address}`` is; ``sample`` if not given.
        request: for Modbus: the request frame that `hex` answers.
        given: for Modbus: values that points which scale others had before (`ModbusRead.scale_from`, `decimals_from`).
        readings: point → value; the decoded message must give exactly these.
        online: the availability the message must tell.
        received: when the message came, ISO 8601 with a zone; for values with a time of their own. Not given: nobody knows.
        times: the time of their own that points must have; exactly these.
        stale: whether the readings must be stale though the message is not retained.
        error: the reason the message must be refused with, instead of readings.
    """

    source: str
    payload: str | None = None
    topic: str | None = None
    address: str | None = None
    retained: bool = False
    received: str | None = None
    hex: HexBytes | None = None
    request: HexBytes | None = None
    given: dict[Slug, int | float] = Field(default={})
    readings: dict[Slug, Scalar] | None = None
    online: bool | None = None
    times: dict[Slug, str] | None = None
    stale: bool = False
    error: str | None = None

    @model_validator(mode="after")
    def _shape(self) -> "Sample":
        if (self.payload is None) == (self.hex is None):
            raise ValueError("a sample has either payload (MQTT) or hex (Modbus, serial, meter)")
        if self.readings is None and self.online is None and self.error is None:
            raise ValueError("a sample says what must come of it: readings, online or error")
        if self.received is not None:
            try:
                own_time(self.received, "iso")
            except DecodeError as error:
                raise ValueError(f"received is {error.detail}") from error
        return self


class Profile(Strict):
    """A device type. The file's place gives its name: device_profiles/<vendor>/<model>.yaml is ``<vendor>/<model>``.

    Attributes:
        extends: a profile, ``<vendor>/<model>``, that this one takes over: what is said here counts, sections merge key by key,
            lists are replaced, null removes. Everything may be left out that the other one says, samples excepted.
        vendor, model: who makes it, and what it is called there.
        description: what it is, in a line, for people.
        link: which kind of link its devices are on.
        source: the document or captures the facts are from.
        offline_after: a device silent for this long is offline (Modbus, meters: counted from the last answered poll).
        mqtt, modbus, serial, osdp, meter: how this kind of device is read; the link's own.
        report: which readings become records, unless a point says otherwise.
        points: its values, by name.
        alarms: what it can raise, by name; a site may change or switch off each.
        commands: what it can be told to do, by name.
        samples: messages and what must come of them; at least one.
        command_samples: what must be sent for the commands.
    """

    extends: str | None = None
    vendor: str
    model: str
    description: str = ""
    source: str
    link: Literal["mqtt", "modbus", "serial", "osdp", "meter"]
    offline_after: Duration | None = None
    mqtt: MqttSection = MqttSection()
    modbus: ModbusSection = ModbusSection()
    serial: SerialSection | None = None
    osdp: OsdpSection = OsdpSection()
    meter: MeterSection | None = None
    report: Report = Report()
    points: Annotated[dict[Slug, Point], Field(min_length=1)]
    alarms: dict[Slug, AlarmRule] = Field(default={})
    commands: dict[Slug, CommandSpec] = Field(default={})
    command_samples: Annotated[tuple[CommandSample, ...], Field(strict=False)] = ()
    samples: Annotated[tuple[Sample, ...], Field(min_length=1, strict=False)]

    @cached_property
    def compiled(self) -> dict[str, object]:
        """Where decode keeps what it compiled from this profile, so that a thousand devices share it; empty at first."""
        return {}
