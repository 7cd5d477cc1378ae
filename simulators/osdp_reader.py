"""OSDP readers on one RS-485 line: libosdp's reader side behind a pty.

Owns: readers with cards, keypad, tamper contact, lights; silence, default and foreign keys; pulling the plug; the wire's pace.
Must not know: the gateway; it shares no code with it.

libosdp wants to be called often and the gateway's side may be in any loop, so the line has a thread of its own; every method may
be called from any thread. Needs ``edgegw[osdp]``.
"""

import contextlib
import errno
import os
import select
import tempfile
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any

LOOK_S = 0.002
"""How often the readers look at the line."""

READ_MOST = 4096

BITS_PER_CHARACTER = 10

HASH, STAR = 0x0D, 0x7F


class _Channel:
    """The line as one reader's libosdp sees it."""

    id = 1

    def __init__(self, line: "OsdpLine") -> None:
        self._line = line
        self.inbox = bytearray()
        self.silent = False
        self.late_s = 0.0
        self.spoil: Callable[[bytes], bytes] = bytes

    def read(self, most: int) -> bytes:
        """What the panel said."""
        taken = bytes(self.inbox[:most])
        del self.inbox[:most]
        return taken

    def write(self, data: bytes) -> int:
        """An answer; lost where the reader is to be silent, late and spoilt as it is to be."""
        if not self.silent:
            self._line.say(self.spoil(data), self.late_s)
        return len(data)

    def flush(self) -> None:
        """Nothing is kept."""


