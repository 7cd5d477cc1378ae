"""What a profile of an OSDP reader says against itself.

Owns: fields that there are, commands that are confirmed by the reader itself, samples that are plain frames.
Must not know: files, positions.
"""

from collections.abc import Iterator

from edgegw.codec.osdp import FIELDS
from edgegw.profiles.schema import Profile

Finding = tuple[tuple[str | int, ...], str]

SECRET_FIELDS = frozenset({"card", "wiegand", "number", "hex", "keys", "pin"})
"""What identifies a person, or lets one in."""

_WITHOUT_PARITY = frozenset({"card", "wiegand"})


def osdp_findings(profile: Profile) -> Iterator[Finding]:
    """Every contradiction as (path in the file, message)."""
    for name, point in profile.points.items():
        if point.osdp is None:
            continue
        at = ("points", name)
        field = point.osdp.field
        if field not in FIELDS:
            yield (*at, "osdp", "field"), f"no field {field!r}; there are {', '.join(FIELDS[:12])} …"
        if field in SECRET_FIELDS and not point.secret:
            yield at, f"{field} identifies a person: the point needs `secret: true`"
        if field in _WITHOUT_PARITY and profile.osdp.cards == "raw":
            yield (*at, "osdp", "field"), f"{field} is of Wiegand cards, and `osdp.cards` is raw: take number or hex"
        if not point.optional:
            yield (*at, "optional"), "a reader tells one thing at a time: every point is optional"
    for name, spec in profile.commands.items():
        if spec.confirm is not None:
            yield ("commands", name, "confirm"), "the reader's acknowledgement confirms; remove this key"
