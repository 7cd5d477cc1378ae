"""The pipeline's rules: the rule engine, and behind it the troubles, so that no alarm leaves without its ticket's part.

Owns: that every change of the engine goes through the troubles, and every condition the troubles find through the engine.
Must not know: what either decides, storage, delivery.

    messages, silence, links, time, others' conditions ─▶ engine ─▶ troubles ─▶ events and states, committed together
                                                            ▲            │
                                                            └────────────┘ a feed is lost, or back
"""

from collections.abc import Callable, Iterable

from edgegw.model import NOTHING, Changes, Decoded, Event, Instant
from edgegw.rules.engine import RuleEngine
from edgegw.rules.events import ALARM_CLEARED, ALARM_RAISED, ALARM_UPDATED, DEVICE_OFFLINE, DEVICE_ONLINE
from edgegw.rules.own import Reported
from edgegw.rules.presence import OFFLINE
from edgegw.service.troubles import Troubles

CONCERNS = frozenset({ALARM_RAISED, ALARM_UPDATED, ALARM_CLEARED, DEVICE_OFFLINE, DEVICE_ONLINE})
"""Types of the events that troubles are made of; readings, nearly all there are, pass by."""

ROUNDS = 4
"""Most times a found condition may lead to the next one in a step: a feed may be on a link, the link behind another feed."""


class Sensing:
    """See the module's text. Not for concurrent use; the pipeline is the only one that commits what it returns.

    Args:
        alarm: told every alarm event that leaves; for indicators.
    """

    def __init__(self, engine: RuleEngine, troubles: Troubles, *, alarm: Callable[[Event], None] | None = None) -> None:
        self._engine = engine
        self._troubles = troubles
        self._alarm = alarm

    def begin(self, now: Instant) -> Changes:
        """Once at start, before anything comes in: the troubles learn which alarms are raised and who is offline."""
        offline = [view.device for view in self._engine.presence() if view.status == OFFLINE]
        return self._found(self._troubles.begin(self._engine.raised(), offline, now), now)

    # --- pipeline.Rules -----------------------------------------------------------------------------------------------

    def decoded(self, device: str, decoded: Decoded, at: Instant) -> Changes:
        """See `RuleEngine.decoded`."""
        return self._through(self._engine.decoded(device, decoded, at), at)

    def silent(self, device: str, reason: str, at: Instant) -> Changes:
        """See `RuleEngine.silent`."""
        return self._through(self._engine.silent(device, reason, at), at)

    def link_state(self, link: str, *, up: bool, reason: str, at: Instant) -> Changes:
        """See `RuleEngine.link_state`."""
        return self._through(self._engine.link_state(link, up=up, reason=reason, at=at), at)

    def tick(self, now: Instant) -> Changes:
        """Let time pass for both."""
        return merged(self._through(self._engine.tick(now), now), self._found(self._troubles.tick(now), now))

    def due_ns(self) -> int | None:
        """Monotonic time of the next tick that may change something."""
        rules, troubles = self._engine.due_ns(), self._troubles.due_ns()
        if rules is None or troubles is None:
            return rules if troubles is None else troubles
        return min(rules, troubles)

    # --- others -------------------------------------------------------------------------------------------------------

    def condition(self, one: Reported, at: Instant) -> Changes:
        """See `RuleEngine.condition`."""
        return self._through(self._engine.condition(one, at), at)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _through(self, changes: Changes, at: Instant) -> Changes:
        events = changes.events
        if not events or (len(events) == 1 and events[0].type not in CONCERNS):
            return changes
        if not _concerns(events):
            return changes
        if self._alarm is not None:
            for event in events:
                self._alarm(event)
        return self._found(self._troubles.take(changes, at), at)

    def _found(self, changes: Changes, at: Instant) -> Changes:
        """What the troubles decided, and the conditions they found meanwhile, through the engine and back."""
        for _ in range(ROUNDS):
            found = self._troubles.conditions()
            if not found:
                break
            for one in found:
                more = self._engine.condition(one, at)
                if self._alarm is not None:
                    for event in more.events:
                        self._alarm(event)
                changes = merged(changes, self._troubles.take(more, at))
        return changes


def _concerns(events: Iterable[Event]) -> bool:
    return any(event.type in CONCERNS for event in events)


def merged(first: Changes, second: Changes) -> Changes:
    """Both, to be committed together; of one key's states the later one stands."""
    if second is NOTHING or not (second.events or second.states):
        return first
    if not (first.events or first.states):
        return second
    states = {(change.kind, change.key): change for change in (*first.states, *second.states)}
    return Changes((*first.events, *second.events), tuple(states.values()))
