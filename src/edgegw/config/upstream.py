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
    """

    kind: Literal["http"]
    url: HttpUrl
    token: Secret | None = None
    tls: Tls | None = None
    batch: Annotated[int, Field(ge=1, le=1000)] = 200
    timeout: Duration = 10.0
    retry: Retry = Retry()
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


Upstream = Annotated[HttpUpstream | MqttUpstream, Field(discriminator="kind")]
