"""Who is to be woken next: one heap for all timers, with lazy deletion.

Owns: the order of what is due, and that its size stays bounded by the number of owners.
Must not know: what happens when a timer fires.

An owner has at most one entry that counts: the one whose time equals its `armed_ns`. When an owner's time moves later (a device
was heard again) nothing is done at all; its entry comes up, the owner says when it is really due, and is queued anew. So
seeing a device costs no heap operation.
"""

import heapq
from typing import Protocol

from edgegw.model import Instant
from edgegw.rules.events import Draft

SPARE_ENTRIES = 64
"""Dead entries tolerated beyond twice the living before the heap is swept."""


class Timed(Protocol):
    """Something time alone can change."""

    armed_ns: int | None
    """This queue's note: the time of the owner's living entry."""

    def due_ns(self) -> int | None:
        """When, monotonic; None: not before something else happens."""
        ...

    def fire(self, now: Instant, draft: Draft) -> None:
        """Take every step that is due; afterwards `due_ns` is None or later than now."""
        ...


class Timers:
    """The queue."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Timed]] = []
        self._pushed = 0
        self._sweep_at = SPARE_ENTRIES

    def __len__(self) -> int:
        """Entries held, dead ones included."""
        return len(self._heap)

    def arm(self, owner: Timed) -> None:
        """Take note of an owner whose time may have come nearer."""
        due = owner.due_ns()
        if due is None or (owner.armed_ns is not None and owner.armed_ns <= due):
            return
        owner.armed_ns = due
        self._pushed += 1
        heapq.heappush(self._heap, (due, self._pushed, owner))
        if len(self._heap) > self._sweep_at:
            self._heap = [entry for entry in self._heap if entry[2].armed_ns == entry[0]]
            heapq.heapify(self._heap)
            self._sweep_at = 2 * len(self._heap) + SPARE_ENTRIES

    def run(self, now: Instant, draft: Draft) -> None:
        """Fire everything due up to now."""
        while self._heap and self._heap[0][0] <= now.mono_ns:
            due, _, owner = heapq.heappop(self._heap)
            if owner.armed_ns == due:
                owner.armed_ns = None
                owner.fire(now, draft)
                self.arm(owner)

    def due_ns(self) -> int | None:
        """The time of the next `run` that may change something."""
        while self._heap and self._heap[0][2].armed_ns != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None
