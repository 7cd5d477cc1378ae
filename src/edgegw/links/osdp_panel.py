"""One reader's session as libosdp keeps it: handshake, secure channel, polls, commands.

Owns: everything that touches libosdp: one control panel for one reader, its events turned back into replies, its keys.
Must not know: the line's other readers, whose turn it is, when a reader counts as lost (osdp_reader), asyncio.

One panel a reader, although libosdp can take several: it declares a silent reader offline after 8.3 s, tries it again after 300 s
and hears no request meanwhile; a panel of its own can be thrown away and made anew without the others noticing. Also its Python
binding gives all channels the number 0, which it takes for "nobody's", and reads the states of 32 readers at most.

Nothing is printed: libosdp's log is set to emergencies before the first panel. Its events are emptied once they are read, for the
binding never frees them, and they hold card numbers.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any, Protocol

from msgspec import Struct

from edgegw.codec.osdp import COLORS, ISTATR, KEYPAD, LSTATR, OSTATR, RAW, RSTATR, Buzzer, Led, Output, Told

MOST_QUEUED = 32
"""Replies and outcomes kept between two looks: a refresh gives at most one of each."""

MOST_DATA = 64
"""Bytes of a card read or of keys that are taken."""

WAKE_STEPS = 3
"""Refreshes after which a panel that wrote nothing has nothing to write: it takes up a command, sends it, or finds none."""


ODD = (KeyError, TypeError, ValueError, OverflowError)
"""What reading an event raises that is not as it should be."""


class Wire(Protocol):
    """What a panel talks through."""

    def receive(self, most: int) -> bytes:
        """Bytes of whole frames of the reader, or b""."""
        ...

    def send(self, data: bytes) -> int:
        """Write a command; how many bytes of it were taken, below 0 when the line is gone."""
        ...


class Ended(Struct, frozen=True):
    """A command's end. `ok`: the reader acknowledged it; `refused`: it said no; neither: it never answered."""

    ok: bool
    refused: bool


class Channel:
    """A wire as libosdp calls it; one a reader for all its sessions, because the binding never lets go of it."""

    id = 1

    def __init__(self) -> None:
        self.wire: Wire | None = None
        self.sent = 0

    def read(self, most: int) -> bytes:
        """See `osdp.Channel.read`."""
        return b"" if self.wire is None else self.wire.receive(most)

    def write(self, data: bytes) -> int:
        """See `osdp.Channel.write`."""
        if self.wire is None:
            return -1
        self.sent += 1
        return self.wire.send(data)

    def flush(self) -> None:
        """What came before the command is dropped by `Wire.send`."""


class Panel:
    """A session with one reader.

    Args:
        address: of the reader.
        channel: the reader's, its wire put in.
        key: 16 bytes, None for a session in the clear.
        install: the key is given to a reader that still has the default one (else such a reader is refused).

    Attributes:
        replies: what the reader told, to be taken by the owner.
        ended: how submitted commands ended, in order.
        default_key: the reader took part in a secure channel under the key everybody knows.
    """

    def __init__(self, address: int, channel: Channel, key: bytes | None, *, install: bool = False) -> None:
        import osdp_sys  # noqa: PLC0415  # only where a site has such a reader (edgegw[osdp])

        self._lib = osdp_sys
        osdp_sys.set_loglevel(osdp_sys.LOG_EMERG)
        flags = osdp_sys.FLAG_ENABLE_NOTIFICATION
        if key is not None and not install:
            flags |= osdp_sys.FLAG_ENFORCE_SECURE
        self._secure = key is not None
        self._channel = channel
        info: dict[str, Any] = {
            "name": f"reader-{address}",
            "address": address,
            "flags": flags,
            "channel": self._channel,
            **({} if key is None else {"scbk": key}),
            **dict.fromkeys(("version", "model", "vendor_code", "serial_number", "firmware_version"), 0),
        }
        self._panel = osdp_sys.ControlPanel([info])
        self._panel.set_event_callback(self._event)
        self._panel.set_command_completion_callback(self._completed)
        self.replies: deque[bytes] = deque(maxlen=MOST_QUEUED)
        self.ended: deque[Ended] = deque(maxlen=MOST_QUEUED)
        self.default_key = False
        self.odd = 0
        """Events without what they should have."""
        self.over = False
        """The session ended by itself, and libosdp would begin the next one in five minutes."""

    @property
    def usable(self) -> bool:
        """Whether the reader is polled, under the secure channel where there is to be one."""
        return self._panel.status() == 1 and (not self._secure or self._panel.sc_status() == 1)

    def step(self) -> bool:
        """Let libosdp do one thing: send, take an answer, or find nothing to do. Whether it sent."""
        before = self._channel.sent
        self._panel.refresh()
        return self._channel.sent > before

    def submit(self, part: Told) -> bool:
        """Queue a command; False if libosdp does not take it."""
        return bool(self._panel.submit_command(0, _command(self._lib, part)))

    def ask_status(self) -> None:
        """Have the reader tell its tamper contact and its power."""
        lib = self._lib
        self._panel.submit_command(0, {"command": lib.CMD_STATUS, "type": lib.STATUS_REPORT_LOCAL})

    def close(self) -> None:
        """Let go of the line and end the session; nothing else may be called afterwards.

        The binding's objects are not seen by the garbage collector, and hold what calls them back: the circle is cut by hand.
        """
        self._channel.wire = None
        self._panel.set_event_callback(_ignored)
        self._panel.set_command_completion_callback(_ignored)
        del self._panel

    # --- called by libosdp within step(). What is raised here would surface in some later call of anybody's -------------

    def _event(self, _index: int, event: dict[str, Any]) -> int:
        try:
            if event.get("event") == self._lib.EVENT_NOTIFICATION:
                self._notified(event)
            elif self.usable and (reply := reply_of(self._lib, event)) is not None:
                self.replies.append(reply)
        except ODD:
            self.odd += 1
        finally:
            event.clear()
        return 0

    def _notified(self, event: Mapping[str, Any]) -> None:
        kind, now, how = event.get("type"), event.get("arg0"), event.get("arg1")
        if kind == self._lib.EVENT_NOTIFICATION_SC_STATUS and now and how:
            self.default_key = True
        elif kind == self._lib.EVENT_NOTIFICATION_PD_STATUS and not now:
            self.over = True

    def _completed(self, _index: int, command: dict[str, Any], status: int) -> None:
        kind = command.get("command")
        command.clear()
        if kind not in (self._lib.CMD_STATUS, self._lib.CMD_KEYSET):
            lib = self._lib
            self.ended.append(Ended(status == lib.COMPLETION_OK, status == lib.COMPLETION_FAILED))