class OsdpReader:
    """One reader; made by `OsdpLine.add`.

    Attributes:
        led, buzzer, keyset, status: libosdp's numbers of these commands.
        told: commands as libosdp gives them, in order.
        answer: what it makes of a command: 0 acknowledges, -1 refuses.
    """

    def __init__(self, line: "OsdpLine", address: int, key: bytes | None, *, secure: bool, enforce: bool) -> None:
        import osdp_sys  # noqa: PLC0415  # edgegw[osdp]

        self._lib = osdp_sys
        self._lock = line.lock
        self.led, self.buzzer = osdp_sys.CMD_LED, osdp_sys.CMD_BUZZER
        self.keyset, self.status = osdp_sys.CMD_KEYSET, osdp_sys.CMD_STATUS
        self.channel = _Channel(line)
        self.address = address
        self.told: list[dict[str, Any]] = []
        self.answer: Callable[[dict[str, Any]], int] = lambda _command: 0
        self.tampered = False
        self.power_fault = False
        osdp_sys.set_loglevel(osdp_sys.LOG_EMERG)
        flags = (osdp_sys.FLAG_ENFORCE_SECURE if enforce else 0) | (
            osdp_sys.FLAG_INSTALL_MODE if secure and key is None else 0
        )
        capabilities = [
            (osdp_sys.CAP_CARD_DATA_FORMAT, 1, 1),
            (osdp_sys.CAP_READER_LED_CONTROL, 1, 1),
            (osdp_sys.CAP_READER_AUDIBLE_OUTPUT, 1, 1),
            (osdp_sys.CAP_OUTPUT_CONTROL, 1, 1),
            (osdp_sys.CAP_CHECK_CHARACTER_SUPPORT, 1, 0),
            (osdp_sys.CAP_COMMUNICATION_SECURITY, 1 if secure else 0, 1 if secure else 0),
        ]
        self._pd = osdp_sys.PeripheralDevice(
            {
                "name": f"sim-{address}",
                "address": address,
                "flags": flags,
                "channel": self.channel,
                "version": 1,
                "model": 1,
                "vendor_code": 0x00CAFE,
                "serial_number": address,
                "firmware_version": 0x010203,
                **({} if key is None else {"scbk": key}),
            },
            capabilities=[
                {"function_code": code, "compliance_level": level, "num_items": items}
                for code, level, items in capabilities
            ],
        )
        self._pd.set_command_callback(self._command)

    def refresh(self) -> None:
        """Let libosdp work; called by the line, which holds the lock."""
        self._pd.refresh()

    @property
    def secure(self) -> bool:
        """Whether a secure channel is up."""
        with self._lock:
            return bool(self._pd.is_sc_active())

    @property
    def online(self) -> bool:
        """Whether a panel polls it."""
        with self._lock:
            return bool(self._pd.is_online())

    def tap(self, number: int, bits: int = 26) -> None:
        """A card with these bits between its parity bits (26 and 34), or with all of them (any other length)."""
        if bits in (26, 34):
            half = (bits - 2) // 2
            even, odd = number >> half, number & ((1 << half) - 1)
            number = (even.bit_count() % 2) << (bits - 1) | number << 1 | (1 - odd.bit_count() % 2)
        self.tap_raw(number, bits)

    def tap_raw(self, number: int, bits: int) -> None:
        """A card with exactly these bits."""
        data = (number << (-bits % 8)).to_bytes((bits + 7) // 8)
        lib = self._lib
        event = {"event": lib.EVENT_CARDREAD, "reader_no": 0, "direction": 0, "length": bits, "data": data}
        self._submit(event | {"format": lib.CARD_FMT_RAW_WIEGAND})

    def press(self, keys: str) -> None:
        """Keys, one after the other."""
        for key in keys:
            code = {"#": HASH, "*": STAR}.get(key, ord(key))
            self._submit({"event": self._lib.EVENT_KEYPRESS, "reader_no": 0, "data": bytes((code,))})

    def tamper(self, *, on: bool) -> None:
        """The cover comes off, or back on."""
        self.tell(tampered=on, power_fault=self.power_fault)

    def tell(self, *, tampered: bool, power_fault: bool) -> None:
        """What its cover and its supply are; it tells so by itself."""
        self.tampered, self.power_fault = tampered, power_fault
        self._submit(
            {
                "event": self._lib.EVENT_STATUS,
                "type": self._lib.STATUS_REPORT_LOCAL,
                "report": self._status(),
            }
        )

    def _status(self) -> bytes:
        return bytes((self.tampered, self.power_fault))

    def _submit(self, event: dict[str, Any]) -> None:
        with self._lock:
            if not self._pd.submit_event(event):
                raise RuntimeError("libosdp takes no more events")

    def _command(self, command: dict[str, Any]) -> tuple[int, dict[str, Any] | None]:
        self.told.append(command)
        return self.answer(command), None


class OsdpLine:
    """A line of readers. `path` is what the gateway opens; it stays the same over `unplug` and `plug`."""

    def __init__(self, *, baud: int = 115_200, path: str | None = None) -> None:
        self.lock = threading.RLock()
        self._char_s = BITS_PER_CHARACTER / baud
        self._folder = None if path else tempfile.mkdtemp(prefix="edgegw-osdp-")
        self.path = path or str(Path(str(self._folder)) / "tty")
        self._readers: list[OsdpReader] = []
        self._master = self._slave = -1
        self._heard_until = 0.0
        self._outgoing: list[tuple[float, bytes]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="osdp-line", daemon=True)

    def add(self, address: int, key: bytes | None = None, *, secure: bool = True, enforce: bool = False) -> OsdpReader:
        """A reader. Without a key a `secure` one has the default key and takes the one it is given; `enforce`: it does nothing in
        the clear."""
        with self.lock:
            self._readers.append(OsdpReader(self, address, key, secure=secure, enforce=enforce))
            return self._readers[-1]

    def remove(self, reader: OsdpReader) -> None:
        """It is unscrewed."""
        with self.lock:
            self._readers.remove(reader)

    def start_thread(self) -> None:
        """Make the port appear; for callers without a loop."""
        self.plug()
        self._thread.start()

    def stop_thread(self) -> None:
        """Make it vanish, with every file made for it."""
        self._stop.set()
        self._thread.join()
        self.unplug()
        if self._folder is not None:
            with contextlib.suppress(FileNotFoundError):
                Path(self._folder).rmdir()

    async def start(self) -> None:
        """Make the port appear."""
        self.start_thread()

    async def stop(self) -> None:
        """Make it vanish."""
        self.stop_thread()

    def plug(self) -> None:
        """As putting the USB adapter in."""
        with self.lock:
            if self._master >= 0:
                return
            self._master, self._slave = os.openpty()
            tty.setraw(self._slave)
            os.set_blocking(self._master, False)
            link = Path(self.path)
            link.unlink(missing_ok=True)
            link.symlink_to(os.ttyname(self._slave))

    def unplug(self) -> None:
        """As pulling it out."""
        with self.lock:
            if self._master < 0:
                return
            Path(self.path).unlink(missing_ok=True)
            os.close(self._slave)
            os.close(self._master)
            self._master = self._slave = -1
            self._outgoing.clear()

    def say(self, data: bytes, late_s: float = 0.0) -> None:
        """Put bytes on the wire; they arrive when the last of them would, or later."""
        with self.lock:
            due = max(time.monotonic(), self._heard_until) + len(data) * self._char_s + late_s
            self._outgoing.append((due, data))

    def _run(self) -> None:
        while not self._stop.is_set():
            self._look()
            with self.lock:
                fd = self._master
            if fd < 0:
                time.sleep(LOOK_S)
            else:
                with contextlib.suppress(OSError, ValueError):  # unplugged just now
                    select.select([fd], [], [], LOOK_S)

    def _look(self) -> None:
        with self.lock:
            if self._master < 0:
                return
            try:
                data = os.read(self._master, READ_MOST)
            except BlockingIOError:
                data = b""
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                data = b""
            if data:
                self._heard_until = time.monotonic() + len(data) * self._char_s
            for reader in self._readers:
                reader.channel.inbox += data
                reader.refresh()
            now = time.monotonic()
            for due, said in [out for out in self._outgoing if out[0] <= now]:
                self._outgoing.remove((due, said))
                with contextlib.suppress(BlockingIOError):
                    os.write(self._master, said)
