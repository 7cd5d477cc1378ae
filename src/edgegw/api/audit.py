"""Records of requests: who asked for what, and how it was answered.

Owns: the record's form, how many refused requests are recorded. Must not know: HTTP, the store.

A command that reached the desk is recorded there, with its issuer; this is for everything else that acts or tries to.
"""

from collections.abc import Callable

import msgspec
from msgspec import Struct

from edgegw.api.limits import Buckets
from edgegw.model import Event, Instant, Lane

TYPE = "edgegw.api.request"

REFUSED_A_MINUTE = 10
"""Records of requests that were refused for who asked or how often; more are counted in the next one. Ten a minute show that
somebody tries, and do not let them fill the lane."""

TARGET_MOST = 128
"""Characters of a target as the request had it; ids are shorter, and a place of some labels is."""


class Asked(Struct, frozen=True, kw_only=True):
    """The record's data.

    Attributes:
        token, name: of the token; empty if there was none that is known.
        route: the path's template. target: what the path, or else the body, named; empty if nothing.
        reason: bounded slug, empty for what was done.
        peer: address.
        suppressed: refused requests not recorded since the last one that was.
    """

    token: str
    name: str
    method: str
    route: str
    target: str
    status: int
    reason: str
    peer: str
    suppressed: int = 0


class Audit:
    """Turns requests into records. `take` gets each of them."""

    def __init__(self, take: Callable[[Event], None]) -> None:
        self._take = take
        self._budget = Buckets(REFUSED_A_MINUTE / 60, REFUSED_A_MINUTE, 1)
        self._suppressed = 0

    def record(self, asked: Asked, at: Instant) -> None:
        """One request. Refusals of strangers, and of those who ask too often, are bounded."""
        if asked.status in {401, 429} or not asked.token:
            if self._budget.take("", at.mono_ns) > 0:
                self._suppressed += 1
                return
            asked = msgspec.structs.replace(asked, suppressed=self._suppressed)
            self._suppressed = 0
        target = asked.target[:TARGET_MOST]
        data = msgspec.json.encode(msgspec.structs.replace(asked, target=target))
        self._take(Event(TYPE, Lane.COMMAND, "gateway", at, data))
