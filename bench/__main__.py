"""Runs benchmarks and prints a table, or one JSON line per figure with `--json`.

Owns: the list of benchmarks and how figures are shown. Must not know: how any is measured.
Exit code: 0 when every figure with a target meets it, 1 when one falls short, 2 on bad usage.
"""

import argparse
import importlib
import json
import sys
import time

from bench.figure import Figure

BENCHMARKS = {
    "ingest": "QoS 1 messages to committed and acknowledged, against mosquitto_sub",
    "forward": "the same, forwarded to an MQTT upstream, against a mosquitto bridge",
    "commit": "records through the store, against raw sqlite3 executemany",
    "latency": "publish of an alarm to accepted by the ticket desk",
    "bus": "polls on an RTU line at 9600 baud, against the wire's own limit",
    "memory": "RSS with 1,000 devices under load, and at a flood",
    "start": "exec to READY with 1,000 devices",
    "response": "card to confirmed relay and API call to outcome, under six kinds of trouble (40 minutes)",
    "credentials": "100,000 credentials by import and by synchronisation: seconds, memory",
    "decode": "microseconds per message of the pure parts",
    "metering": "200 meters on four lines at 2400 baud against the wire's own limit, every value once at the desk",
    "storm": "500 sensors lost at once, and a dead broker, each to its one ticket",
    "service": "what an alarm is worth: microseconds of the service catalogue per alarm",
}


def show(figures: list[Figure]) -> None:
    """The table a person reads."""
    from rich.console import Console
    from rich.table import Table

    table = Table("figure", "value", "unit", "target", "", "conditions")
    for f in figures:
        mark = {True: "[green]ok[/]", False: "[red]short[/]", None: ""}[f["ok"]]
        conditions = ", ".join(f"{k}={v}" for k, v in f["conditions"].items())
        table.add_row(
            f["figure"],
            f"{f['value']:g}",
            f["unit"],
            "" if f["target"] is None else f"{f['target']:g}",
            mark,
            conditions,
        )
    Console(width=160 if not sys.stdout.isatty() else None).print(table)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--json", action="store_true", help="one line per figure")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes; figures are rougher")
    args = parser.parse_args()
    if unknown := [n for n in args.names if n not in BENCHMARKS]:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    figures: list[Figure] = []
    for name in args.names or BENCHMARKS:
        print(f"{time.strftime('%H:%M:%S')} {name}: {BENCHMARKS[name]} …", file=sys.stderr, flush=True)
        found: list[Figure] = importlib.import_module(f"bench.{name}").run(quick=args.quick)
        figures += found
        if args.json:
            for figure in found:
                print(json.dumps(figure), flush=True)
    if not args.json:
        show(figures)
    return 1 if any(f["ok"] is False for f in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
