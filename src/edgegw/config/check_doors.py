"""Checks of the doors: readers, lock, contacts, and what doors must be to each other.

Owns: what must hold between a door, the profiles of its devices and the other doors.
Must not know: rights and schedules (check_access), how a door decides.
"""

from collections.abc import Mapping

from edgegw.config.acting import CommandRef, Door, Reader
from edgegw.config.catalogue import Catalogue
from edgegw.config.findings import Findings, Loc
from edgegw.model import Value
from edgegw.profiles.arguments import argument_fault
from edgegw.profiles.schema import Profile
from edgegw.profiles.schema_commands import CommandSpec
from edgegw.rules.own import RESERVED_DEVICES

PULSE_ARG = "seconds"
"""The argument of a lock's unlock command that is given the door's pulse."""

KINDS = {"card": ("card",), "pin": ("pin",), "card+pin": ("card", "pin"), "qr": ("qr",), "any": ()}
"""What a door requires → the kinds of reader it then needs, all of them."""


class DoorChecks:
    """Goes through the doors once and keeps what the next ones are compared with."""

    def __init__(self, findings: Findings, there: Catalogue) -> None:
        self._findings = findings
        self._there = there
        self._readers: dict[tuple[str, str], str] = {}
        self._bolts: dict[tuple[str, str | None, str], str] = {}
        self._told: set[tuple[str, str]] = set()

    def all(self, doors: Mapping[str, Door]) -> None:
        """Check all doors, in the order of the file."""
        for name, door in doors.items():
            self._names(name, door)
            for i, reader in enumerate(door.readers):
                self._reader(("doors", name, "readers", i), name, reader)
            if door.readers:
                self._required(name, door)
            self._lock(name, door)
            self._points(name, door)
            self._interlock(name, door, doors)
        self._areas(doors)

    def _names(self, name: str, door: Door) -> None:
        at: Loc = ("doors", name)
        if name in RESERVED_DEVICES:
            self._findings.error(at, f"a door cannot be called {name!r}: the gateway's own alarms are", key=True)
        elif name in self._there.devices:
            line = self._findings.line(("devices", name))
            self._findings.error(
                at, f"{name!r} is a device already (line {line}); ids of doors and devices are one namespace", key=True
            )
        for i, group in enumerate(door.groups):
            if group in self._there.doors:
                self._findings.error(
                    (*at, "groups", i),
                    f"{group!r} is a door; a right for it would be for both: call the group otherwise",
                )

    # --- readers --------------------------------------------------------------------------------------------------

    def _reader(self, at: Loc, door: str, reader: Reader) -> None:
        if reader.tamper is not None:
            self._there.is_value((*at, "tamper"), reader.tamper)
        point = self._there.point(at, reader.device, reader.point)
        profile = self._there.profile_of(reader.device)
        if point is None or profile is None:
            return
        if point.type in {"bool", "float", "float32", "float64"}:
            what = "true or false" if point.type == "bool" else "a number with decimals"
            self._findings.error((*at, "point"), f"{reader.point} is {what} and never a number of a card or a code")
            return
        self._live((*at, "point"), reader.device, reader.point, profile, "card")
        if profile.link == "modbus":
            self._findings.error(
                (*at, "point"),
                f"{reader.point} is polled: its register keeps the last card, and every poll would open the door again; "
                "take a reader that tells by itself",
            )
        if not point.secret:
            self._findings.error(
                (*at, "point"),
                f"{reader.point} would be recorded whole; write `secret: true` at it in {self._type(reader.device)}",
            )
        first = self._readers.setdefault((reader.device, reader.point), door)
        if first != door:
            self._findings.error(
                at, f"this is already a reader of door {first!r} (line {self._line(first)}); one card would open both"
            )

    def _live(self, loc: Loc, device: str, point: str, profile: Profile, what: str) -> None:
        """A broker must not keep what opens a door: it would open when the connection comes back."""
        read = profile.points[point].mqtt
        if read is None:
            return
        topic = read.topic or profile.mqtt.topic
        if topic not in profile.mqtt.live:
            self._findings.error(
                loc,
                f"topic {topic!r} is not under mqtt.live in {self._type(device)}: a {what} the broker kept while the gateway was "
                "away would open the door later; list the topic there",
            )

    def _required(self, name: str, door: Door) -> None:
        by_device: dict[str, set[str]] = {}
        for reader in door.readers:
            by_device.setdefault(reader.device, set()).add(reader.kind)
        needed = set(KINDS[door.require])
        if needed and not any(needed <= kinds for kinds in by_device.values()):
            alone = "" if len(needed) == 1 else ", both of one device"
            self._findings.error(
                ("doors", name, "require") if "require" in door.model_fields_set else ("doors", name, "readers"),
                f"require: {door.require} needs a reader of kind {' and one of kind '.join(sorted(needed))}{alone}",
                key="require" not in door.model_fields_set,
            )
            return
        for i, reader in enumerate(door.readers):
            if needed and reader.kind not in needed:
                self._findings.warn(
                    ("doors", name, "readers", i, "kind"),
                    f"the door requires {door.require}: what this reader reads never opens it",
                )

    # --- the lock -------------------------------------------------------------------------------------------------

    def _lock(self, name: str, door: Door) -> None:
        at: Loc = ("doors", name, "lock")
        lock = door.lock
        if self._there.profile((*at, "device"), lock.device) is None:
            return
        unlock = self._there.command((*at, "unlock"), lock.device, lock.unlock.command)
        if unlock is not None:
            self._unlock((*at, "unlock"), name, door, unlock)
            self._bolt((*at, "unlock"), name, lock.device, lock.unlock, unlock)
        for role in ("release", "relock", "refuse"):
            ref: CommandRef | None = getattr(lock, role)
            spec = self._there.command((*at, role), lock.device, ref.command) if ref is not None else None
            if ref is None or spec is None:
                continue
            asked = self._asked((*at, role), door, ref, spec) if role == "refuse" else self._unasked((*at, role), ref)
            self._there.args((*at, role), lock.device, ref, spec, asked=asked)
            if role != "refuse":
                self._bolt((*at, role), name, lock.device, ref, spec)
            if role == "release" and spec.timed:
                self._findings.error(
                    (*at, role, "command"),
                    f"{ref.command} ends by itself (timed: true); a released door stays open until it is relocked",
                )
        if lock.release is not None and lock.relock is None:
            self._findings.warn(
                (*at, "release"), "no relock: after a fire nobody can lock this door from here", key=True
            )

    def _unlock(self, at: Loc, name: str, door: Door, spec: CommandSpec) -> None:
        ref = door.lock.unlock
        asked = self._asked(at, door, ref, spec)
        given: dict[str, Value] = {}
        if PULSE_ARG in spec.args and PULSE_ARG not in ref.args:
            if self._pulse(name, door, spec):
                given[PULSE_ARG] = door.pulse
            else:
                asked.add(PULSE_ARG)  # told already
        elif (told := ref.args.get(PULSE_ARG, door.pulse)) != door.pulse:
            self._findings.warn(
                (*at, "args", PULSE_ARG),
                f"the lock opens for {told} s and the door's pulse is {door.pulse:g} s; write pulse alone, or the same twice",
            )
        self._there.args(at, door.lock.device, ref, spec, asked=asked, **given)
        if not spec.timed:
            profile = self._there.profile_of(door.lock.device)
            type_ = self._type(door.lock.device)
            timed = [n for n, s in profile.commands.items() if s.timed] if profile is not None else []
            hint = (
                f"timed commands of {type_}: {', '.join(timed[:8])}"
                if timed
                else f"{type_} has none: take a relay that can pulse, or write `timed: true` at a command that ends by itself"
            )
            self._findings.error(
                (*at, "command"),
                f"{ref.command} does not end by itself (timed: true in the profile), and a door must not stay open because the "
                f"gateway died in between; {hint}",
            )

    def _pulse(self, name: str, door: Door, spec: CommandSpec) -> bool:
        fault = argument_fault(spec.args[PULSE_ARG], door.pulse)
        if fault:
            given = "pulse" in door.model_fields_set
            said = "" if given else f"pulse is {door.pulse:g}s where none is given: "
            self._findings.error(
                ("doors", name, "pulse") if given else ("doors", name, "lock", "unlock"),
                f"{said}argument {PULSE_ARG} of {door.lock.unlock.command}: {fault}",
                key=not given,
            )
        return not fault

    def _asked(self, at: Loc, door: Door, ref: CommandRef, spec: CommandSpec) -> set[str]:
        """Arguments that come from the message that asked; those that could not are told."""
        found = set()
        for arg, value in ref.args.items():
            if not (isinstance(value, str) and value.startswith("$")):
                continue
            found.add(arg)
            optional = arg in spec.args and spec.args[arg].default is not None
            for device in dict.fromkeys(reader.device for reader in door.readers):
                profile = self._there.profile_of(device)
                if profile is not None and value[1:] not in profile.points and not optional:
                    self._findings.error(
                        (*at, "args", arg),
                        f"{value} is a point of the message that asks, and {self._type(device)}, which reads at this door, "
                        "has none of this name",
                    )
            if not door.readers:
                self._findings.error(
                    (*at, "args", arg), f"{value} is a reading of the message that asks, and this door has no reader"
                )
            elif door.exit is not None and not optional and at[-1] == "unlock":
                self._findings.warn(
                    (*at, "args", arg), f"the exit button's message has no {value}: it cannot open this door"
                )
        return found

    def _unasked(self, at: Loc, ref: CommandRef) -> set[str]:
        for arg, value in ref.args.items():
            if isinstance(value, str) and value.startswith("$"):
                self._findings.error(
                    (*at, "args", arg), f"{at[-1]} answers no message: write the value instead of {value}"
                )
        return {arg for arg, value in ref.args.items() if isinstance(value, str) and value.startswith("$")}

    def _bolt(self, at: Loc, door: str, device: str, ref: CommandRef, spec: CommandSpec) -> None:
        """Two doors on one bolt would open each other."""
        # What the profile does not tell is told apart by the command and its arguments.
        how = "" if spec.point is not None else f"{ref.command} {sorted(ref.args.items())}"
        first = self._bolts.setdefault((device, spec.point, how), door)
        if first != door and (first, door) not in self._told:
            self._told.add((first, door))
            what = f"{spec.point} of {device}" if spec.point is not None else f"{ref.command} of {device}"
            self._findings.error(
                (*at, "command"),
                f"{what} is already the lock of door {first!r} (line {self._line(first)}); who may pass one would open both",
            )

    # --- the rest -------------------------------------------------------------------------------------------------

    def _points(self, name: str, door: Door) -> None:
        at: Loc = ("doors", name)
        if door.contact is not None:
            self._there.is_value((*at, "contact"), door.contact)
        elif "held_open" in door.model_fields_set:
            self._findings.warn((*at, "held_open"), "held_open has no effect without a contact", key=True)
        if door.exit is not None and self._there.is_value((*at, "exit"), door.exit):
            profile = self._there.profile_of(door.exit.device)
            if profile is not None:
                self._live((*at, "exit", "point"), door.exit.device, door.exit.point, profile, "press")
        if door.fire is not None:
            self._there.is_value((*at, "fire"), door.fire)
            if door.lock.release is None:
                self._findings.error(
                    (*at, "fire"),
                    "a fire must release this door, and its lock has no release command: add lock.release (and relock)",
                    key=True,
                )

    def _interlock(self, name: str, door: Door, doors: Mapping[str, Door]) -> None:
        for i, other in enumerate(door.interlock):
            loc: Loc = ("doors", name, "interlock", i)
            if other == name:
                self._findings.error(loc, "a door cannot wait for itself to be closed")
                continue
            found = self._there.door(loc, other)
            if found is None:
                continue
            if found.contact is None:
                self._findings.error(loc, f"{other} has no contact, so nobody knows when it is closed; add one to it")
            elif name not in doors[other].interlock:
                self._findings.warn(
                    loc, f"{other} does not name {name!r} in turn, so it opens while {name} stands open; is that meant?"
                )

    def _areas(self, doors: Mapping[str, Door]) -> None:
        members: dict[str, list[str]] = {}
        for name, door in doors.items():
            if door.anti_passback is not None:
                members.setdefault(door.anti_passback.area, []).append(name)
        for area, names in members.items():
            directions = {reader.direction for name in names for reader in doors[name].readers}
            for missing, what in (("out", "leaves"), ("in", "enters")):
                if missing not in directions:
                    self._findings.warn(
                        ("doors", names[0], "anti_passback", "area"),
                        f"no door of area {area!r} has a reader with direction: {missing}, so nobody ever {what}",
                    )

    def _type(self, device: str) -> str:
        return self._there.devices[device].profile

    def _line(self, door: str) -> int:
        return self._findings.line(("doors", door))
