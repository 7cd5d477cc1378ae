"""UUIDv7 identities, cheap enough to make one per record and strictly increasing within the process.

Owns: the layout (RFC 9562 section 5.7) and monotonicity (section 6.2, method 2: the random part is a counter that starts
anywhere and moves on while the millisecond stands still).
Must not know: what is identified; what time it is (the caller says).
"""

import random
import secrets

RAND_BITS = 74
"""rand_a (12) and rand_b (62), used as one counter."""
FRESH_BITS = 73
"""A new millisecond starts the counter with its top bit clear, so that 2^73 ids fit before it could overflow."""
STEP_BITS = 32
"""Ids of another block within one millisecond are at most this far away: unguessable enough, never overflowing."""
RAND_B_MASK = (1 << 62) - 1
VERSION = 0x7 << 76
VARIANT = 0b10 << 62


class Uuid7:
    """A generator; one per process, used by one thread.

    Ids are handed out in blocks whose members differ only in rand_b and follow each other by one, because a block costs one
    random number and a member one addition.
    """

    def __init__(self) -> None:
        self._ms = 0
        self._counter = 0
        # seeded once: asking the kernel for each block would give up the GIL to a busy event loop each time; ids are no secrets
        self._random = random.Random(secrets.randbits(256)).getrandbits  # noqa: S311

    def block(self, wall_ns: int, count: int) -> int:
        """The first id of `count` consecutive ids, as a 128-bit integer; the others are that plus 1, 2, …

        `wall_ns` is the present; if it went back, the last millisecond is kept (ids never go back).
        """
        ms = wall_ns // 1_000_000 & 0xFFFF_FFFF_FFFF
        if ms > self._ms:
            self._ms = ms
            self._counter = self._random(FRESH_BITS)
        else:
            self._counter += 1 + self._random(STEP_BITS)
        low = self._counter & RAND_B_MASK
        if low + count > RAND_B_MASK:  # a block must not carry into rand_a: the variant bits lie between
            self._counter += RAND_B_MASK + 1 - low
            low = 0
        if self._counter >> RAND_BITS:  # 2^73 ids within a millisecond; kept right rather than thought impossible
            self._ms += 1
            self._counter = 0
            low = 0
        first = self._ms << 80 | VERSION | (self._counter >> 62) << 64 | VARIANT | low
        self._counter += count
        return first


def to_bytes(value: int) -> bytes:
    """Sixteen bytes in network order, as stored."""
    return value.to_bytes(16, "big")


def to_text(value: bytes) -> str:
    """The usual 36 characters, lower case."""
    h = value.hex()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def from_text(text: str) -> bytes:
    """Sixteen bytes of 36 characters. Raises ValueError if it is none."""
    value = bytes.fromhex(text.replace("-", ""))
    if len(value) != 16:
        raise ValueError(f"not a UUID: {text!r}")
    return value
