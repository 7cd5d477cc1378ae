"""`edgegw demo`: a simulated community, the gateway and a ticket desk, live.

Owns: the command line of the demo.
Must not know: how it is played.
"""

from pathlib import Path

import click

from edgegw.profiles.fields import parse_duration


class _Duration(click.ParamType[float]):
    name = "DURATION"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds from ``30s``, ``5m``."""
        if isinstance(value, float):
            return value
        try:
            seconds = parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if seconds <= 0:
            self.fail("must be longer than 0", param, ctx)
        return seconds


@click.command()
@click.option(
    "--for", "seconds", type=_Duration(), metavar="DURATION", help="Play this long, such as 30s or 5m, then end."
)
@click.option("--json", "as_json", is_flag=True, help="Print nothing but one JSON summary at the end.")
@click.option(
    "--keep", type=click.Path(path_type=Path), metavar="DIR", help="Keep site file, databases and logs there."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Of the ticket desk's page; any free one by default."
)
@click.option(
    "--language", type=click.Choice(["zh-CN", "en"]), default="zh-CN", show_default=True, help="Of screen and titles."
)
@click.option(
    "--broker",
    type=click.Choice(["auto", "mosquitto", "rumqttd"]),
    default="auto",
    show_default=True,
    help="rumqttd is the one from a wheel; it keeps nothing on disk.",
)
def demo(*, seconds: float | None, as_json: bool, keep: Path | None, port: int, language: str, broker: str) -> int:
    """Simulated devices on real links become tickets in a ticket desk. Pull any plug; nothing is lost.

    \b
    Needs nothing beforehand: the broker is mosquitto if it is installed, else one from a wheel.
    Exit codes: 0 nothing was lost; 1 something was, or nothing moved; 2 it could not start.
    """
    from edgegw.demo.play import Options, run

    if as_json and seconds is None:
        raise click.UsageError("--json needs --for, such as --for 30s")
    return run(
        Options(seconds=seconds, as_json=as_json, keep=keep, port=port, language=language, broker=broker),
        out=click.echo,
        err=lambda line: click.echo(line, err=True),
    )
