"""What to do next: may a lane send, how much, and what follows from an outcome. Pure: state in, decision out.

Owns: alarms first, back-off with full jitter, isolation of poison by halving, the hold, and the escape from one lane that
gets nothing but errors while others would be served.
Must not know: asyncio, records' contents, transports.

The rules:

1. A lane sends only when no higher lane has anything to send. So after an outage alarms go first, and during one only the highest
   lane with records tries.
2. A lane's failure delays that lane (full jitter, doubling from `first` to `most`); a higher lane's fresh record may try at once.
   What the receiver itself asked for (Retry-After) and a hold delay every lane.
3. One acceptance ends the back-off of all lanes.
4. Refused: halve until one record is refused alone; that one is dead-lettered, the rest goes on.
5. A lane that was answered with errors `STUCK_AFTER` times lets the next lane try a single record right behind it. If that is accepted
   the way is free and the error is about the first lane's record: it tries once more at once, and if that fails too the
   others no longer wait for it. It goes on at its own pace until it is accepted.
6. `REFUSE_ALL_AFTER` refusals without one acceptance: the receiver refuses everything (a wrong address, most likely). Then one
   refusal per hold interval, instead of emptying the outbox into the dead letters.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from msgspec import Struct

from edgegw.model import Lane
from edgegw.upstream.outcome import Accepted, Hold, Outcome, Refused, Rejected, Retry

NS_PER_S = 1_000_000_000

MIN_DELAY_S = 0.05
"""Full jitter may draw nothing; this keeps a receiver that refuses at once from being asked in a tight loop."""

MAX_RETRY_AFTER_S = 300.0
"""Longest Retry-After honoured: a mistaken hour (or year) must not silence a gateway."""

HOLD_RETRY_S = 60.0
"""How often a receiver that doesn't let us in is asked again: soon enough after a person renewed a token."""

STUCK_AFTER = 5
"""Answered failures of one lane in a row before others may look whether the way is free (rule 5)."""

REFUSE_ALL_AFTER = 100
"""Refusals in a row, over all lanes, before we believe that everything is refused (rule 6)."""


@dataclass
class LaneState:
    """One lane of one upstream. `busy`: has something to send, or may have."""

    lane: Lane
    busy: bool = True
    failures: int = 0
    answered: int = 0
    not_before_ns: int = 0
    suspect: int = 0
    """Records at the front among which one is poison; 0: none known."""
    cap: int = 0
    """Most records per batch the receiver was seen to take; 0: no limit known."""
    probed_at: int = 0
    """The value of `answered` at the last side probe behind this lane."""
    suspected: bool = False
    stuck: bool = False


@dataclass
class UpstreamState:
    """One upstream, all its lanes. Times are monotonic nanoseconds."""

    lanes: list[LaneState]
    first_s: float = 0.5
    most_s: float = 30.0
    failures: int = 0
    not_before_ns: int = 0
    held: str | None = None
    reason: str | None = None
    """Why the last attempt failed; None while it works."""
    refused_in_row: int = 0

    def __post_init__(self) -> None:
        self.lanes.sort(key=lambda s: s.lane)


class Go(Struct, frozen=True):
    """Send now, `size` records at most."""

    size: int


class Wait(Struct, frozen=True):
    """Not now. `delay_ns` None: until something changes."""

    delay_ns: int | None = None


