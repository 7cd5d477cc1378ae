"""Maintenance windows: what is being worked on, by whom, until when; alarms of that get no ticket.

Owns: the windows, their limits, their events, when they end. Must not know: tickets.

A window ends by monotonic time. After a restart its end is worked out from the wall clock anew; while that is not trusted the
window lasts as long as it was declared for, counted from the restart, until the clock is set and tells. One that was declared by
a clock nobody trusted has no end on the wall: after a restart it lasts its whole length again.
"""

from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct

from edgegw.errors import CommandError
from edgegw.model import Instant, Lane
from edgegw.rules.events import Draft, encode, occurrence_id, utc
from edgegw.rules.own import GATEWAY
from edgegw.service.outgoing import UNREADABLE
from edgegw.service.specs import NS_PER_S, Facts
from edgegw.service.ticket import MAINTENANCE_KIND, Window

MAINTENANCE_STARTED = "edgegw.maintenance.started"
MAINTENANCE_ENDED = "edgegw.maintenance.ended"

SCOPES = frozenset({"device", "door", "link", "place", "gateway"})

WINDOWS_MOST = 64
"""Windows open at once: every alarm asks each of them, and more than this nobody oversees."""

LONGEST_NS = 30 * 24 * 3600 * NS_PER_S
"""30 days: what is out of order for longer belongs out of the site file, not into maintenance."""

TEXT_MOST = 200
"""Characters of a reason, a name, a target."""


