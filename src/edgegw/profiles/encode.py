"""A device's commands to what is sent: the pure counterpart of decode.

Owns: argument checks (known, in range, defaults), templates and register values, and how the effect of a command is confirmed.
Must not know: links, deadlines, who asks.
"""

from collections.abc import Mapping

from msgspec import Struct

from edgegw.model import Value


class Expect(Struct, frozen=True):
    """The value a point must come to have.

    Attributes:
        within_s: seconds after sending within which it must; beyond, the command is unknown.
    """

    point: str
    value: Value
    within_s: float


class ModbusWrite(Struct, frozen=True):
    """One write transaction and its read-back.

    Attributes:
        function: 5, 6, 15 or 16.
        table: ``coil`` or ``holding``; `address` zero-based.
        words: the raw 16-bit value (FC05 too: FF00, 0000, or a pulse length), or several for 15 (bits) and 16.
        readback: (table, address, count) to read, or None where the write's answer is all the confirmation there is.
        expect: the words the read-back must show, masked by `mask` (same length; None: all bits).
        settle_s: seconds between the write's answer and the first read-back.
        within_s: seconds in which the read-back is repeated until it shows them.
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


class MqttReply(Struct, frozen=True):
    """How an answer to a published request is known.

    Attributes:
        topic: exact topic of the answer.
        id_path: dotted path whose value must equal `id` (as text); empty: the first message on the topic answers.
        ok_path: present and not null: done. error_path: present and not null: the device refused, its text is the detail.
    """

    topic: str
    id_path: str = ""
    id: str = ""
    ok_path: str = ""
    error_path: str = ""


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


Outgoing = ModbusWrite | MqttPublish | SerialWrite


class Encoder:
    """One device's commands (see `compile_commands`)."""

    def names(self) -> tuple[str, ...]:
        """The commands there are."""
        raise NotImplementedError

    def encode(self, name: str, args: Mapping[str, Value], correlation: str) -> Outgoing:
        """What to send. Raises CommandError ``unknown-command``, ``unknown-argument``, ``missing-argument``, ``bad-argument``."""
        raise NotImplementedError
