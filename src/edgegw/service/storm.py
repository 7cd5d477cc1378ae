"""What fails together: which alarm explains which, and when so many are lost together that their feed must be the cause.

Owns: feeds, their active causes, who of their members is lost, the conditions that follow from it.
Must not know: tickets, what becomes of the troubles behind a feed (deciding.py).

A feed is explained from outside by one of its `causes` (a link is down, a breaker has tripped). Where none of these is active and
many of its members are lost all the same, the feed itself is inferred to be lost; that ends when fewer than half as many are.
After a cause has gone its members get time to come back (`settle_s`) before anything is inferred again.

One lost device costs what its few feeds cost. A feed changes over at most once per half its threshold of members, and only then
are all members looked at: for any storm a constant per event.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from hashlib import blake2b
from heapq import nsmallest
from math import ceil

from edgegw.model import Instant
from edgegw.profiles.fields import Text
from edgegw.rules.events import Draft
from edgegw.rules.own import GATEWAY, Reported
from edgegw.service.specs import NS_PER_S, Feed, OneTicket

NAMES_MOST = 20
"""Members named in the evidence: as many as a person reads; the count tells the rest."""

LOST_PREFIX = "lost-"
"""Keys of inferred conditions begin with this."""

LOST_CATEGORY = "device"
_NOT_SLUG = re.compile(r"[^A-Za-z0-9._-]+")
_FLIPS_MOST = 4
"""Most times a feed may change over in one step: feeds inside feeds settle in two; this only bounds a mistake of ours."""


class FeedState:
    """A feed now.

    Attributes:
        dedup_key: of its inferred alarm; `slug` is that alarm's key.
        up: its causes that are active.
        lost: how many members are; `told`: inferred.
        above: feeds that contain this one whole: what explains them explains it, and its members.
        below: the other way round.
    """

    __slots__ = ("_on_due", "above", "armed_ns", "below", "dedup_key", "feed", "lost", "quiet_ns", "slug", "told", "up")

    def __init__(self, feed: Feed, gateway: str, slug: str, on_due: Callable[["FeedState", Instant], None]) -> None:
        self.feed = feed
        self.slug = slug
        self.dedup_key = f"{gateway}/{GATEWAY}/{slug}"
        self.up: set[str] = set()
        self.lost = 0
        self.told = False
        self.above: list[FeedState] = []
        self.below: list[FeedState] = []
        self.quiet_ns: int | None = None
        self.armed_ns: int | None = None
        self._on_due = on_due

    def due_ns(self) -> int | None:
        """See `rules.timers.Timed`: the end of the time members get to come back."""
        return self.quiet_ns

    def fire(self, now: Instant, draft: Draft) -> None:  # noqa: ARG002 - the shape of rules.timers.Timed
        """See `rules.timers.Timed`."""
        self.quiet_ns = None
        self._on_due(self, now)

    def explains(self) -> Iterator[str]:
        """dedup_keys of what explains its members now."""
        yield from self.up
        if self.told:
            yield self.dedup_key


class Feeds:
    """All feeds of a gateway.

    Args:
        arm: puts a feed into the timer queue.
    """

    def __init__(self, gateway: str, feeds: Sequence[Feed], one: OneTicket, arm: Callable[[FeedState], None]) -> None:
        self._one = one
        self._arm = arm
        self._settle_ns = round(one.settle_s * NS_PER_S)
        self._prefix = f"{gateway}/{GATEWAY}/{LOST_PREFIX}"
        self._begun = False
        self._changed: dict[str, Reported] = {}
        self._lost: dict[str, int] = {}
        self.inferred: dict[str, FeedState] = {}
        """By the dedup_key of the inferred alarm."""
        self._of: dict[str, list[FeedState]] = {}
        self._by_cause: dict[str, list[FeedState]] = {}
        self.flips: list[FeedState] = []
        """Feeds whose explanation came or went since the owner last emptied this."""
        for feed, slug in zip(feeds, _slugs(feeds), strict=True):
            state = FeedState(feed, gateway, slug, self._due)
            self.inferred[state.dedup_key] = state
            for member in feed.members:
                self._of.setdefault(member, []).append(state)
            for cause in feed.causes:
                self._by_cause.setdefault(cause, []).append(state)
        self._nest()

    def _nest(self) -> None:
        """Find which feed is inside which, over any number of steps; feeds that contain each other are on one level."""
        direct: dict[str, list[FeedState]] = {}
        for state in self.inferred.values():
            around = {
                other.dedup_key: other
                for member in (*state.feed.members, state.feed.id)
                for other in self._of.get(member, ())
            }
            direct[state.dedup_key] = [other for other in around.values() if _contains(other.feed, state.feed)]
        above: dict[str, dict[str, FeedState]] = {}
        for key in self.inferred:
            found: dict[str, FeedState] = {}
            todo = list(direct[key])
            while todo:
                other = todo.pop()
                if other.dedup_key not in found:
                    found[other.dedup_key] = other
                    todo += direct[other.dedup_key]
            above[key] = found
        for key, state in self.inferred.items():
            for other_key, other in above[key].items():
                if key not in above[other_key]:
                    state.above.append(other)
                    other.below.append(state)

    # --- what is asked ------------------------------------------------------------------------------------------------

    def explaining(self, subject: str) -> Iterator[str]:
        """dedup_keys of what explains a health alarm of this subject now."""
        for state in self._of.get(subject, ()):
            yield from state.explains()
            for other in state.above:
                yield from other.explains()

    def explaining_feed(self, state: FeedState) -> Iterator[str]:
        """dedup_keys of what explains that this feed is lost."""
        yield from state.up
        for other in state.above:
            yield from other.explains()

    def explicable(self, key: str, subject: str) -> bool:
        """Whether anything may ever explain a health alarm."""
        state = self.inferred.get(key)
        if state is not None:
            return bool(state.feed.causes or state.above)
        return subject in self._of

    # --- what is told -------------------------------------------------------------------------------------------------

    def cause(self, key: str, *, active: bool, at: Instant) -> None:
        """An alarm is raised or cleared; flips follow if it is a cause."""
        for state in self._by_cause.get(key, ()):
            before = bool(state.up)
            (state.up.add if active else state.up.discard)(key)
            if bool(state.up) != before:
                self._flip(state, at, gone=before)
                self._settle([state, *state.below], at)

    def lost(self, subject: str, by: int, at: Instant) -> None:
        """One reason more (1) or less (-1) to call a member lost: it is offline, a health alarm of it is active."""
        before = self._lost.get(subject, 0)
        after = before + by
        if after > 0:
            self._lost[subject] = after
        else:
            self._lost.pop(subject, None)
        if (before > 0) is (after > 0):
            return
        mine = self._of.get(subject, ())
        for state in mine:
            state.lost += by
        self._settle(mine, at)

    def restored(self, alarms: Iterable[str], titles: Callable[[str], str]) -> None:
        """Once at start: inferred alarms that are raised. Those of feeds that are no longer there are to be cleared."""
        for key in alarms:
            if not key.startswith(self._prefix):
                continue
            state = self.inferred.get(key)
            if state is not None and state.feed.infer:
                state.told = True
            else:
                title = titles(key)
                slug = LOST_PREFIX + key.removeprefix(self._prefix)
                self._changed[slug] = Reported(
                    key=slug, active=False, title=Text(zh=title, en=title), category=LOST_CATEGORY
                )

    def look(self, at: Instant) -> None:
        """Once at start, when everything was told: what follows."""
        self._begun = True
        self._settle(list(self.inferred.values()), at)

    def conditions(self) -> tuple[Reported, ...]:
        """What changed since this was last asked."""
        if not self._changed:
            return ()
        changed, self._changed = self._changed, {}
        return tuple(changed.values())

    # --- inside -------------------------------------------------------------------------------------------------------

    def _due(self, state: FeedState, now: Instant) -> None:
        self._settle([state], now)

    def _flip(self, state: FeedState, at: Instant, *, gone: bool) -> None:
        self.flips.append(state)
        if gone and self._settle_ns:
            for one in (state, *state.below):
                one.quiet_ns = at.mono_ns + self._settle_ns
                self._arm(one)

    def _settle(self, states: Collection[FeedState], at: Instant) -> None:
        """Infer anew for these, and for what depends on those that change over."""
        if not self._begun:
            return
        todo = list(states)
        flipped: dict[str, int] = {}
        while todo:
            state = todo.pop()
            lost = self._is_lost(state, at)
            if lost is state.told or flipped.get(state.dedup_key, 0) >= _FLIPS_MOST:
                continue
            flipped[state.dedup_key] = flipped.get(state.dedup_key, 0) + 1
            state.told = lost
            self._changed[state.slug] = self._condition(state)
            explained = bool(state.up)
            if not explained:
                self._flip(state, at, gone=not lost)
            todo += state.below

    def _is_lost(self, state: FeedState, at: Instant) -> bool:
        feed = state.feed
        if not feed.infer or state.up or any(other.told or other.up for other in state.above):
            return False
        threshold = max(self._one.storm_devices, ceil(self._one.storm_share * len(feed.members)), 1)
        if state.told:
            return state.lost * 2 >= threshold
        return state.lost >= threshold and (state.quiet_ns is None or state.quiet_ns <= at.mono_ns)

    def _condition(self, state: FeedState) -> Reported:
        feed = state.feed
        evidence: dict[str, object] = {"feed": feed.id, "lost": state.lost, "members": len(feed.members)}
        if state.told:
            evidence["names"] = nsmallest(NAMES_MOST, (name for name in feed.members if name in self._lost))
        return Reported(
            key=state.slug,
            active=state.told,
            title=feed.title,
            category=LOST_CATEGORY,
            evidence=evidence,
            owner=feed.owner,
        )


def _contains(outer: Feed, inner: Feed) -> bool:
    """Whether the loss of the outer feed is also that of the inner one; of two with equal members the first by name."""
    if outer.id == inner.id:
        return False
    if inner.id in outer.members:
        return True
    if outer.members == inner.members:
        return outer.id < inner.id
    return inner.members < outer.members


def _slugs(feeds: Sequence[Feed]) -> list[str]:
    """Keys of the feeds' conditions: readable where that is unambiguous."""
    plain = [LOST_PREFIX + _NOT_SLUG.sub("-", feed.id) for feed in feeds]
    return [
        slug
        if plain.count(slug) == 1 and _NOT_SLUG.sub("", feed.id.replace("/", "")) == feed.id.replace("/", "")
        else f"{slug}-{blake2b(feed.id.encode(), digest_size=4).hexdigest()}"
        for feed, slug in zip(feeds, plain, strict=True)
    ]
