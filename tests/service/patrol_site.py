"""Plans, a clock and a memory of what a patrol core told, for tests."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from edgegw.clock import ManualClock
from edgegw.model import Event, StateChange
from edgegw.profiles.fields import Text
from edgegw.rules.own import Reported
from edgegw.service.patrol import Patrols, Stepped
from edgegw.service.patrol_specs import NS_PER_S, Person, PlanSpec, PointSpec, Source
from edgegw.service.specs import Calendar

SHANGHAI = ZoneInfo("Asia/Shanghai")
MIN = 60 * NS_PER_S
GUARD = Person("g-7", "王强", ("guards",))
OTHER = Person("r-1", "Resident", ("residents",))
NAMES = {
    "gate": ("大门", "Gate"),
    "garage": ("车库", "Garage"),
    "pump": ("泵房", "Pump room"),
    "roof": ("屋顶", "Roof"),
}


def wall(text: str, zone: ZoneInfo = SHANGHAI) -> int:
    """Wall nanoseconds of a local time."""
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * NS_PER_S


def point(
    id_: str, at: float | None, *, early: float = 5, late: float = 10, within: float = 60, **more: Any
) -> PointSpec:
    """A point due `at` minutes after the start, or at any time within `within`."""
    zh, en = NAMES.get(id_, (id_, id_))
    return PointSpec(
        id=id_,
        name=Text(zh=zh, en=en),
        opens_ns=round(((at or 0) - early) * MIN),
        closes_ns=round((within if at is None else at + late) * MIN),
        due_ns=None if at is None else round(at * MIN),
        source=more.pop("source", Source(f"reader-{id_}", "card")),
        **more,
    )


def plan(id_: str = "night", *points: PointSpec, starts: tuple[int, ...] = (22 * 60,), **more: Any) -> PlanSpec:
    """22:00: the gate at once, the garage after 10, the pump room after 20 minutes."""
    return PlanSpec(
        id=id_,
        name=Text(zh="夜间巡查", en="Night patrol"),
        points=points or (point("gate", 0), point("garage", 10), point("pump", 20)),
        starts=starts,
        **more,
    )


class Site:
    """A patrol core that is stepped, restarted and asked what it told. What is committed is what steps returned."""

    def __init__(
        self,
        *plans: PlanSpec,
        start: str = "2026-11-25T21:00",
        zone: ZoneInfo = SHANGHAI,
        language: str = "en",
        holidays: frozenset[str] = frozenset(),
    ) -> None:
        self.plans = plans or (plan(),)
        self.calendar = Calendar(zone, holidays)
        self.zone = zone
        self.language = language
        self.clock = ManualClock(wall(start, zone), 5_000)
        self.states: dict[str, bytes] = {}
        self.events: list[Event] = []
        self.conditions: list[Reported] = []
        self.steps: list[Stepped] = []
        self.open()

    def open(self) -> None:
        self.core = Patrols(
            self.plans,
            calendar=self.calendar,
            language=self.language,
            states=dict(self.states),
            now=self.clock.now(),
        )
        self.keep(self.core.begin(self.clock.now()))

    def restart(self, off_s: float = 0, *, synced: bool = True, reboot: bool = True) -> None:
        """Everything but what was stored is forgotten, the monotonic clock too."""
        now = self.clock.advance(off_s)
        self.clock = ManualClock(now.wall_ns, 77 if reboot else now.mono_ns, synced=synced)
        self.open()

    def keep(self, stepped: Stepped) -> Stepped:
        for change in stepped.changes.states:
            self._store(change)
        self.events += stepped.changes.events
        self.conditions += stepped.conditions
        self.steps.append(stepped)
        return stepped

    def _store(self, change: StateChange) -> None:
        assert change.kind == "patrol"
        if change.value is None:
            self.states.pop(change.key, None)
        else:
            self.states[change.key] = change.value

    def until(self, local: str) -> None:
        """Let time pass as the shell does: to each due moment, at most ten minutes at once."""
        self.run(wall(local, self.zone) - self.clock.now().wall_ns)

    def run(self, left_ns: int) -> None:
        """As `until`, by a length of time."""
        end_ns = self.clock.now().mono_ns + left_ns
        while (now := self.clock.now()).mono_ns < end_ns:
            due_ns = min(end_ns, now.mono_ns + 600 * NS_PER_S, self.core.due_ns() or end_ns)
            self.clock.advance(max(1, due_ns - now.mono_ns) / NS_PER_S)
            self.keep(self.core.tick(self.clock.now()))

    def show(self, where: str, who: Person | None = GUARD) -> list[str]:
        """A card at a point's reader; what it was."""
        stepped = self.keep(self.core.heard(Source(f"reader-{where}", "card"), who, self.clock.now()))
        return [result.result for result in stepped.results]

    def told(self, kind: str = "") -> list[dict[str, Any]]:
        return [msgspec.json.decode(e.data) for e in self.events if e.type.startswith(f"edgegw.patrol.{kind}")]

    def types(self) -> list[str]:
        return [event.type.removeprefix("edgegw.patrol.") for event in self.events]

    def raised(self, key: str = "night") -> bool:
        """As the rules would have it: the last word counts."""
        said = [condition.active for condition in self.conditions if condition.key == key]
        return bool(said) and said[-1]
