"""Door terminals on MQTT: a VF105 that asks and tells, and an OEM face terminal; ``python -m simulators.terminals`` is a VF105.

Owns: their topics and payloads byte for byte, what they wait for and for how long, and a log of every time their relay pulled.
Must not know: the gateway; it shares no code with it.

Source: the vendor's protocol document (VF105, MQTT v2) and firmware documents of mqtt/face terminals.
"""

import argparse
import asyncio
import json
import socket
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import aiomqtt

RELAY_S = 3.0
"""How long a VF105 holds its door open."""

ONLINE_WAIT_S = 5.0
"""How long a VF105 waits for the answer to a request before it refuses."""

RETRY_FIRST_S, RETRY_MOST_S = 5.0, 60.0
"""A record that is not acknowledged is sent again after 5 s, then twice as long each time, a minute at most."""

RECORDS_MOST = 2000
"""Records a VF105 keeps."""

FACE_WAIT_S = 10.0
"""A face terminal sends a record again that is not acknowledged within this."""

OK = "000000"


class _Terminal(ABC):
    """A client of its own on the broker. `start` returns once it is connected and subscribed."""

    def __init__(self, host: str, port: int, identifier: str, subscribe: str, will: tuple[str, bytes]) -> None:
        self._client = aiomqtt.Client(
            host,
            port,
            identifier=identifier,
            protocol=aiomqtt.ProtocolVersion.V5,
            will=aiomqtt.Will(will[0], will[1], qos=1),
            socket_options=[
                (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ],  # or a request waits 40 ms behind an acknowledgement
        )
        self._topic = subscribe
        self._task: asyncio.Task[None] | None = None
        self.changed = asyncio.Event()

    async def start(self) -> None:
        """Connect, subscribe, listen."""
        await self._client.__aenter__()
        await self._client.subscribe(self._topic, qos=1)
        self._task = asyncio.create_task(self._listen(), name=f"terminal-{self._topic}")

    async def stop(self) -> None:
        """Go as a terminal goes that is switched off properly: no last will."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            await self._client.__aexit__(None, None, None)
            self._task = None

    async def until(self, condition: Callable[[], object], within: float = 10.0) -> None:
        """Wait until something holds that this terminal sees."""
        async with asyncio.timeout(within):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def _listen(self) -> None:
        async for message in self._client.messages:
            await self.heard(str(message.topic), json.loads(bytes(message.payload)))
            self.changed.set()

    @abstractmethod
    async def heard(self, topic: str, said: dict[str, Any]) -> None:
        """Take a message."""

    async def say(self, topic: str, body: dict[str, Any], *, qos: int = 1, retain: bool = False) -> None:
        """Publish, compact and in Chinese characters as the terminals do."""
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        await self._client.publish(topic, text.encode(), qos=qos, retain=retain)


class Vf105(_Terminal):
    """A VF105 with serial number `uuid`.

    Attributes:
        openings: why the relay pulled, each time: ``online`` or ``control``.
        refusals: codes it was refused with, ``timeout`` where no answer came.
        records: records not acknowledged yet, by serial.
        acknowledged: serials of records and alarms that were.
        silent: it does not answer commands (a hung application whose connection still stands).
    """

    def __init__(self, host: str, port: int, uuid: str = "e4720000964b5c00") -> None:
        will = {"serialNo": "0000000001", "uuid": uuid, "time": 0, "sign": ""}
        super().__init__(
            host,
            port,
            uuid,
            f"access_device/v2/+/{uuid}/+",
            ("access_device/v2/event/offline", json.dumps(will, separators=(",", ":")).encode()),
        )
        self.uuid = uuid
        self.openings: list[str] = []
        self.refusals: list[str] = []
        self.records: dict[str, dict[str, Any]] = {}
        self.acknowledged: list[str] = []
        self.silent = False
        self._serial = 0
        self._asked: dict[str, asyncio.Future[str]] = {}

    def envelope(self, serial: str, time: int, data: object = None) -> dict[str, Any]:
        """What is common to its messages."""
        body: dict[str, Any] = {"serialNo": serial, "uuid": self.uuid, "time": time, "sign": ""}
        return body if data is None else body | {"data": data}

    def _next(self) -> str:
        self._serial += 1
        return f"{self._serial:010d}"

    async def ask(
        self, code: str, *, kind: str = "103", time: int = 1640917147, wait: float = ONLINE_WAIT_S, retain: bool = False
    ) -> bool:
        """Somebody presents what the terminal does not know: ask, wait, open or not. The record follows."""
        serial = self._next()
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._asked[serial] = answer
        data = {"type": kind, "code": code, "timeStamp": time, "message": "PERMISSION_DENIED"}
        try:
            await self.say("access_device/v2/event/access_online", self.envelope(serial, time, data), retain=retain)
            async with asyncio.timeout(wait):
                said = await answer
        except TimeoutError:
            said = "timeout"
        finally:
            del self._asked[serial]
        opened = said == OK
        if opened:
            self.openings.append("online")
        else:
            self.refusals.append(said)
        self.changed.set()
        return opened

    async def record(
        self, serial: str, *, user: str = "U001", name: str = "张三", error: str = "ALLOW", time: int = 1639475284
    ) -> None:
        """Tell of a passage; kept until it is acknowledged (`send_again`)."""
        entry = {
            "userId": user,
            "type": "300",
            "timeStamp": time,
            "result": int(not error.endswith("ALLOW")),
            "name": name,
            "code": "",
            "extra": {},
            "error": error,
        }
        if len(self.records) >= RECORDS_MOST:
            self.records.pop(next(iter(self.records)))
        self.records[serial] = self.envelope(serial, time, [entry])
        await self.say("access_device/v2/event/access", self.records[serial])

    async def send_again(self) -> None:
        """All that was not acknowledged, as after `RETRY_FIRST_S`."""
        for body in list(self.records.values()):
            await self.say("access_device/v2/event/access", body)

    async def alarm(self, kind: int, value: int) -> str:
        """256 door (0 open, 1 closed), 257 fire, 258 tamper. Sent once, never stored. Returns its serial."""
        serial = self._next()
        await self.say("access_device/v2/event/alarm", self.envelope(serial, 0, {"type": kind, "value": value}))
        return serial

    async def heartbeat(self) -> None:
        """As every 30 s or more, where it is switched on."""
        await self.say("access_device/v2/event/heartbeat", self.envelope(self._next(), 0))

    async def heard(self, topic: str, said: dict[str, Any]) -> None:
        """A command, or the answer to something of its own. What names another terminal is refused."""
        action, serial = topic.rsplit("/", 1)[1], said.get("serialNo", "")
        if said.get("uuid") != self.uuid or self.silent:
            return
        if action == "access_online_reply":
            answer = self._asked.get(serial)
            if answer is not None and not answer.done():
                answer.set_result(said["code"])
        elif action in {"access_reply", "alarm_reply"}:
            if said["code"] == OK:
                self.records.pop(serial, None)
                self.acknowledged.append(serial)
        elif action == "control":
            await self._control(serial, said.get("data", {}).get("command"))

    async def _control(self, serial: str, command: object) -> None:
        known = command == 1
        if known:
            self.openings.append("control")
        code, message = (OK, "success") if known else ("100000", "unsupported command")
        body = {"serialNo": serial, "uuid": self.uuid, "code": code, "time": 0, "sign": "", "message": message}
        await self.say("access_device/v2/cmd/control_reply", body)


class FaceTerminal(_Terminal):
    """An mqtt/face terminal.

    Attributes:
        records: records not acknowledged yet, by RecordID. acknowledged: RecordIDs that were.
    """

    def __init__(self, host: str, port: int, ident: str = "1026700") -> None:
        will = {"operator": "Offline", "info": {"facesluiceId": ident}}
        super().__init__(
            host, port, f"face-{ident}", f"mqtt/face/{ident}", ("mqtt/face/basic", json.dumps(will).encode())
        )
        self.ident = ident
        self.records: dict[str, dict[str, Any]] = {}
        self.acknowledged: list[str] = []

    async def record(
        self,
        number: int,
        *,
        status: int = 1,
        in_time: bool = True,
        push_type: int = 0,
        picture: int = 0,
        time: str = "2026-04-10 10:00:07",
    ) -> None:
        """Tell of a face: `status` 1 allowed, 2 refused, 3 unregistered; `picture`: bytes of base64 after the prefix."""
        info = {
            "personId": "3",
            "RecordID": str(number),
            "VerifyStatus": str(status),
            "PersonType": "0",
            "similarity1": "83.000000",
            "Sendintime": int(in_time),
            "facesluiceId": self.ident,
            "time": time,
            "PushType": push_type,
            "pic": "data:image/jpeg;base64," + "A" * picture,
        }
        self.records[str(number)] = {"operator": "RecPush", "info": info}
        await self.say(f"mqtt/face/{self.ident}/Rec", self.records[str(number)])

    async def heartbeat(self) -> None:
        """As every 30 s."""
        info = {"facesluiceId": self.ident, "time": "2026-04-10 10:00:37"}
        await self.say("mqtt/face/heartbeat", {"operator": "HeartBeat", "info": info})

    async def heard(self, topic: str, said: dict[str, Any]) -> None:
        """An acknowledgement is told by its RecordID."""
        del topic
        if said.get("operator") == "PushAck":
            number = str(said["info"]["SnapOrRecordID"])
            self.records.pop(number, None)
            self.acknowledged.append(number)


async def _serve(args: argparse.Namespace) -> None:
    terminal = Vf105(args.host, args.port, args.uuid)
    await terminal.start()
    print(json.dumps({"uuid": terminal.uuid}), flush=True)
    try:
        for code in args.codes:
            opened = await terminal.ask(code)
            print(json.dumps({"code": code, "opened": opened}), flush=True)
    finally:
        await terminal.stop()


def main() -> int:
    """Entry point: present codes one after the other and print whether the door opened."""
    parser = argparse.ArgumentParser(prog="python -m simulators.terminals", description="A VF105 door terminal.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--uuid", default="e4720000964b5c00")
    parser.add_argument("codes", nargs="+", help="what is presented, one after the other")
    asyncio.run(_serve(parser.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
