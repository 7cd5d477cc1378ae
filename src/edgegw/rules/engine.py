"""All rules of a gateway: what comes in, what time it is, and what follows from it.

Owns: the one entry for the pipeline; which device a message concerns, who is due next, restored states without a rule.
Must not know: decoding, storage, delivery. It returns `Changes`; events and states in them must be committed together.

Not for concurrent use. Every call takes the moment as an `Instant`; timers use its monotonic half only, so a step of the
wall clock moves nothing. The engine's memory runs ahead of the store: a caller that cannot commit must stop rather than go on.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TypeVar

import msgspec
from msgspec import UNSET

from edgegw.errors import ConfigError
from edgegw.model import NOTHING, Changes, Decoded, Event, Instant, Quality, older
from edgegw.profiles.fields import Text
from edgegw.rules.alarm import Alarm
from edgegw.rules.alarm_state import AlarmSpec, AlarmState, AlarmView
from edgegw.rules.alarm_state import decode_state as decode_alarm
from edgegw.rules.device import Device, DeviceSpec
from edgegw.rules.events import ALARM_KIND, PRESENCE_KIND, AlarmData, Draft
from edgegw.rules.own import RESERVED_DEVICES, Link, OwnConditions, Reported
from edgegw.rules.presence import ONLINE, PresenceView
from edgegw.rules.presence import decode_state as decode_presence
from edgegw.rules.timers import Timers

__all__ = ["AlarmView", "DeviceSpec", "PresenceView", "RuleEngine"]

FRESH, STALE = Quality.FRESH, Quality.STALE
_State = TypeVar("_State")


class RuleEngine:
    """The rules of a gateway.

    Args:
        gateway: its id; dedup_keys begin with it.
        language: ``zh-CN`` or ``en``, of titles and locations.
        devices: all devices of the site.
        alarms, presence: durable states by key, as the store kept them.
        now: the present; timers of restored states begin anew here.
        subjects: what besides the gateway may have conditions reported (`condition`): ids of doors.

    Raises:
        ConfigError: ``reserved-device`` for a device or subject named as in `own.RESERVED_DEVICES`; a subject that is a device.
        ProfileError: ``bad-condition``.
    """

    def __init__(
        self,
        *,
        gateway: str,
        language: str,
        devices: Iterable[DeviceSpec],
        alarms: Mapping[str, bytes],
        presence: Mapping[str, bytes],
        now: Instant,
        subjects: Collection[str] = (),
    ) -> None:
        self._language = language
        self._began = False
        self._begin_ns = now.mono_ns
        self._timers = Timers()
        self._unreadable: list[tuple[str, str]] = []
        stored = self._decode(ALARM_KIND, alarms, decode_alarm)
        seen = self._decode(PRESENCE_KIND, presence, decode_presence)
        self._devices: dict[str, Device] = {}
        self._links: dict[str, Link] = {}
        self._on_link: dict[str, list[Device]] = {}
        for spec in devices:
            if spec.id in RESERVED_DEVICES:
                raise ConfigError(
                    "reserved-device", f"a device cannot be called {spec.id!r}: the gateway's own alarms are"
                )
            device = Device(
                spec,
                gateway=gateway,
                language=language,
                alarms=stored,
                presence=seen.get(spec.id),
                timers=self._timers,
                now=now,
            )
            self._devices[spec.id] = device
            self._on_link.setdefault(spec.link, []).append(device)
        for name, members in self._on_link.items():
            link = Link(gateway, name, language, stored.get(f"{gateway}/link/{name}"), now)
            self._links[name] = link
            if link.down_ns is not None:
                for device in members:
                    device.pause()
        for subject in subjects:
            if subject in RESERVED_DEVICES or subject in self._devices:
                raise ConfigError("reserved-device", f"{subject!r} is taken: alarms of both would be one")
        self._own = OwnConditions(gateway, language, stored, now, subjects)
        kept = {alarm.spec.dedup_key for alarm in self._alarms()}
        self._orphans = {key: state for key, state in stored.items() if key not in kept}
        self._gone = [key for key in seen if key not in self._devices]
        for link in self._links.values():
            self._timers.arm(link.alarm)

    @property
    def unreadable(self) -> int:
        """How many stored states could not be read at start (they are forgotten with the first tick); worth a log line."""
        return len(self._unreadable)

    def decoded(self, device: str, decoded: Decoded, at: Instant) -> Changes:
        """Take a device's message: alarms, presence, and the ``edgegw.reading`` event its reporting policy asks for.

        Raises KeyError for a device that is not configured.
        """
        dev = self._devices[device]
        readings = decoded.readings
        draft: Draft | None = None
        presence = dev.presence
        if (
            decoded.online is None
            and readings
            and readings[0].quality is FRESH
            and presence.status == ONLINE
            and at.mono_ns < presence.write_due_ns
        ):
            presence.seen = at
            presence.silences = 0
        else:
            draft = Draft()
            _presence(dev, decoded, at, draft)
        by_point = dev.by_point
        if by_point:
            for reading in readings:
                watches = by_point.get(reading.point)
                if watches is None or reading.value is None:
                    continue
                for watch in watches:
                    test = watch.test
                    if test is not None:
                        late = reading.time is not UNSET and older(reading, watch.reading)
                        watch.reading = watch.reading if late else reading
                        holding = watch.alarm.holding
                        holds = None if late else test(reading.value, holding)
                        if holds is holding or holds is None:
                            draft = watch.confirm(reading, at, draft) if holds and watch.old else draft
                            continue
                        draft = draft or Draft()
                        watch.tell(reading, at, draft, holds=holds)
                    else:
                        draft = draft or Draft()
                        watch.see(reading, at, draft)
                    self._timers.arm(watch)
        event: Event | None = None
        if dev.reporter is not None:
            readings = dev.reporter.select(readings, at)
            self._timers.arm(dev)
        if readings:
            event = dev.reading_event(readings, at)
        if draft is None:
            return Changes((event,)) if event is not None else NOTHING
        changes = draft.changes()
        return changes if event is None else Changes((event, *changes.events), changes.states)

    def silent(self, device: str, reason: str, at: Instant) -> Changes:
        """A device was asked and gave no valid answer."""
        draft = Draft()
        self._devices[device].silent(reason, at, draft)
        return draft.changes()

    def link_state(self, link: str, *, up: bool, reason: str, at: Instant) -> Changes:
        """A link came up or went down. A link without devices is nobody's concern."""
        found = self._links.get(link)
        if found is None:
            return NOTHING
        draft = Draft()
        if up:
            away_ns = found.up(at, draft)
            if away_ns is not None:
                for device in self._on_link[link]:
                    device.resume(at, away_ns)
        elif found.down(reason, at, draft):
            for device in self._on_link[link]:
                device.pause()
        self._timers.arm(found.alarm)
        return draft.changes()

    def condition(self, one: Reported, at: Instant) -> Changes:
        """A condition of the gateway itself, of a door, of a patrol … holds, or is gone: raised and cleared at once.

        Calls that change nothing cost nothing and give nothing, so the reporter may repeat itself; new evidence while it
        is raised is told upstream at most once a minute. An alarm raised before a restart stays until it is said to be gone:
        whoever reports a condition says at start that it is gone, if it is. One of a subject that is no longer in the site
        is cleared with the first tick. KeyError for a subject that is none.
        """
        draft = Draft()
        self._own.report(one, at, draft)
        return draft.changes()

    def tick(self, now: Instant) -> Changes:
        """Let time pass. The first one also clears alarms whose rule or device is no longer in the site."""
        draft = Draft()
        if not self._began:
            self._began = True
            self._begin(now, draft)
        self._timers.run(now, draft)
        return draft.changes()

    def due_ns(self) -> int | None:
        """Monotonic time of the next tick that may change something; None: no tick is needed until something comes in."""
        return self._timers.due_ns() if self._began else self._begin_ns

    def active_alarms(self) -> list[AlarmView]:
        """Alarms raised and not cleared."""
        return [view for alarm in self._alarms() if (view := alarm.view()) is not None]

    def raised(self) -> dict[str, AlarmData]:
        """What the last event of each raised alarm said, by dedup_key."""
        return {alarm.spec.dedup_key: data for alarm in self._alarms() if (data := alarm.data) is not None}

    def presence(self) -> list[PresenceView]:
        """All devices' presence, in the site's order."""
        return [device.presence.view() for device in self._devices.values()]

    def status(self, device: str) -> str:
        """One device's presence: ``online``, ``offline`` or ``unknown``. KeyError for a device that is not configured."""
        return self._devices[device].presence.status

    # --- inside -------------------------------------------------------------------------------------------------------

    def _alarms(self) -> Iterable[Alarm]:
        for device in self._devices.values():
            for watch in device.watches:
                yield watch.alarm
        for link in self._links.values():
            yield link.alarm
        yield from self._own.alarms()

    def _begin(self, now: Instant, draft: Draft) -> None:
        for kind, key in self._unreadable:
            draft.state(kind, key, None)
        for key in self._gone:
            draft.state(PRESENCE_KIND, key, None)
        for key, state in self._orphans.items():
            _orphan(key, state, self._language, now).remove(now, draft)
        self._orphans.clear()
        for device in self._devices.values():
            device.begin(now, draft)

    def _decode(self, kind: str, values: Mapping[str, bytes], decode: Callable[[bytes], _State]) -> dict[str, _State]:
        found = {}
        for key, value in values.items():
            try:
                found[key] = decode(value)
            except msgspec.DecodeError:
                self._unreadable.append((kind, key))
        return found


def _presence(dev: Device, decoded: Decoded, at: Instant, draft: Draft) -> None:
    """What a message says about its device being there; an old one says nothing."""
    if decoded.online is False:
        dev.gone("availability", at, draft)
    elif decoded.online:
        dev.alive("availability", at, draft)
    elif any(reading.quality is not STALE for reading in decoded.readings):
        dev.alive("message", at, draft)


def _orphan(key: str, state: AlarmState, language: str, now: Instant) -> Alarm:
    """An alarm whose rule is gone; what it was raised with is all there is to know of it."""
    data = state.data
    spec = AlarmSpec(
        dedup_key=key,
        rule=data.rule if data else "",
        subject=state.subject,
        owner="",
        title=Text(zh="", en=""),
        priority=data.priority if data else "",
        category=data.category if data else "",
    )
    return Alarm(spec, language, state, now)
