"""A device's commands to what is sent: the pure counterpart of decode.

Owns: argument checks (known, in range, defaults), templates and register values, and how the effect of a command is confirmed.
Must not know: links, deadlines, who asks.
"""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from edgegw.errors import CommandError, ProfileError
from edgegw.model import Value
from edgegw.profiles.arguments import checked
from edgegw.profiles.encode_modbus import function_of, shown_as, words_of
from edgegw.profiles.encode_osdp import OsdpEncoder, OsdpSend
from edgegw.profiles.schema import Point, Profile
from edgegw.profiles.schema_commands import ArgValue, CommandSpec, ModbusCommand, MqttCommand
from edgegw.profiles.templates import Template

MAX_TOPIC_BYTES = 65_535
"""MQTT's own limit for a topic (MQTT 5, 1.5.4)."""


class Expect(Struct, frozen=True):
    """The value a point must come to have.

    Attributes:
        within_s: seconds after sending within which it must; beyond, the command is unknown.
    """

    point: str
    value: Value
    within_s: float


class LineWrite(Struct, frozen=True):
    """One write transaction on a half-duplex line, and its read-back. What the words are, its kinds say.

    Attributes:
        function: the code that writes.
        table, address: where to.
        words: what is written.
        readback: (table, address, count) to read, or None where the write's answer is all the confirmation there is.
        expect: the words the read-back must show, masked by `mask` (same length; None: all bits).
        settle_s: seconds between the write's answer and the first read-back.
        within_s: seconds in which the read-back is repeated until it shows them.
        shows: (point, value) that the read-back then means.
    """

    function: int
    table: str
    address: int
    words: tuple[int, ...]
    readback: tuple[str, int, int] | None = None
    expect: tuple[int, ...] = ()
    mask: tuple[int, ...] | None = None
    settle_s: float = 0.0
    within_s: float = 0.0
    shows: tuple[str, Value] | None = None

    @property
    def place(self) -> str:
        """Where it writes, for people."""
        return f"{self.table} {self.address}"


class ModbusWrite(LineWrite, frozen=True):
    """A Modbus write.

    `function` is 5, 6, 15 or 16; `table` ``coil`` or ``holding``, `address` zero-based; `words` the raw 16-bit value (FC05 too:
    FF00, 0000, or a pulse length), or several for 15 (bits) and 16.
    """


class MeterWrite(LineWrite, frozen=True):
    """A write to a meter: `function` is the control code, `table` the protocol, `address` the data identifier as a number,
    `words` the data bytes; the read-back's words are the bytes of the answer.

    Attributes:
        frame: the whole request, as shown to people.
    """

    frame: bytes = b""

    @property
    def place(self) -> str:
        """The data identifier."""
        return f"DI {self.address:04X}"


class MqttReply(Struct, frozen=True):
    """How an answer to a published request is known.

    Attributes:
        topic: exact topic of the answer.
        id_path: dotted path whose value must equal `id` (as text); empty: the first message on the topic answers.
        device_path: dotted path whose value must equal `device` (as text); empty: whoever sent it.
        ok_path: present and not null: done. error_path: present and not null: the device refused, its text is the detail.
        ok_equals: not None: and the value at `ok_path` must be this, or the device refused.
    """

    topic: str
    id_path: str = ""
    id: str = ""
    ok_path: str = ""
    error_path: str = ""
    ok_equals: Value = None
    device_path: str = ""
    device: str = ""


class MqttPublish(Struct, frozen=True):
    """One publish (never retained, QoS 0 by default: a broker must not keep it for later), confirmed by a reply or by a point."""

    topic: str
    payload: bytes
    qos: int = 0
    reply: MqttReply | None = None
    expect: Expect | None = None


class SerialWrite(Struct, frozen=True):
    """Bytes to a serial device, confirmed by a point of a frame it sends."""

    data: bytes
    expect: Expect | None = None


Outgoing = OsdpSend | ModbusWrite | MeterWrite | MqttPublish | SerialWrite


class Encoder:
    """One device's commands (see `compile_commands`)."""

    def __init__(self, profile: Profile, address: str | None, unit: int | None) -> None:
        self._commands = _compiled(profile)
        self._address = address or ""
        self.unit = unit

    def names(self) -> tuple[str, ...]:
        """The commands there are."""
        return tuple(self._commands)

    def encode(self, name: str, args: Mapping[str, Value], correlation: str) -> Outgoing:
        """What to send.

        Args:
            correlation: what ``{id}`` is: 1–32 of ``[A-Za-z0-9._:-]``, unused for a while; digits alone become a JSON number.

        Raises:
            CommandError: ``unknown-command``, ``unknown-argument``, ``missing-argument``, ``bad-argument``.
        """
        command = self._commands.get(name)
        if command is None:
            raise CommandError(
                "unknown-command", f"there is no command {name!r}; there are {', '.join(self._commands)}"
            )
        return command.encode(checked(command.spec, args), self._address, correlation)

    def reply_topics(self) -> tuple[str, ...]:
        """The exact topics on which answers to published requests come; empty for other links."""
        found = (command.reply_topic(self._address) for command in self._commands.values())
        return tuple(dict.fromkeys(topic for topic in found if topic is not None))


def compile_commands(profile: Profile, address: str | None, unit: int | None) -> Encoder:
    """The encoder of a device. Devices with the same `profile` object share all that is compiled.

    Args:
        address: what the profile's topics call ``{address}``; unit: the Modbus unit (of no meaning to what is encoded).

    Raises:
        ProfileError: ``profile`` where the profile contradicts itself (`check.findings` lists all contradictions).
    """
    return Encoder(profile, address, unit)