def _ignored(*_what: object) -> int:
    return 0


def reply_of(lib: Any, event: Mapping[str, Any]) -> bytes | None:  # noqa: ANN401  # an extension module without types
    """libosdp's event as the reply it came from; None for what no profile reads, and for what does not fit."""
    kind = event.get("event")
    if kind == lib.EVENT_CARDREAD:
        data, bits = bytes(event["data"]), int(event.get("length", 0))
        if event["format"] in (lib.CARD_FMT_RAW_UNSPECIFIED, lib.CARD_FMT_RAW_WIEGAND) and len(data) <= MOST_DATA:
            return bytes((RAW, event["reader_no"], event["format"])) + bits.to_bytes(2, "little") + data
    elif kind == lib.EVENT_KEYPRESS:
        data = bytes(event["data"])
        if len(data) <= MOST_DATA:
            return bytes((KEYPAD, event["reader_no"], len(data))) + data
    elif kind == lib.EVENT_STATUS:
        return _status(lib, event)
    return None


def _status(lib: Any, event: Mapping[str, Any]) -> bytes | None:  # noqa: ANN401  (see above)
    codes = {
        lib.STATUS_REPORT_LOCAL: LSTATR,
        lib.STATUS_REPORT_INPUT: ISTATR,
        lib.STATUS_REPORT_OUTPUT: OSTATR,
        lib.STATUS_REPORT_REMOTE: RSTATR,
    }
    code, report = codes.get(event["type"]), bytes(event["report"])
    return None if code is None or len(report) > MOST_DATA else bytes((code,)) + report


def _command(lib: Any, part: Told) -> dict[str, Any]:  # noqa: ANN401  (see above)
    match part:
        case Led():
            return {
                "command": lib.CMD_LED,
                "reader": part.reader,
                "led_number": part.led,
                "temporary": part.ticks > 0,
                "control_code": 2 if part.ticks else 1,
                "on_count": part.on,
                "off_count": part.off,
                "on_color": COLORS[part.color],
                "off_color": COLORS[part.off_color],
                "timer_count": part.ticks,
            }
        case Buzzer():
            return {
                "command": lib.CMD_BUZZER,
                "reader": part.reader,
                "control_code": 2,
                "on_count": part.on,
                "off_count": part.off,
                "rep_count": part.count,
            }
        case Output():
            return {
                "command": lib.CMD_OUTPUT,
                "output_no": part.output,
                "control_code": part.control,
                "timer_count": part.ticks,
            }


class MakePanel(Protocol):
    """How a panel is made: `Panel`, or what tests put in its place."""

    def __call__(self, address: int, channel: Channel, key: bytes | None, *, install: bool = False) -> Panel:
        """See `Panel`."""
        ...
