"""Documents laid over each other: one set of data, and for every place in it the document it comes from.

Owns: how documents merge (`merged`), which of them holds a value, validation with faults told in the document they stand in.
Must not know: any schema, why documents are laid over each other, how they are found.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from edgegw.yamlpos.document import Document, Problem
from edgegw.yamlpos.explain import explain

Loc = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, order=True, slots=True)
class Fault:
    """A problem in one of several documents. `layer`: which, 0 the top; so that the top's faults sort first."""

    layer: int
    name: str
    problem: Problem

    def __str__(self) -> str:
        return f"{self.name}:{self.problem.line}:{self.problem.column}: {self.problem.message}"


def merged(below: object, above: object) -> object:
    """`above` laid over `below`: sections (dicts) merge key by key, those of `above` first; anything else above replaces what is
    below; None above a value that is below removes it, and stays None where there is none.

    Neither is changed; parts of both may be shared with what is made.
    """
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    made = {}
    for key, value in above.items():
        under = below.get(key)
        if under is None:
            made[key] = value
        elif value is not None:
            made[key] = merged(under, value)
    return made | {key: value for key, value in below.items() if key not in above}


class Layers:
    """Documents laid over each other.

    Args:
        documents: the top one first, none of them fatal; what is not the top holds a section.
        own: outermost keys that a document keeps for itself: below the top they count for nothing.

    Attributes:
        data: what they say together.
    """

    def __init__(self, documents: Sequence[Document], *, own: Container[str] = ()) -> None:
        self._documents = tuple(documents)
        top, *below = self._documents
        parts = [top.data, *({k: v for k, v in under.data.items() if k not in own} for under in below)]
        self._parts = parts
        data = parts[-1]
        for part in reversed(parts[:-1]):
            data = merged(data, part)
        self.data: Any = data

    def fault(self, loc: Loc, message: str, *, key: bool = False) -> Fault:
        """A fault at a path of the merged data, in the document whose value (or `key`) it is; where the path ends early, in the
        topmost one that has what is there."""
        at = self._holder(loc)
        document = self._documents[at]
        return Fault(at, document.name, Problem(*(document.key_position if key else document.position)(loc), message))

    def validate(self, model: type[M]) -> tuple[M | None, list[Fault]]:
        """As `Document.validate`, over all of them."""
        found = {
            Fault(at, document.name, problem)
            for at, document in enumerate(self._documents)
            for problem in document.problems
        }
        try:
            made = model.model_validate(self.data)
        except ValidationError as error:
            taken = {(f.layer, f.problem.line, f.problem.column) for f in found}
            for loc, is_key, message in explain(error.errors(include_url=False), model, self.data):
                fault = self.fault(loc, message, key=is_key)
                if (fault.layer, fault.problem.line, fault.problem.column) not in taken:
                    found.add(fault)
            return None, sorted(found)
        return (None if found else made), sorted(found)

    def _holder(self, loc: Loc) -> int:
        """The document that holds what is at a path."""
        here = list(enumerate(self._parts))
        for part in loc:
            below = [(at, value[part]) for at, value in here if _has(value, part)]
            if not below:
                break
            here = below[: _sections(below) or 1]
        return here[0][0]


def _has(value: Any, part: str | int) -> bool:  # noqa: ANN401 - plain YAML data of any shape
    if isinstance(value, dict):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and part < len(value)


def _sections(values: list[tuple[int, Any]]) -> int:
    """How many documents from the top merge here: those before the first that says anything but a section."""
    return next((count for count, (_, value) in enumerate(values) if not isinstance(value, dict)), len(values))
