"""Patrols and rating panels at work: what devices say into the cores, what they decide into records and conditions.

Owns: which reading is a card, a press or nothing; the timer; check-ins by the API.
Must not know: what a check-in is worth (service.patrol), what a rating asks for (service.people), whose card it is (`holder`).

A card's number goes no further than `holder`. Stale readings (retained, or of a device that stopped answering) are no check-in. A
press is a change that was seen: the first reading after a start, a silence or a null only tells how a button stands; a word
(``single``) is no state, each is one.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct

from edgegw.clock import Clock
from edgegw.model import Changes, Decoded, Instant, Quality, Reading, Value
from edgegw.ports import Listening
from edgegw.rules.condition import same
from edgegw.rules.events import NS_PER_S
from edgegw.rules.own import Reported
from edgegw.service.patrol import Patrols, Stepped
from edgegw.service.patrol_specs import UNKNOWN, Person, Source
from edgegw.service.patrol_state import CheckResult, PatrolView, Summary
from edgegw.service.people import Ratings
from edgegw.service.people_condition import PeopleStep

LOOK_S = 5.0
"""Longest sleep of the timer: so soon it is noticed that the wall clock was set."""

KNOWN_MOST = 1000
"""Ids of check-ins by the API that are remembered (in memory); a handset repeats within minutes."""

STALE = Quality.STALE

Holder = Callable[[str, str], tuple[str, str, tuple[str, ...]] | None]
"""(kind, number) → the holder's id, name and groups; None: nobody is known."""

Use = Callable[[Reading, Instant], None]


class Taken(Struct, frozen=True):
    """A check-in by the API. `new`: false if its id was known; `results`: as of `Stepped`."""

    new: bool
    results: tuple[CheckResult, ...] = ()


