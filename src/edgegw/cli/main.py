"""The `edgegw` command: its subcommands by name, and what every one of them does with an error.

Owns: the table of subcommands, lazy import, exit codes, how an error looks on stderr.
Must not know: what a subcommand does; `edgegw --help` imports none of them.
"""

import os
import select
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

import click

from edgegw import __version__
from edgegw.errors import EdgegwError

EXIT_OK = 0
EXIT_FAULT = 1
"""It ran and found a fault; also Python's own code after a traceback."""
EXIT_BAD_INPUT = 2
"""Usage, site file or profile; click uses the same for usage errors."""
EXIT_INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""
EXIT_BROKEN_PIPE = 141
"""128 + SIGPIPE: whoever read our output stopped, as in ``edgegw check site.yaml | head -1``."""

COMPLETE_VAR = "_EDGEGW_COMPLETE"
"""click's protocol for shell completion: ``eval "$(_EDGEGW_COMPLETE=bash_source edgegw)"``."""


class Lazy(NamedTuple):
    """A subcommand not yet imported: ``module:attribute``, and the line that --help shows."""

    target: str
    help: str

    def load(self) -> click.Command:
        """Import it. A missing module or attribute is a fault of this program and keeps its traceback."""
        module, _, attribute = self.target.partition(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.target} is not a click command")
        return command


COMMANDS: dict[str, Lazy] = {
    "run": Lazy("edgegw.cli.run:run", "Run the gateway with a site file."),
    "check": Lazy("edgegw.cli.check:check", "Check a site file and say what would run."),
    "schema": Lazy("edgegw.cli.schema:schema", "Write the JSON Schema of site files or profiles, for editors."),
    "probe": Lazy("edgegw.cli.probe:probe", "Find out what is on a line or a broker, and which profile fits."),
    "profile": Lazy("edgegw.cli.profile:profile", "List, show, test, try and make device profiles."),
    "record": Lazy("edgegw.cli.record:record", "Capture a device's messages as samples for its profile."),
    "store": Lazy("edgegw.cli.store:store", "Statistics, verification, backup and restore of the store."),
    "discovery": Lazy("edgegw.cli.discovery:discovery", "Devices that announce themselves on a broker: list, approve."),
    "device": Lazy("edgegw.cli.device:device", "List devices, read their points, send them commands."),
    "door": Lazy("edgegw.cli.door:door", "List doors; unlock, release and relock them."),
    "alarms": Lazy("edgegw.cli.watch:alarms", "Alarms that are raised and not cleared, with their tickets."),
    "tickets": Lazy("edgegw.cli.tickets:tickets", "Troubles and their tickets, and which clock runs."),
    "maintenance": Lazy("edgegw.cli.maintenance:maintenance", "List, begin and end maintenance."),
    "request": Lazy("edgegw.cli.request:request", "Ask for service, as an alarm does, or withdraw that."),
    "report": Lazy("edgegw.cli.report:report", "Figures of a period: response, tickets, patrols, devices."),
    "events": Lazy("edgegw.cli.watch:events", "Follow the records as they are stored."),
    "token": Lazy("edgegw.cli.token:token", "Make, list, rotate and revoke tokens of the local API."),
    "access": Lazy("edgegw.cli.access:access", "Import, list and revoke credentials."),
    "demo": Lazy("edgegw.cli.demo:demo", "A simulated community, the gateway and a ticket desk, live."),
}

EPILOG = """\b
Exit codes:
  0    fine
  1    it ran and found a fault
  2    bad input: usage, site file, profile
  130  interrupted (Ctrl-C)
  141  the reader of the output went away
"""


class LazyGroup(click.Group):
    """A group whose subcommands come from `COMMANDS` and are imported when one is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names in the order of the table: what one needs first comes first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import the one asked for, or None."""
        lazy = COMMANDS.get(cmd_name)
        return lazy.load() if lazy else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """The table's own texts; click would import every subcommand to ask it."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.help) for name, lazy in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click, but an unknown name is compared with the table."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.exceptions.NoSuchCommand(args[0], possibilities=COMMANDS, ctx=ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="edgegw")
def cli() -> None:
    """Edge gateway of a residential community: devices in, service tickets out, nothing lost in between."""


def show_error(error: EdgegwError) -> None:
    """``error: …`` on stderr, once for each line of the detail."""
    for line in (error.detail or str(error)).splitlines():
        click.echo(f"error: {line}", err=True)


def main(args: Sequence[str] | None = None) -> int:
    """Entry point of the console script.

    Args:
        args: the command line without the program's name; `sys.argv` if None.

    Returns:
        the exit code. Errors edgegw does not raise on purpose propagate, so that Python prints their traceback.
    """
    if instruction := os.environ.get(COMPLETE_VAR):
        from click.shell_completion import shell_complete

        return shell_complete(cli, {}, "edgegw", COMPLETE_VAR, instruction)
    try:
        code = _run(list(sys.argv[1:] if args is None else args))
        sys.stdout.flush()
    except BrokenPipeError:
        # A socket can break too, and that would be a defect worth its traceback: only stdout's breakage is quiet.
        if not _stdout_broken():
            raise
        return EXIT_BROKEN_PIPE
    return code


def _run(args: list[str]) -> int:
    try:
        # Not cli.main(): it would also swallow the EPIPE of a socket, and hide who was interrupted.
        with cli.make_context("edgegw", args) as ctx:
            result = cli.invoke(ctx)
            return result if type(result) is int else EXIT_OK
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except EdgegwError as error:
        show_error(error)
        return EXIT_BAD_INPUT
    except (KeyboardInterrupt, click.Abort):
        click.echo("", err=True)  # leaves the line of the terminal's ^C
        return EXIT_INTERRUPTED


def _stdout_broken() -> bool:
    """Whether nobody reads our output any more; then what is still buffered goes nowhere instead of raising at exit."""
    try:
        fd = sys.stdout.fileno()
    except (OSError, ValueError):  # captured or closed: not a pipe
        return False
    poller = select.poll()
    poller.register(fd, 0)  # POLLERR comes unasked, on a pipe once its reading end is closed
    if not any(event & select.POLLERR for _, event in poller.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), fd)
    return True


if __name__ == "__main__":
    sys.exit(main())