class _Command(Protocol):
    """A command ready to be filled in."""

    spec: CommandSpec

    def encode(self, args: Mapping[str, ArgValue], address: str, correlation: str) -> Outgoing:
        """What to send; `args` are checked and complete."""
        ...

    def reply_topic(self, address: str) -> str | None:
        """Where the answer comes."""
        ...


def _compiled(profile: Profile) -> dict[str, _Command]:
    found = profile.compiled.get("commands")
    if found is None:
        found = profile.compiled["commands"] = {
            name: _command(profile, spec) for name, spec in profile.commands.items()
        }
    if not isinstance(found, dict):
        raise ProfileError("profile", "`compiled` of the profile was used for something else")
    return found


def _command(profile: Profile, spec: CommandSpec) -> _Command:
    if spec.modbus is not None:
        return _Modbus(profile, spec, spec.modbus)
    if spec.mqtt is not None:
        return _Mqtt(spec, spec.mqtt)
    if spec.serial is not None:
        return _Serial(spec, spec.serial.hex)
    if spec.meter is not None:
        from edgegw.profiles.encode_meter import MeterCommandEncoder  # noqa: PLC0415  (it needs this module's types)

        return MeterCommandEncoder(profile, spec, spec.meter)
    if spec.osdp is not None:
        return OsdpEncoder(spec, spec.osdp)
    raise ProfileError("profile", "a command without a way to be sent")


def _confirmed(spec: CommandSpec, args: Mapping[str, ArgValue]) -> Expect | None:
    confirm = spec.confirm
    if confirm is None:
        return None
    value = confirm.equals if confirm.arg is None else args[confirm.arg]
    return Expect(confirm.point, value, confirm.within)


class _Modbus:
    """A register or coil write."""

    def __init__(self, profile: Profile, spec: CommandSpec, modbus: ModbusCommand) -> None:
        self.spec = spec
        self._modbus = modbus
        self._point: Point | None = None
        if spec.confirm is not None:
            self._point = profile.points.get(spec.confirm.point)
            if self._point is None or self._point.modbus is None:
                raise ProfileError(
                    "profile", f"commands are confirmed by point {spec.confirm.point}, which is not there"
                )

    def encode(self, args: Mapping[str, ArgValue], address: str, correlation: str) -> ModbusWrite:
        """See `_Command`."""
        del address, correlation
        modbus, confirm, point = self._modbus, self.spec.confirm, self._point
        try:
            words = words_of(modbus, modbus.value if modbus.arg is None else args[modbus.arg])
            write = ModbusWrite(function_of(modbus, len(words)), modbus.table, modbus.address, words)
            expect = _confirmed(self.spec, args)
            if confirm is None or point is None or expect is None:
                return write
            shown = shown_as(point, expect.value)
        except ValueError as error:
            raise CommandError("bad-argument", str(error)) from error
        return ModbusWrite(
            write.function,
            write.table,
            write.address,
            words,
            readback=shown.place,
            expect=shown.words,
            mask=shown.mask,
            settle_s=confirm.settle,
            within_s=confirm.within,
            shows=(expect.point, expect.value),
        )

    def reply_topic(self, address: str) -> None:
        """See `_Command`."""


class _Mqtt:
    """A publish."""

    def __init__(self, spec: CommandSpec, mqtt: MqttCommand) -> None:
        self.spec = spec
        self._mqtt = mqtt
        self._topic = Template(mqtt.topic, topic=True)
        self._payload = Template(mqtt.payload)

    def encode(self, args: Mapping[str, ArgValue], address: str, correlation: str) -> MqttPublish:
        """See `_Command`."""

        def in_topic(name: str) -> Value:
            return correlation if name == "id" else args[name]

        def in_payload(name: str) -> Value:
            if name != "id":
                return args[name]
            return int(correlation) if correlation.isascii() and correlation.isdecimal() else correlation

        try:
            topic = self._topic.fill(in_topic, address=address)
            payload = self._payload.fill(in_payload, address=address).encode()
        except ValueError as error:
            raise CommandError("bad-argument", str(error)) from error
        if len(topic.encode()) > MAX_TOPIC_BYTES:
            raise CommandError("bad-argument", f"the topic would be longer than {MAX_TOPIC_BYTES} bytes")
        reply = self._mqtt.reply
        if reply is None:
            return MqttPublish(topic, payload, self._mqtt.qos, None, _confirmed(self.spec, args))
        answer = MqttReply(
            self.reply_topic(address) or "",
            id_path=reply.id,
            id=correlation if reply.id else "",
            ok_path=reply.ok,
            error_path=reply.error,
            ok_equals=reply.equals,
            device_path=reply.device,
            device=address if reply.device else "",
        )
        return MqttPublish(topic, payload, self._mqtt.qos, answer, _confirmed(self.spec, args))

    def reply_topic(self, address: str) -> str | None:
        """See `_Command`."""
        reply = self._mqtt.reply
        return None if reply is None else reply.topic.replace("{address}", address)


class _Serial:
    """Fixed bytes."""

    def __init__(self, spec: CommandSpec, data: bytes) -> None:
        self.spec = spec
        self._data = data

    def encode(self, args: Mapping[str, ArgValue], address: str, correlation: str) -> SerialWrite:
        """See `_Command`."""
        del address, correlation
        return SerialWrite(self._data, _confirmed(self.spec, args))

    def reply_topic(self, address: str) -> None:
        """See `_Command`."""
