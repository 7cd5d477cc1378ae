"""A gatehouse on real lines: card readers, relay boards on an RTU bus, an input module: ``python -m simulators.gatehouse``.

Owns: the hardware around doors as one process, what is done to it (cards, contacts, faults), and a log of everything that moved.
Must not know: the gateway; it shares no code with it.

The first line on stdout says where everything is. Then every line on stdin is a JSON object ``{"do": …}``, answered by one line:

- ``tap`` {reader, card}: a card is held to a reader for one frame → {"at"}: when its last byte was on the wire.
- ``pass`` {reader, card, unit, channel, within}: the same, then wait for the relay → {"at", "written", "confirmed"}, or
  {"at", "refused"}.
- ``passes`` {of: [{reader, card, unit, channel, within}, …]}: several at once; a list of their answers.
- ``frame`` {reader, hex}: any bytes on a reader's line.
- ``input`` {channel, on}: a dry contact at the input module.  ``fault`` {unit, kind, seconds, times}: a bus unit misbehaves.
- ``unplug`` / ``plug`` {what: ``bus``, ``module`` or a reader's number}: the line goes, or comes back.
- ``writes``: every write that reached a device: {"at", "unit", "function", "address", "value"}; ``panel``: those of the module.
- ``asked``: the same of every write request that reached a board, carried out or not (silent, refused).
- ``kill`` {pid}: a process ends (SIGKILL) with the next write that is carried out, before the answer to it is on the line.
- ``relays`` {unit}: which relays have pulled.  ``bus``: the line's counters.

All times are seconds of the machine's monotonic clock, so whoever asks can compare them with its own.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from simulators.devices import Adam6060, Sdm120, WaveshareRelay
from simulators.modbus import RtuBus, TcpServer
from simulators.serial_devices import Rdm6300, rdm6300_frame
from simulators.slave import Answer, Fault, Slave

WRITES_MOST = 100_000
"""Writes remembered: more than any run of tests or benchmarks makes."""

READ_COILS = 1
WRITE_FUNCTIONS = frozenset({5, 6, 15, 16})


class Witness:
    """What reached a device and what it answered, with times. `kill`: the process that ends with the next write."""

    def __init__(self) -> None:
        self.writes: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []
        self.kill: int | None = None
        self.confirmed: dict[tuple[int, int], float] = {}
        self.changed = asyncio.Event()

    def wrote(self, unit: int, request: bytes) -> None:
        """A write request (PDU) was carried out."""
        if self.kill is not None:
            os.kill(self.kill, signal.SIGKILL)
            self.kill = None
        _note(self.writes, unit, request)
        self.changed.set()

    def wanted(self, unit: int, request: bytes) -> None:
        """A write request (PDU) reached a device, whatever it makes of it."""
        _note(self.asked, unit, request)


def _note(log: list[dict[str, Any]], unit: int, request: bytes) -> None:
    if len(log) < WRITES_MOST:
        at = asyncio.get_running_loop().time()
        address, value = int.from_bytes(request[1:3], "big"), int.from_bytes(request[3:5], "big")
        log.append({"at": at, "unit": unit, "function": request[0], "address": address, "value": value})


class Witnessed:
    """A slave whose writes are noted; mixed in before the device's class."""

    witness: Witness
    read_back: int | None = None
    """The coil that was asked for by itself in the last read, as a read-back is; None after a poll of several."""

    def answer(self, request: bytes) -> Answer | None:
        """Answer or not, and note that a write was asked for."""
        if request[0] in WRITE_FUNCTIONS:
            self.witness.wanted(self.unit, request)  # type: ignore[attr-defined]  # the device class follows in the MRO
        answer: Answer | None = super().answer(request)  # type: ignore[misc]  # as above
        return answer

    def pdu(self, request: bytes) -> bytes:
        """Answer, and note a write that was carried out."""
        answer: bytes = super().pdu(request)  # type: ignore[misc]  # the device class follows in the MRO
        if request[0] == READ_COILS:
            alone = int.from_bytes(request[3:5], "big") == 1
            self.read_back = int.from_bytes(request[1:3], "big") if alone else None
        if request[0] in WRITE_FUNCTIONS and not answer[0] & 0x80:
            self.witness.wrote(self.unit, request)  # type: ignore[attr-defined]  # as above
        return answer


