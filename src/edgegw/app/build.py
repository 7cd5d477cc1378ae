"""From the site plan to running parts: the only place that knows every implementation.

Owns: which class stands for which section of the site file, and what each is handed.
Must not know: in which order parts start and stop (gateway), how they are shown (status).

Registries are the explicit `match`es below; nothing registers itself at import.
"""

from collections.abc import Callable, Sequence

from edgegw.app.secrets import reveal, tls_context
from edgegw.clock import Clock
from edgegw.config.plan import DevicePlan, SitePlan
from edgegw.config.upstream import HttpUpstream, RestUpstream
from edgegw.errors import ConfigError
from edgegw.model import Lane, Record
from edgegw.ports import Outbox, TicketInbox
from edgegw.profiles.decode import Decoder, compile_profile
from edgegw.profiles.fields import Text
from edgegw.rules.device import DeviceSpec
from edgegw.upstream.delivery import Delivery, Sender


def decoders(plan: SitePlan) -> dict[str, Decoder]:
    """Device id → compiled profile; devices of one profile share all but their topics."""
    return {
        d.id: compile_profile(plan.profiles[d.profile], None if d.address is None else str(d.address))
        for d in plan.devices.values()
    }


def secret_points(plan: SitePlan) -> dict[str, frozenset[str]]:
    """Device id → its points that are credentials, of devices that have any."""
    found = {
        name: frozenset(point for point, spec in profile.points.items() if spec.secret)
        for name, profile in plan.profiles.items()
    }
    return {d.id: found[d.profile] for d in plan.devices.values() if found[d.profile]}


def device_specs(plan: SitePlan) -> list[DeviceSpec]:
    """The devices as the rules want them."""
    return [_spec(plan, device) for device in plan.devices.values()]


def _spec(plan: SitePlan, device: DevicePlan) -> DeviceSpec:
    profile = plan.profiles[device.profile]
    polled = profile.link in {"modbus", "meter"} or (profile.serial is not None and profile.serial.request is not None)
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
    inbox: TicketInbox | None = None,
) -> Delivery:
    """One upstream with its lanes. `inbox`: where ticket systems' answers go; upstreams of kind rest need it."""
    config = plan.upstream[name]
    return Delivery(
        name,
        outbox,
        _sender(plan, name, clock, inbox),
        lanes=lanes_of(config.lanes),
        clock=clock,
        first_s=config.retry.first,
        most_s=config.retry.most,
        on_accepted=on_accepted,
        on_condition=on_condition,
    )


def _sender(plan: SitePlan, name: str, clock: Clock, inbox: TicketInbox | None) -> Sender:
    config, gateway = plan.upstream[name], plan.gateway.id
    if isinstance(config, RestUpstream):
        return _rest(plan, name, config, clock, inbox)
    if isinstance(config, HttpUpstream):
        from edgegw.upstream.http import HttpSender  # noqa: PLC0415  # only where a site has one

        return HttpSender(
            config.url,
            gateway,
            batch=config.batch,
            timeout_s=config.timeout,
            token=reveal(plan, config.token),
            tls=tls_context(config.tls),
            inbox=inbox,
            name=name,
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


def _rest(plan: SitePlan, name: str, config: RestUpstream, clock: Clock, inbox: TicketInbox | None) -> Sender:
    from edgegw.mappings.loader import compile_mapping, find_mapping, load_mapping, settings_of  # noqa: PLC0415  # optional
    from edgegw.upstream.rest.client import RestClient  # noqa: PLC0415
    from edgegw.upstream.rest.sender import RestSender  # noqa: PLC0415

    if inbox is None:
        raise ConfigError("upstream", f"upstream {name}: kind rest, and nobody takes ticket answers")
    loaded = load_mapping(find_mapping(config.mapping, plan.base))
    settings = settings_of(loaded.spec, config.settings)
    url = config.url or loaded.spec.url or ""  # checked with the site
    return RestSender(
        name,
        compile_mapping(loaded, settings, language=plan.gateway.language),
        RestClient(url, timeout_s=config.timeout, tls=tls_context(config.tls)),
        base=url,
        gateway=plan.gateway.id,
        language=plan.gateway.language,
        settings=settings,
        secrets={key: reveal(plan, secret) or "" for key, secret in config.secrets.items()},
        inbox=inbox,
        clock=clock,
        states=config.states,
        rate=config.rate,
        poll_every_s=config.poll_every,
        settle_s=config.settle,
    )


def upstream_title(name: str) -> Text:
    """What an operator reads when an upstream does not know the gateway any more."""
    return Text(
        zh=f"上级平台 {name} 拒绝本网关，请检查凭证", en=f"Upstream {name} refuses this gateway: check its credentials"
    )