def may_send(up: UpstreamState, me: LaneState, now_ns: int, limit: int) -> Go | Wait:
    """Whether lane `me`, which has records, may start a batch of at most `limit` records."""
    due = max(me.not_before_ns, up.not_before_ns)
    if due > now_ns:
        return Wait(due - now_ns)
    size = limit if not me.cap else min(limit, me.cap)
    if me.suspect:
        size = min(size, max(1, me.suspect // 2))
    blocker: LaneState | None = None
    for other in up.lanes:
        if other.lane >= me.lane:
            break
        if other.busy and not other.stuck:
            blocker = other  # the nearest above decides; those further above are looked at below
            if not _probe_open(other, now_ns):
                return Wait()
    if blocker is None:
        return Go(size)
    blocker.probed_at = blocker.answered
    return Go(1)


def _probe_open(blocker: LaneState, now_ns: int) -> bool:
    return (
        blocker.answered >= STUCK_AFTER
        and not blocker.suspected
        and blocker.not_before_ns > now_ns
        and blocker.probed_at != blocker.answered
    )


@dataclass
class Settled:
    """What follows from an outcome.

    Attributes:
        advance: leading records dealt with.
        rejected: those among them to dead-letter.
        reachable: True: it works again or still; False: it does not; None: says nothing about it.
    """

    advance: int = 0
    rejected: tuple[Rejected, ...] = ()
    reject_head: Refused | None = None
    """The first record alone was refused for good."""
    reachable: bool | None = None
    reason: str | None = None
    detail: str = field(default="", compare=False)


def settle(
    up: UpstreamState, me: LaneState, outcome: Outcome, size: int, now_ns: int, random: Callable[[], float]
) -> Settled:
    """Take note of what came of lane `me`'s batch of `size` records.

    Args:
        random: uniform draw from [0, 1).
    """
    if isinstance(outcome, Accepted):
        if outcome.count > 0:
            return _accepted(up, me, min(outcome.count, size), outcome.rejected, now_ns)
        return _failed(up, me, Retry("no-progress"), now_ns, random)
    if isinstance(outcome, Refused):
        return _refused(up, me, outcome, size, now_ns, random)
    if isinstance(outcome, Hold):
        up.held = up.reason = outcome.reason
        up.not_before_ns = now_ns + _ns(HOLD_RETRY_S * (0.75 + 0.5 * random()))
        return Settled(reachable=False, reason=outcome.reason, detail=outcome.detail)
    return _failed(up, me, outcome, now_ns, random)


def _accepted(up: UpstreamState, me: LaneState, count: int, rejected: Sequence[Rejected], now_ns: int) -> Settled:
    _way_is_free(up, me, now_ns)
    up.held = None
    if len(rejected) < count:
        up.refused_in_row = 0
    if me.suspect:
        me.suspect = max(0, me.suspect - count)
    if me.cap and count >= me.cap:
        me.cap += 1  # additive increase: the receiver's limit may have been raised
    return Settled(advance=count, rejected=tuple(rejected), reachable=True)


def _way_is_free(up: UpstreamState, me: LaneState, now_ns: int) -> None:
    """The receiver dealt with a batch: nobody needs to wait any more, except a lane that alone gets errors (rule 5)."""
    up.failures = 0
    up.not_before_ns = 0
    up.reason = None
    me.failures = me.answered = me.probed_at = 0
    me.not_before_ns = 0
    me.stuck = me.suspected = False
    for other in up.lanes:
        if other is me or other.stuck:
            continue
        if other.answered >= STUCK_AFTER:
            other.suspected = True
        other.not_before_ns = min(other.not_before_ns, now_ns)


def _refused(
    up: UpstreamState, me: LaneState, outcome: Refused, size: int, now_ns: int, random: Callable[[], float]
) -> Settled:
    _way_is_free(up, me, now_ns)
    if size > 1:
        me.suspect = size
        if outcome.reason == "too-large":
            me.suspect = 0
            me.cap = max(1, size // 2)
        return Settled(reachable=None)
    me.suspect = max(0, me.suspect - 1)
    up.refused_in_row += 1
    if up.refused_in_row >= REFUSE_ALL_AFTER:
        up.held = up.reason = "refuses-all"
        up.not_before_ns = now_ns + _ns(HOLD_RETRY_S * (0.75 + 0.5 * random()))
        detail = f"{up.refused_in_row} records refused in a row, the last: {outcome.reason} {outcome.detail}"
        return Settled(advance=1, reject_head=outcome, reachable=False, reason="refuses-all", detail=detail)
    return Settled(advance=1, reject_head=outcome, reachable=None)


def _failed(up: UpstreamState, me: LaneState, outcome: Retry, now_ns: int, random: Callable[[], float]) -> Settled:
    me.failures += 1
    up.failures += 1
    me.answered = me.answered + 1 if outcome.answered else 0
    up.reason = outcome.reason
    if me.suspected:  # others are served, this lane is not, and was given another chance (rule 5)
        me.stuck, me.suspected = outcome.answered, False
    tries = me.failures if me.stuck else max(me.failures, up.failures)
    me.not_before_ns = now_ns + _ns(backoff_s(tries, up.first_s, up.most_s, random))
    if outcome.after_s is not None and outcome.after_s > 0:
        up.not_before_ns = max(up.not_before_ns, now_ns + _ns(min(outcome.after_s, MAX_RETRY_AFTER_S)))
    return Settled(reachable=None if me.stuck else False, reason=outcome.reason, detail=outcome.detail)


def backoff_s(failures: int, first_s: float, most_s: float, random: Callable[[], float]) -> float:
    """Full jitter: uniform between (nearly) nothing and first·2^(failures-1), at most `most_s`. Seconds."""
    ceiling = min(most_s, first_s * 2.0 ** min(max(failures, 1) - 1, 60))
    return max(min(MIN_DELAY_S, ceiling), ceiling * random())


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)
