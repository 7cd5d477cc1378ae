"""`python -m simulators.desk`: the ticket desk as a process. Prints one JSON line with its address when it is ready."""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from aiohttp import web

from simulators.desk import outbound
from simulators.desk.ledger import Ledger, LedgerError
from simulators.desk.service import MODES, SPEED_LEAST, SPEED_MOST, Desk
from simulators.desk.staff import NAMES, Staff


async def serve(args: argparse.Namespace, token: str) -> None:
    """Run until SIGTERM or SIGINT. Raises LedgerError."""
    ledger = Ledger(args.db)
    desk = Desk(ledger, Staff(args.seed, args.speed, args.language), on_duty=args.staff)
    desk.mode.mode = args.mode
    runner = web.AppRunner(desk.app(), access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, args.host, args.port, shutdown_timeout=1.0)
    await site.start()
    tasks = [asyncio.create_task(desk.work(), name="staff")]
    if args.mqtt:
        from simulators.desk import intake  # noqa: PLC0415  # paho only where it is asked for

        host, _, port = args.mqtt.rpartition(":")
        mqtt = intake.run(desk, (host, int(port)), topic=args.topic, reply=args.reply, tickets_topic=args.tickets_topic)
        tasks.append(asyncio.create_task(mqtt, name="mqtt"))
    if args.push:
        tasks.append(asyncio.create_task(outbound.push(desk, args.push, token), name="push"))
    host, port = runner.addresses[0][:2]
    print(json.dumps({"ready": True, "host": host, "port": port, "url": f"http://{host}:{port}/"}), flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await runner.cleanup()
    ledger.close()


def _speed(text: str) -> float:
    speed = float(text)
    if not SPEED_LEAST <= speed <= SPEED_MOST:
        raise argparse.ArgumentTypeError(f"from {SPEED_LEAST:g} to {SPEED_MOST:g}")
    return speed


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m simulators.desk", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--db", type=Path, required=True)
    parser.add_argument("--mode", choices=MODES, default="ok")
    parser.add_argument("--mqtt", metavar="HOST:PORT", help="also take events from this broker")
    parser.add_argument("--topic", default="edgegw/+/+")
    parser.add_argument("--reply", default="desk/accepted")
    parser.add_argument(
        "--tickets-topic", metavar="TOPIC", default="", help="with --mqtt: tell ticket changes on this topic"
    )
    parser.add_argument("--push", metavar="URL", help="tell ticket changes to a gateway's API (POST /api/v1/tickets)")
    parser.add_argument("--push-token-file", type=Path, metavar="FILE", help="bearer token for --push")
    parser.add_argument("--staff", action="store_true", help="simulated people acknowledge, assign, resolve and close")
    parser.add_argument("--speed", type=_speed, default=1.0, help="of the staff; 1 is seconds between steps")
    parser.add_argument("--seed", type=int, default=1, help="of the staff's pauses")
    parser.add_argument("--language", choices=sorted(NAMES), default="zh-CN", help="of the staff's names")
    args = parser.parse_args()
    try:
        token = args.push_token_file.read_text(encoding="utf-8").strip() if args.push_token_file else ""
        asyncio.run(serve(args, token))
    except (OSError, UnicodeDecodeError, LedgerError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
