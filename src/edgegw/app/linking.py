"""The links of a site plan: which class stands for which section, which halves an MQTT link has, who commands through which.

Owns: making links and saying which link carries a device's commands.
Must not know: in which order parts start and stop (gateway).

Links on which doors or linkages hang are given the sink that is never full (`pipeline.Urgent`): a disk that takes nothing must
not close the ears of a door.
"""

from collections.abc import Mapping

from msgspec import Struct

from edgegw.app.doors import urgent_points
from edgegw.app.links import ActingLink, AnyLink
from edgegw.app.osdp import osdp_link
from edgegw.app.secrets import reveal, tls_context
from edgegw.clock import Clock
from edgegw.config.plan import LinkPlan, SitePlan
from edgegw.config.schema import MeterLink as MeterLinkConfig
from edgegw.config.schema import MqttLink as MqttLinkConfig
from edgegw.config.schema import OsdpLink as OsdpLinkConfig
from edgegw.config.schema import SerialLink as SerialLinkConfig
from edgegw.errors import ConfigError
from edgegw.ports import Actuator, Sink
from edgegw.profiles.decode import Decoder
from edgegw.profiles.encode import Encoder, compile_commands

OVERSIZE_MARGIN = 1024
"""Bytes of an MQTT packet kept beyond the decoders' payload limit, so that the decoder sees (and names) the excess."""


class Links(Struct, frozen=True):
    """All links, and who carries what.

    Attributes:
        links: in the site's order; an MQTT link with a live half has both, the live one (``<link>.live``) after.
        actuators: device → the link that carries its commands.
        devices: link → its devices, live halves included.
    """

    links: tuple[AnyLink, ...]
    actuators: Mapping[str, Actuator]
    devices: Mapping[str, tuple[str, ...]]


def encoders(plan: SitePlan) -> dict[str, Encoder]:
    """Device id → its commands, of devices that have any."""
    found = {}
    for device in plan.devices.values():
        profile = plan.profiles[device.profile]
        if profile.commands:
            unit = device.address if isinstance(device.address, int) else None
            address = None if device.address is None else str(device.address)
            found[device.id] = compile_commands(profile, address, unit)
    return found


def make_links(
    plan: SitePlan,
    decoders: Mapping[str, Decoder],
    encode: Mapping[str, Encoder],
    *,
    sink: Sink,
    urgent: Sink,
    clock: Clock,
) -> Links:
    """Every link of the plan, nothing opened."""
    points = urgent_points(plan)
    links: list[AnyLink] = []
    made: list[AnyLink]
    acting: ActingLink | None
    actuators: dict[str, Actuator] = {}
    devices: dict[str, tuple[str, ...]] = {}
    for of in plan.links:
        names = tuple(device.id for device in of.devices)
        to = urgent if any(name in points for name in names) else sink
        match of.config:
            case MqttLinkConfig():
                durable, acting = _mqtt(plan, of, of.config, decoders, encode, sink=sink, urgent=urgent, clock=clock)
                made = [durable] if acting is None else [durable, acting]
            case MeterLinkConfig():
                made = [acting := _meters(plan, of, of.config, points, sink=to, clock=clock)]
            case OsdpLinkConfig():
                made = [acting := osdp_link(plan, of, of.config, sink=to, clock=clock)]
            case SerialLinkConfig():
                made = [acting := _serial(plan, of, of.config, sink=to, clock=clock)]
            case _:
                made = [acting := _modbus(plan, of, points, sink=to, clock=clock)]
        for link in made:
            devices[link.name] = names
        links += made
        if acting is not None:
            actuators |= {name: acting for name in names if name in encode}
    return Links(tuple(links), actuators, devices)


def _serial(plan: SitePlan, of: LinkPlan, config: SerialLinkConfig, *, sink: Sink, clock: Clock) -> ActingLink:
    from edgegw.links.serial import SerialLink  # noqa: PLC0415  # only where a site has one

    (device,) = of.devices
    section = plan.profiles[device.profile].serial
    if section is None:
        raise ConfigError("profile", f"{device.profile} has no serial section")
    return SerialLink(of.name, config, device.id, section, sink=sink, clock=clock)


