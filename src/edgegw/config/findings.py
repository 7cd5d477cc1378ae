"""What the checks found, and where.

Owns: collecting errors and warnings by place in the site file, and the "did you mean".
Must not know: what is checked.
"""

from collections.abc import Iterable
from difflib import get_close_matches

from edgegw.yamlpos import Document, Problem

Loc = tuple[str | int, ...]

LISTED = 8
"""Names listed in a message before it says how many more there are."""


class Findings:
    """Errors and warnings of one document.

    Args:
        document: for positions.
        known: problems reported already; another finding at the same place would only repeat them.
    """

    def __init__(self, document: Document, known: Iterable[Problem] = ()) -> None:
        self._document = document
        self.errors: list[Problem] = list(known)
        self.warnings: list[Problem] = []
        self._taken = {(p.line, p.column) for p in self.errors}

    def error(self, loc: Loc, message: str, *, key: bool = False) -> None:
        """The value at `loc` (its key if `key`) makes the site unusable."""
        at = self._at(loc, key=key)
        if at not in self._taken:
            self.errors.append(Problem(*at, message))

    def warn(self, loc: Loc, message: str, *, key: bool = False) -> None:
        """The value at `loc` works, and probably not as meant."""
        self.warnings.append(Problem(*self._at(loc, key=key), message))

    def line(self, loc: Loc) -> int:
        """The line of the key at `loc`, for messages that name a second place."""
        return self._document.key_position(loc)[0]

    def _at(self, loc: Loc, *, key: bool) -> tuple[int, int]:
        return self._document.key_position(loc) if key else self._document.position(loc)


def suggest(name: str, known: Iterable[str], what: str) -> str:
    """``did you mean 'zigbee'?``, or what there is to choose from. `what` is the plural, for the listing."""
    names = sorted(known)
    if close := get_close_matches(name, names, n=1, cutoff=0.6):
        return f"did you mean {close[0]!r}?"
    if not names:
        return f"there are no {what}"
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{what} here: {', '.join(names[:LISTED])}{more}"
