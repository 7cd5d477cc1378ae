"""What a step of people's doings decided, and how what they asked for ends.

Owns: the shapes. Must not know: when one is due (people), what becomes of a condition (the rules, the troubles).
"""

from msgspec import Struct

from edgegw.model import NOTHING, Changes, Instant
from edgegw.profiles.fields import Text
from edgegw.rules.events import utc
from edgegw.rules.own import SERVICE, Reported


class PeopleStep(Struct, frozen=True):
    """What a step decided: records to be committed, conditions to be reported; `score`: of a rating that counts, else 0."""

    changes: Changes = NOTHING
    conditions: tuple[Reported, ...] = ()
    score: int = 0


def ended_condition(key: str, title: Text, at: Instant) -> Reported:
    """What somebody asked for is over: its ticket ended, or it was withdrawn."""
    return Reported(
        key=key, subject=SERVICE, active=False, title=title, category="cleaning", evidence={"ended_at": utc(at.wall_ns)}
    )
