"""One probe from its target to what was found: which of the searches are made, on which kind of link.

Owns: choosing and ordering the searches, options by kind, the result.
Must not know: how results look, where they are added.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from secrets import token_hex

from msgspec import Struct

from edgegw.clock import Clock
from edgegw.config.lines import ModbusConfig
from edgegw.config.schema import ModbusRtuLink, ModbusRtuTcpLink, ModbusTcpLink, MqttLink
from edgegw.config.secrets import resolve
from edgegw.errors import ConfigError, LinkError, StoreError
from edgegw.probe import meters, plan
from edgegw.probe.found import Found
from edgegw.probe.identify_mqtt import identify
from edgegw.probe.ports import check_free
from edgegw.probe.target import SiteFile, Target
from edgegw.probe.topics import LISTEN_S, Listener, listen
from edgegw.profiles.schema import Profile

Tell = Callable[[str, int, int], None]


class Options(Struct, frozen=True):
    """What the user asks for; empty or None: the usual.

    Attributes:
        units: ``1-32,40``. baud, formats: only these. timeout_s: wait for an answer to begin.
        every: all settings, though something was found at one. numbers: of meters. only: ``modbus`` or ``meter`` alone.
        topics: filters. seconds: of listening.
    """

    units: str | None = None
    bauds: tuple[int, ...] = ()
    formats: tuple[str, ...] = ()
    timeout_s: float | None = None
    every: bool = False
    numbers: tuple[str, ...] = ()
    only: str | None = None
    topics: tuple[str, ...] = ()
    seconds: float = LISTEN_S


@dataclass
class Result:
    """What came out, filled in as it comes: whole also when the probe is interrupted.

    Attributes:
        unread: of a broker, see `identify_mqtt.Heard`. messages: heard. interrupted: by the user.
    """

    found: list[Found] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unread: tuple[tuple[str, int, int], ...] = ()
    messages: int = 0
    interrupted: bool = False


async def probe(
    target: Target,
    options: Options,
    profiles: Mapping[str, Profile],
    into: Result,
    *,
    site: SiteFile | None,
    clock: Clock,
    tell: Tell,
) -> None:
    """Search; `into` has what was found, also when this is cancelled.

    Raises:
        LinkError: the line or broker cannot be used, and nothing was found before.
        ConfigError: ``usage``: options or a link that cannot be probed.
    """
    try:
        link = target.link
        match link:
            case MqttLink():
                await _broker(target, link, options, profiles, into, site=site, tell=tell)
            case ModbusRtuLink() | ModbusTcpLink() | ModbusRtuTcpLink():
                await _line(target, link, options, profiles, into, site=site, clock=clock, tell=tell)
            case _ if link.kind == "meter":
                check_free(link.port)
                await _meters(link.port, _own(link), options, profiles, into, tell=tell)
            case _:
                raise ConfigError(
                    "usage",
                    f"{target.shown}: nothing can be asked on a link of kind {link.kind}: its one device talks by itself",
                )
    except LinkError as error:
        if not into.found:
            raise
        into.notes.append(f"ended early: {error.detail or error}")


async def _line(
    target: Target,
    link: ModbusConfig,
    options: Options,
    profiles: Mapping[str, Profile],
    into: Result,
    *,
    site: SiteFile | None,
    clock: Clock,
    tell: Tell,
) -> None:
    from edgegw.probe.modbus import ModbusProbe  # noqa: PLC0415  (pymodbus is heavy)

    tcp = isinstance(link, ModbusTcpLink)
    units = plan.units(options.units, tcp=tcp)
    settings: tuple[plan.Setting | None, ...] = (None,)
    if isinstance(link, ModbusRtuLink):
        check_free(link.port)
        settings = plan.settings(_own(link) if target.name else None, options.bauds, options.formats)
    elif options.bauds or options.formats:
        raise ConfigError(
            "usage", f"{target.shown}: --baud and --format are for serial ports; a serial server is set by itself"
        )
    if isinstance(link, ModbusRtuTcpLink):
        _check_stopped(target, site)
    both = isinstance(link, ModbusRtuLink) and target.name is None
    if both and options.only != "modbus":  # a port whose kind nobody has said; quicker than the scan, so first
        await _meters(link.port, None, options, profiles, into, tell=tell)  # type: ignore[arg-type]  # RTU: a path
        if into.found and not options.every:
            return
    if options.only == "meter":
        if not both:
            raise ConfigError(
                "usage", f"{target.shown}: meters are on a serial port given directly, or a link of kind meter"
            )
        return
    timeout_s = options.timeout_s or (plan.RTU_TIMEOUT_S if isinstance(link, ModbusRtuLink) else plan.TCP_TIMEOUT_S)
    made = ModbusProbe(
        link,
        profiles,
        settings=settings,
        units=units,
        timeout_s=timeout_s,
        every=options.every,
        clock=clock,
        tell=tell,
        read_timeout_s=options.timeout_s or plan.READ_TIMEOUT_S,
    )
    try:
        await made.run()
    finally:
        into.found += made.found
        into.notes += made.notes


async def _meters(
    port: str, own: plan.Setting | None, options: Options, profiles: Mapping[str, Profile], into: Result, *, tell: Tell
) -> None:
    given = options.bauds or options.formats
    settings = plan.settings(own, options.bauds, options.formats) if given else meters.SETTINGS
    if own is not None and not given:
        settings = tuple(dict.fromkeys((own, *settings)))
    made = meters.MeterProbe(
        port,
        profiles,
        settings=settings,
        numbers=options.numbers,
        timeout_s=options.timeout_s or meters.TIMEOUT_S,
        every=options.every,
        tell=tell,
    )
    try:
        await made.run()
    finally:
        into.found += made.found
        into.notes += made.notes


async def _broker(
    target: Target,
    link: MqttLink,
    options: Options,
    profiles: Mapping[str, Profile],
    into: Result,
    *,
    site: SiteFile | None,
    tell: Tell,
) -> None:
    from edgegw.mqttio import MqttOptions  # noqa: PLC0415  (paho)
    from edgegw.tls import client_context  # noqa: PLC0415

    base = site.base if site is not None else None
    password = None
    if link.password is not None and base is not None:
        password = resolve(link.password, base, os.environ).get_secret_value()
    tls = None
    if link.tls is not None:
        files = (
            None if name is None or base is None else str(base / name)
            for name in (link.tls.ca, link.tls.cert, link.tls.key)
        )
        tls = client_context(*files)
    session = MqttOptions(
        host=link.host,
        port=link.port,
        # Its own name and no session kept: the gateway's stays as it is.
        client_id=f"edgegw-probe-{token_hex(4)}",
        version=link.version,
        keepalive_s=link.keepalive,
        username=link.username,
        password=password,
        tls=tls,
        max_payload=max((p.mqtt.max_payload for p in profiles.values() if p.link == "mqtt"), default=256 * 1024),
        auto_ack=True,
    )
    listener = Listener()
    seconds = options.seconds

    def progress(passed: float) -> None:
        told = f"{listener.messages} messages on {len(listener.heard)} topics"
        tell(f"{target.shown}: {told}", round(passed), round(seconds))

    try:
        await listen(session, options.topics, seconds, listener, progress)
    finally:
        heard = identify(listener.heard, profiles)
        into.found += heard.found
        into.unread = heard.unread
        into.messages = listener.messages
        if listener.dropped:
            into.notes.append(
                f"{listener.dropped} messages were too many or too large to look at; narrow it with --topic"
            )


def _own(link: object) -> plan.Setting:
    return plan.Setting(getattr(link, "baud", 9600), getattr(link, "format", "8N1"))


def _check_stopped(target: Target, site: SiteFile | None) -> None:
    """A serial server takes several connections, and a running gateway's frames would meet ours on the line."""
    from edgegw.store.lock import Lock  # noqa: PLC0415

    if site is None or target.name is None or not site.store.with_name(site.store.name + ".lock").exists():
        return
    try:
        Lock(site.store).release()
    except StoreError as error:
        if error.reason == "locked":
            raise LinkError(
                "busy",
                f"{target.shown}: the gateway of {site.path} is running, and two masters on one line disturb each other; "
                "stop it first (systemctl stop edgegw)",
            ) from error


def run(work: Coroutine[None, None, None], into: Result) -> None:
    """Run a probe; Ctrl-C ends it and leaves what was found so far."""
    try:
        asyncio.run(work)
    except KeyboardInterrupt:
        into.interrupted = True