class MaintenanceData(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The data of ``edgegw.maintenance.started|ended``; times RFC 3339 UTC.

    Attributes:
        id, scope, target, reason: the window's; `by`: who declared it.
        ended, ended_by: only in the second; `ended_by` is empty if its time was over.
    """

    id: str
    scope: str
    target: str
    reason: str
    by: str
    began: str
    until: str
    ended: str = ""
    ended_by: str = ""


class Open:
    """A window that is open.

    Attributes:
        end_ns: monotonic; `settled`: and final; `over`: it has ended.
    """

    __slots__ = ("_length_ns", "_on_due", "_place", "armed_ns", "end_ns", "over", "settled", "window")

    def __init__(
        self, window: Window, on_due: Callable[["Open", Instant, Draft], None], now: Instant, *, restored: bool
    ) -> None:
        self.window = window
        self.armed_ns: int | None = None
        self.over = False
        self._on_due = on_due
        self._place = _place(window.target) if window.scope == "place" else {}
        self._length_ns = min(LONGEST_NS, max(0, window.until_ns - window.began.wall_ns))
        self.end_ns = now.mono_ns + self._length_ns
        self.settled = not restored or not window.began.synced
        self.trust(now)

    def trust(self, now: Instant) -> None:
        """Work out the end by the wall clock, once after a restart, as soon as it is trusted."""
        if not self.settled and now.synced:
            self.settled = True
            self.end_ns = now.mono_ns + min(self._length_ns, max(0, self.window.until_ns - now.wall_ns))

    def covers(self, facts: Facts) -> bool:
        """Whether an alarm of this kind is of what is worked on."""
        scope, target = self.window.scope, self.window.target
        if scope in ("device", "door"):
            return facts.subject == target
        if scope == "link":
            return facts.link == target or facts.subject == f"link/{target}"
        if scope == "place":
            return all(facts.labels.get(name) == value for name, value in self._place.items())
        return True

    def due_ns(self) -> int | None:
        """See `rules.timers.Timed`."""
        return None if self.over else self.end_ns

    def fire(self, now: Instant, draft: Draft) -> None:
        """See `rules.timers.Timed`."""
        self._on_due(self, now, draft)


class Windows:
    """All windows.

    Args:
        stored: by id, as the store kept them.
        on_due: told of one whose time is over.
    """

    def __init__(
        self,
        gateway: str,
        stored: Mapping[str, bytes],
        on_due: Callable[[Open, Instant, Draft], None],
        now: Instant,
    ) -> None:
        self._gateway = gateway
        self._on_due = on_due
        self._serial = 0
        self.open: dict[str, Open] = {}
        self.unreadable: list[str] = []
        for key, value in stored.items():
            try:
                window = _decode(value)
                if window.id != key or window.scope not in SCOPES or not 0 < window.until_ns < 2**62:
                    raise msgspec.ValidationError("not this window")
                if window.scope == "place":
                    _place(window.target)
            except (*UNREADABLE, CommandError):
                self.unreadable.append(key)
            else:
                self.open[key] = Open(window, on_due, now, restored=True)

    def covers(self, facts: Facts) -> bool:
        """Whether maintenance is why such an alarm is raised."""
        return any(one.covers(facts) for one in self.open.values())

    def trust(self, now: Instant) -> list[Open]:
        """The clock may have been set: ends that waited for it. Returns the windows whose end may have moved."""
        if not now.synced:
            return []
        waiting = [one for one in self.open.values() if not one.settled]
        for one in waiting:
            one.trust(now)
        return waiting

    def declare(
        self, *, scope: str, target: str, reason: str, by: str, until_ns: int, now: Instant, draft: Draft
    ) -> Open:
        """Open a window.

        Raises:
            CommandError: ``bad-scope``, ``bad-target``, ``no-reason``, ``no-name``, ``bad-until`` (past, or more than 30 days
                ahead), ``too-many``.
        """
        if scope not in SCOPES:
            raise CommandError("bad-scope", f"scope is one of {', '.join(sorted(SCOPES))}")
        target = GATEWAY if scope == "gateway" else target.strip()
        _text("bad-target", "target", target)
        _text("no-reason", "reason", reason)
        _text("no-name", "by", by)
        if scope == "place":
            _place(target)
        if not now.wall_ns < until_ns <= now.wall_ns + LONGEST_NS:
            raise CommandError("bad-until", "the end is to come, and at most 30 days ahead")
        if len(self.open) >= WINDOWS_MOST:
            raise CommandError("too-many", f"{WINDOWS_MOST} windows are open")
        self._serial += 1
        window = Window(
            id=occurrence_id(f"{self._gateway}/{MAINTENANCE_KIND}/{scope}/{target}", now, self._serial),
            scope=scope,
            target=target,
            reason=reason.strip(),
            by=by.strip(),
            began=now,
            until_ns=until_ns,
        )
        one = self.open[window.id] = Open(window, self._on_due, now, restored=False)
        draft.state(MAINTENANCE_KIND, window.id, encode(window))
        draft.event(MAINTENANCE_STARTED, Lane.COMMAND, _subject(window), now, encode(_data(window)))
        return one

    def end(self, window_id: str, by: str, now: Instant, draft: Draft) -> Open | None:
        """End a window; `by` is empty if its time is over. None: there is none of that id."""
        one = self.open.pop(window_id, None)
        if one is not None:
            one.over = True
            draft.state(MAINTENANCE_KIND, window_id, None)
            data = msgspec.structs.replace(_data(one.window), ended=utc(now.wall_ns), ended_by=by[:TEXT_MOST])
            draft.event(MAINTENANCE_ENDED, Lane.COMMAND, _subject(one.window), now, encode(data))
        return one


_decode = msgspec.json.Decoder(Window).decode


def _data(window: Window) -> MaintenanceData:
    return MaintenanceData(
        id=window.id,
        scope=window.scope,
        target=window.target,
        reason=window.reason,
        by=window.by,
        began=utc(window.began.wall_ns),
        until=utc(window.until_ns),
    )


def _subject(window: Window) -> str:
    """The events' subject: what is worked on, as alarms name it."""
    if window.scope == "link":
        return f"link/{window.target}"
    return window.target if window.scope in ("device", "door") else GATEWAY


def _text(reason: str, name: str, text: str) -> None:
    if not text.strip() or len(text) > TEXT_MOST or not text.isprintable():
        raise CommandError(reason, f"{name} is a line of 1 to {TEXT_MOST} characters")


def _place(target: str) -> dict[str, str]:
    """``building=3,floor=2`` as labels."""
    labels = {}
    for part in target.split(","):
        name, equals, value = part.partition("=")
        if not equals or not name.strip() or not value.strip() or name.strip() in labels:
            raise CommandError("bad-target", "a place is given by labels: building=3,floor=2")
        labels[name.strip()] = value.strip()
    return labels
