"""The doors of a site plan as the core and the service want them.

Owns: the translation from the site file's words. Must not know: what is decided, how anything runs.
"""

from collections.abc import Iterator

from edgegw.access.decision import Act
from edgegw.access.schedule import Calendar
from edgegw.access.specs import (
    NS_PER_S,
    CalendarSpec,
    DoorSpec,
    LockoutSpec,
    MultiSpec,
    PassbackSpec,
    RightSpec,
    WindowSpec,
)
from edgegw.config.acting import AlarmRef, CommandRef, Door, PointIs, Window
from edgegw.config.plan import SitePlan
from edgegw.doors.wiring import ActWiring, DoorWiring, PointWiring, ReaderWiring
from edgegw.rules.wording import place

SLOWEST_INPUT_S = 2.0
"""How long after a pulse an opening may still show: a contact is polled at least this often, and bolts are slow."""


def ns(seconds: float) -> int:
    """Nanoseconds."""
    return round(seconds * NS_PER_S)


def calendar(plan: SitePlan) -> Calendar:
    """Schedules in the site's local time."""
    schedules = {name: tuple(_window(w) for w in windows) for name, windows in plan.access.schedules.items()}
    return Calendar(CalendarSpec(plan.gateway.timezone, schedules, frozenset(plan.access.holidays)))


def _window(window: Window) -> WindowSpec:
    return WindowSpec(frozenset(window.days), _seconds(window.start), _seconds(window.end))


def _seconds(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60


def rights(plan: SitePlan) -> list[RightSpec]:
    """Who may pass where and when."""
    return [RightSpec(frozenset(r.groups), frozenset(r.doors), r.schedule) for r in plan.access.rights.values()]


def specs(plan: SitePlan) -> list[DoorSpec]:
    """All doors, in the site's order."""
    return [_spec(plan, name, door) for name, door in plan.doors.items()]


def _spec(plan: SitePlan, name: str, door: Door) -> DoorSpec:
    back, multi = door.anti_passback, door.multi
    return DoorSpec(
        id=name,
        name=door.name or name,
        labels=door.labels,
        location=place(door.labels, plan.gateway.language),
        groups=frozenset(door.groups),
        require=door.require,
        readers=tuple(dict.fromkeys(reader.device for reader in door.readers)),
        has_contact=door.contact is not None,
        has_fire=door.fire is not None,
        pulse_ns=ns(door.pulse),
        grace_ns=ns(SLOWEST_INPUT_S),
        held_open_ns=ns(door.held_open),
        lockout=LockoutSpec(door.lockout.failures, ns(door.lockout.within), ns(door.lockout.pause)),
        passback=None if back is None else PassbackSpec(back.area, back.mode == "hard", ns(back.forget)),
        interlock=door.interlock,
        multi=None if multi is None else MultiSpec(multi.cards, ns(multi.within), multi.escort),
        refuse_untrusted=door.on_clock_untrusted == "refuse",
    )


def wirings(plan: SitePlan) -> list[DoorWiring]:
    """How they hang on devices."""
    return [_wiring(name, door) for name, door in plan.doors.items()]


def _wiring(name: str, door: Door) -> DoorWiring:
    lock = door.lock
    acts: dict[Act, ActWiring] = {"unlock": _act(lock.unlock)}
    if lock.release is not None:
        acts["release"] = _act(lock.release)
    if lock.relock is not None:
        acts["relock"] = _act(lock.relock)
    if lock.refuse is not None:
        acts["refuse"] = _act(lock.refuse)
    return DoorWiring(
        door=name,
        lock=lock.device,
        acts=acts,
        readers=tuple(
            ReaderWiring(r.device, r.point, r.kind, r.direction, None if r.tamper is None else _point(r.tamper))
            for r in door.readers
        ),
        contact=None if door.contact is None else _point(door.contact),
        exit=None if door.exit is None else _point(door.exit),
        fire=None if door.fire is None else _point(door.fire),
        act_unrecorded=door.on_audit_failure == "open",
    )


def _act(ref: CommandRef) -> ActWiring:
    return ActWiring(ref.command, dict(ref.args))


def _point(point: PointIs) -> PointWiring:
    return PointWiring(point.device, point.point, point.equals)


def urgent_points(plan: SitePlan) -> dict[str, set[str]]:
    """Device → its points on which a door hangs; a device watched by a linkage is among them, its points as its alarms say."""
    found: dict[str, set[str]] = {}
    for door in plan.doors.values():
        for device, point in _door_points(door):
            found.setdefault(device, set()).add(point)
    for ref in _linked(plan):
        rule = plan.devices[ref.device].alarms[ref.alarm]
        found.setdefault(ref.device, set()).update([rule.point] if rule.point is not None else [])
    return found


def _door_points(door: Door) -> Iterator[tuple[str, str]]:
    for point in (door.contact, door.exit, door.fire, *(reader.tamper for reader in door.readers)):
        if point is not None:
            yield point.device, point.point
    for reader in door.readers:
        yield reader.device, reader.point


def _linked(plan: SitePlan) -> Iterator[AlarmRef]:
    for linkage in plan.linkages.values():
        yield from linkage.when