class WitnessedRelay(Witnessed, WaveshareRelay):
    """A relay board under observation."""


class WitnessedPanel(Witnessed, Adam6060):
    """An input module under observation."""


class WitnessedBus(RtuBus):
    """An RTU bus that notes when a read-back's answer was wholly on the wire, its relay on. A poll that happens to come
    between write and read-back confirms nothing: the gateway's order is still under way."""

    witness: Witness

    async def start(self) -> None:
        """Make the port appear."""
        await super().start()
        send = self.line.send

        def noted(data: bytes, *, instantly: bool = False, deaf: bool = False) -> float:
            until = send(data, instantly=instantly, deaf=deaf)
            board = self.units.by_unit.get(data[0])
            coil = board.read_back if isinstance(board, Witnessed) and data[1] == READ_COILS else None
            if coil is not None and len(data) >= 6 and data[3] & 1:
                self.witness.confirmed[data[0], coil] = until
                self.witness.changed.set()
            return until

        self.line.send = noted  # type: ignore[method-assign]  # observed from outside, the line itself unchanged


class Gatehouse:
    """Everything, and what can be done to it."""

    def __init__(self, folder: Path, *, readers: int, relays: int, meters: int, baud: int) -> None:
        self.witness = Witness()
        self.panel_witness = Witness()
        self.readers = [Rdm6300(path=str(folder / f"reader{n}")) for n in range(readers)]
        boards: list[WitnessedRelay] = [WitnessedRelay(unit) for unit in range(1, relays + 1)]
        for board in boards:
            board.witness = self.witness
        others: list[Slave] = [Sdm120(relays + 1 + n) for n in range(meters)]
        self.bus = WitnessedBus([*boards, *others], baud=baud, path=str(folder / "bus"))
        self.bus.witness = self.witness
        self.panel = WitnessedPanel()
        self.panel.witness = self.panel_witness
        self.module = TcpServer([self.panel])
        self._acts: Mapping[str, Callable[[dict[str, Any]], Awaitable[object]]] = {
            "tap": self._tap,
            "pass": self._pass,
            "passes": self._passes,
            "frame": self._frame,
            "input": self._input,
            "fault": self._fault,
            "unplug": self._unplug,
            "plug": self._plug,
            "writes": self._writes,
            "asked": self._asked,
            "kill": self._kill,
            "panel": self._panel_writes,
            "relays": self._relays,
            "bus": self._bus,
        }

    async def start(self) -> None:
        """Everything on its line."""
        for reader in self.readers:
            await reader.start()
        await self.bus.start()
        await self.module.start()

    async def stop(self) -> None:
        """Everything gone."""
        for reader in self.readers:
            await reader.stop()
        await self.bus.stop()
        await self.module.stop()

    def places(self) -> dict[str, object]:
        """Where the gateway finds it all."""
        return {
            "readers": [reader.path for reader in self.readers],
            "bus": self.bus.path,
            "module": self.module.port,
        }

    async def do(self, line: str) -> object:
        """Carry out one line."""
        try:
            asked = json.loads(line)
            return await self._acts[asked["do"]](asked)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            return {"error": f"{type(error).__name__}: {error}"}

    def _line_of(self, what: object) -> Any:  # noqa: ANN401  (a PtyLine)
        return self.bus.line if what == "bus" else self.readers[int(str(what))].line

    async def _tap(self, asked: dict[str, Any]) -> dict[str, float]:
        reader = self.readers[asked.get("reader", 0)]
        return {"at": reader.line.send(rdm6300_frame(asked["card"]))}

    async def _pass(self, asked: dict[str, Any]) -> dict[str, Any]:
        unit, channel = asked.get("unit", 1), asked.get("channel", 0)
        before = len(self.witness.writes)
        told: dict[str, Any] = await self._tap(asked)
        loop = asyncio.get_running_loop()
        end = told["at"] + asked.get("within", 5.0)
        while True:
            written = next((w["at"] for w in self.witness.writes[before:] if _moves(w, unit, channel)), None)
            if written is not None and (seen := self.witness.confirmed.get((unit, channel), 0.0)) > written:
                return told | {"written": written, "confirmed": seen}
            if loop.time() > end:
                return told | ({"refused": True} if written is None else {"written": written})
            self.witness.changed.clear()
            try:
                async with asyncio.timeout(max(0.0, end - loop.time()) + 0.01):
                    await self.witness.changed.wait()
            except TimeoutError:
                continue

    async def _passes(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        return list(await asyncio.gather(*(self._pass(one) for one in asked["of"])))

    async def _frame(self, asked: dict[str, Any]) -> dict[str, float]:
        return {"at": self.readers[asked.get("reader", 0)].line.send(bytes.fromhex(asked["hex"]))}

    async def _input(self, asked: dict[str, Any]) -> dict[str, float]:
        self.panel.set(asked["channel"], on=asked["on"])
        return {"at": asyncio.get_running_loop().time()}

    async def _fault(self, asked: dict[str, Any]) -> dict[str, bool]:
        kind = asked.get("kind")
        slave = self.bus.units.by_unit[asked["unit"]]
        slave.fault = Fault(kind, asked.get("seconds", 0.0), asked.get("times")) if kind else None
        return {"ok": True}

    async def _unplug(self, asked: dict[str, Any]) -> dict[str, bool]:
        if asked["what"] == "module":
            await self.module.stop()
        else:
            self._line_of(asked["what"]).unplug()
        return {"ok": True}

    async def _plug(self, asked: dict[str, Any]) -> dict[str, bool]:
        if asked["what"] == "module":
            await self.module.start()  # on the port it had
        else:
            self._line_of(asked["what"]).plug()
        return {"ok": True}

    async def _writes(self, _: dict[str, Any]) -> list[dict[str, Any]]:
        return self.witness.writes

    async def _asked(self, _: dict[str, Any]) -> list[dict[str, Any]]:
        return self.witness.asked

    async def _kill(self, asked: dict[str, Any]) -> dict[str, bool]:
        self.witness.kill = asked["pid"]
        return {"ok": True}

    async def _panel_writes(self, _: dict[str, Any]) -> list[dict[str, Any]]:
        return self.panel_witness.writes

    async def _relays(self, asked: dict[str, Any]) -> list[bool]:
        board = self.bus.units.by_unit[asked.get("unit", 1)]
        return [bool(board.read("coil", channel)) for channel in range(8)]

    async def _bus(self, _: dict[str, Any]) -> dict[str, Any]:
        line = self.bus.line
        return {
            "collisions": line.collisions,
            "short_gaps": line.short_gaps,
            "bad_requests": self.bus.units.bad_requests,
        }


def _moves(write: dict[str, Any], unit: int, channel: int) -> bool:
    """Whether a write of the relay board turns this relay on."""
    return (
        write["unit"] == unit
        and write["function"] == 5
        and write["address"] in {channel, 0x0200 + channel}
        and write["value"] != 0
    )


async def _serve(args: argparse.Namespace) -> None:
    house = Gatehouse(args.folder, readers=args.readers, relays=args.relays, meters=args.meters, baud=args.baud)
    await house.start()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print(json.dumps(house.places()), flush=True)

    async def listen() -> None:
        while line := await reader.readline():
            print(json.dumps(await house.do(line.decode())), flush=True)
        ended.set()

    task = asyncio.create_task(listen(), name="listen")
    try:
        await ended.wait()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await house.stop()


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m simulators.gatehouse", description="The hardware around doors.")
    parser.add_argument("--folder", required=True, type=Path, help="where links to its serial ports are put")
    parser.add_argument("--readers", type=int, default=1)
    parser.add_argument("--relays", type=int, default=1, help="relay boards, units 1 …")
    parser.add_argument("--meters", type=int, default=2, help="energy meters, the units after the relay boards")
    parser.add_argument("--baud", type=int, default=9600)
    asyncio.run(_serve(parser.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
