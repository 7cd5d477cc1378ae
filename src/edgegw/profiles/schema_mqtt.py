"""How a profile reads MQTT as typed models: topics, paths, whose a message is, what is live, late or acknowledged.

Owns: the `mqtt` section of a profile and of a point. Must not know: decoding (decode_mqtt), sessions.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgegw.profiles.fields import Duration, Strict
from edgegw.profiles.schema_commands import Path, Scalar


class MqttWhen(Strict):
    """Which messages of a topic are meant; 0 and "0" are the same: devices mix them.

    Attributes:
        path, equals: those whose value at the path is this.
    """

    path: Path
    equals: Scalar


TimeForm = Literal["iso", "unix-s", "unix-ms"]
"""How a device writes a time: ISO 8601 with a zone, with or without separators; seconds or milliseconds since 1970."""


class MqttTime(Strict):
    """The time the device itself gives a value: it goes with the reading, and a value that is old by it is stale.

    Attributes:
        path: where the time is; a message without it, or from a device whose clock was never set, counts as from now.
        form: how it is written: ``iso`` (with a zone, with or without separators), ``unix-s`` or ``unix-ms``.
        old_after: a value this much older than its reception is stale; while this machine does not trust its own clock, none is.
    """

    path: Path
    form: TimeForm = "iso"
    old_after: Annotated[Duration, Field(gt=0)] = 60.0


class MqttRead(Strict):
    """Where a point is in an MQTT message.

    Attributes:
        topic: template with ``{address}``; the profile's `mqtt.topic` where not given.
        each: path of a list: every item of it is looked at, and the other paths begin there.
        path: dotted path into the JSON payload (``params.switch:0.apower``, ``events.0.event``); empty: the whole
            payload as text (with `each`: the whole item).
        or_path: where the value is in messages that hold none at `path`: devices that send it with or without a wrapping.
        when: only in messages (with `each`: items) that say so; in others the point gives no reading.
        time: the time that the device gives the value.
    """

    topic: str | None = None
    each: Path | None = None
    path: str = ""
    or_path: Path | None = None
    when: MqttWhen | None = None
    time: MqttTime | None = None

    @model_validator(mode="after")
    def _time_of_what(self) -> "MqttRead":
        if (self.time is not None or self.or_path is not None) and not self.path:
            raise ValueError("time and or_path go with path: plain text has no room for them")
        return self


class MqttAvailability(Strict):
    """The topic by which a device, or something in its name, says whether it is there. Plain text and JSON are both tried.

    Attributes:
        topic: template with ``{address}``.
        path: where the word is, in JSON.
        online, offline: the words.
        says: every message on the topic says this, whatever is in it (a last will without a word).
    """

    topic: str
    says: Literal["online", "offline"] | None = None
    path: str = "state"
    online: tuple[Scalar, ...] = Field(default=("online", "Online", True, "true"), strict=False)
    offline: tuple[Scalar, ...] = Field(default=("offline", "Offline", False, "false"), strict=False)


class MqttMatch(Strict):
    """Which messages of a shared topic (one without ``{address}``) are this device's.

    Attributes:
        path: where its address stands in them.
    """

    path: Path


class MqttAck(Strict):
    """An application-level acknowledgement a device waits for; published after the commit of its message, never before.

    Attributes:
        topic: of the message that is acknowledged (template with ``{address}``).
        reply, payload: topic and text of the acknowledgement. Both may name ``{address}`` and paths of the message in
            double braces: ``{{serialNo}}``, JSON-escaped inside a JSON payload. A message without them is not acknowledged.
    """

    topic: str
    reply: str
    payload: str


class MqttStale(Strict):
    """Which messages are not from now though they came now: sent late by the device, or once more. Their readings are stale.

    Attributes:
        topic: of which topic (template with ``{address}``); every one of the profile if not given.
        path, equals: and only messages that say so; every message of the topic if not given.
    """

    topic: str | None = None
    path: Path | None = None
    equals: Scalar = None

    @model_validator(mode="after")
    def _something(self) -> "MqttStale":
        if self.topic is None and self.path is None:
            raise ValueError("stale_when names a topic, or a path and what it equals")
        if (self.path is None) == ("equals" in self.model_fields_set):
            raise ValueError("path and equals go together")
        return self


class MqttSection(Strict):
    """What is common to a profile's MQTT topics. `{address}` stands for the device's address in the site file.

    Attributes:
        topic: where its points are, unless they say otherwise.
        availability: where it, or something in its name, says whether it is there.
        bridge: the topic by which what stands between says whether it is there (Zigbee2MQTT's ``bridge/state``): while it is not,
            nor is the device. That it is there again says nothing about the device.
        live: topics that count only while they are fresh: requests for a decision, answers to commands. They are taken by a
            session the broker keeps nothing for, without retained messages; so nothing queued or replayed can act.
        match: for topics that many devices share.
        acks: acknowledgements the device waits for.
        stale_when: messages that are not from now though they came now: late or repeated records.
        max_payload: bytes of a payload that is looked at; real ones are some hundred, one with a picture up to a megabyte.
    """

    topic: str = "{address}"
    availability: MqttAvailability | None = None
    bridge: MqttAvailability | None = None
    live: tuple[str, ...] = Field(default=(), strict=False)
    match: MqttMatch | None = None
    acks: tuple[MqttAck, ...] = Field(default=(), strict=False)
    stale_when: tuple[MqttStale, ...] = Field(default=(), strict=False)
    max_payload: Annotated[int, Field(ge=1024, le=2 * 1024 * 1024)] = 256 * 1024