def _meters(
    plan: SitePlan,
    of: LinkPlan,
    config: MeterLinkConfig,
    points: Mapping[str, set[str]],
    *,
    sink: Sink,
    clock: Clock,
) -> ActingLink:
    from edgegw.links.meter import MeterLink, unit_plan  # noqa: PLC0415  # only where a site has one

    units, meters = [], {}
    for device in of.devices:
        profile, address = plan.profiles[device.profile], str(device.address)
        if profile.meter is None:
            raise ConfigError("profile", f"{device.profile} has no meter section")
        watched = {rule.point for rule in device.alarms.values() if rule.point is not None}
        units.append(unit_plan(device.id, address, profile, watched | points.get(device.id, set())))
        meters[device.id] = (address, profile.meter)
    return MeterLink(of.name, config, units, meters, sink=sink, clock=clock)


def _modbus(plan: SitePlan, of: LinkPlan, points: Mapping[str, set[str]], *, sink: Sink, clock: Clock) -> ActingLink:
    from edgegw.links.modbus import ModbusLink, unit_plan  # noqa: PLC0415  # pymodbus is heavy

    units = []
    for device in of.devices:
        watched = {rule.point for rule in device.alarms.values() if rule.point is not None}
        alarmed = watched | points.get(device.id, set())
        units.append(unit_plan(device.id, int(device.address or 0), plan.profiles[device.profile], alarmed))
    assert not isinstance(of.config, MeterLinkConfig | MqttLinkConfig | OsdpLinkConfig | SerialLinkConfig)  # noqa: S101  (the caller looked)
    return ModbusLink(of.name, of.config, units, sink=sink, clock=clock)


def _mqtt(
    plan: SitePlan,
    of: LinkPlan,
    config: MqttLinkConfig,
    decoders: Mapping[str, Decoder],
    encode: Mapping[str, Encoder],
    *,
    sink: Sink,
    urgent: Sink,
    clock: Clock,
) -> tuple[AnyLink, ActingLink | None]:
    from edgegw.links.mqtt import OFFLINE, MqttLink  # noqa: PLC0415  # only where a site has one
    from edgegw.links.mqtt_live import MqttLive, live_options  # noqa: PLC0415
    from edgegw.links.mqtt_routes import matches, routes  # noqa: PLC0415
    from edgegw.mqttio import MqttOptions, Will  # noqa: PLC0415
    from edgegw.profiles.acks import compile_acks  # noqa: PLC0415

    profiles = {device.id: plan.profiles[device.profile] for device in of.devices}
    largest = max(profile.mqtt.max_payload for profile in profiles.values())
    options = MqttOptions(
        host=config.host,
        port=config.port,
        client_id=config.client_id or f"edgegw-{plan.gateway.id}-{of.name}",
        version=config.version,
        clean=False,
        session_expiry_s=config.session_expiry,
        receive_maximum=config.receive_maximum,
        keepalive_s=config.keepalive,
        username=config.username,
        password=reveal(plan, config.password),
        tls=tls_context(config.tls),
        will=Will(config.will_topic, OFFLINE) if config.will_topic else None,
        max_payload=largest + OVERSIZE_MARGIN,
    )
    told = {device.id: decoders[device.id] for device in of.devices}
    acks = {
        device.id: found
        for device in of.devices
        if (found := compile_acks(profiles[device.id], str(device.address))) is not None
    }
    durable = MqttLink(
        of.name,
        options,
        routes((name, decoder.topics()) for name, decoder in told.items()),
        match=matches(told.items()),
        acks=acks,
        sink=sink,
        clock=clock,
        will_topic=config.will_topic,
    )
    live = routes((name, decoder.live_topics()) for name, decoder in told.items())
    replies = tuple(dict.fromkeys(t for name in told if name in encode for t in encode[name].reply_topics()))
    if not live and not any(name in encode for name in told):
        return durable, None
    match = matches(told.items())
    name = f"{of.name}.live"
    return durable, MqttLive(name, live_options(options), live, replies, match=match, sink=urgent, clock=clock)
