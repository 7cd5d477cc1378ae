"""A simulated residential community on real links: ``python -m simulators.community --mqtt 127.0.0.1:1883 --folder DIR``.

Owns: the command line, the ready line (who lives there, in the site file's words), the commands on stdin, the report.
Must not know: what the scenes do (community_story), how devices speak (community_town and the simulators it uses).

On stdout, one JSON line each: ready (``links`` and ``devices``), and the answer to every line on stdin:

- ``begin``: start the story. Before, nothing happens, so that whoever counts can be there from the first message.
- ``leak``: water on the floor, now.  ``mute``: a meter falls silent, or answers again.
- ``report``: what was sent.  ``finish``: end the story, everything back to normal, then the report.
"""

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from collections import Counter
from pathlib import Path

from simulators.community_cast import devices_of, links_of
from simulators.community_story import calm, live, play
from simulators.community_town import SimulatedTown

FLUSH_WITHIN_S = 5.0
"""For the broker's last acknowledgements when the story ends."""


class Community:
    """The town, its story, and what can be asked of them."""

    def __init__(self, town: SimulatedTown) -> None:
        self._town = town
        self._story: asyncio.Task[None] | None = None
        self._life: asyncio.Task[None] | None = None
        self._played: Counter[str] = Counter()
        self._mute = False

    def _told(self, scene: str) -> None:
        self._played[scene] += 1

    def report(self) -> dict[str, object]:
        """What was sent and acknowledged, and which scenes were played how often."""
        return {"sent": self._town.sent(), "scenes": dict(self._played)}

    async def heard(self, line: str) -> dict[str, object]:
        """Do what a line says; its answer."""
        match line.strip():
            case "begin":
                if self._story is None:
                    self._story = asyncio.create_task(play(self._town, self._told), name="story")
                    self._life = asyncio.create_task(live(self._town), name="life")
                return {"begun": True}
            case "leak":
                await self._town.leak()
                self._told("leak")
                return {"leak": True}
            case "mute":
                self._mute = not self._mute
                await self._town.mute(silent=self._mute)
                return {"mute": self._mute}
            case "report":
                return self.report()
            case "finish":
                await self.stop()
                await calm(self._town)
                flushed = await self._town.flushed(FLUSH_WITHIN_S)
                return self.report() | {"flushed": flushed}
            case other:
                return {"error": f"unknown: {other}"}

    async def stop(self) -> None:
        """End story and ordinary life."""
        tasks = [task for task in (self._story, self._life) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _lines() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def _listen(community: Community, ended: asyncio.Event) -> None:
    reader = await _lines()
    while line := await reader.readline():
        print(json.dumps(await community.heard(line.decode()), ensure_ascii=False), flush=True)
    ended.set()  # whoever started us is gone


async def run(args: argparse.Namespace) -> None:
    """Run until SIGINT, SIGTERM or the end of stdin."""
    host, _, port = args.mqtt.rpartition(":")
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    town = SimulatedTown(host, int(port), args.folder, input_port=args.input_port, wait_for=args.wait_for)
    await town.start()
    community = Community(town)
    work = [asyncio.create_task(town.run(), name="town")]
    try:
        links, devices = links_of(town.places(), will_topic=args.wait_for), devices_of(args.language)
        print(json.dumps({"links": links, "devices": devices}, ensure_ascii=False), flush=True)
        if args.begin:
            await community.heard("begin")
        if not args.alone:
            work.append(asyncio.create_task(_listen(community, ended), name="listen"))
        await ended.wait()
    finally:
        await community.stop()
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await town.stop()
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(community.report(), ensure_ascii=False), flush=True)


def main() -> int:
    """Entry point. Exit code 2: it cannot start."""
    parser = argparse.ArgumentParser(
        prog="python -m simulators.community", description="A simulated residential community."
    )
    parser.add_argument("--mqtt", required=True, metavar="HOST:PORT", help="the broker; may come up later")
    parser.add_argument("--folder", required=True, type=Path, help="where links to its serial ports are put")
    parser.add_argument("--language", choices=("zh-CN", "en"), default="zh-CN", help="of names and places")
    parser.add_argument("--input-port", type=int, default=0, help="TCP port of the input module; 0: any free one")
    parser.add_argument(
        "--wait-for", metavar="TOPIC", help="of the gateway's state: sensors publish once something stands there"
    )
    parser.add_argument("--begin", action="store_true", help="begin the story at once")
    parser.add_argument("--alone", action="store_true", help="do not listen on stdin")
    try:
        asyncio.run(run(parser.parse_args()))
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
