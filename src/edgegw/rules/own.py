"""The gateway's own alarms: a link that is down, and conditions other parts report (store damaged, door forced …).

Owns: their specs and texts, one alarm per subject and key, restored ones included.
Must not know: who reports them, what a door is.
"""

from collections.abc import Collection, Iterable, Mapping

from msgspec import UNSET, Struct

from edgegw.model import Instant
from edgegw.profiles.fields import Text
from edgegw.rules.alarm import Alarm, Evidence
from edgegw.rules.alarm_state import AlarmSpec, AlarmState, Phase
from edgegw.rules.events import NS_PER_S, Draft, Location

LINK_HOLD_NS = 3 * NS_PER_S
"""A link is down for 3 s before it is an alarm: a broker's restart takes less, and its one ticket is to be there within 5 s."""

LINK_TITLE = Text(zh="链路 {device} 中断", en="Link {device} is down")

GATEWAY = "gateway"
"""Subject of conditions that concern the whole box."""

PATROL = "patrol"
"""Subject of conditions about rounds; the key is the plan's id."""

SERVICE = "service"
"""Subject of conditions that people asked for: requests by the API."""

OWN_SUBJECTS = frozenset({GATEWAY, PATROL, SERVICE})

RESERVED_DEVICES = OWN_SUBJECTS | {"link"}
"""Ids of devices and doors that would share dedup_keys with the gateway's own alarms."""


class Reported(Struct, frozen=True, kw_only=True):
    """A condition as whoever watches it says: it holds, or is gone. Its dedup_key is ``<gateway>/<subject>/<key>``.

    Attributes:
        key: slug of the condition.
        subject: one of the engine's `subjects`, or of `OWN_SUBJECTS`.
        title: ``{device}`` is `owner`, ``{value}`` the evidence's ``value``, ``{location}`` the location.
        category, priority: of the service catalogue; priority empty: by the catalogue.
        evidence: JSON-able; what was seen.
        owner: what ``{device}`` in the title stands for; the subject if empty.
        location: for the event and ``{location}`` in the title.
    """

    key: str
    active: bool
    title: Text
    category: str
    priority: str = ""
    evidence: Evidence = {}
    subject: str = GATEWAY
    owner: str = ""
    location: Location | None = None


class Link:
    """Whether a link is down, and its alarm.

    Attributes:
        down_ns: since when it is down, monotonic; None while it is up or nobody said anything yet.
    """

    __slots__ = ("alarm", "down_ns", "name")

    def __init__(self, gateway: str, name: str, language: str, stored: AlarmState | None, now: Instant) -> None:
        spec = AlarmSpec(
            dedup_key=f"{gateway}/link/{name}",
            rule="link-down",
            subject=f"link/{name}",
            owner=name,
            title=LINK_TITLE,
            priority="P2",
            category="device",
            hold_ns=LINK_HOLD_NS,
        )
        self.name = name
        self.alarm = Alarm(spec, language, stored, now)
        self.down_ns: int | None = now.mono_ns if self.alarm.holding else None

    def down(self, reason: str, at: Instant, draft: Draft) -> bool:
        """It went down. Returns whether that is new."""
        new = self.down_ns is None
        if new:
            self.down_ns = at.mono_ns
        self.alarm.see(holds=True, evidence={"link": self.name, "reason": reason}, at=at, draft=draft)
        return new

    def up(self, at: Instant, draft: Draft) -> int | None:
        """It is up. Returns how long it was down in ns, None if it was not."""
        self.alarm.see(holds=False, evidence={"link": self.name}, at=at, draft=draft)
        if self.down_ns is None:
            return None
        away_ns, self.down_ns = max(0, at.mono_ns - self.down_ns), None
        return away_ns


class OwnConditions:
    """The conditions other parts of the gateway report, raised and cleared at once; kept only while they are raised.

    Args:
        subjects: what may have conditions besides the gateway itself, patrols and requests: ids of doors.
        stored: all stored alarms by dedup_key; those of devices' rules are left alone.
    """

    def __init__(
        self,
        gateway: str,
        language: str,
        stored: Mapping[str, AlarmState],
        now: Instant,
        subjects: Collection[str] = (),
    ) -> None:
        self._gateway = gateway
        self._language = language
        self._subjects = OWN_SUBJECTS | frozenset(subjects)
        self._alarms: dict[str, Alarm] = {}
        for dedup_key, state in stored.items():
            subject, key = self._parts(dedup_key)
            data = state.data
            # An alarm with a device is a rule's, of a device that had the door's id before.
            if subject not in self._subjects or data is None or data.device is not UNSET:
                continue
            known = Reported(
                key=key,
                subject=subject,
                active=True,
                title=Text(zh=data.title, en=data.title),
                priority=data.priority,
                category=data.category,
                location=None if data.location is UNSET else data.location,
            )
            self._alarms[dedup_key] = Alarm(self._spec(known), language, state, now)

    def report(self, one: Reported, at: Instant, draft: Draft) -> None:
        """See RuleEngine.condition."""
        if one.subject not in self._subjects:
            raise KeyError(one.subject)
        spec = self._spec(one)
        alarm = self._alarms.get(spec.dedup_key)
        if alarm is None:
            if not one.active:
                return
            alarm = self._alarms[spec.dedup_key] = Alarm(spec, self._language, None, at)
        alarm.spec = spec
        if one.active and alarm.raised:
            alarm.amend(one.evidence, at, draft)
        alarm.see(holds=one.active, evidence=one.evidence, at=at, draft=draft)
        if alarm.phase is Phase.NORMAL:
            del self._alarms[spec.dedup_key]

    def alarms(self) -> Iterable[Alarm]:
        """Those raised."""
        return self._alarms.values()

    def _parts(self, dedup_key: str) -> tuple[str, str]:
        """Subject and key; ids hold no slash. Empty for a key of another gateway."""
        gateway, _, rest = dedup_key.partition("/")
        subject, _, key = rest.partition("/")
        return (subject, key) if gateway == self._gateway else ("", "")

    def _spec(self, one: Reported) -> AlarmSpec:
        subject = one.subject
        return AlarmSpec(
            dedup_key=f"{self._gateway}/{subject}/{one.key}",
            rule=one.key,
            subject=subject,
            owner=one.owner or (self._gateway if subject in OWN_SUBJECTS else subject),
            title=one.title,
            priority=one.priority,
            category=one.category,
            location=UNSET if one.location is None else one.location,
        )
