"""The site file as typed models: what edgegw.yaml may say.

Owns: the schema (also published as JSON Schema for editors), defaults included.
Must not know: YAML, line numbers (config.loader), what a profile needs (config.check).
"""

from typing import Annotated, Literal

from pydantic import Field

from edgegw.config.acting import Access, Api, Commands, Door, Linkage, Targets
from edgegw.config.fields import MIB, LineFormat, Port, Size
from edgegw.config.secret import Secret
from edgegw.config.service import Service
from edgegw.config.tls import Tls
from edgegw.config.upstream import Upstream
from edgegw.profiles.fields import Duration, Slug, Strict
from edgegw.profiles.schema import AlarmRule, Report


class Gateway(Strict):
    """Who this box is.

    Attributes:
        id: unique in the fleet; CloudEvents source is ``edgegw/<id>``, dedup keys begin with it.
        language: what operators read in titles.
        location: where the box is, for people.
        timezone: IANA name; schedules of doors are in local time.
        assume_clock_synced: believe a plausible clock where no time daemon leaves a marker.
    """

    id: Slug
    language: Literal["zh-CN", "en"] = "zh-CN"
    location: str = ""
    timezone: str = "Asia/Shanghai"
    assume_clock_synced: bool = True


class StoreSection(Strict):
    """Where and how much is kept.

    Attributes:
        path: the SQLite file; relative paths are relative to the state directory ($STATE_DIRECTORY, else the site file's folder).
        budget: the most the database may take; telemetry is shed first when it is reached.
        reserve: ballast kept aside so that deleting still works on a full disk.
    """

    path: str = "edgegw.db"
    budget: Annotated[Size, Field(ge=4 * MIB)] = 512 * MIB
    reserve: Annotated[Size, Field(ge=0)] = 8 * MIB


class MqttDiscovery(Strict):
    """Where devices announce themselves as Home Assistant's discovery says; `edgegw discovery` listens there, `run` does not.

    Attributes:
        prefix: first levels of the discovery topics.
        listen: how long `edgegw discovery` listens.
    """

    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$", max_length=100)] = "homeassistant"
    listen: Annotated[Duration, Field(ge=1, le=300)] = 10.0


class MqttLink(Strict):
    """A session with the device-side broker.

    Attributes:
        host, port: where the broker is.
        version: in quotes: "5", or "3.1.1" for old brokers.
        client_id: the broker keeps our session under it; ``edgegw-<gateway>-<link>`` if not given.
        username: the broker's account.
        password: a reference, see Secret.
        tls: an empty section (``tls: {}``) is TLS with the system's authorities.
        keepalive: how often both sides tell that they are there.
        session_expiry: how long the broker keeps our session while we are away (MQTT 5).
        receive_maximum: unacknowledged messages the broker may have in flight to us (MQTT 5); bounds memory.
        will_topic: where the broker announces our death (retained ``online``/``offline``); none if not given.
        discovery: where devices announce themselves; not listened for if not given.
    """

    kind: Literal["mqtt"]
    host: str = "127.0.0.1"
    port: Port = 1883
    version: Literal["5", "3.1.1"] = "5"
    client_id: str | None = None
    username: str | None = None
    password: Secret | None = None
    tls: Tls | None = None
    keepalive: Duration = 30.0
    session_expiry: Duration = 604800.0
    receive_maximum: Annotated[int, Field(ge=1, le=65535)] = 2000
    will_topic: str | None = None
    discovery: MqttDiscovery | None = None


class _Serial(Strict):
    """A serial line.

    Attributes:
        port: the line's device; ``/dev/serial/by-id/…`` stays the same when adapters are plugged in another order.
        baud: bits per second, as set in the devices.
        format: data bits, parity, stop bits: ``8N1``, ``"8E1"`` (in quotes) …
    """

    port: str
    baud: Annotated[int, Field(ge=300, le=4_000_000)] = 9600
    format: LineFormat = "8N1"


class ModbusRtuLink(_Serial):
    """A half-duplex serial line of Modbus units.

    Attributes:
        gap: silence between frames beyond the standard's 3.5 characters (USB adapters and slow slaves want more).
        late: how long after a timeout an answer may still come; the line stays silent that long (late-reply guard).
    """

    kind: Literal["modbus-rtu"]
    gap: Duration = 0.0
    late: Duration = 0.2


class ModbusTcpLink(Strict):
    """A Modbus TCP device or gateway; unit ids behind it are addresses.

    Attributes:
        host, port: where it listens.
        gap: pause between requests, for slow devices.
    """

    kind: Literal["modbus-tcp"]
    host: str
    port: Port = 502
    gap: Duration = 0.0


class ModbusRtuTcpLink(Strict):
    """RTU frames through a transparent serial server; `baud` and `format` are the far line's.

    Attributes:
        host, port: where the serial server listens.
        baud, format: as the serial server is set; they time the line.
        gap: silence between frames beyond the standard's 3.5 characters.
        late: how long after a timeout an answer may still come; the line stays silent that long (late-reply guard).
    """

    kind: Literal["modbus-rtu-tcp"]
    host: str
    port: Port
    baud: Annotated[int, Field(ge=300, le=4_000_000)] = 9600
    format: LineFormat = "8N1"
    gap: Duration = 0.0
    late: Duration = 0.5


class SerialLink(_Serial):
    """A serial line with one talking device. `port` is a device path or ``socket://host:port``."""

    kind: Literal["serial"]


