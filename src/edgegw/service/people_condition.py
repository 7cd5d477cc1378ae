"""What patrols and people report as a condition: the arguments of `RuleEngine.condition`, as a value.

Owns: the shape. Must not know: when one is due (patrol, people), what becomes of it (the rules, the troubles).
"""

from collections.abc import Mapping

from msgspec import Struct

from edgegw.model import NOTHING, Changes, Instant
from edgegw.profiles.fields import Text
from edgegw.rules.events import Location, utc
from edgegw.rules.own import SERVICE


class ServiceCondition(Struct, frozen=True, kw_only=True):
    """A condition that holds, or is gone. The dedup_key is ``<gateway>/<subject>/<key>``.

    Attributes:
        subject: ``patrol`` or ``service`` (`rules.own`).
        title: ``{device}`` is `owner`, ``{value}`` the evidence's ``value``, ``{location}`` the location.
        priority: empty: by the service catalogue.
        evidence: JSON-able.
    """

    key: str
    subject: str
    active: bool
    title: Text
    category: str
    priority: str = ""
    evidence: Mapping[str, object] = {}
    owner: str = ""
    location: Location | None = None


class PeopleStep(Struct, frozen=True):
    """What a step decided: records to be committed, conditions to be reported; `score`: of a rating that counts, else 0."""

    changes: Changes = NOTHING
    conditions: tuple[ServiceCondition, ...] = ()
    score: int = 0


def ended_condition(key: str, title: Text, at: Instant) -> ServiceCondition:
    """What somebody asked for is over: its ticket ended, or it was withdrawn."""
    return ServiceCondition(
        key=key, subject=SERVICE, active=False, title=title, category="cleaning", evidence={"ended_at": utc(at.wall_ns)}
    )
