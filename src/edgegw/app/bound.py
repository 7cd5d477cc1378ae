"""Every door's and device's worst-case response, from the plan of a site.

Owns: what of the site file and the profiles matters to a response; the paths of section 6 of the design put together.
Must not know: the formulas of a line (commands.bound_line), durations of transactions (bound_load), who prints.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from msgspec import Struct

from edgegw.app.bound_load import line_load, order_load, steady, written
from edgegw.app.doors import urgent_points
from edgegw.codec.line import Line
from edgegw.codec.wire import Wire
from edgegw.commands.bound import (
    COMMANDS_AT_ONCE,
    MESSAGES,
    Bound,
    Part,
    Parts,
    TurnLoad,
    commit,
    total,
    worst,
)
from edgegw.commands.bound_line import LineBound
from edgegw.config.acting import Door
from edgegw.config.lines import line_of
from edgegw.config.plan import DevicePlan, LinkPlan, SitePlan
from edgegw.config.schema import MeterLink, MqttLink, OsdpLink, SerialLink
from edgegw.links import meter
from edgegw.links.modbus import unit_plan
from edgegw.links.request import Poll, UnitPlan
from edgegw.profiles.schema import Profile
from edgegw.profiles.schema_commands import CommandSpec

DOOR_DEADLINE_S = 3.0
"""A door's order gets its outcome by then (doors.service): the longest a device's answer is awaited there."""


APART = True
"""Each door's orders to a device have a turn of their own beside the device's other commands (commands.carry)."""


OSDP_TURN_BYTES = 80
"""Bytes of a reader's turn under the secure channel: command and answer of up to two blocks of data."""

OSDP_PAUSE_S = 0.06
"""Pause between two polls of one reader (libosdp: 50 ms) and the loop's own."""


class Commanded(Struct, frozen=True):
    """Who may give a device orders.

    Attributes:
        doors: those whose lock it is, with the commands they give.
        commands: what else it may be told, by name.
        at_once: how many of these may be under way.
    """

    doors: dict[str, tuple[str, ...]]
    commands: tuple[str, ...]
    at_once: int


def site_bounds(plan: SitePlan, *, apart: bool = APART) -> list[Bound]:
    """All bounds of a site: doors, devices that can be commanded, devices with alarms; worst first.

    `apart`: see `APART`.
    """
    commanded = {name: _commanded(plan, device) for name, device in plan.devices.items()}
    urgent = urgent_points(plan)
    found: list[Bound] = []
    for link in plan.links:
        if isinstance(link.config, MqttLink | OsdpLink | SerialLink):
            found += _talking(plan, link, commanded)
        else:
            found += _line(plan, link, commanded, urgent, apart=apart)
    return worst(found)


# --- half-duplex lines: Modbus, meters --------------------------------------------------------------------------------


def _line(
    plan: SitePlan,
    link: LinkPlan,
    commanded: dict[str, Commanded],
    urgent: dict[str, set[str]],
    *,
    apart: bool,
) -> Iterator[Bound]:
    assert not isinstance(link.config, MqttLink | OsdpLink | SerialLink)  # noqa: S101  (the caller looked)
    line = steady(line_of(link.config), len(link.devices))
    units: list[UnitPlan] = []
    turns: list[TurnLoad] = []
    for device in link.devices:
        profile = plan.profiles[device.profile]
        watched = {rule.point for rule in device.alarms.values() if rule.point is not None}
        alarmed = watched | urgent.get(device.id, set())
        if isinstance(link.config, MeterLink):
            unit = meter.unit_plan(device.id, str(device.address), profile, alarmed)
        else:
            unit = unit_plan(device.id, int(device.address or 0), profile, alarmed)
        units.append(unit)
        turns += _turns(line, unit, profile, commanded[device.id], apart=apart)
    bounds = LineBound(line_load(link.name, line, tuple(units), tuple(turns)))
    for turn in turns:
        for door, orders in turn.doors:  # its unlock is the first
            parts = bounds.door(turn, door, orders[0])
            yield _door(plan, door, None if parts is None else (*_decided(plan), *parts), orders[0].name)
    for device in link.devices:
        specs = plan.profiles[device.profile].commands
        found = [
            _command(plan, device.id, order.name, specs[order.name], bounds.command(turn, order))
            for turn in turns
            if turn.device == device.id
            for order in turn.commands
        ]
        yield from worst(found)[:1]
    if isinstance(link.config, MeterLink):
        return  # a meter is read every quarter of an hour: how old its alarms may be is said as a warning (cli.check)
    for device, unit, load in zip(link.devices, units, bounds.load.units, strict=True):
        polled = [
            _event(plan, device, bounds.poll(load, block), block.name, _held(plan, device, poll))
            for block, poll in zip(load.blocks, unit.polls, strict=True)
            if block.alarm
        ]
        yield from worst(polled)[:1]


