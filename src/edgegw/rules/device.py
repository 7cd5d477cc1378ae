"""One device at work: its rules, its presence and what it reports, under one timer.

Owns: how a device's parts tell each other (presence feeds `offline` rules).
Must not know: other devices, the order in which messages come (engine.py).
"""

from collections.abc import Mapping

from msgspec import Struct

from edgegw.model import Event, Instant, Labels, Lane, Reading
from edgegw.profiles.schema import AlarmRule, Report
from edgegw.rules.alarm_state import AlarmSpec, AlarmState
from edgegw.rules.events import NS_PER_S, READING, DeviceRef, Draft, Location, ReadingData, encode
from edgegw.rules.presence import OFFLINE, UNKNOWN, Presence, PresenceState
from edgegw.rules.report import make_reporter
from edgegw.rules.timers import Timers
from edgegw.rules.watch import OfflineWatch, Watch, make_watch
from edgegw.rules.wording import place

TELEMETRY = Lane.TELEMETRY

UNDECIDED = "P3"
"""Priority of an alarm whose rule gives none, until the service catalogue's is put in its place."""


class DeviceSpec(Struct, frozen=True):
    """A device as the rules need it, profile and site file merged.

    Attributes:
        rules: by name; disabled ones may be among them and are left out.
        report: for every point without one of its own in `point_reports`.
        offline_after: seconds of silence, None: silence says nothing.
        polled: its readings are answers to our own questions (Modbus, serial with a request); then equal ones are ``unchanged``.
    """

    id: str
    name: str
    link: str
    labels: Labels
    rules: Mapping[str, AlarmRule]
    report: Report
    point_reports: Mapping[str, Report]
    offline_after: float | None
    profile: str
    polled: bool = False


def alarm_key(gateway: str, device: str, rule: str) -> str:
    """The dedup_key of a rule's alarm."""
    return f"{gateway}/{device}/{rule}"


class Device:
    """A device's runtime.

    Attributes:
        by_point: watches by the point they watch.
        reporter: None where everything is reported.
        armed_ns: the timer queue's note, for presence and reports; watches have their own.
    """

    __slots__ = (
        "_offline",
        "_timers",
        "armed_ns",
        "by_point",
        "id",
        "link",
        "presence",
        "profile",
        "reporter",
        "watches",
    )

    def __init__(
        self,
        spec: DeviceSpec,
        *,
        gateway: str,
        language: str,
        alarms: Mapping[str, AlarmState],
        presence: PresenceState | None,
        timers: Timers,
        now: Instant,
    ) -> None:
        ref = DeviceRef(spec.id, spec.name, spec.profile, spec.link)
        location = Location(place(spec.labels, language), dict(spec.labels))
        self.id = spec.id
        self.profile = spec.profile
        self.link = spec.link
        self.armed_ns: int | None = None
        self._timers = timers
        self.presence = Presence(ref, location, spec.offline_after, presence, now)
        self.reporter = make_reporter(spec.report, spec.point_reports, polled=spec.polled)
        self.watches: list[Watch] = []
        by_point: dict[str, list[Watch]] = {}
        for name, rule in spec.rules.items():
            if not rule.enabled:
                continue
            key = alarm_key(gateway, spec.id, name)
            alarm = AlarmSpec(
                dedup_key=key,
                rule=name,
                subject=spec.id,
                owner=spec.name,
                title=rule.title,
                priority=rule.priority or UNDECIDED,
                category=rule.category,
                hold_ns=round(rule.hold * NS_PER_S),
                clear_ns=round(rule.clear_after * NS_PER_S),
                device=ref,
                location=location,
            )
            watch = make_watch(rule, alarm, language, alarms.get(key), now)
            self.watches.append(watch)
            if rule.point is not None:
                by_point.setdefault(rule.point, []).append(watch)
        self._offline = tuple(watch for watch in self.watches if isinstance(watch, OfflineWatch))
        self.by_point = {point: tuple(watches) for point, watches in by_point.items()}
        self.arm()

    def begin(self, now: Instant, draft: Draft) -> None:
        """Once at start: bring restored alarms into line with the site as it is now."""
        status = self.presence.status
        offline = None if status == UNKNOWN else status == OFFLINE
        for watch in self.watches:
            watch.begin(now, draft, offline=offline)
        self.arm()

    def alive(self, reason: str, at: Instant, draft: Draft) -> None:
        """A sign of life."""
        if self.presence.alive(reason, at, draft):
            self._told(at, draft, reason, offline=False)

    def gone(self, reason: str, at: Instant, draft: Draft) -> None:
        """The device is said to be offline."""
        if self.presence.gone(reason, at, draft):
            self._told(at, draft, reason, offline=True)

    def silent(self, reason: str, at: Instant, draft: Draft) -> None:
        """A request was not answered."""
        if self.presence.silent(reason, at, draft):
            self._told(at, draft, reason, offline=True)

    def pause(self) -> None:
        """The link went down: silence means nothing now."""
        self.presence.pause()
        for watch in self.watches:
            watch.pause()

    def resume(self, now: Instant, away_ns: int) -> None:
        """The link is back after that long."""
        self.presence.resume(now, away_ns)
        for watch in self.watches:
            watch.resume(now, away_ns)
        self.arm()

    def arm(self) -> None:
        """Let the timers know of everything of this device that may be due sooner than they think."""
        self._timers.arm(self)
        for watch in self.watches:
            self._timers.arm(watch)

    def reading_event(self, readings: tuple[Reading, ...], at: Instant) -> Event:
        """The record of what one message told."""
        return Event(READING, TELEMETRY, self.id, at, encode(ReadingData(self.id, self.profile, readings)))

    def due_ns(self) -> int | None:
        """See timers.Timed."""
        silence = self.presence.due_ns()
        report = None if self.reporter is None else self.reporter.due_ns()
        if silence is None or report is None:
            return report if silence is None else silence
        return min(silence, report)

    def fire(self, now: Instant, draft: Draft) -> None:
        """See timers.Timed."""
        if self.presence.fire(now, draft):
            self._told(now, draft, "silence", offline=True)
        if self.reporter is not None:
            for at, readings in self.reporter.due(now):
                draft.add(self.reading_event(readings, at))

    def _told(self, at: Instant, draft: Draft, reason: str, *, offline: bool) -> None:
        for watch in self._offline:
            watch.presence(at, draft, offline=offline, reason=reason)
            self._timers.arm(watch)
        self._timers.arm(self)
