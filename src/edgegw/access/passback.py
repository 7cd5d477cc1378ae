"""Anti-passback: who is inside which area.

Owns: the areas, when an entry is forgotten, what is kept of it. Must not know: doors; what follows from a violation.

Only entering twice is a violation. Leaving never is: whoever is inside gets out, whatever is known about how they came in.
"""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from edgegw.model import Instant, StateChange

AREA_KIND = "area"
"""`StateChange.kind`; the key is ``<area>/<holder>``, so that one passage writes one small value."""

INSIDE_MOST = 10_000
"""Holders kept per area: more than live in a community; beyond it the oldest is forgotten (and may enter again)."""


class _Stored(Struct, frozen=True):
    """An entry as stored. `synced`: whether `at_ns` (wall) was to be believed."""

    at_ns: int
    synced: bool


class _Entry(Struct, frozen=True, gc=False):
    """An entry in memory. `mono_ns`: of the passage; if `restored`, of this start, so the true age is at least that."""

    mono_ns: int
    wall_ns: int
    synced: bool
    restored: bool = False


_decode = msgspec.json.Decoder(_Stored).decode
_encode = msgspec.json.Encoder().encode


class Areas:
    """Who is inside.

    Args:
        areas: those that exist; what is stored for others is dropped.
        stored: durable values by key.
    """

    def __init__(self, areas: Iterable[str], stored: Mapping[str, bytes], now: Instant) -> None:
        self._inside: dict[str, dict[str, _Entry]] = {area: {} for area in areas}
        self._dropped: list[StateChange] = []
        found: list[tuple[int, str, str, _Entry]] = []
        for key, value in stored.items():
            area, _, holder = key.partition("/")
            try:
                kept = _decode(value)
            except msgspec.DecodeError:
                kept = None
            if kept is None or area not in self._inside:
                self._dropped.append(StateChange(AREA_KIND, key, None))
            else:
                entry = _Entry(now.mono_ns, kept.at_ns, kept.synced, restored=True)
                found.append((kept.at_ns, area, holder, entry))
        for _, area, holder, entry in sorted(found, key=lambda item: item[:3]):
            self._inside[area][holder] = entry
            self._dropped += self._bounded(area)

    def leftovers(self) -> tuple[StateChange, ...]:
        """What was stored and means nothing any more, to be forgotten; once."""
        dropped, self._dropped = tuple(self._dropped), []
        return dropped

    def inside(self, area: str, holder: str, forget_ns: int, now: Instant, *, trusted: bool) -> bool:
        """Whether the holder entered and did not leave, not longer than `forget_ns` ago.

        The age is monotonic. Of an entry from before this start only a lower bound is known that way; the wall clock says
        more if it was and is to be believed.
        """
        entry = self._inside[area].get(holder)
        if entry is None or now.mono_ns - entry.mono_ns >= forget_ns:
            return False
        known = entry.restored and entry.synced and trusted
        return not (known and now.wall_ns - entry.wall_ns >= forget_ns)

    def move(self, area: str, holder: str, now: Instant, *, entered: bool, trusted: bool) -> tuple[StateChange, ...]:
        """The holder passed into the area, or out of it."""
        if not entered:
            return self.forget(area, holder)
        inside = self._inside[area]
        inside.pop(holder, None)  # so that the order stays that of the passages
        inside[holder] = _Entry(now.mono_ns, now.wall_ns, trusted)
        value = _encode(_Stored(now.wall_ns, trusted))
        return (StateChange(AREA_KIND, f"{area}/{holder}", value), *self._bounded(area))

    def forget(self, area: str, holder: str) -> tuple[StateChange, ...]:
        """The holder may enter again. Nothing if the area does not exist or the holder is not in it."""
        if self._inside.get(area, {}).pop(holder, None) is None:
            return ()
        return (StateChange(AREA_KIND, f"{area}/{holder}", None),)

    def clear(self, area: str) -> tuple[StateChange, ...]:
        """Nobody is known to be inside any more."""
        gone = tuple(StateChange(AREA_KIND, f"{area}/{holder}", None) for holder in self._inside[area])
        self._inside[area].clear()
        return gone

    def count(self, area: str) -> int:
        """How many are known to be inside."""
        return len(self._inside[area])

    def _bounded(self, area: str) -> tuple[StateChange, ...]:
        inside = self._inside[area]
        if len(inside) <= INSIDE_MOST:
            return ()
        return self.forget(area, next(iter(inside)))
