"""The ways on which ticket systems' answers come back: one for each upstream that has a way of its own.

Owns: which class stands for which section, what each is handed. Must not know: what an answer means, when the ways run.
"""

from typing import TYPE_CHECKING, Protocol

from edgegw.app.secrets import reveal, tls_context
from edgegw.clock import Clock
from edgegw.config.check_parts import tickets_id
from edgegw.config.plan import SitePlan
from edgegw.config.upstream import HttpUpstream, MqttTickets, MqttUpstream
from edgegw.ports import RecordStore, TicketInbox
from edgegw.upstream.tickets import WayFigures

if TYPE_CHECKING:
    from edgegw.mqttio import MqttOptions


class Way(Protocol):
    """What runs, and how it looks."""

    async def run(self) -> None:
        """Take answers until cancelled."""
        ...

    def figures(self) -> WayFigures:
        """As of now."""
        ...


def make_ways(plan: SitePlan, inbox: TicketInbox, store: RecordStore, clock: Clock) -> dict[str, Way]:
    """Upstream → its way; answers in the answer to a POST, and those of kind rest, need none."""
    ways: dict[str, Way] = {}
    for name, config in plan.upstream.items():
        if isinstance(config, HttpUpstream) and config.tickets is not None:
            from edgegw.upstream.tickets_http import TicketPoll  # noqa: PLC0415  # only where a site has one

            ways[name] = TicketPoll(
                config.tickets.poll,
                inbox,
                name=name,
                every_s=config.tickets.every,
                timeout_s=config.timeout,
                token=reveal(plan, config.token),
                tls=tls_context(config.tls),
            )
        elif isinstance(config, MqttUpstream) and config.tickets is not None:
            from edgegw.upstream.tickets_mqtt import TicketTopic  # noqa: PLC0415

            ways[name] = TicketTopic(
                _session(plan, name, config, config.tickets),
                config.tickets.topic.replace("{gateway}", plan.gateway.id),
                inbox,
                name=name,
                store=store,
                clock=clock,
                first_s=config.retry.first,
                most_s=config.retry.most,
            )
    return ways


def _session(plan: SitePlan, name: str, config: MqttUpstream, tickets: MqttTickets) -> "MqttOptions":
    from edgegw.mqttio import MqttOptions  # noqa: PLC0415  # only where a site has one

    return MqttOptions(
        host=config.host,
        port=config.port,
        client_id=tickets_id(config, plan.gateway, name),
        session_expiry_s=tickets.session_expiry,
        username=config.username,
        password=reveal(plan, config.password),
        tls=tls_context(config.tls),
    )