class OsdpLink(Strict):
    """An RS-485 line of OSDP readers, 8N1; needs ``edgegw[osdp]``.

    Attributes:
        port: the line's device; ``/dev/serial/by-id/…`` stays the same when adapters are plugged in another order.
        baud: bits per second, as set in the readers.
        secure: ``required``: a reader is heard only under the secure channel with its key; ``install``: as before, and a reader
            that still has the default key is given its own; ``off``: in the clear.
        key: 16 bytes in hex, of every reader that `keys` does not name, see Secret.
        keys: device → its own key; a key of its own for each reader is best.
        silent: how long a reader may not answer until it counts as lost.
    """

    kind: Literal["osdp"]
    port: str
    baud: Literal[9600, 19200, 38400, 57600, 115200, 230400] = 9600
    secure: Literal["required", "install", "off"] = "required"
    key: Secret | None = None
    keys: dict[Slug, Secret] = Field(default={})
    silent: Annotated[Duration, Field(ge=1, le=60)] = 3.0


class MeterLink(_Serial):
    """A half-duplex serial line of electricity meters (DL/T 645-2007) and water, heat and gas meters (CJ/T 188).

    Attributes:
        baud: bits per second, as set in the meters; they come with 2400.
        format: data bits, parity, stop bits; meters come with ``"8E1"``.
        gap: silence between frames beyond 3.5 characters (USB adapters that turn round slowly want more).
        late: how long after a timeout an answer may still come; the line stays silent that long (late-reply guard).
    """

    kind: Literal["meter"]
    baud: Annotated[int, Field(ge=300, le=4_000_000)] = 2400
    format: LineFormat = "8E1"
    gap: Duration = 0.0
    late: Duration = 0.2


Link = Annotated[
    OsdpLink | MqttLink | ModbusRtuLink | ModbusTcpLink | ModbusRtuTcpLink | SerialLink | MeterLink,
    Field(discriminator="kind"),
]

Address = Annotated[str | int, Field(union_mode="left_to_right")]


class AlarmOverride(Strict):
    """What a site changes about one of a profile's alarms; only the keys given change.

    Attributes:
        when: keys of the condition; a condition of another kind takes the place of the profile's.
        hold: the condition must hold this long before the alarm is raised.
        clear_after: the condition must be gone this long before it is cleared.
        priority: P1 (most urgent) to P4; takes the place of impact and urgency, as they take its.
        impact, urgency: 1 to 5; the service catalogue's matrix then gives the priority.
        enabled: false switches the alarm off for this device.
    """

    when: dict[str, object] | None = None
    hold: Annotated[Duration | None, Field(alias="for")] = None
    clear_after: Duration | None = None
    priority: Literal["P1", "P2", "P3", "P4"] | None = None
    impact: Annotated[int, Field(ge=1, le=5)] | None = None
    urgency: Annotated[int, Field(ge=1, le=5)] | None = None
    enabled: bool | None = None


class Device(Strict):
    """A device instance.

    Attributes:
        name: what people call it; the key if not given.
        link: the link it is on, a key of `links`.
        profile: its type, ``<vendor>/<model>``; `edgegw profile list` shows what there is.
        address: MQTT: the topic part its profile calls ``{address}``; Modbus: unit id 1–247 (0–255 on TCP); serial: not given;
            meter: its number as printed on it, in quotes, 12 digits (DL/T 645) or 14 (CJ/T 188).
        labels: building, floor, unit, room …; become the ticket's location.
        report: changes to the profile's reporting policy; only the keys given change, for every point.
        offline_after: silence after which it is offline; the profile's if not given.
        alarms: changes to the profile's alarms, by their names.
        rules: further alarms of this device alone.
    """

    name: str | None = None
    link: Slug
    profile: Annotated[str, Field(max_length=200)]
    address: Address | None = None
    labels: dict[Slug, str] = Field(default={})
    report: Report | None = None
    offline_after: Duration | None = None
    alarms: dict[Slug, AlarmOverride] = Field(default={})
    rules: dict[Slug, AlarmRule] = Field(default={})


class Control(Strict):
    """Where operators look: metrics and health.

    Attributes:
        host: the address to listen on; loopback unless said otherwise.
        port: 0 is any free port, told in the log.
        enabled: false: no metrics, no health.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 9464
    enabled: bool = True


class Site(Strict):
    """The whole site file.

    Attributes:
        gateway: who this box is.
        store: where and how much is kept.
        profiles: folders with device profiles of this site, before the shipped ones; relative to the site file.
        links: how devices are reached, each under its name.
        devices: the devices, each under its id; the id is part of alarms' identities, so keep it.
        upstream: who receives the events, each under its name.
        control: where operators look.
        doors: each under its id; ids of doors and devices are one namespace.
        access: who may pass the doors.
        linkages: alarms that command, each under its name.
        commands: signed commands from upstream; none are taken if not given.
        api: the local HTTP API.
        targets: response times this site is held to.
        service: what becomes a ticket, of what worth, for whom, by when.
    """

    gateway: Gateway
    store: StoreSection = StoreSection()
    profiles: tuple[str, ...] = Field(default=(), strict=False)
    links: Annotated[dict[Slug, Link], Field(min_length=1)]
    devices: Annotated[dict[Slug, Device], Field(min_length=1)]
    upstream: dict[Slug, Upstream] = Field(default={})
    control: Control = Control()
    doors: dict[Slug, Door] = Field(default={})
    access: Access = Access()
    linkages: dict[Slug, Linkage] = Field(default={})
    commands: Commands | None = None
    api: Api = Api()
    targets: Targets = Targets()
    service: Service = Service()