def _turns(line: Line, unit: UnitPlan, profile: Profile, who: Commanded, *, apart: bool) -> Iterator[TurnLoad]:
    """A device's orders by what they wait for."""
    writes = {name: write for name, spec in profile.commands.items() if (write := written(profile, spec)) is not None}
    orders = {name: order_load(line, unit, name, write) for name, write in writes.items()}
    of = {door: tuple(orders[name] for name in names if name in orders) for door, names in who.doors.items()}
    doors = tuple((door, loads) for door, loads in of.items() if loads)
    alike = {(c.write, c.readback, c.settle_s, c.within_s): c for n, c in reversed(orders.items()) if n in who.commands}
    commands = tuple(alike.values())
    if apart:
        yield from (TurnLoad(unit.device, (door,), point=door[0]) for door in doors)
        doors = ()
    if doors or commands:
        yield TurnLoad(unit.device, doors, commands, who.at_once)


def _held(plan: SitePlan, device: DevicePlan, poll: Poll) -> float:
    """The least time an alarm of a block waits by its own rule (``for``, ``missing``); 0 where a door hangs on it."""
    points = plan.profiles[device.profile].points
    held = [
        rule.hold or rule.when.missing or 0.0
        for rule in device.alarms.values()
        if rule.point is not None
        and (read := points[rule.point].modbus) is not None
        and read.table == poll.table
        and poll.address <= read.address < poll.address + poll.count
    ]
    return min(held, default=0.0)


# --- MQTT and serial: devices that speak by themselves ----------------------------------------------------------------


def _talking(plan: SitePlan, link: LinkPlan, commanded: dict[str, Commanded]) -> Iterator[Bound]:
    for device in link.devices:
        profile, who = plan.profiles[device.profile], commanded[device.id]
        specs = profile.commands
        sent = {name: _sent(plan, link, spec) for name, spec in specs.items()}
        others_s = max((total(sent[name]) for name in who.commands), default=0.0)
        doors_s = {door: max((total(sent[name]) for name in names), default=0.0) for door, names in who.doors.items()}
        for door, names in who.doors.items():
            ahead_s = others_s + sum(seconds for name, seconds in doors_s.items() if name != door)
            if not names:
                continue
            parts = (*_decided(plan), *_turn(device, ahead_s), *sent[names[0]])
            yield _door(plan, door, _by(parts, specs[names[0]], DOOR_DEADLINE_S), names[0])
        ahead_s = others_s * (who.at_once - 1) + sum(doors_s.values())
        found = [
            _command(plan, device.id, name, specs[name], (*_turn(device, ahead_s), *sent[name]))
            for name in who.commands
        ]
        if found:
            yield worst(found)[0]
        if any(rule.point is not None for rule in device.alarms.values()):
            asked = profile.serial is not None and profile.serial.request is not None
            every = (
                (Part("poll", profile.serial.every, "asked so often"),) if asked and profile.serial else _round(link)
            )
            yield _event(plan, device, every, "", 0.0)


