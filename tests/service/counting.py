"""A gateway that counts, its store and its clock, for tests of indicators."""

from datetime import datetime
from zoneinfo import ZoneInfo

from edgegw.clock import ManualClock
from edgegw.model import Changes
from edgegw.service.indicators import Indicators
from edgegw.service.indicators_rows import INDICATOR_KIND, Day, decode

ZONE = ZoneInfo("Asia/Shanghai")
NS = 1_000_000_000
H = 3600


def at(text: str, zone: ZoneInfo = ZONE) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * NS


class Box:
    """A gateway that counts, with its store and its clock."""

    def __init__(self, wall_ns: int, zone: ZoneInfo = ZONE, *, synced: bool = True, meters=(), **more) -> None:
        self.clock = ManualClock(wall_ns, 7 * NS, synced=synced)
        self.zone, self.meters, self.more = zone, dict.fromkeys(meters, 3600.0), more
        self.kept: dict[str, bytes] = {}
        self.start()

    def start(self) -> None:
        self.counted = Indicators(self.zone, meters=self.meters, **self.more)
        self.counted.begin(dict(self.kept), self.clock.now())

    def store(self, changes: Changes) -> None:
        for state in changes.states:
            assert state.kind == INDICATOR_KIND
            if state.value is None:
                del self.kept[state.key]  # KeyError: deleted what was never there
            else:
                self.kept[state.key] = state.value

    def flush(self, *, final: bool = True) -> dict[str, Day]:
        self.store(self.counted.flush(self.clock.now(), final=final))
        return decode(self.kept)

    def restart(self) -> None:
        self.flush()
        self.start()
