"""From the site plan to running parts: the only place that knows every implementation.

Owns: which class stands for which section of the site file, and what each is handed.
Must not know: in which order parts start and stop (gateway), how they are shown (status).

Registries are the explicit `match`es below; nothing registers itself at import.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edgegw.app.links import AnyLink
from edgegw.clock import Clock
from edgegw.config.plan import DevicePlan, LinkPlan, SitePlan
from edgegw.config.schema import HttpUpstream, SerialLink
from edgegw.config.schema import MqttLink as MqttLinkConfig
from edgegw.config.secret import Secret
from edgegw.config.secrets import resolve
from edgegw.config.tls import Tls
from edgegw.errors import ConfigError
from edgegw.model import Lane, Record
from edgegw.ports import Outbox, Sink
from edgegw.profiles.decode import Decoder, compile_profile
from edgegw.profiles.fields import Text
from edgegw.rules.device import DeviceSpec
from edgegw.upstream.delivery import Delivery, Sender

OVERSIZE_MARGIN = 1024
"""Bytes of an MQTT packet kept beyond the decoders' payload limit, so that the decoder sees (and names) the excess."""


def reveal(plan: SitePlan, secret: Secret | None) -> str | None:
    """The text a secret refers to; None if none is configured. Raises ConfigError."""
    return None if secret is None else resolve(secret, plan.base, os.environ).get_secret_value()


def decoders(plan: SitePlan) -> dict[str, Decoder]:
    """Device id → compiled profile; devices of one profile share all but their topics."""
    return {
        d.id: compile_profile(plan.profiles[d.profile], None if d.address is None else str(d.address))
        for d in plan.devices.values()
    }


def device_specs(plan: SitePlan) -> list[DeviceSpec]:
    """The devices as the rules want them."""
    return [_spec(plan, device) for device in plan.devices.values()]


def _spec(plan: SitePlan, device: DevicePlan) -> DeviceSpec:
    profile = plan.profiles[device.profile]
    polled = profile.link == "modbus" or (profile.serial is not None and profile.serial.request is not None)
    return DeviceSpec(
        id=device.id,
        name=device.name,
        link=device.link,
        labels=device.labels,
        rules=device.alarms,
        report=device.report,
        point_reports=device.reports,
        offline_after=device.offline_after,
        profile=device.profile,
        polled=polled,
    )


def link(plan: SitePlan, of: LinkPlan, compiled: Mapping[str, Decoder], *, sink: Sink, clock: Clock) -> AnyLink:
    """One link with its devices."""
    match of.config:
        case MqttLinkConfig():
            return _mqtt(plan, of, of.config, compiled, sink=sink, clock=clock)
        case SerialLink():
            from edgegw.links.serial import SerialLink as Serial  # noqa: PLC0415  # only where a site has one

            (device,) = of.devices
            section = plan.profiles[device.profile].serial
            if section is None:
                raise ConfigError("profile", f"{device.profile} has no serial section")
            return Serial(of.name, of.config, device.id, section, sink=sink, clock=clock)
        case _:
            from edgegw.links.modbus import ModbusLink, unit_plan  # noqa: PLC0415  # pymodbus is heavy

            units = [unit_plan(d.id, int(d.address or 0), plan.profiles[d.profile]) for d in of.devices]
            return ModbusLink(of.name, of.config, units, sink=sink, clock=clock)


def _mqtt(
    plan: SitePlan,
    of: LinkPlan,
    config: MqttLinkConfig,
    compiled: Mapping[str, Decoder],
    *,
    sink: Sink,
    clock: Clock,
) -> AnyLink:
    from edgegw.links.mqtt import OFFLINE, MqttLink, routes  # noqa: PLC0415  # only where a site has one
    from edgegw.mqttio import MqttOptions, Will  # noqa: PLC0415

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
        max_payload=256 * 1024 + OVERSIZE_MARGIN,
    )
    topics = routes((d.id, compiled[d.id].topics()) for d in of.devices)
    return MqttLink(of.name, options, topics, sink=sink, clock=clock, will_topic=config.will_topic)


def tls_context(tls: Tls | None) -> Any:  # noqa: ANN401  # ssl.SSLContext; ssl is imported only where TLS is used
    """A verifying context, or None for plain TCP."""
    if tls is None:
        return None
    from edgegw.tls import client_context  # noqa: PLC0415

    return client_context(tls.ca, tls.cert, tls.key)


def lanes_of(names: Sequence[str]) -> tuple[Lane, ...]:
    """Lanes by their labels."""
    return tuple(Lane[name.upper()] for name in names)


def delivery(
    plan: SitePlan,
    name: str,
    outbox: Outbox,
    *,
    clock: Clock,
    on_accepted: Callable[[Record, int], None],
    on_condition: Callable[[str, str | None], None],
) -> Delivery:
    """One upstream with its lanes."""
    config = plan.upstream[name]
    return Delivery(
        name,
        outbox,
        _sender(plan, name),
        lanes=lanes_of(config.lanes),
        clock=clock,
        first_s=config.retry.first,
        most_s=config.retry.most,
        on_accepted=on_accepted,
        on_condition=on_condition,
    )


def _sender(plan: SitePlan, name: str) -> Sender:
    config, gateway = plan.upstream[name], plan.gateway.id
    if isinstance(config, HttpUpstream):
        from edgegw.upstream.http import HttpSender  # noqa: PLC0415  # only where a site has one

        return HttpSender(
            config.url,
            gateway,
            batch=config.batch,
            timeout_s=config.timeout,
            token=reveal(plan, config.token),
            tls=tls_context(config.tls),
        )
    from edgegw.mqttio import MqttOptions  # noqa: PLC0415
    from edgegw.upstream.mqtt import MqttSender  # noqa: PLC0415

    options = MqttOptions(
        host=config.host,
        port=config.port,
        client_id=config.client_id or f"edgegw-{gateway}-up-{name}",
        username=config.username,
        password=reveal(plan, config.password),
        tls=tls_context(config.tls),
    )
    return MqttSender(
        options,
        gateway,
        topic=config.topic,
        accept=config.accept,
        reply_topic=config.reply_topic,
        window=config.window,
        timeout_s=config.timeout,
        first_s=config.retry.first,
        most_s=config.retry.most,
    )


def upstream_title(name: str) -> Text:
    """What an operator reads when an upstream does not know the gateway any more."""
    return Text(
        zh=f"上级平台 {name} 拒绝本网关，请检查凭证", en=f"Upstream {name} refuses this gateway: check its credentials"
    )
