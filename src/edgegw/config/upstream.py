"""The site file's upstreams: who receives the events, and how.

Owns: their schema, defaults included. Must not know: YAML, line numbers, how anything is sent.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgegw.config.fields import HttpUrl, Port
from edgegw.config.secret import Secret
from edgegw.config.tls import Tls
from edgegw.profiles.fields import Duration, Strict


class Retry(Strict):
    """Pauses between attempts: full jitter, doubling from `first` to `most`.

    Attributes:
        first: ceiling of the first pause.
        most: ceiling of all later ones.
    """

    first: Duration = 0.5
    most: Duration = 30.0


class HttpTickets(Strict):
    """Ticket states fetched: ``GET`` of a URL, with the upstream's token, tls and timeout (docs/tickets.md).

    Attributes:
        poll: ``https://HOST/PATH``; ``after=…``, where the last answer ended, is added to its query.
        every: pause between polls, give or take a tenth; what is more than one page is fetched at once.
    """

    poll: HttpUrl
    every: Annotated[Duration, Field(ge=1, le=3600)] = 10.0


class MqttTickets(Strict):
    """Ticket states subscribed to, in a session of their own that the broker keeps while we are away (docs/tickets.md).

    Attributes:
        topic: where the ticket system publishes them, at QoS 1; ``{gateway}`` is filled in.
        session_expiry: how long the broker keeps the session, and with it what was published meanwhile.
    """

    topic: str = "edgegw/{gateway}/tickets"
    session_expiry: Annotated[Duration, Field(ge=60)] = 604800.0


class HttpUpstream(Strict):
    """POST of CloudEvents batches; 2xx accepts.

    Attributes:
        url: ``https://HOST/PATH``; ``http://`` only where the network is trusted.
        batch: most records in a request.
        timeout: the whole request.
        lanes: which lanes this upstream takes, each in order and independent of the others.
        tls: authorities and client certificate, where the system's do not do.
        retry: pauses between attempts.
        token: a reference, see Secret; sent as ``Authorization: Bearer …``.
        tickets: where ticket states are fetched; states in the answers to a POST are taken without it.
    """

    kind: Literal["http"]
    url: HttpUrl
    token: Secret | None = None
    tls: Tls | None = None
    batch: Annotated[int, Field(ge=1, le=1000)] = 200
    timeout: Duration = 10.0
    retry: Retry = Retry()
    tickets: HttpTickets | None = None
    lanes: Annotated[tuple[Literal["alarm", "access", "command", "telemetry"], ...], Field(strict=False)] = (
        "alarm",
        "access",
        "command",
        "telemetry",
    )


class MqttUpstream(Strict):
    """One CloudEvent per message at QoS 1.

    Attributes:
        host, port: where the broker is.
        client_id: ``edgegw-<gateway>-up-<name>`` if not given.
        username: the broker's account.
        password: a reference, see Secret.
        tls: an empty section (``tls: {}``) is TLS with the system's authorities.
        topic: template; ``{gateway}``, ``{lane}``, ``{type}``, ``{subject}`` are filled in.
        accept: ``puback`` if the broker's word counts as acceptance, ``reply`` if the application answers on `reply_topic`
            with ``{"ids": ["…"]}``.
        reply_topic: where the application answers; ``{gateway}`` is filled in.
        window: most publishes in flight.
        timeout: how long to wait for acceptance.
        retry: pauses between attempts.
        tickets: where ticket states arrive; ``tickets: {}`` is the topic ``edgegw/{gateway}/tickets``.
        lanes: which lanes this upstream takes, each in order and independent of the others.
    """

    kind: Literal["mqtt"]
    host: str = "127.0.0.1"
    port: Port = 1883
    client_id: str | None = None
    username: str | None = None
    password: Secret | None = None
    tls: Tls | None = None
    topic: str = "edgegw/{gateway}/{lane}"
    accept: Literal["puback", "reply"]
    reply_topic: str | None = None
    window: Annotated[int, Field(ge=1, le=65535)] = 500
    timeout: Duration = 10.0
    retry: Retry = Retry()
    tickets: MqttTickets | None = None
    lanes: Annotated[tuple[Literal["alarm", "access", "command", "telemetry"], ...], Field(strict=False)] = (
        "alarm",
        "access",
        "command",
        "telemetry",
    )

    @model_validator(mode="after")
    def _reply(self) -> "MqttUpstream":
        if (self.accept == "reply") != (self.reply_topic is not None):
            raise ValueError("reply_topic goes with accept: reply, and accept: reply needs it")
        return self


TicketWord = Literal["opened", "acknowledged", "assigned", "resolved", "closed", "rejected"]
SettingValue = str | int | float | bool | dict[str, str | int | float | bool]


class RestUpstream(Strict):
    """Tickets in an existing ticket system, by a mapping (docs/ticket-systems.md). Takes the alarm lane.

    Attributes:
        url: where the system is, without the paths of its API; not needed where the mapping knows it.
        mapping: ``redmine``, ``roundup``, ``alertmanager``, ``wecom``, ``dingtalk``, or ``./my.yaml``.
        settings: as the mapping asks for them.
        secrets: name → reference, see Secret; as the mapping asks for them.
        states: the system's word → ``opened``, ``acknowledged`` …; adds to the mapping's.
        rate: most requests in any minute, second or hour; the mapping's if not given.
        poll_every: how often the states of open tickets are asked for; 0: never.
        settle: how long a create whose answer was lost may still take effect in the other system.
        timeout: the whole request.
        tls: authorities and client certificate, where the system's do not do.
        retry: pauses between attempts.
    """

    kind: Literal["rest"]
    mapping: Annotated[str, Field(min_length=1, max_length=255)]
    url: HttpUrl | None = None
    settings: dict[str, SettingValue] = Field(default_factory=dict)
    secrets: dict[str, Secret] = Field(default_factory=dict)
    states: dict[str, TicketWord] = Field(default_factory=dict)
    rate: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,4}/(s|min|h)$")] | None = None
    poll_every: Annotated[Duration, Field(ge=0, le=3600)] = 15.0
    settle: Annotated[Duration, Field(ge=0, le=60)] = 2.0
    timeout: Duration = 10.0
    tls: Tls | None = None
    retry: Retry = Retry()

    @property
    def lanes(self) -> tuple[Literal["alarm"], ...]:
        """Tickets are on the alarm lane."""
        return ("alarm",)


Upstream = Annotated[HttpUpstream | MqttUpstream | RestUpstream, Field(discriminator="kind")]
