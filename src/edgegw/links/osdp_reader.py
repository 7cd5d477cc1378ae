"""When an OSDP reader is there: pure decisions over what was asked, what was heard and what its session says.

Owns: a reader's standing, when it is tried again, what is told of it and with which reason; keys put together to an entry.
Must not know: libosdp, the line, the loop. Times are monotonic nanoseconds that come in.
"""

from enum import StrEnum

from msgspec import Struct

from edgegw.codec.osdp import HASH, KEYPAD, STAR

NS = 1_000_000_000

REFUSED_AGAIN_NS = 2 * NS
"""Pause where a reader's answers led to no session: a glitch is over then, and a wrong key costs little of the line."""

KEYS_WITHIN_NS = 10 * NS
"""Between two keys of one entry; what was pressed before a longer pause is somebody else's."""

MOST_KEYS = 16
"""Digits of an entry; more are no PIN, and the entry is dropped."""


class Standing(StrEnum):
    """What is going on with a reader."""

    AWAY = "away"
    """Does not answer, or is not tried just now."""
    JOINING = "joining"
    """Answers; its session is being set up."""
    ONLINE = "online"
    """Is polled."""


class Told(Struct, frozen=True):
    """What the site is told: whether the reader is there, and why not (``silent``, ``insecure``, ``not-understood``)."""

    online: bool
    reason: str = ""


class Watch:
    """One reader's standing.

    Args:
        silent_ns: how long it may be away before that is told.
        secure: whether its session is to be under a secure channel: then answers that lead to none are `insecure`.
    """

    def __init__(self, silent_ns: int, now_ns: int, *, secure: bool) -> None:
        self._silent_ns = silent_ns
        self._refusal = "insecure" if secure else "not-understood"
        self.standing = Standing.AWAY
        self.try_ns = now_ns
        """When it may be tried again, while it is away."""
        self._reason = "silent"
        self._unanswered = 0
        self._heard_ns = self._good_ns = self._since_ns = now_ns
        self._told: bool | None = None

    def asked(self) -> None:
        """Something was sent to it."""
        self._unanswered += 1

    def heard(self, now_ns: int) -> None:
        """A frame of it came."""
        self._unanswered = 0
        self._heard_ns = now_ns
        if self.standing is Standing.ONLINE:
            self._good_ns = now_ns
        elif self.standing is Standing.AWAY:
            self.standing, self._since_ns = Standing.JOINING, now_ns

    def excused(self, now_ns: int) -> None:
        """Nobody was asked for a while: its silence means nothing."""
        self._heard_ns = self._good_ns = self._since_ns = now_ns

    def judge(self, now_ns: int, *, usable: bool, over: bool) -> Told | None:
        """What there is to tell.

        Args:
            usable: its session is up, secure where it has to be.
            over: its session ended by itself.
        """
        match self.standing:
            case Standing.JOINING if usable:
                self.standing, self._good_ns = Standing.ONLINE, now_ns
            case Standing.JOINING if over or now_ns - self._since_ns >= self._silent_ns:
                self._leave(now_ns)
            case Standing.ONLINE if now_ns - self._heard_ns >= self._silent_ns:
                self._leave(now_ns)
            case Standing.ONLINE if over or not usable:
                self.standing, self._since_ns = Standing.JOINING, now_ns
        return self._tell(now_ns)

    def _leave(self, now_ns: int) -> None:
        self.standing = Standing.AWAY
        refused = self._unanswered == 0
        self._reason = self._refusal if refused else "silent"
        self.try_ns = now_ns + (REFUSED_AGAIN_NS if refused else 0)

    def _tell(self, now_ns: int) -> Told | None:
        if self.standing is Standing.ONLINE:
            if self._told is not True:
                self._told = True
                return Told(online=True)
        elif self._told is not False and now_ns - self._good_ns >= self._silent_ns:
            self._told = False
            return Told(online=False, reason=self._reason)
        return None


class Keys:
    """Keys of one keypad, which come one by one, put together: digits up to ``#``; ``*`` begins anew."""

    def __init__(self) -> None:
        self._digits = bytearray()
        self._last_ns = 0
        self._spoilt = False

    def feed(self, reply: bytes, now_ns: int) -> list[bytes]:
        """Take a KEYPAD reply; the entries it ends, each as a KEYPAD reply of its own."""
        if len(reply) < 3 or len(reply) - 3 != reply[2]:
            return [reply]  # damaged: the decoder says so
        if now_ns - self._last_ns > KEYS_WITHIN_NS:
            self._clear()
        self._last_ns = now_ns
        found = []
        for key in reply[3:]:
            if key in (HASH, ord("#")):
                if self._digits and not self._spoilt:
                    found.append(bytes((KEYPAD, reply[1], len(self._digits) + 1, *self._digits, HASH)))
                self._clear()
            elif key in (STAR, ord("*")):
                self._clear()
            else:
                self._digits.append(key)
                if len(self._digits) > MOST_KEYS:
                    self._digits.clear()
                    self._spoilt = True
        return found

    def _clear(self) -> None:
        self._digits.clear()
        self._spoilt = False
