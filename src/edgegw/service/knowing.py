"""Which troubles there are, and what the site says of each.

Owns: troubles by key and by subject, facts for alarms the site says nothing of, reading stored states, a bound on their number.
Must not know: when a trouble begins or ends.
"""

from collections.abc import Callable, Collection, Iterator, Mapping

import msgspec
from msgspec import UNSET

from edgegw.model import Instant
from edgegw.rules.events import AlarmData, Draft
from edgegw.rules.own import GATEWAY
from edgegw.service.outgoing import UNREADABLE
from edgegw.service.specs import Facts
from edgegw.service.storm import FeedState
from edgegw.service.trouble import Stored, Trouble, begun, decode_stored

LINK = "link/"
"""Feeds and subjects of links begin with this."""


class Known:
    """The troubles.

    Args:
        inferred: feeds by the dedup_key of their inferred alarms.
        on_due: told of a trouble whose time has come.
    """

    def __init__(
        self,
        *,
        gateway: str,
        facts: Mapping[str, Facts],
        inferred: Mapping[str, FeedState],
        on_due: Callable[[Trouble, Instant, Draft], None],
        flap_raises: int,
    ) -> None:
        self._gateway = gateway
        self._facts = facts
        self._inferred = inferred
        self._on_due = on_due
        self._flap_raises = flap_raises
        self._all: dict[str, Trouble] = {}
        self._by_subject: dict[str, dict[str, Trouble]] = {}

    def __iter__(self) -> Iterator[Trouble]:
        """All of them, the oldest first."""
        return iter(self._all.values())

    def __len__(self) -> int:
        """How many."""
        return len(self._all)

    def find(self, key: str) -> Trouble | None:
        """That of a dedup_key."""
        return self._all.get(key)

    def get(self, data: AlarmData, subject: str, at: Instant, serial: int = 0) -> Trouble:
        """That of an alarm; it begins if there is none.

        Args:
            subject: of the alarm's event; empty: not known.
        """
        found = self._all.get(data.dedup_key)
        if found is not None:
            return found
        data = msgspec.structs.replace(data, ticket=UNSET)
        known = self._facts.get(data.dedup_key)
        if not subject:
            subject = known.subject if known is not None else self._subject(data)
        return self._add(begun(data, subject, at, serial))

    def refresh(self, tr: Trouble) -> None:
        """Its alarm is raised again, perhaps with another priority or place than last time."""
        if tr.key not in self._facts:
            tr.facts = _facts(tr.s, self._inferred.get(tr.key))

    def restore(self, stored: Mapping[str, bytes], now: Instant) -> list[str]:
        """Take what was stored; returns the keys of what cannot be read."""
        unreadable = []
        for key, value in stored.items():
            try:
                self._add(decode_stored(key, value)).thaw(now)
            except UNREADABLE:
                unreadable.append(key)
        return unreadable

    def forget(self, tr: Trouble) -> None:
        """It is over."""
        self._all.pop(tr.key, None)
        mine = self._by_subject.get(tr.s.subject, {})
        mine.pop(tr.key, None)
        if not mine:
            self._by_subject.pop(tr.s.subject, None)

    def behind(self, feed: FeedState) -> Collection[Trouble]:
        """Those that a feed, or one inside it, may explain; in an order that does not depend on chance."""
        found: dict[str, Trouble] = {}
        for one in (feed, *feed.below):
            inferred = self._all.get(one.dedup_key)
            if inferred is not None:
                found[one.dedup_key] = inferred
            members = one.feed.members
            for subject in sorted(members if len(members) < len(self._by_subject) else members & set(self._by_subject)):
                found.update(self._by_subject.get(subject, {}))
        return found.values()

    def _add(self, stored: Stored) -> Trouble:
        feed = self._inferred.get(stored.dedup_key)
        facts = self._facts.get(stored.dedup_key)
        if facts is None:
            facts = _facts(stored, feed)
        elif not facts.labels and stored.data.location is not UNSET:
            facts = msgspec.structs.replace(facts, labels=stored.data.location.labels)
        tr = Trouble(
            stored, facts, self._on_due, health=facts.health or feed is not None, flap_raises=self._flap_raises
        )
        self._all[stored.dedup_key] = tr
        self._by_subject.setdefault(stored.subject, {})[stored.dedup_key] = tr
        return tr

    def _subject(self, data: AlarmData) -> str:
        """As the rules make dedup_keys: ``<gateway>/<device>/<rule>``, ``<gateway>/link/<name>``."""
        if data.device is not UNSET:
            return data.device.id
        rest = data.dedup_key.removeprefix(f"{self._gateway}/")
        if rest.startswith(LINK):
            return rest
        return rest.partition("/")[0] or GATEWAY


def _facts(stored: Stored, feed: FeedState | None) -> Facts:
    """What the alarm says of itself; of a lost feed that is a link also which link."""
    data = stored.data
    link = "" if data.device is UNSET else data.device.link
    if feed is not None and feed.feed.id.startswith(LINK):
        link = feed.feed.id.removeprefix(LINK)
    return Facts(
        subject=stored.subject,
        rule=data.rule,
        category=data.category,
        priority=stored.given,
        profile="" if data.device is UNSET else data.device.profile,
        link=link,
        labels={} if data.location is UNSET else data.location.labels,
    )
