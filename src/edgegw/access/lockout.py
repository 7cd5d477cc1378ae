"""Lock-out: after refused attempts in a row a reader's credentials are not accepted for a while.

Owns: the count and the pause of one reader of one door. Must not know: which refusals count (decision.GUESSES).

Per reader and not per door: whoever tries cards outside cannot keep those inside from leaving by their reader.
"""

from edgegw.access.specs import LockoutSpec

SAME_CARD_NS = 500_000_000
"""A card left in front of a reader is read several times a second; reads closer than 0.5 s of the same number are one attempt."""


class Lockout:
    """One reader's count.

    Attributes:
        until_ns: monotonic end of the pause, until `lapse` took note of it; None: none.
    """

    __slots__ = ("_failures", "_last", "_last_ns", "_spec", "until_ns")

    def __init__(self, spec: LockoutSpec) -> None:
        self._spec = spec
        self._failures = 0
        self._last: bytes | None = None
        self._last_ns = 0
        self.until_ns: int | None = None

    def locked(self, now_ns: int) -> bool:
        """Whether nothing is accepted now."""
        return self.until_ns is not None and now_ns < self.until_ns

    def failed(self, now_ns: int, hashed: bytes | None) -> bool:
        """An attempt was refused; whether that starts a pause. `hashed`: of a card or code (readers repeat them), else None."""
        spec = self._spec
        since_ns, same = now_ns - self._last_ns, hashed is not None and hashed == self._last
        self._last, self._last_ns = hashed, now_ns
        if spec.failures == 0 or (same and self._failures and since_ns < SAME_CARD_NS):
            return False
        self._failures = 1 if since_ns > spec.within_ns else self._failures + 1
        if self._failures < spec.failures:
            return False
        self.until_ns = now_ns + spec.pause_ns
        self.passed()
        return True

    def passed(self) -> None:
        """An attempt was granted: the row is broken."""
        self._failures, self._last = 0, None

    def lapse(self, now_ns: int) -> bool:
        """Take note of the pause's end; whether it ended by now."""
        if self.until_ns is None or now_ns < self.until_ns:
            return False
        self.until_ns = None
        return True
