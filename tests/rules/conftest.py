"""A gateway's rules under a clock that moves when told, with a store that is two dicts."""

import json
from collections.abc import Mapping

import pytest

from edgegw.clock import ManualClock
from edgegw.model import Changes, Decoded, Event, Quality, Reading, Value
from edgegw.profiles.fields import Text
from edgegw.profiles.schema import AlarmRule, Report
from edgegw.rules.engine import DeviceSpec, RuleEngine
from edgegw.rules.own import Reported

SECOND = 1_000_000_000


def rule(point: str | None, when: Mapping[str, object], **more: object) -> AlarmRule:
    """A rule as a file would say it."""
    return AlarmRule.model_validate(
        {"title": "{device} {location}: {value}{unit}", "point": point, "when": when, **more}
    )


def device(device: str = "d1", **more: object) -> DeviceSpec:
    """A device with defaults for everything."""
    return DeviceSpec(
        **{
            "id": device,
            "name": "Sensor",
            "link": "m",
            "labels": {"building": "3", "room": "502"},
            "rules": {},
            "report": Report(),
            "point_reports": {},
            "offline_after": None,
            "profile": "v/m",
            **more,
        }
    )


class Box:
    """The engine, its clock, and what was committed.

    Attributes:
        events: all of them, in order, as (type, data).
        states: kind → key → value, as the store has them.
    """

    def __init__(self, *devices: DeviceSpec, language: str = "en", subjects: tuple[str, ...] = ()) -> None:
        self.devices = devices
        self.subjects = subjects
        self.language = language
        self.clock = ManualClock(mono_ns=1000 * SECOND)
        self.states: dict[str, dict[str, bytes]] = {"alarm": {}, "presence": {}}
        self.events: list[Event] = []
        self.start()

    def start(self) -> None:
        """Start from what is stored."""
        self.engine = RuleEngine(
            gateway="g1",
            language=self.language,
            devices=self.devices,
            alarms=dict(self.states["alarm"]),
            presence=dict(self.states["presence"]),
            now=self.clock.now(),
            subjects=self.subjects,
        )
        self.commit(self.engine.tick(self.clock.now()))

    def restart(self) -> None:
        """Start again, which takes a millisecond."""
        self.clock.advance(0.001)
        self.start()

    def reboot(self) -> None:
        """Start again after a boot of the machine: the monotonic clock begins anew."""
        self.clock = ManualClock(wall_ns=self.clock.now().wall_ns + 30 * SECOND)
        self.start()

    def commit(self, changes: Changes) -> Changes:
        """Keep what was decided, as the store would."""
        keys = [(state.kind, state.key) for state in changes.states]
        assert len(keys) == len(set(keys)), "one value per key in a batch"
        for state in changes.states:
            if state.value is None:
                self.states[state.kind].pop(state.key, None)
            else:
                self.states[state.kind][state.key] = state.value
        self.events.extend(changes.events)
        return changes

    def read(self, values: Mapping[str, Value], device: str = "d1", quality: Quality = Quality.FRESH) -> Changes:
        """A message with these values."""
        readings = tuple(
            Reading(point, value, "Cel" if point == "t" else None, quality) for point, value in values.items()
        )
        return self.commit(self.engine.decoded(device, Decoded(readings), self.clock.now()))

    def says(self, *, online: bool, device: str = "d1") -> Changes:
        """An availability message."""
        return self.commit(self.engine.decoded(device, Decoded((), online), self.clock.now()))

    def silent(self, device: str = "d1", reason: str = "timeout") -> Changes:
        """A request without an answer."""
        return self.commit(self.engine.silent(device, reason, self.clock.now()))

    def link(self, *, up: bool, link: str = "m") -> Changes:
        """A link's change."""
        return self.commit(self.engine.link_state(link, up=up, reason="refused", at=self.clock.now()))

    def condition(self, *, active: bool, priority: str = "P2", **evidence: object) -> Changes:
        """A condition of the gateway's own."""
        return self.commit(
            self.engine.condition(
                Reported(
                    key="store-damaged",
                    active=active,
                    title=Text(zh="数据库损坏", en="Store damaged"),
                    priority=priority,
                    category="device",
                    evidence=evidence,
                ),
                self.clock.now(),
            )
        )

    def wait(self, seconds: float) -> None:
        """Let time pass, ticking exactly when the engine asks for it."""
        until = self.clock.now().mono_ns + round(seconds * SECOND)
        while (due := self.engine.due_ns()) is not None and due <= until:
            self.clock.advance(max(0, due - self.clock.now().mono_ns) / SECOND)
            self.commit(self.engine.tick(self.clock.now()))
            after = self.engine.due_ns()
            assert after is None or after > self.clock.now().mono_ns, "nothing is due any more after a tick"
        self.clock.advance((until - self.clock.now().mono_ns) / SECOND)

    def told(self, kind: str = "alarm") -> list[str]:
        """The last words of the events' types: ``raised``, ``cleared`` …"""
        return [event.type.rsplit(".", 1)[1] for event in self.events if event.type.startswith(f"edgegw.{kind}")]

    def data(self, index: int = -1, kind: str = "alarm") -> dict:
        """The data of the n-th event of a kind."""
        return json.loads([event for event in self.events if event.type.startswith(f"edgegw.{kind}")][index].data)


class Kit:
    """What the tests take from here."""

    Box = Box
    rule = staticmethod(rule)
    device = staticmethod(device)


@pytest.fixture(scope="session")
def kit() -> type[Kit]:
    """Box, rule and device."""
    return Kit
