"""`edgegw run SITE`: the daemon in the foreground, as systemd wants it.

Owns: signals, logging, and the exit code. Must not know: what the gateway is made of.
"""

import asyncio
import gc
import logging
import os
import signal
import sys
from pathlib import Path

import click

from edgegw.errors import ConfigError, EdgegwError, ProfileError

LEVELS = ("debug", "info", "warning", "error")


@click.command(short_help="Run the gateway with a site file.")
@click.argument("site", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--log-level", type=click.Choice(LEVELS), default="info", show_default=True)
def run(site: Path, log_level: str) -> None:
    """Run the gateway with the site file SITE until SIGTERM or Ctrl-C.

    Logs go to stderr. Under systemd (Type=notify) readiness, watchdog and stopping are told on $NOTIFY_SOCKET.
    A second signal ends at once; nothing acknowledged is lost either way.
    """
    _log_to_stderr(log_level)
    from edgegw.app.gateway import Gateway
    from edgegw.clock import SystemClock
    from edgegw.config.site import open_site

    plan = open_site(site, os.environ)
    for warning in plan.warnings:
        logging.getLogger("edgegw.config").warning("%s", warning)
    gateway = Gateway(plan, SystemClock(assume_synced=plan.gateway.assume_clock_synced))
    gc.freeze()  # what a daemon of years is made of never has to be looked at again by the collector
    try:
        asyncio.run(_until_stopped(gateway))
    except* EdgegwError as group:
        errors = _leaves(group)
        for error in errors:
            print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if all(isinstance(error, ConfigError | ProfileError) for error in errors) else 1)


async def _until_stopped(gateway: "object") -> None:
    from edgegw.app.gateway import Gateway

    assert isinstance(gateway, Gateway)  # noqa: S101  # for the type checker; the import stays local
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked() -> None:
        if stop.is_set():
            os._exit(130)  # asked twice: end at once; the store is safe against that by design
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)
    await gateway.run(stop)


def _leaves(group: BaseExceptionGroup[EdgegwError]) -> list[EdgegwError]:
    found: list[EdgegwError] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


def _log_to_stderr(level: str) -> None:
    """One line per message; under systemd the journal has the time already."""
    plain = "%(levelname)s %(name)s: %(message)s"
    form = plain if os.environ.get("JOURNAL_STREAM") else f"%(asctime)s {plain}"
    logging.basicConfig(stream=sys.stderr, level=level.upper(), format=form)
