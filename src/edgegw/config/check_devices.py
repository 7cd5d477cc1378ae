"""Checks of the devices: link, profile, address, alarms.

Owns: what must hold between a device, its link, its profile and the other devices.
Must not know: files, how profiles are found (it is handed a lookup), what links and upstreams must satisfy by themselves.
"""

from collections.abc import Callable, Mapping

from edgegw.config.check_meter import meter_address
from edgegw.config.check_osdp import osdp_address
from edgegw.config.findings import Findings, suggest
from edgegw.config.plan import DevicePlan, ProfileParts, RuleError, override, rule_fault
from edgegw.config.schema import Device, Link, ModbusTcpLink, OsdpLink
from edgegw.errors import ProfileError
from edgegw.profiles.schema import AlarmRule, Profile

PROFILE_LINKS = {
    "mqtt": frozenset({"mqtt"}),
    "modbus": frozenset({"modbus-rtu", "modbus-tcp", "modbus-rtu-tcp"}),
    "serial": frozenset({"serial"}),
    "meter": frozenset({"meter"}),
    "osdp": frozenset({"osdp"}),
}
"""A profile's kind of link → the kinds of link in a site file that carry it."""

MAX_TOPIC_BYTES = 65_535
"""MQTT's own limit for a topic (MQTT 5, 1.5.4)."""


