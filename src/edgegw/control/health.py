"""Whether the gateway lives, and whether it does its work: pure verdicts from what the parts say.

Owns: the difference between ok, degraded and failing, and the JSON a person or a probe reads.
Must not know: HTTP, the parts themselves, the time.

- **alive** (``/healthz``): the event loop answers and the commit path makes progress. Not alive: restart it.
- **ready** (``/readyz``): it takes what devices say and keeps it. A link or an upstream that is down does not change that
  (records wait in the store; the supervisor retries): degraded, still ready. A store that cannot commit does: failing, not ready.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec
from msgspec import Struct

from edgegw.ports import LinkStatus

Detail = Mapping[str, object]
"""What a person sees of a part: JSON-able, no secrets (the page needs no login)."""


class Grade(StrEnum):
    """How a part is doing, and the whole: the worst of its parts."""

    OK = "ok"
    DEGRADED = "degraded"
    """Something is missing and is being retried; what arrives is still kept."""
    FAILING = "failing"
    """It cannot do what it is for."""


_WORSE = (Grade.OK, Grade.DEGRADED, Grade.FAILING)


class Part(Struct, frozen=True):
    """One part's answer. `name` as in the architecture page: store, pipeline, links, upstream, control."""

    name: str
    grade: Grade
    detail: Detail = {}


class Verdict(Struct, frozen=True):
    """The answer to a probe. `passed` decides the status code (200 or 503)."""

    grade: Grade
    parts: tuple[Part, ...] = ()

    @property
    def passed(self) -> bool:
        """True unless failing: degraded still does its work."""
        return self.grade is not Grade.FAILING

    def as_json(self) -> bytes:
        """``{"status": "ok|degraded|failing", "parts": {name: {"status": …, detail…}}}``."""
        parts = {part.name: {"status": part.grade, **part.detail} for part in self.parts}
        return msgspec.json.encode({"status": self.grade, "parts": parts})


def combine(parts: Sequence[Part]) -> Verdict:
    """The worst part decides. Without any part: failing, since nothing is known to work."""
    if not parts:
        return Verdict(Grade.FAILING)
    return Verdict(max((part.grade for part in parts), key=_WORSE.index), tuple(parts))


def liveness(*, stuck_for_s: float, limit_s: float, loop_lag_s: float = 0.0) -> Verdict:
    """For ``/healthz``.

    Args:
        stuck_for_s: how long the commit path has made no progress although asked to (`Watchdog.stuck_for_s`), 0.0 if it moves.
        limit_s: how long that may last; the watchdog's own limit.
        loop_lag_s: how late the event loop ran its last timer, for people.
    """
    grade = Grade.DEGRADED if stuck_for_s > 0 else Grade.OK
    if stuck_for_s >= limit_s:
        grade = Grade.FAILING
    commits: dict[str, object] = {"stuck_for_s": round(stuck_for_s, 1), "limit_s": round(limit_s, 1)}
    return combine([Part("loop", Grade.OK, {"lag_s": round(loop_lag_s, 3)}), Part("commits", grade, commits)])


def store_part(*, opened: bool, full: bool = False, fault: str = "", recovered: bool = False) -> Part:
    """The store: open and able to commit.

    Args:
        full: commits are refused because nothing is left to shed.
        fault: reason slug of the last failed commit, empty if the last one succeeded.
        recovered: the database found at start was damaged and was set aside.
    """
    if not opened or full or fault:
        reason = fault or ("full" if full else "not-open")
        return Part("store", Grade.FAILING, {"open": opened, "reason": reason})
    if recovered:
        return Part("store", Grade.DEGRADED, {"open": True, "reason": "damaged-set-aside"})
    return Part("store", Grade.OK, {"open": True})


def pipeline_part(*, pending: int, limit: int) -> Part:
    """The pipeline: at its limit the links are held, which is bounded and loud, not broken."""
    grade = Grade.DEGRADED if pending >= limit else Grade.OK
    return Part("pipeline", grade, {"pending": pending, "limit": limit})


def links_part(statuses: Sequence[LinkStatus], *, supervised: bool) -> Part:
    """All links: failing only if nobody supervises them (yet, or any more).

    Args:
        supervised: every link's supervisor runs.
    """
    down = {s.name: s.reason for s in statuses if not s.up}
    detail: dict[str, object] = {"supervised": supervised, "up": len(statuses) - len(down), "down": down}
    if not supervised:
        return Part("links", Grade.FAILING, detail)
    return Part("links", Grade.DEGRADED if down else Grade.OK, detail)


def upstream_part(up: Mapping[str, bool], depth: Mapping[str, int]) -> Part:
    """All upstreams: down is degraded, records wait.

    Args:
        up: upstream name → whether its last exchange succeeded.
        depth: upstream name → records not yet accepted.
    """
    down = sorted(name for name, is_up in up.items() if not is_up)
    return Part("upstream", Grade.DEGRADED if down else Grade.OK, {"down": down, "waiting": dict(depth)})


def control_part(*, up: bool) -> Part:
    """The control surface: the watchdog runs and the pages are served."""
    return Part("control", Grade.OK if up else Grade.FAILING, {"up": up})
