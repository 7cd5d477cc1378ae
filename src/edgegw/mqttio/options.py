"""How a session connects, as a value.

Owns: the options and their defaults.
Must not know: paho, sockets.
"""

import ssl
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Will:
    """What the broker publishes for us when we die."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = True


@dataclass(frozen=True)
class MqttOptions:
    """How to connect.

    Attributes:
        version: 5 or 3.1.1.
        clean: start without the broker's kept session.
        session_expiry_s: how long the broker keeps the session (MQTT 5); 3.1.1 keeps it for good when not `clean`.
        receive_maximum: unacknowledged QoS 1 messages the broker may have in flight to us (MQTT 5).
        max_payload: bytes of one PUBLISH kept; a larger one arrives cut, ``truncated`` set (never an endless redelivery).
        auto_ack: acknowledge on receipt; only where losing is allowed.
        tls: a verifying context (`edgegw.tls.client_context`), None for plain TCP.
    """

    host: str
    port: int = 1883
    client_id: str = ""
    version: Literal["5", "3.1.1"] = "5"
    clean: bool = True
    session_expiry_s: float = 0.0
    receive_maximum: int = 2000
    keepalive_s: float = 30.0
    username: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None
    will: Will | None = None
    max_payload: int = 256 * 1024
    auto_ack: bool = False