class PatrolService:
    """One per gateway. All calls on the event loop; `run` ends only by a mistake of ours.

    Args:
        listening: the pipeline; it hands readings of secret points whole.
        condition: takes conditions, `record` changes, both into the next commit.
        holder: whose card it is.
        ratings: the panels, if there are any.
        ended: told every round that ended, and `rated` every rating; for indicators.
    """

    def __init__(
        self,
        core: Patrols,
        *,
        listening: Listening,
        condition: Callable[[Reported, Instant], None],
        record: Callable[[Changes], None],
        clock: Clock,
        holder: Holder,
        ratings: Ratings | None = None,
        ended: Callable[[Summary, Instant], None] = lambda _summary, _at: None,
        rated: Callable[[int, Instant], None] = lambda _score, _at: None,
    ) -> None:
        self._core = core
        self._listening = listening
        self._condition = condition
        self._record = record
        self._clock = clock
        self._holder = holder
        self._ended = ended
        self._rated = rated
        self._uses: dict[str, dict[str, list[Use]]] = {}
        self._endings: list[Callable[[], None]] = []
        self._retime = asyncio.Event()
        self._known: OrderedDict[str, Taken] = OrderedDict()
        self.ignored = 0
        """Readings of card readers not looked at: stale, or no number."""
        self.checkins = 0
        for source in core.sources():
            use = self._button(source) if source.kind == "button" else self._reader(source)
            self._use(source.device, source.point, use)
        if ratings is not None:
            for device, point in ratings.points():
                self._use(device, point, self._panel(ratings, device, point))

    # --- the shell's life ---------------------------------------------------------------------------------------------

    def attach(self) -> None:
        """Hear the devices from now on, and tell how the plans stand; once, before messages come in."""
        now = self._clock.now()
        self._follow(self._core.begin(now), now)
        self._endings += [self._listening.listen(device, self.heard) for device in sorted(self._uses)]

    def detach(self) -> None:
        """Hear no more."""
        for end in self._endings:
            end()
        self._endings.clear()

    async def run(self) -> None:
        """Let time pass until cancelled."""
        looked_ns = self._clock.now().mono_ns
        while True:
            now = self._clock.now()
            due = self._core.due_ns()
            if (due is not None and due <= now.mono_ns) or now.mono_ns >= looked_ns + round(LOOK_S * NS_PER_S):
                looked_ns = now.mono_ns
                self._follow(self._core.tick(now), now)
                due = self._core.due_ns()
            self._retime.clear()
            wait_s = LOOK_S if due is None else min(LOOK_S, max(0.001, (due - now.mono_ns) / NS_PER_S))
            try:
                async with asyncio.timeout(wait_s):
                    await self._retime.wait()
            except TimeoutError:
                continue

    # --- what comes in ------------------------------------------------------------------------------------------------

    def heard(self, device: str, decoded: Decoded, at: Instant) -> None:
        """A device's message (`ports.Heard`)."""
        uses = self._uses.get(device)
        for reading in decoded.readings if uses else ():
            for use in uses.get(reading.point, ()) if uses else ():
                use(reading, at)

    def check_in(
        self,
        point: str,
        who: Person,
        *,
        id_: str = "",
        plan: str | None = None,
        tag: str = "",
        was_ns: int | None = None,
    ) -> Taken:
        """Somebody is, or was, at a point, as the API says.

        Args:
            who: `Person.groups` None: the API's caller vouches for them.
            id_: the caller's own: a check-in sent twice is one. Empty: not told.
            plan, tag, was_ns: as of `Patrols.checkin`.

        Raises:
            EdgegwError: as of `Patrols.checkin`; nothing changed.
        """
        if (before := self._known.get(id_)) is not None:
            return Taken(new=False, results=before.results)
        now = self._clock.now()
        stepped = self._core.checkin(plan, point, who, now, tag=tag, was_ns=was_ns)
        self.checkins += 1
        self._follow(stepped, now)
        taken = Taken(new=True, results=stepped.results)
        if id_:
            self._known[id_] = taken
            if len(self._known) > KNOWN_MOST:
                self._known.popitem(last=False)
        return taken

    def views(self) -> tuple[PatrolView, ...]:
        """All plans now."""
        return self._core.views()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _use(self, device: str, point: str, use: Use) -> None:
        self._uses.setdefault(device, {}).setdefault(point, []).append(use)

    def _reader(self, source: Source) -> Use:
        def shown(reading: Reading, at: Instant) -> None:
            number = reading.value
            if reading.quality is STALE or isinstance(number, bool | float) or number is None or number == "":
                self.ignored += 1
                return
            found = self._holder(source.kind, str(number))
            self._checked(source, UNKNOWN if found is None else Person(*found), at)

        return shown

    def _button(self, source: Source) -> Use:
        return _presses(source.equals, lambda _value, at: self._checked(source, None, at))

    def _checked(self, source: Source, who: Person | None, at: Instant) -> None:
        self.checkins += 1
        self._follow(self._core.heard(source, who, at), at)

    def _panel(self, ratings: Ratings, device: str, point: str) -> Use:
        def pressed(value: Value, at: Instant) -> None:
            self._follow_rating(ratings.pressed(device, point, value, at), at)

        return _changes(pressed)

    def _follow(self, stepped: Stepped, at: Instant) -> None:
        self._retime.set()
        self._commit(stepped.changes, stepped.conditions, at)
        for summary in stepped.rounds:
            self._ended(summary, at)

    def _follow_rating(self, step: PeopleStep, at: Instant) -> None:
        self._commit(step.changes, step.conditions, at)
        if step.score:
            self._rated(step.score, at)

    def _commit(self, changes: Changes, conditions: tuple[Reported, ...], at: Instant) -> None:
        if changes.events or changes.states:
            self._record(changes)
        for one in conditions:
            self._condition(one, at)


def _presses(equals: Value, pressed: Callable[[Value, Instant], None]) -> Use:
    """A button: pressed when it comes to have the value."""
    before: bool | None = None

    def told(reading: Reading, at: Instant) -> None:
        nonlocal before
        if reading.quality is STALE or reading.value is None:
            before = None
            return
        now = same(reading.value, equals)
        was = False if isinstance(equals, str) else before
        before = now
        if now and was is False:
            pressed(reading.value, at)

    return told


def _changes(pressed: Callable[[Value, Instant], None]) -> Use:
    """A panel: a word each time, another value when it comes to be."""
    before: Value = None

    def told(reading: Reading, at: Instant) -> None:
        nonlocal before
        value, was = reading.value, before
        before = None if reading.quality is STALE else value
        if before is None or (not isinstance(value, str) and (was is None or same(value, was))):
            return
        pressed(value, at)

    return told
