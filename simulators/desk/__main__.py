"""`python -m simulators.desk`: the ticket desk as a process. Prints one JSON line with its address when it is ready."""

import argparse
import asyncio
import json
import signal
from pathlib import Path

from aiohttp import web

from simulators.desk.ledger import Ledger
from simulators.desk.service import MODES, Desk


async def serve(args: argparse.Namespace) -> None:
    """Run until SIGTERM or SIGINT."""
    ledger = Ledger(args.db)
    desk = Desk(ledger)
    desk.mode.mode = args.mode
    runner = web.AppRunner(desk.app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, args.host, args.port, shutdown_timeout=1.0)
    await site.start()
    intake = None
    if args.mqtt:
        from simulators.desk import intake as mqtt  # noqa: PLC0415  # paho only where it is asked for

        host, _, port = args.mqtt.rpartition(":")
        intake = asyncio.create_task(mqtt.run(desk, host, int(port), args.topic, args.reply))
    host, port = runner.addresses[0][:2]
    print(json.dumps({"ready": True, "host": host, "port": port, "url": f"http://{host}:{port}/"}), flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    if intake is not None:
        intake.cancel()
    await runner.cleanup()
    ledger.close()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m simulators.desk", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--db", type=Path, required=True)
    parser.add_argument("--mode", choices=MODES, default="ok")
    parser.add_argument("--mqtt", metavar="HOST:PORT", help="also take events from this broker")
    parser.add_argument("--topic", default="edgegw/+/+")
    parser.add_argument("--reply", default="desk/accepted")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
