"""What all troubles stand on: which there are, what explains and covers them, what follows when that changes, one step's changes.

Owns: the parts (machine, feeds, windows, history, timers) and how they ask each other.
Must not know: how events, answers and people's words come in (troubles.py).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from edgegw.model import NOTHING, Changes, Instant, StateChange
from edgegw.rules.events import Draft
from edgegw.rules.timers import Timers
from edgegw.service.catalogue import classify as by_catalogue
from edgegw.service.deciding import Machine
from edgegw.service.explaining import root
from edgegw.service.knowing import Known
from edgegw.service.looks import history_of
from edgegw.service.maintenance import Open, Windows
from edgegw.service.past import Past
from edgegw.service.specs import Catalogue, Facts, Feed, OneTicket
from edgegw.service.storm import Feeds
from edgegw.service.ticket import MAINTENANCE_KIND, TROUBLE_KIND, Request
from edgegw.service.trouble import Timer, Trouble

Classify = Callable[[Catalogue, Facts, Instant], Request | None]


class Ground:
    """The parts, put together.

    Args:
        gateway: its id; dedup_keys begin with it.
        facts: by dedup_key; what is missing is taken from the alarm itself.
        feeds: what fails together.
        troubles, windows: stored states by key, as the store kept them.
        history: keys of the stored history rows.
        now: the present; the clocks of stored troubles run on from here.
        history_keep_days, history_most: which rows are kept.
        classify: the catalogue's word.

    Attributes:
        unreadable: stored states that could not be read (they are forgotten with `begin`).
        undecoded: alarm events that could not be read; they passed as they were.
    """

    def __init__(
        self,
        *,
        gateway: str,
        catalogue: Catalogue,
        one: OneTicket,
        facts: Mapping[str, Facts],
        feeds: Sequence[Feed],
        troubles: Mapping[str, bytes],
        windows: Mapping[str, bytes],
        history: Iterable[str],
        now: Instant,
        history_keep_days: int = 400,
        history_most: int = 20_000,
        classify: Classify = by_catalogue,
    ) -> None:
        self.undecoded = 0
        self._timers = Timers()
        self._feeds = Feeds(gateway, feeds, one, self._timers.arm)
        self._windows = Windows(gateway, windows, self._window_over, now)
        self._past = Past(catalogue.calendar.zone, history, keep_days=history_keep_days, most=history_most, now=now)
        self._machine = Machine(
            one=one,
            classify=lambda known, at: classify(catalogue, known, at),
            covered=lambda tr: self._windows.covers(tr.facts),
            explained=self._explained,
            explicable=lambda tr: tr.health and self._feeds.explicable(tr.key, tr.s.subject),
            over=self._over,
            past=lambda tr, at, draft: self._past.add(history_of(tr), at, draft),
        )
        self._known = Known(
            gateway=gateway,
            facts=facts,
            inferred=self._feeds.inferred,
            on_due=self._machine.fire,
            flap_raises=one.flap_raises,
        )
        self._gone: list[tuple[str, str]] = [(MAINTENANCE_KIND, key) for key in self._windows.unreadable]
        self._gone += [(TROUBLE_KIND, key) for key in self._known.restore(troubles, now)]
        self.unreadable = len(self._gone)
        self._offline: set[str] = set()
        self._active: set[str] = set()

    @property
    def actions(self) -> Mapping[str, int]:
        """Events that carried each action, since start."""
        return self._machine.actions

    def _set_offline(self, device: str, at: Instant, *, offline: bool) -> None:
        if offline is not (device in self._offline):
            (self._offline.add if offline else self._offline.discard)(device)
            self._feeds.lost(device, 1 if offline else -1, at)

    def _note(self, tr: Trouble, at: Instant, *, active: bool) -> None:
        """What an alarm means for others."""
        key = tr.key
        if active is (key in self._active):
            return
        (self._active.add if active else self._active.discard)(key)
        self._feeds.cause(key, active=active, at=at)
        if tr.facts.health:
            self._feeds.lost(tr.s.subject, 1 if active else -1, at)

    # --- what follows -----------------------------------------------------------------------------------------

    def _flipped(self, at: Instant, draft: Draft) -> None:
        """Feeds' explanations came or went: look at all that is behind them."""
        flips, self._feeds.flips = self._feeds.flips, []
        for feed in {flip.dedup_key: flip for flip in flips}.values():
            for tr in self._known.behind(feed):
                self._machine.review(tr, at, draft)

    def _explained(self, tr: Trouble) -> str:
        return root(tr.key, self._direct) if tr.health else ""

    def _direct(self, key: str) -> Iterable[str]:
        feed = self._feeds.inferred.get(key)
        if feed is not None:
            return self._feeds.explaining_feed(feed)
        tr = self._known.find(key)
        return self._feeds.explaining(tr.s.subject) if tr is not None and tr.health else ()

    def _over(self, tr: Trouble, at: Instant, draft: Draft) -> None:
        self._past.add(history_of(tr), at, draft)
        self._timers.arm(self._past)
        tr.stop(*Timer)
        self._machine.touched.pop(tr.key, None)
        self._known.forget(tr)
        draft.state(TROUBLE_KIND, tr.key, None)

    def _window_over(self, one: Open, now: Instant, draft: Draft) -> None:
        self._end(one.window.id, "", now, draft)

    def _end(self, window_id: str, by: str, now: Instant, draft: Draft) -> None:
        one = self._windows.end(window_id, by, now, draft)
        if one is not None:
            for tr in [tr for tr in self._known if one.covers(tr.facts)]:
                self._machine.uncovered(tr, now, draft)

    def _done(self, draft: Draft, at: Instant, states: tuple[StateChange, ...] = ()) -> Changes:
        touched, self._machine.touched = self._machine.touched, {}
        for key, tr in touched.items():
            draft.state(TROUBLE_KIND, key, tr.value(at))
            self._timers.arm(tr)
        changes = draft.changes()
        if not states:
            return changes if changes.events or changes.states else NOTHING
        return Changes(changes.events, states + changes.states)