class DeviceChecks:
    """Goes through the devices once and keeps what the next ones are compared with.

    Args:
        links: those that are usable; `broken_links` names the others, which are in the file and have their own problem.
        profile: the profile of a name, or ProfileError.
    """

    def __init__(
        self,
        findings: Findings,
        links: Mapping[str, Link],
        broken_links: frozenset[str],
        profile: Callable[[str], Profile],
    ) -> None:
        self._findings = findings
        self._links = links
        self._broken = broken_links
        self._load = profile
        self._parts: dict[str, ProfileParts | None] = {}
        self._units: dict[tuple[str, int], str] = {}
        self._topics: dict[tuple[str, tuple[str, ...]], str] = {}
        self._serial: dict[str, str] = {}
        self._first: dict[str, str] = {}
        self._stranger: dict[str, str] = {}
        self._templates: dict[str, tuple[str, ...]] = {}

    @property
    def profiles(self) -> dict[str, Profile]:
        """The usable profiles seen so far, by name."""
        return {name: parts.profile for name, parts in self._parts.items() if parts is not None}

    def device(self, id_: str, device: Device) -> DevicePlan | None:
        """Check one device; None if its plan cannot be made (then there is an error)."""
        link = self._link(id_, device)
        parts = self._profile(id_, device)
        if parts is None:
            return None
        profile = parts.profile
        if link is not None:
            if link.kind in PROFILE_LINKS[profile.link]:
                self._address(id_, device, link, profile)
            else:
                self._findings.error(
                    ("devices", id_, "link"),
                    f"{device.profile} is for {profile.link} and link {device.link!r} is of kind {link.kind}; "
                    f"{self._fitting(profile)}",
                )
        alarms = self._alarms(id_, device, profile) if device.alarms or device.rules else None
        self._report(id_, device, profile)
        return parts.device(id_, device, alarms)

    # --- link and profile -----------------------------------------------------------------------------------------

    def _link(self, id_: str, device: Device) -> Link | None:
        link = self._links.get(device.link)
        if link is None and device.link not in self._broken:
            hint = suggest(device.link, self._links.keys() | self._broken, "links")
            self._findings.error(("devices", id_, "link"), f"there is no link {device.link!r}; {hint}")
        return link

    def _fitting(self, profile: Profile) -> str:
        kinds = PROFILE_LINKS[profile.link]
        names = [name for name, link in self._links.items() if link.kind in kinds]
        if names:
            return f"links that fit: {', '.join(names[:8])}"
        return f"no link here fits: add one of kind {' or '.join(sorted(kinds))}"

    def _profile(self, id_: str, device: Device) -> ProfileParts | None:
        name = device.profile
        if name not in self._parts:
            try:
                self._parts[name] = ProfileParts(self._load(name))
            except ProfileError as error:
                # Said once, at the first device: the profile is to be mended, not each of its devices.
                self._parts[name] = None
                self._findings.error(("devices", id_, "profile"), _profile_trouble(name, error))
        return self._parts[name]

    # --- addresses ------------------------------------------------------------------------------------------------

    def _address(self, id_: str, device: Device, link: Link, profile: Profile) -> None:
        if profile.link == "modbus":
            self._unit(id_, device, link, profile)
            self._strange(id_, device, link, profile)
        elif profile.link == "mqtt":
            self._mqtt(id_, device, profile)
        elif profile.link == "meter":
            meter_address(self._findings, self._units, id_, device, profile)
        elif isinstance(link, OsdpLink):
            osdp_address(self._findings, self._units, id_, device)
        else:
            self._alone(id_, device)

    def _unit(self, id_: str, device: Device, link: Link, profile: Profile) -> None:
        low, high = (0, 255) if isinstance(link, ModbusTcpLink) else (1, 247)
        at = ("devices", id_, "address")
        unit = device.address
        if unit is None:
            self._findings.error(("devices", id_), f"address is missing: the Modbus unit id, {low} to {high}", key=True)
        elif not isinstance(unit, int):
            self._findings.error(
                at, f"a Modbus address is its unit id, a number from {low} to {high} without quotes, not {unit!r}"
            )
        elif not low <= unit <= high and unit != profile.modbus.answers_as:
            more = "; 0 is broadcast on a serial line" if unit == 0 else ""
            self._findings.error(at, f"unit id {unit} is outside {low} to {high}{more}")
        elif (first := self._units.setdefault((device.link, unit), id_)) != id_:
            self._findings.error(
                at,
                f"unit id {unit} on link {device.link!r} is already device {first!r} (line {self._line(first)}); "
                "two devices cannot answer at one address",
            )

    def _strange(self, id_: str, device: Device, link: Link, profile: Profile) -> None:
        """A unit that answers under an id that is not its own: nothing but being alone on the line tells whose answer it is."""
        at = ("devices", id_, "link")
        first = self._first.setdefault(device.link, id_)
        unit = profile.modbus.answers_as
        if unit is not None:
            self._stranger.setdefault(device.link, id_)
            if isinstance(link, ModbusTcpLink):
                self._findings.error(at, f"{device.profile} answers as unit {unit}: it needs a serial line of its own")
        stranger = self._stranger.get(device.link)
        if stranger is not None and first != id_:
            other = first if stranger == id_ else stranger
            self._findings.error(
                at,
                f"link {device.link!r} already has device {other!r} (line {self._line(other)}); {stranger!r} answers under "
                "a unit id that is not its own and must be alone on its line",
            )

    def _mqtt(self, id_: str, device: Device, profile: Profile) -> None:
        at = ("devices", id_, "address")
        address = device.address
        if address is None:
            templates = ", ".join(self._topic_templates(device.profile, profile)[:2])
            self._findings.error(("devices", id_), f"address is missing: what {{address}} is in {templates}", key=True)
            return
        if not isinstance(address, str):
            self._findings.error(at, f'an MQTT address is text: write "{address}" in quotes')
            return
        if fault := _topic_fault(address):
            self._findings.error(at, f"address {address!r} {fault}")
            return
        topics = tuple(t.replace("{address}", address) for t in self._topic_templates(device.profile, profile))
        if len(max(topics, key=len).encode()) > MAX_TOPIC_BYTES:
            self._findings.error(at, f"the topic would be longer than {MAX_TOPIC_BYTES} bytes")
            return
        # Two devices may share one topic (two profiles that read different halves of one box), but not all of them, unless the
        # messages say whose they are.
        shared = (address,) if profile.mqtt.match is not None else ()
        first = self._topics.setdefault((device.link, topics + shared), id_)
        if first != id_:
            self._findings.error(
                at,
                f"{', '.join(repr(t) for t in topics[:2])} on link {device.link!r} is already device {first!r} "
                f"(line {self._line(first)}); give each device an address of its own",
            )

    def _topic_templates(self, name: str, profile: Profile) -> tuple[str, ...]:
        """Topics that carry readings. Availability topics may be shared: a bridge's state speaks for all behind it."""
        if name not in self._templates:
            found = {
                p.mqtt.topic if p.mqtt is not None and p.mqtt.topic is not None else profile.mqtt.topic
                for p in profile.points.values()
            }
            self._templates[name] = tuple(sorted(found))
        return self._templates[name]

    def _alone(self, id_: str, device: Device) -> None:
        if device.address is not None:
            self._findings.error(
                ("devices", id_, "address"),
                "a serial device has no address: the line is the device; remove this key",
                key=True,
            )
        first = self._serial.setdefault(device.link, id_)
        if first != id_:
            self._findings.error(
                ("devices", id_, "link"),
                f"link {device.link!r} already has device {first!r} (line {self._line(first)}); "
                "a serial link carries one talking device, give this one a link of its own",
            )

    def _line(self, id_: str) -> int:
        return self._findings.line(("devices", id_))

    # --- alarms and reporting -------------------------------------------------------------------------------------

    def _alarms(self, id_: str, device: Device, profile: Profile) -> dict[str, AlarmRule]:
        merged = dict(profile.alarms)
        for name, change in device.alarms.items():
            at = ("devices", id_, "alarms", name)
            if name not in merged:
                hint = suggest(name, profile.alarms, f"alarms of {device.profile}")
                self._findings.error(at, f"{device.profile} has no alarm {name!r}; {hint}", key=True)
                continue
            try:
                merged[name] = override(merged[name], change)
            except RuleError as problem:
                self._findings.error((*at, problem.key) if problem.key else at, problem.message, key=True)
                continue
            if change.when is not None and (fault := rule_fault(merged[name], profile)):
                self._findings.error((*at, "when"), fault, key=True)
        for name, rule in device.rules.items():
            at = ("devices", id_, "rules", name)
            if name in profile.alarms:
                self._findings.error(
                    at,
                    f"{device.profile} has an alarm {name!r} already: change it under alarms, or take another name",
                    key=True,
                )
            elif rule.point is not None and rule.point not in profile.points:
                hint = suggest(rule.point, profile.points, f"points of {device.profile}")
                self._findings.error((*at, "point"), f"{device.profile} has no point {rule.point!r}; {hint}")
            elif fault := rule_fault(rule, profile):
                self._findings.error((*at, "when"), fault, key=True)
            else:
                merged[name] = rule
        return {name: rule for name, rule in merged.items() if rule.enabled}

    def _report(self, id_: str, device: Device, profile: Profile) -> None:
        if device.offline_after is None or profile.link != "modbus":
            return
        groups = {p.modbus.group for p in profile.points.values() if p.modbus is not None}
        periods = [period for group, period in profile.modbus.poll.items() if group in groups]
        if periods and 0 < device.offline_after < min(periods):
            self._findings.warn(
                ("devices", id_, "offline_after"),
                f"{device.offline_after:g} s is shorter than the shortest poll period of {device.profile} ({min(periods):g} s): "
                "the device would be offline between two polls",
            )


def _topic_fault(text: str) -> str | None:
    if not text:
        return "is empty; it stands for {address} in the profile's topics"
    for char, name in (("+", "the wildcard +"), ("#", "the wildcard #"), ("\0", "a NUL character")):
        if char in text:
            return f"holds {name}; an address names one device"
    if text.strip() != text:
        return "begins or ends with a blank"
    return None


def _profile_trouble(name: str, error: ProfileError) -> str:
    detail = error.detail or str(error)
    if error.reason == "missing":
        return detail
    if "\n" not in detail:
        return f"profile {name!r} cannot be used: {detail}"
    return "\n".join([f"profile {name!r} cannot be used:", *(f"    {line}" for line in detail.splitlines())])
