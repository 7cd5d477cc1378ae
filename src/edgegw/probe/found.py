"""What was found, as small frozen types.

Owns: the words that identification, I/O and the command share. Must not know: any protocol.
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum

from msgspec import Struct

from edgegw.model import Value


class Confidence(IntEnum):
    """How sure a fit is, the surest highest."""

    POSSIBLE = 0
    """Nothing is against it, little speaks for it: a register that any device might have."""
    LIKELY = 1
    """Values speak for it; another profile may fit as well."""
    CLEAR = 2
    """Values speak for it, nothing against it, and no other profile comes near. Only such a fit is added to a site file."""

    @property
    def label(self) -> str:
        """Lower-case name, as shown and in JSON."""
        return self.name.lower()


class Fit(Struct, frozen=True):
    """How well one profile fits a device.

    Attributes:
        bits: evidence for it less what is against it; only for comparing.
        why: reasons, for people.
        readings: what would be read, by point; values of secret points are masked.
        hindered: why it must not be called clear though its evidence would do; empty if nothing is.
    """

    profile: str
    bits: float
    why: tuple[str, ...]
    readings: Mapping[str, Value] = {}
    hindered: str = ""
    confidence: Confidence = Confidence.POSSIBLE


class Found(Struct, frozen=True):
    """A device that answered, or was heard.

    Attributes:
        protocol: ``modbus``, ``dlt645``, ``cjt188`` or ``mqtt``.
        address: what the site file's `address` would be.
        where: the line's setting (``9600 8N1``) or the topic; empty where there is only one.
        fits: best first; empty if no profile fits.
    """

    protocol: str
    address: int | str
    where: str
    fits: tuple[Fit, ...]

    @property
    def best(self) -> Fit | None:
        """The first of `fits`."""
        return self.fits[0] if self.fits else None


MARGIN_BITS = 2.0
"""A fit is clear when it is ahead of the next by this much: four times as likely."""

CLEAR_BITS = 5.0
LIKELY_BITS = 2.5
"""Least evidence: below the second, what was read might be any device's."""

MOST_FITS = 5
"""Fits told of one device."""


def judged(fits: Sequence[Fit]) -> tuple[Fit, ...]:
    """Fits in order, the best first, each with its confidence; those that more speaks against than for are left out.

    The order does not depend on the order they came in.
    """
    kept = sorted((fit for fit in fits if fit.bits > 0), key=lambda fit: (bool(fit.hindered), -fit.bits, fit.profile))
    judged_: list[Fit] = []
    for place, fit in enumerate(kept[:MOST_FITS]):
        others = max((other.bits for n, other in enumerate(kept) if n != place), default=0.0)
        ahead = place == 0 and fit.bits - others >= MARGIN_BITS
        if fit.hindered or fit.bits < LIKELY_BITS:
            confidence = Confidence.POSSIBLE
        else:
            confidence = Confidence.CLEAR if ahead and fit.bits >= CLEAR_BITS else Confidence.LIKELY
        judged_.append(Fit(fit.profile, fit.bits, fit.why, fit.readings, fit.hindered, confidence))
    return tuple(judged_)
