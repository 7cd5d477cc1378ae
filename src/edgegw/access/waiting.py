"""What waits for something more to be presented: a card for its PIN, a holder for the others.

Owns: the two bounded waiting rooms and their ends. Must not know: who may pass; why more is needed.
"""

from msgspec import Struct

from edgegw.access.specs import NS_PER_S, MultiSpec

PIN_WITHIN_NS = 10 * NS_PER_S
"""After a card its PIN is awaited for 10 s: time to type eight digits, too short for the next person to profit."""

GATHERED_MOST = 8
"""Holders that may wait at one door; a door asks for five at most, further ones push out the first."""


class CardWait(Struct, frozen=True):
    """A card that waits for its PIN."""

    hashed: bytes
    tail: str
    direction: str
    until_ns: int


class Gathered(Struct, frozen=True):
    """A holder that waits for others. `key`: of the credential; to ask again whether it still is one."""

    holder: str
    name: str
    key: bytes
    direction: str
    until_ns: int


class Gathering:
    """Those who presented at a door that asks for several holders, oldest first, each holder once."""

    __slots__ = ("_waiting", "spec")

    def __init__(self, spec: MultiSpec) -> None:
        self.spec = spec
        self._waiting: dict[str, Gathered] = {}

    def add(self, holder: str, name: str, key: bytes, direction: str, now_ns: int) -> None:
        """One more, or the same one again, whose time then starts anew."""
        self._waiting.pop(holder, None)
        self._waiting[holder] = Gathered(holder, name, key, direction, now_ns + self.spec.within_ns)
        if len(self._waiting) > GATHERED_MOST:
            del self._waiting[next(iter(self._waiting))]

    def present(self, now_ns: int) -> tuple[Gathered, ...]:
        """Those still in time."""
        return tuple(one for one in self._waiting.values() if now_ns < one.until_ns)

    def clear(self) -> None:
        """All passed."""
        self._waiting.clear()

    def lapse(self, now_ns: int) -> tuple[Gathered, ...]:
        """Remove and return those whose time is over."""
        gone = tuple(one for one in self._waiting.values() if now_ns >= one.until_ns)
        for one in gone:
            del self._waiting[one.holder]
        return gone

    def due_ns(self) -> int | None:
        """When the next one's time is over."""
        return min((one.until_ns for one in self._waiting.values()), default=None)
