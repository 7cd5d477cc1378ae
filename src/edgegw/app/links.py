"""The kinds of link as metrics see them.

Owns: which counters each kind has. Must not know: anything else about links.
"""

from collections.abc import Iterator

from edgegw.control.snapshots import LinkSnapshot, MeterSnapshot, ModbusSnapshot, SerialSnapshot, Snapshot
from edgegw.links.meter import MeterLink
from edgegw.links.modbus import ModbusLink
from edgegw.links.mqtt import MqttLink
from edgegw.links.mqtt_live import MqttLive
from edgegw.links.osdp import OsdpLink
from edgegw.links.serial import SerialLink
from edgegw.ports import LinkStatus

AnyLink = MqttLink | MqttLive | MeterLink | ModbusLink | OsdpLink | SerialLink
ActingLink = MqttLive | MeterLink | ModbusLink | OsdpLink | SerialLink
"""Kinds that carry commands."""


def link_snapshots(link: AnyLink, status: LinkStatus) -> Iterator[Snapshot]:
    """The common figures, and those of the kind."""
    match link:
        case MqttLink():
            yield LinkSnapshot(status, link.errors)
        case MqttLive():
            yield LinkSnapshot(status, link.errors + link.dropped)
        case MeterLink():
            stats = link.stats
            errors = {"timeout": stats.timeouts, "bad-frame": stats.bad_frames, "exception": stats.exceptions}
            yield LinkSnapshot(status, errors)
            yield MeterSnapshot(
                status.name, stats.polls, stats.timeouts, link.late_replies, stats.exceptions, stats.busy_ns / 1e9
            )
        case ModbusLink():
            stats = link.stats
            errors = {"timeout": stats.timeouts, "bad-frame": stats.bad_frames, "exception": stats.exceptions}
            yield LinkSnapshot(status, errors)
            yield ModbusSnapshot(
                status.name, stats.polls, stats.timeouts, link.late_replies, stats.exceptions, stats.busy_ns / 1e9
            )
        case OsdpLink():
            yield LinkSnapshot(status, {"timeout": link.timeouts, "insecure": link.refused})
        case SerialLink():
            yield LinkSnapshot(status)
            yield SerialSnapshot(status.name, link.frames, link.discarded)
