"""The parts of the site file by which others act on this gateway: upstream commands, the API, and how quick it must be.

Owns: their schema, defaults included. Must not know: YAML, line numbers, what there is to command (config.check_acting).
"""

from typing import Annotated, Literal

from pydantic import Field

from edgegw.config.fields import Port
from edgegw.config.secret import Secret
from edgegw.config.tls import Tls
from edgegw.profiles.fields import Duration, Slug, Strict


class SignerKey(Strict):
    """A key that upstream commands are signed with (HMAC-SHA256).

    Attributes:
        key: 32 bytes or more of secret, see Secret.
        scopes: what its holder may do: ``command:<device>:<command>``, ``door:<door or group>:<action>``; ``*`` stands for any.
    """

    key: Secret
    scopes: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]


class Commands(Strict):
    """Commands from upstream, over a session of their own the broker keeps nothing for.

    Attributes:
        host, port: where the broker is.
        version: in quotes: "5", or "3.1.1" for old brokers.
        client_id: ``edgegw-<gateway>-commands`` if not given.
        username: the broker's account.
        password: a reference, see Secret.
        tls: an empty section (``tls: {}``) is TLS with the system's authorities.
        topic: where signed envelopes arrive; ``{gateway}`` is filled in.
        reply_topic: where outcomes are published, besides the record; ``{gateway}`` is filled in.
        keys: who may sign, each under the id of the key.
        most_lifetime: an envelope that would stay valid longer than this is refused.
    """

    host: str = "127.0.0.1"
    port: Port = 1883
    version: Literal["5", "3.1.1"] = "5"
    client_id: str | None = None
    username: str | None = None
    password: Secret | None = None
    tls: Tls | None = None
    topic: str = "edgegw/{gateway}/commands"
    reply_topic: str = "edgegw/{gateway}/outcomes"
    keys: Annotated[dict[Slug, SignerKey], Field(min_length=1)]
    most_lifetime: Annotated[Duration, Field(gt=0, le=3600)] = 60.0


class Api(Strict):
    """The local HTTP API: loopback unless said otherwise; every request needs a token (`edgegw token create`).

    Attributes:
        host: the address to listen on; one that others reach needs tls_cert.
        port: 0 is any free port, told in the log.
        enabled: true: there is an API.
        tls_cert: certificate for HTTPS, a PEM file.
        tls_key: its private key, if not in the same file.
        tokens: file of hashed tokens; relative to the state directory.
        rate: requests a second per token.
        burst: requests at once per token.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 9465
    enabled: bool = False
    tls_cert: str | None = None
    tls_key: str | None = None
    tokens: str = "edgegw.tokens"
    rate: Annotated[float, Field(gt=0, le=1000)] = 10.0
    burst: Annotated[int, Field(ge=1, le=1000)] = 20


class Targets(Strict):
    """What `edgegw check` holds the site to, and what it assumes of the machine.

    Attributes:
        door: from the card to the confirmed lock.
        command: from the command's admission to its outcome.
        event: from the change to its acceptance upstream.
        commit: allowance for one commit on this box's disk.
        network: allowance for one message on its networks.
        accept: devices and doors whose bound may exceed the target.
    """

    door: Annotated[Duration, Field(gt=0, le=3)] = 3.0
    command: Annotated[Duration, Field(gt=0, le=5)] = 5.0
    event: Annotated[Duration, Field(gt=0)] = 5.0
    commit: Duration = 0.25
    network: Duration = 0.1
    accept: Annotated[tuple[Slug, ...], Field(strict=False)] = ()
