"""Checks of who may pass: rights, schedules, holidays, the key, where credentials come from.

Owns: what must hold inside `access` and between it and the doors. Must not know: credentials, how a right is applied.
"""

from datetime import date
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from edgegw.config.acting import Access, Window
from edgegw.config.catalogue import Catalogue
from edgegw.config.check_net import NetChecks
from edgegw.config.findings import Findings, Loc, suggest

MIDNIGHT = "24:00"


class AccessChecks:
    """Goes through the section once."""

    def __init__(self, findings: Findings, there: Catalogue, net: NetChecks) -> None:
        self._findings = findings
        self._there = there
        self._net = net

    def all(self, access: Access) -> None:
        """Check `access`; the doors are known."""
        holidays = self._holidays(access)
        for name, windows in access.schedules.items():
            self._schedule(("access", "schedules", name), windows, holidays=holidays)
        for name in access.rights:
            self._right(name, access)
        self._key(access)
        if access.sync is not None:
            self._sync(access)

    def timezone(self, name: str) -> None:
        """Check the gateway's time zone."""
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            known = available_timezones()
            hint = suggest(name, known, "time zones") if known else "this machine knows none: install tzdata"
            self._findings.error(("gateway", "timezone"), f"there is no time zone {name!r}; {hint}")

    def _holidays(self, access: Access) -> bool:
        seen: set[str] = set()
        for i, day in enumerate(access.holidays):
            loc: Loc = ("access", "holidays", i)
            try:
                date.fromisoformat(day)
            except ValueError:
                self._findings.error(loc, f"there is no day {day}")
            if day in seen:
                self._findings.warn(loc, f"{day} is there twice")
            seen.add(day)
        return bool(access.holidays)

    def _schedule(self, at: Loc, windows: tuple[Window, ...], *, holidays: bool) -> None:
        if not windows:
            self._findings.error(
                at, "a schedule without windows is never open; leave the schedule out of the right for always"
            )
        for i, window in enumerate(windows):
            self._window((*at, i), window)
            if "holiday" in window.days and not holidays:
                self._findings.warn((*at, i, "days"), "no day is a holiday: access.holidays is empty")

    def _window(self, at: Loc, window: Window) -> None:
        for key in ("start", "end"):
            clock: str = getattr(window, key)
            if clock > MIDNIGHT:
                self._findings.error((*at, key), f"there is no {clock}; the end of the day is {MIDNIGHT}")
                return
        start, end = window.start, window.end
        if start < end:
            return
        given = "end" if "end" in window.model_fields_set else "start"
        if start == MIDNIGHT:
            self._findings.error((*at, "start"), f'nothing starts at {MIDNIGHT}; the next day starts at "00:00"')
        elif end == "00:00":
            self._findings.error((*at, given), f'"00:00" is the beginning of the day; its end is "{MIDNIGHT}"')
        elif start == end:
            self._findings.error((*at, given), f"a window from {start} to {end} is never open")
        else:
            self._findings.error(
                (*at, given),
                f"{start} to {end} goes over midnight, and a window ends with its day: write two, {start} to {MIDNIGHT} and, "
                f"for the days after, 00:00 to {end}",
            )

    def _right(self, name: str, access: Access) -> None:
        at: Loc = ("access", "rights", name)
        right = access.rights[name]
        for i, door in enumerate(right.doors):
            self._there.doors_of((*at, "doors", i), door)
        if right.schedule is not None and right.schedule not in access.schedules:
            hint = suggest(right.schedule, access.schedules, "schedules")
            self._findings.error((*at, "schedule"), f"there is no schedule {right.schedule!r}; {hint}")

    def _key(self, access: Access) -> None:
        reading = [name for name, door in self._there.doors.items() if door.readers]
        if reading and access.key is None:
            self._findings.error(
                ("access",) if "key" not in access.model_fields_set else ("access", "key"),
                f"door {reading[0]!r} reads cards, and their numbers are kept only under a key: "
                "write access: {key: {file: PATH}}, with 32 random bytes or more in that file (openssl rand -hex 32)",
                key=True,
            )
        allowed = {door for right in access.rights.values() for door in right.doors}
        for name in reading:
            if not allowed & {name, *self._there.doors[name].groups}:
                self._findings.warn(("doors", name), "no right is for this door: every card is refused", key=True)

    def _sync(self, access: Access) -> None:
        sync = access.sync
        if sync is None:
            return
        at: Loc = ("access", "sync")
        self._net.url(at, sync.url, sync.token, sync.tls)
        for key in ("every", "timeout"):
            if getattr(sync, key) <= 0:
                self._findings.error((*at, key), f"{key} must be more than 0")
