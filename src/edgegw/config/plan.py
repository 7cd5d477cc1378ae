"""What is to run, decided: the site file and its profiles put together.

Owns: the frozen structs that the composition root builds everything from, and how a site's overrides change a profile's alarms
and reporting.
Must not know: files, positions, running parts.

Everything in a plan is resolved: paths are absolute, client ids are given, alarms that are switched off are gone. Devices of one
profile that override nothing share its mappings, so 1,000 devices cost 1,000 small structs.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct
from pydantic import ValidationError

from edgegw.config.acting import Access, Api, Commands, Door, Linkage, Targets
from edgegw.config.schema import AlarmOverride, Control, Device, Gateway, Link
from edgegw.config.service import Service
from edgegw.config.upstream import Upstream
from edgegw.errors import ProfileError
from edgegw.profiles.schema import AlarmRule, Condition, Profile, Report
from edgegw.rules.condition import compile_condition, same


class DevicePlan(Struct, frozen=True):
    """A device as it will run.

    Attributes:
        id: its key in the site file, unique in the site.
        name: what people call it; the id if the site gives no name.
        link: name of its link.
        profile: the profile's name, a key of `SitePlan.profiles`.
        address: MQTT: text; Modbus: unit id; serial: None.
        labels: building, floor, unit, room … as given.
        alarms: the profile's alarms with this site's changes, and the device's own rules; enabled ones only.
        report: reporting policy of points that have none of their own.
        reports: point → policy, for points that have their own.
        offline_after: seconds of silence after which it is offline; None: never judged by silence.
    """

    id: str
    name: str
    link: str
    profile: str
    address: str | int | None
    labels: Mapping[str, str]
    alarms: Mapping[str, AlarmRule]
    report: Report
    reports: Mapping[str, Report]
    offline_after: float | None


class LinkPlan(Struct, frozen=True):
    """A link and its devices, in the order of the site file. TLS paths in `config` are absolute, MQTT has its client id."""

    name: str
    config: Link
    devices: tuple[DevicePlan, ...]


class StorePlan(Struct, frozen=True):
    """Where records are kept. `path` is absolute; `budget` and `reserve` are bytes."""

    path: Path
    budget: int
    reserve: int


class SitePlan(Struct, frozen=True):
    """All that the composition root needs.

    Attributes:
        path: the site file; `base` its folder, where relative paths start (secrets too).
        links: those with at least one device.
        devices: by id, in the order of the site file.
        profiles: the profiles in use, by name.
        upstream: by name; TLS paths absolute, MQTT client ids given.
        doors, access, linkages, commands, api, targets, service: as in the site file, checked against devices and profiles;
            paths of TLS files and of the API's tokens absolute, MQTT client id given.
        state: folder of what the gateway keeps besides the store: tokens.
        warnings: for people, ``file:line:column: message`` each.
    """

    path: Path
    base: Path
    gateway: Gateway
    store: StorePlan
    links: tuple[LinkPlan, ...]
    devices: Mapping[str, DevicePlan]
    profiles: Mapping[str, Profile]
    upstream: Mapping[str, Upstream]
    control: Control
    doors: Mapping[str, Door] = {}
    access: Access = Access()
    linkages: Mapping[str, Linkage] = {}
    commands: Commands | None = None
    api: Api = Api()
    targets: Targets = Targets()
    service: Service = Service()
    state: Path = Path()
    warnings: tuple[str, ...] = ()


class RuleError(Exception):
    """An override that makes no valid rule. `key`: which key of the override is to blame, None for the whole."""

    def __init__(self, key: str | None, message: str) -> None:
        super().__init__(message)
        self.key = key
        self.message = message


def override(rule: AlarmRule, change: AlarmOverride) -> AlarmRule:
    """A profile's alarm with what the site changes; raises RuleError.

    `when` is merged key by key; a condition of another kind takes the place of the profile's.
    """
    keys = ("hold", "clear_after", "priority", "impact", "urgency", "enabled")
    given: dict[str, Any] = {k: v for k in keys if (v := getattr(change, k)) is not None}
    # Of the two ways to a priority the site's takes the place of the profile's.
    if change.priority is not None:
        given = {"impact": None, "urgency": None} | given
    elif change.impact is not None or change.urgency is not None:
        given = {"priority": None} | given
    if change.when is not None:
        given["when"] = _condition(rule.when, change.when)
        if (given["when"].offline is True) != (rule.point is None):
            raise RuleError(
                "when", "offline watches the device, other conditions watch a point: write a new alarm under rules"
            )
    made = rule.model_copy(update=given)
    try:
        return AlarmRule.model_validate(made.model_dump(by_alias=True, exclude_unset=True))
    except ValidationError as error:  # keys that do not go together, such as `for` with `changed`
        raise RuleError(None, error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")) from None


def _condition(before: Condition, change: dict[str, object]) -> Condition:
    merged = before.model_dump(by_alias=True, exclude_unset=True)
    if change.keys() - {"hysteresis"}:
        kept = merged.get("hysteresis")
        merged = {"hysteresis": kept} if kept is not None and change.keys() & {"above", "below"} else {}
    merged |= change
    try:
        return Condition.model_validate(merged)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        what = ".".join(str(p) for p in first["loc"])
        text = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            text = "unknown key; a condition has above, below, hysteresis, equals, in, changed, rate_above, missing, offline"
        raise RuleError("when", f"{what}: {text}" if what else text) from None


def rule_fault(rule: AlarmRule, profile: Profile) -> str | None:
    """Why a rule can never work on this profile's points, or None. The rule's point must be one of the profile's."""
    try:
        compile_condition(rule.when)
    except ProfileError as error:
        return error.detail
    if rule.point is None:
        return None
    point = profile.points[rule.point]
    wanted = rule.when.one_of or ((rule.when.equals,) if "equals" in rule.when.model_fields_set else ())
    if point.map is not None:
        values = list(point.map.values())
        odd = [w for w in wanted if not any(same(w, value) for value in values)]
        return f"{rule.point} is never {_word(odd[0])}; its values: {', '.join(map(_word, values))}" if odd else None
    if point.type == "bool":
        for name in ("above", "below", "rate_above"):
            if getattr(rule.when, name) is not None:
                return f"{name} needs a number, and {rule.point} is true or false; write {{equals: true}} or {{equals: false}}"
    kind = {"bool": "true or false", "str": "text"}.get(point.type, "a number")
    for value in wanted:
        have = "true or false" if isinstance(value, bool) else "text" if isinstance(value, str) else "a number"
        if have != kind:
            return f"{rule.point} is {kind} and never equals {_word(value)}"
    return None


def _word(value: object) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)


def merge_report(before: Report, change: Report | None) -> Report:
    """A reporting policy with the keys the site gives; the rest stays."""
    if change is None:
        return before
    return before.model_copy(update={k: getattr(change, k) for k in change.model_fields_set})


class ProfileParts:
    """What devices of one profile have in common, worked out once."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.alarms: Mapping[str, AlarmRule] = {n: r for n, r in profile.alarms.items() if r.enabled}
        self.reports: Mapping[str, Report] = {n: p.report for n, p in profile.points.items() if p.report is not None}

    def device(self, id_: str, device: Device, alarms: Mapping[str, AlarmRule] | None = None) -> DevicePlan:
        """The plan of one device; `alarms` if it has overrides or rules of its own."""
        reports = self.reports
        if device.report is not None:
            reports = {name: merge_report(report, device.report) for name, report in reports.items()}
        return DevicePlan(
            id=id_,
            name=device.name or id_,
            link=device.link,
            profile=device.profile,
            address=device.address,
            labels=device.labels,
            alarms=self.alarms if alarms is None else alarms,
            report=merge_report(self.profile.report, device.report),
            reports=reports,
            offline_after=self.profile.offline_after if device.offline_after is None else device.offline_after,
        )