def _sent(plan: SitePlan, link: LinkPlan, spec: CommandSpec) -> Parts:
    """Sending and confirmation. What is awaited until the deadline has no part of its own: see `_by`."""
    parts: list[Part] = []
    if isinstance(link.config, SerialLink) and spec.serial is not None:
        frame_s = Wire(link.config.baud, link.config.format).frame_s(len(spec.serial.hex))
        parts.append(Part("write", frame_s, "the bytes on the line"))
    elif isinstance(link.config, OsdpLink):
        parts += _round(link)
    else:
        parts.append(Part("network", plan.targets.network, "the message to the device"))
    if spec.mqtt is not None and spec.mqtt.reply is not None:
        parts.append(Part("answer", spec.timeout, "its answer, awaited until the deadline"))
    elif spec.confirm is not None:
        parts.append(Part("confirm", spec.confirm.within, f"confirmed within {spec.confirm.within:g} s"))
    return tuple(parts)


def _round(link: LinkPlan) -> Parts:
    """Until an OSDP reader's turn comes and is over, all others answering; nothing where devices speak by themselves."""
    if not isinstance(link.config, OsdpLink):
        return ()
    turn_s = Wire(link.config.baud, "8N1").frame_s(OSDP_TURN_BYTES) + OSDP_PAUSE_S
    return (Part("round", turn_s * (len(link.devices) + 1), f"{len(link.devices)} readers in turn"),)


def _by(parts: Parts, spec: CommandSpec, deadline_s: float) -> Parts:
    """An answer is awaited until the deadline and no longer, whatever went before."""
    if spec.mqtt is None or spec.mqtt.reply is None:
        return parts
    before = tuple(part for part in parts if part.what != "answer")
    left_s = max(0.0, min(deadline_s, spec.timeout) - total(before))
    return (*before, Part("answer", left_s, "its answer, awaited until the deadline"))


# --- the paths --------------------------------------------------------------------------------------------------------


def _decided(plan: SitePlan) -> Parts:
    return (commit(plan.targets.commit, plan.access.audit_wait),)


def _door(plan: SitePlan, door: str, parts: Parts | None, about: str) -> Bound:
    targets = plan.targets
    return Bound("door", door, targets.door, parts, about, door in targets.accept)


def _command(plan: SitePlan, device: str, name: str, spec: CommandSpec, parts: Parts | None) -> Bound:
    targets = plan.targets
    deadline_s = min(targets.command, spec.timeout)
    if parts is not None:
        parts = _by((commit(targets.commit), *parts), spec, deadline_s)
        left_s = max(0.0, deadline_s - total(parts))  # the outcome's record is not awaited beyond the deadline
        parts = (*parts, commit(targets.commit, left_s, "outcome"))
    return Bound("command", device, deadline_s, parts, name, device in targets.accept)


def _event(plan: SitePlan, device: DevicePlan, parts: Parts | None, about: str, held_s: float) -> Bound:
    targets = plan.targets
    if parts is not None:
        sent = (Part("network", MESSAGES * targets.network, "the batch under way and one's own"),)
        parts = (*parts, commit(targets.commit), *(sent if plan.upstream else ()))
    return Bound("event", device.id, targets.event + held_s, parts, about, device.id in targets.accept)


def _turn(device: DevicePlan, seconds: float) -> Parts:
    return (Part("turn", seconds, f"other orders of {device.id}"),) if seconds > 0 else ()


# --- who gives orders -------------------------------------------------------------------------------------------------


def _commanded(plan: SitePlan, device: DevicePlan) -> Commanded:
    names = plan.profiles[device.profile].commands
    doors = {
        door: tuple(name for name in dict.fromkeys(_lock_commands(of)) if name in names)
        for door, of in plan.doors.items()
        if of.lock.device == device.id
    }
    most = max((_actions(plan, name, device.id) for name in plan.linkages), default=0)
    free = plan.api.enabled or plan.commands is not None or most > 0
    return Commanded(doors, tuple(names) if free else (), max(COMMANDS_AT_ONCE, most))


def _lock_commands(door: Door) -> Iterable[str]:
    lock = door.lock
    return (ref.command for ref in (lock.unlock, lock.release, lock.relock, lock.refuse) if ref is not None)


def _actions(plan: SitePlan, linkage: str, device: str) -> int:
    """How many commands of a device one linkage gives at once."""
    return Counter(action.device for action in plan.linkages[linkage].do)[device]
