"""What does not change while doors work: doors, rights, schedules, as the core needs them.

Owns: the frozen specs and their defaults. Must not know: the site file they are made from (`app` does that), devices,
what a door does with them (door.py, core.py).

Times are nanoseconds, ids are the site file's slugs.
"""

from collections.abc import Mapping

from msgspec import Struct

NS_PER_S = 1_000_000_000

DAY_S = 86_400
"""Seconds of a day, as a window's end: ``24:00``."""


class WindowSpec(Struct, frozen=True):
    """Days and times of a schedule, local wall time.

    Attributes:
        days: ``mon`` … ``sun``, ``holiday``.
        start_s, end_s: seconds after midnight as the clock on the wall shows them; the end (at most `DAY_S`) is not included.
    """

    days: frozenset[str]
    start_s: int = 0
    end_s: int = DAY_S


class CalendarSpec(Struct, frozen=True):
    """Local time and what is open when.

    Attributes:
        timezone: IANA name.
        schedules: windows by schedule name; a schedule is open while any of its windows is.
        holidays: ISO dates (``2026-10-01``); on them only windows for ``holiday`` count.
    """

    timezone: str
    schedules: Mapping[str, tuple[WindowSpec, ...]] = {}
    holidays: frozenset[str] = frozenset()


class RightSpec(Struct, frozen=True):
    """Who may pass where and when.

    Attributes:
        groups: holders' groups. doors: door ids or door groups. schedule: None: always.
    """

    groups: frozenset[str]
    doors: frozenset[str]
    schedule: str | None = None


class LockoutSpec(Struct, frozen=True):
    """After `failures` refused attempts in a row at one reader of a door nothing is accepted there for `pause_ns`.

    Attributes:
        failures: 0: never. within_ns: attempts further apart are not in a row.
    """

    failures: int = 5
    within_ns: int = 300 * NS_PER_S
    pause_ns: int = 30 * NS_PER_S


class PassbackSpec(Struct, frozen=True):
    """One may not enter `area` twice without leaving it.

    Attributes:
        hard: refuse; else grant and report.
        forget_ns: after this long a person may enter again whatever is known.
    """

    area: str
    hard: bool
    forget_ns: int = 43_200 * NS_PER_S


class MultiSpec(Struct, frozen=True):
    """So many different holders must present within a time. `escort`: one of them must be of this group."""

    cards: int = 2
    within_ns: int = 10 * NS_PER_S
    escort: str | None = None


class DoorSpec(Struct, frozen=True, kw_only=True):
    """A door.

    Attributes:
        name: what people call it; the id if empty.
        labels: building, floor …; location: the same as one readable line.
        groups: door groups; rights may name a group instead of each door.
        require: what a person must present: ``card``, ``pin``, ``card+pin``, ``qr`` or ``any`` of card, pin, qr.
        readers: device ids of its readers; `DoorCore` knows no others. A card reader and a keypad that belong together
            (card + PIN) are one reader.
        has_contact: whether opening is seen.
        has_fire: whether it has a fire input.
        pulse_ns: how long one grant opens.
        grace_ns: so long after the pulse an opening still belongs to it: bolt, contact and poll take their time.
        held_open_ns: open longer than this after a grant is an alarm.
        interlock: doors that must be closed, and not about to be opened, before this one opens.
        refuse_untrusted: rights bound to a schedule or a validity window are refused while the clock is not trustworthy.
    """

    id: str
    name: str = ""
    labels: Mapping[str, str] = {}
    location: str = ""
    groups: frozenset[str] = frozenset()
    require: str = "card"
    readers: tuple[str, ...] = ()
    has_contact: bool = False
    has_fire: bool = False
    pulse_ns: int = 5 * NS_PER_S
    grace_ns: int = 2 * NS_PER_S
    held_open_ns: int = 30 * NS_PER_S
    lockout: LockoutSpec = LockoutSpec()
    passback: PassbackSpec | None = None
    interlock: tuple[str, ...] = ()
    multi: MultiSpec | None = None
    refuse_untrusted: bool = False

    @property
    def shown(self) -> str:
        """What people call it."""
        return self.name or self.id
