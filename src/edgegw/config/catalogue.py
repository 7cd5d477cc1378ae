"""What the acting parts of a site file may refer to: devices' points, commands and alarms, doors and door groups.

Owns: looking a name up, and what is said when it is not there or does not fit.
Must not know: what is done with it (check_doors, check_access, check_acting).

A name that is in the file but has a problem of its own (its part is broken) is passed over silently: its problem is told already.
"""

from collections.abc import Collection, Mapping
from typing import Protocol

from edgegw.config.acting import Door, PointIs
from edgegw.config.findings import Findings, Loc, suggest
from edgegw.config.plan import DevicePlan, rule_fault
from edgegw.errors import CommandError
from edgegw.model import Value
from edgegw.profiles.arguments import argument_fault
from edgegw.profiles.encode import compile_commands
from edgegw.profiles.schema import AlarmRule, Condition, Point, Profile
from edgegw.profiles.schema_commands import ArgValue, CommandSpec


class Ref(Protocol):
    """A command with arguments, as a lock and a linkage's action name it."""

    @property
    def command(self) -> str | None:
        """Its name."""
        ...

    @property
    def args(self) -> Mapping[str, ArgValue]:
        """Its arguments."""
        ...


class Catalogue:
    """What there is.

    Args:
        devices: the usable devices; `profiles` theirs, by name.
        broken_devices, broken_doors: in the file, with a problem of their own.
        doors: the usable doors.
    """

    def __init__(
        self,
        findings: Findings,
        devices: Mapping[str, DevicePlan],
        profiles: Mapping[str, Profile],
        doors: Mapping[str, Door],
        *,
        broken_devices: Collection[str] = (),
        broken_doors: Collection[str] = (),
    ) -> None:
        self._findings = findings
        self.profiles = profiles
        self._broken_devices = frozenset(broken_devices)
        self._broken_doors = frozenset(broken_doors)
        self.devices = devices
        self.doors = doors
        self.groups: dict[str, list[str]] = {}
        for name, door in doors.items():
            for group in door.groups:
                self.groups.setdefault(group, []).append(name)

    @property
    def incomplete(self) -> bool:
        """Whether devices or doors of the file are missing here, as they have problems of their own."""
        return bool(self._broken_devices or self._broken_doors)

    def known(self, id_: str) -> bool:
        """Whether a device or door of this id is in the file, broken or not."""
        return id_ in self.devices or id_ in self.doors or id_ in self._broken_devices or id_ in self._broken_doors

    def profile_of(self, device: str) -> Profile | None:
        """The profile of a device, None if there is no such usable device."""
        plan = self.devices.get(device)
        return None if plan is None else self.profiles.get(plan.profile)

    def profile(self, loc: Loc, device: str) -> Profile | None:
        """The profile of the device named at `loc`, or None (told, if it is not in the file at all)."""
        if device not in self.devices and device not in self._broken_devices:
            names = self.devices.keys() | self._broken_devices
            self._findings.error(loc, f"there is no device {device!r}; {suggest(device, names, 'devices')}")
        return self.profile_of(device)

    def point(self, at: Loc, device: str, name: str) -> Point | None:
        """The point named by the keys `device` and `point` at `at`, or None (told)."""
        profile = self.profile((*at, "device"), device)
        if profile is None:
            return None
        if name not in profile.points:
            type_ = self.devices[device].profile
            hint = suggest(name, profile.points, f"points of {type_}")
            self._findings.error((*at, "point"), f"{type_} has no point {name!r}; {hint}")
        return profile.points.get(name)

    def is_value(self, at: Loc, ref: PointIs) -> bool:
        """Check that a point can ever have the value it is compared with."""
        profile = self.profile_of(ref.device)
        if self.point(at, ref.device, ref.point) is None or profile is None:
            return False
        when = Condition.model_validate({"equals": ref.equals})
        rule = AlarmRule.model_validate({"point": ref.point, "when": when, "title": "-"})
        fault = rule_fault(rule, profile)
        if fault is not None:
            self._findings.error((*at, "equals"), fault)
        return fault is None

    def command(self, at: Loc, device: str, name: str) -> CommandSpec | None:
        """The command of a usable device named by the key `command` at `at`, or None (told)."""
        profile = self.profile_of(device)
        if profile is None:
            return None
        if name not in profile.commands:
            type_ = self.devices[device].profile
            hint = suggest(name, profile.commands, f"commands of {type_}")
            self._findings.error((*at, "command"), f"{type_} has no command {name!r}; {hint}")
        return profile.commands.get(name)

    def args(
        self, at: Loc, device: str, ref: Ref, spec: CommandSpec, *, asked: Collection[str] = (), **given: Value
    ) -> None:
        """Check the key `args` at `at` of a usable device's command.

        Args:
            asked: arguments that only the message that asks will give.
            given: arguments that are filled in at run time, with their values.
        """
        name, args = ref.command or "", ref.args
        faults = len(self._findings.errors)
        for arg, value in args.items():
            here = (*at, "args", arg)
            if arg not in spec.args:
                hint = suggest(arg, spec.args, f"arguments of {name}") if spec.args else "it takes none"
                self._findings.error(here, f"{name} has no argument {arg!r}; {hint}", key=True)
            elif arg not in asked and (fault := argument_fault(spec.args[arg], value)):
                self._findings.error(here, f"argument {arg} of {name}: {fault}")
        there = {*args, *asked, *given}
        missing = [arg for arg, of in spec.args.items() if of.default is None and arg not in there]
        if missing:
            self._findings.error(at, f"{name} needs {_listed(missing, 'argument')}; add args", key=True)
        if len(self._findings.errors) == faults and not asked:
            self._encoded(at, device, name, {**args, **given})

    def _encoded(self, at: Loc, device: str, name: str, args: Mapping[str, Value]) -> None:
        """What the arguments' own bounds allow may still be more than a register holds."""
        plan = self.devices[device]
        address = None if plan.address is None else str(plan.address)
        encoder = compile_commands(
            self.profiles[plan.profile], address, plan.address if isinstance(plan.address, int) else None
        )
        try:
            encoder.encode(name, args, "1")
        except CommandError as error:
            self._findings.error((*at, "command"), f"{name} cannot be sent like this: {error.detail}")

    def doors_of(self, loc: Loc, name: str) -> tuple[str, ...]:
        """The usable doors that a door id or door group at `loc` stands for (told, if there is none)."""
        if name in self.doors:
            return (name,)
        if name in self.groups:
            return tuple(self.groups[name])
        # A broken door's groups are not known, so with one in the file any name may be a group.
        if not self._broken_doors:
            hint = suggest(name, self.doors.keys() | self.groups.keys(), "doors and door groups")
            self._findings.error(loc, f"there is no door or door group {name!r}; {hint}")
        return ()

    def door(self, loc: Loc, name: str) -> Door | None:
        """The door named at `loc`, or None (told, if it is not in the file at all)."""
        if name not in self.doors and name not in self._broken_doors:
            hint = suggest(name, self.doors.keys() | self._broken_doors, "doors")
            self._findings.error(loc, f"there is no door {name!r}; {hint}")
        return self.doors.get(name)


def protected(
    doors: Mapping[str, Door], devices: Mapping[str, DevicePlan], profiles: Mapping[str, Profile]
) -> dict[tuple[str, str], tuple[str, ...]]:
    """(device, command) → the doors whose bolt it moves, or may move where the profile does not say what it moves."""
    found: dict[tuple[str, str], list[str]] = {}
    for name, door in doors.items():
        lock = door.lock
        plan = devices.get(lock.device)
        commands = profiles[plan.profile].commands if plan is not None and plan.profile in profiles else {}
        own = [ref.command for ref in (lock.unlock, lock.release, lock.relock) if ref is not None]
        moved = {commands[command].point for command in own if command in commands}
        for command, spec in commands.items():
            if spec.point in moved or spec.point is None or None in moved or command in own:
                found.setdefault((lock.device, command), []).append(name)
    return {key: tuple(names) for key, names in found.items()}


def _listed(names: list[str], what: str) -> str:
    return f"{what}{'s' if len(names) > 1 else ''} {', '.join(names)}"
