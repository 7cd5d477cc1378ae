"""What the linkages of a plan do, spelled out: door groups as doors, every argument a value.

Owns: turning the site file's linkages into the rules' specs. Must not know: when a linkage starts (rules.linkage).
"""

from edgegw.config.acting import Action
from edgegw.config.catalogue import protected
from edgegw.config.plan import SitePlan
from edgegw.rules.linkage_state import LinkageSpec, PlannedAction, Watched

RELEASE = "release"
"""The door command that a linkage's `release` stands for."""


def linkage_specs(plan: SitePlan) -> tuple[LinkageSpec, ...]:
    """All linkages in the order of the site file. A door named twice, by itself and by a group, is released once."""
    specs = []
    for name, linkage in plan.linkages.items():
        planned: list[PlannedAction] = []
        released: set[str] = set()
        for action in linkage.do:
            for kind, target, command in _targets(plan, action):
                if kind == RELEASE and target in released:
                    continue
                released |= {target} if kind == RELEASE else set()
                planned.append(
                    PlannedAction(
                        index=len(planned),
                        kind="release" if kind == RELEASE else "command",
                        target=target,
                        command=command,
                        args=dict(action.args),
                        deadline_s=action.deadline,
                    )
                )
        when = tuple(
            Watched(ref.device, ref.alarm, by_value=_by_value(plan, ref.device, ref.alarm)) for ref in linkage.when
        )
        title = linkage.title.of(plan.gateway.language) if linkage.title is not None else name
        specs.append(LinkageSpec(name, title, when, tuple(planned)))
    return tuple(specs)


def protected_commands(plan: SitePlan) -> dict[tuple[str, str], tuple[str, ...]]:
    """(device, command) → the doors whose bolt it moves, or may move: what only a right to these doors allows."""
    return protected(plan.doors, plan.devices, plan.profiles)


def _targets(plan: SitePlan, action: Action) -> list[tuple[str, str, str]]:
    """(kind, target, command) of an action, one for each door."""
    if action.release is None:
        return [("command", action.device or "", action.command or "")]
    doors = [
        door
        for name in action.release
        for door in ([name] if name in plan.doors else [d for d, spec in plan.doors.items() if name in spec.groups])
    ]
    return [(RELEASE, door, RELEASE) for door in doors]


def _by_value(plan: SitePlan, device: str, alarm: str) -> bool:
    when = plan.devices[device].alarms[alarm].when
    return when.offline is None and when.missing is None
