"""The `commands` of a device profile as typed models.

Owns: what one command may say: arguments, what is written, how its effect is confirmed; samples of what is sent.
Must not know: encoding (encode), links.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgegw.profiles.fields import Duration, HexBytes, Slug, Strict
from edgegw.profiles.schema_meter import MeterCommand
from edgegw.profiles.schema_osdp import OsdpCommand

Scalar = bool | int | float | str | None
ArgValue = bool | int | float | str

WordOrder = Literal["ABCD", "CDAB", "BADC", "DCBA"]
"""Byte order of a value across 16-bit registers: ABCD is big-endian (the Modbus norm), CDAB low word first."""

Path = Annotated[str, Field(min_length=1, max_length=256)]
"""Dotted path into a JSON payload; list items by number."""


class Arg(Strict):
    """An argument of a command.

    Attributes:
        type: of the value.
        description: for people.
        min, max: bounds of a number.
        max_length: characters of a text at most.
        choices: the only values there are.
        default: taken where none is given; without one the argument must be given.
    """

    type: Literal["bool", "int", "float", "str"]
    description: str = ""
    min: float | None = None
    max: float | None = None
    max_length: Annotated[int, Field(ge=1, le=256)] = 64
    choices: Annotated[tuple[ArgValue, ...] | None, Field(strict=False)] = None
    default: ArgValue | None = None


class ModbusCommand(Strict):
    """A write to a Modbus device.

    Attributes:
        table: ``coil`` or ``holding``.
        address: zero-based, as on the wire.
        function: 5 (one coil), 6 (one register), 15 (coils), 16 (registers); 5 and 6 where not given.
        value: the raw value; FC05: true is FF00, false 0000, a number is sent as it is (a timed pulse, 0100 of odd relays).
        arg: the argument that gives the value instead: raw = argument / `scale`, rounded; a bool as 1 and 0 (FC05: FF00, 0000).
        scale: of `arg`, exactly: 0.1 means the register counts tenths.
        type, order: what `arg` is in the registers, as of a point; more than one register is written with function 16.
    """

    table: Literal["coil", "holding"]
    address: Annotated[int, Field(ge=0, le=0xFFFF)]
    function: Literal[5, 6, 15, 16] | None = None
    value: bool | Annotated[int, Field(ge=0, le=0xFFFF)] | None = None
    arg: Slug | None = None
    scale: Annotated[float, Field(gt=0)] = 1
    type: Literal[
        "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64", "bcd16", "bcd32", "bcd64"
    ] = "uint16"
    order: WordOrder = "ABCD"

    @model_validator(mode="after")
    def _one_value(self) -> "ModbusCommand":
        if (self.value is None) == (self.arg is None):
            raise ValueError("a Modbus command has either value or arg")
        functions = {"coil": (5, 15), "holding": (6, 16)}[self.table]
        if self.function is not None and self.function not in functions:
            raise ValueError(
                f"function {self.function} does not write a {self.table}; it is {functions[0]} or {functions[1]}"
            )
        return self


class MqttReplyRead(Strict):
    """How the device answers a published request.

    Attributes:
        topic: template with ``{address}``.
        id: path that repeats the request's ``{id}``; empty: the next message on the topic is the answer.
        device: path that repeats the device's address, where the answer names its sender: another device's is none.
        ok: path that is there (and not null) when it worked; empty: every answer without `error` is good.
        equals: what the value at `ok` must be; any other is a refusal.
        error: path of the device's complaint: with `ok`, what is told of a refusal; without it, being there is one.
    """

    topic: str
    id: str = ""
    device: str = ""
    ok: str = ""
    equals: Scalar = None
    error: str = ""

    @model_validator(mode="after")
    def _equals_what(self) -> "MqttReplyRead":
        if self.equals is not None and not self.ok:
            raise ValueError("`equals` says what the value at `ok` must be: it goes with ok")
        return self


class MqttCommand(Strict):
    """A publish to an MQTT device; never retained.

    Attributes:
        topic, payload: templates with ``{address}``, ``{id}`` (the correlation number) and the arguments in braces.
            In a payload that is JSON an argument stands for its JSON text (``{"on":{on}}`` becomes ``{"on":true}``), inside
            quotes for the text alone, escaped.
        qos: 0 unless the device needs 1: a broker keeps QoS 1 for a device that is away, and a late unlock is worse than none.
            At 1, without `reply` and `confirm`, the broker's word that it passes it on is all the confirmation there is.
        reply: how the device answers; not given: by its state, or not at all.
    """

    topic: str
    payload: str
    qos: Literal[0, 1] = 0
    reply: MqttReplyRead | None = None


class SerialCommand(Strict):
    """Bytes to a serial device.

    Attributes:
        hex: the bytes.
    """

    hex: HexBytes


class Confirm(Strict):
    """By what the effect is known: a point that comes to have a value.

    Attributes:
        point: the one that shows it.
        equals, arg: the value it comes to have, or the argument that names it.
        within: time after sending. On Modbus and meters the point is read back at once and again until then; elsewhere the device
            tells by itself.
        settle: Modbus, meters: pause between the write's answer and the first read-back.
    """

    point: Slug
    equals: Scalar = None
    arg: Slug | None = None
    within: Duration = 1.0
    settle: Duration = 0.0

    @model_validator(mode="after")
    def _one_value(self) -> "Confirm":
        if ("equals" in self.model_fields_set) == (self.arg is not None):
            raise ValueError("confirm says either what the point equals or the arg that it equals")
        return self


class CommandSpec(Strict):
    """One command of a device type.

    Attributes:
        description: what it does, for people.
        args: its arguments.
        modbus, mqtt, osdp, serial, meter: what is sent; exactly the profile's link.
        confirm: by what its effect is known; without one, a Modbus or meter write's answer or an MQTT reply is the confirmation.
        moves: the point that it changes, where `confirm` does not name it; two commands that move the same point act on the same
            bolt, valve or relay.
        timed: the effect ends by itself in the device (a pulse); required of a door's `unlock`.
        timeout: the longest it may take, from admission to outcome; never above 5 s.
    """

    description: str = ""
    args: dict[Slug, Arg] = Field(default={})
    modbus: ModbusCommand | None = None
    mqtt: MqttCommand | None = None
    serial: SerialCommand | None = None
    osdp: OsdpCommand | None = None
    meter: MeterCommand | None = None
    confirm: Confirm | None = None
    moves: Slug | None = None
    timed: bool = False
    timeout: Annotated[Duration, Field(gt=0, le=5)] = 5.0

    @model_validator(mode="after")
    def _one_way(self) -> "CommandSpec":
        if sum(way is not None for way in (self.modbus, self.mqtt, self.osdp, self.serial, self.meter)) != 1:
            raise ValueError("a command is sent one way: exactly one of modbus, mqtt, osdp, serial, meter")
        return self

    @property
    def point(self) -> str | None:
        """The point that the command changes, None if the profile does not tell."""
        return self.moves or (self.confirm.point if self.confirm else None)


class CommandSample(Strict):
    """One of a profile's commands with the bytes it must send.

    Attributes:
        source: where the bytes are from: captured, constructed, which document.
        command, args: what is asked for.
        hex: Modbus: the request frame in RTU form, CRC included; serial: the bytes; meter: the frame to `address`, its serial
            number 1.
        topic, payload: MQTT, exact, ``{id}`` being 1; the topic may name ``{address}``.
        address: what ``{address}`` is; ``sample`` if not given.
        error: the reason the command must be refused with, instead of bytes.
    """

    source: str
    command: Slug
    args: dict[Slug, ArgValue] = Field(default={})
    hex: HexBytes | None = None
    topic: str | None = None
    payload: str | None = None
    address: str | None = None
    error: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "CommandSample":
        mqtt = self.topic is not None and self.payload is not None
        if (self.hex is not None) + mqtt + (self.error is not None) != 1 or (self.topic is None) != (
            self.payload is None
        ):
            raise ValueError("a command's sample says what is sent: hex, or topic and payload; or the error")
        return self
