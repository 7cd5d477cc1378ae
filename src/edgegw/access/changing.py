"""What a list of credentials changes in the book, and how that is shown.

Owns: the comparison, its bounded listing for people.
Must not know: where either comes from, the store.
"""

from collections import Counter
from collections.abc import Mapping
from itertools import islice
from typing import Any

import msgspec
from msgspec import Struct

from edgegw.access.credentials import Credential, unpack

LISTED_MOST = 20
"""Changes of a kind told one by one."""


class Change(Struct, frozen=True, omit_defaults=True):
    """One credential, as a person may see it. `fields`: what differs, of a changed one."""

    change: str
    kind: str
    holder: str
    name: str = ""
    tail: str = ""
    fields: tuple[str, ...] = ()


class Diff(Struct, frozen=True):
    """What would change. `listed`: at most `LISTED_MOST` of each kind; `puts`, `deletes`: what has to be written, all of it."""

    added: int
    changed: int
    removed: int
    unchanged: int
    listed: tuple[Change, ...]
    puts: dict[bytes, bytes]
    deletes: list[bytes]

    def told(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "added": self.added,
            "changed": self.changed,
            "removed": self.removed,
            "unchanged": self.unchanged,
            "listed": [msgspec.to_builtins(one) for one in self.listed],
        }


def diff(book: Mapping[bytes, bytes], rows: dict[bytes, bytes], *, full: bool) -> Diff:
    """Compare.

    Args:
        book: what is there: packed credentials by hash.
        rows: what is given. It becomes `Diff.puts`: what did not change is taken out, so that nothing is held twice.
        full: what is not given goes.
    """
    listing = _Listing()
    deletes: list[bytes] = []
    changed = unchanged = 0
    for hashed, packed in book.items():
        given = rows.get(hashed)
        if given is None:
            if full:
                deletes.append(hashed)
                listing.add("removed", packed)
            continue
        fields = () if packed == given else _differs(unpack(packed), unpack(given))
        if fields:
            changed += 1
            listing.add("changed", given, fields)
        else:
            del rows[hashed]
            unchanged += 1
    added = len(rows) - changed
    for hashed in islice((hashed for hashed in rows if hashed not in book), LISTED_MOST):
        listing.add("added", rows[hashed])
    return Diff(
        added=added,
        changed=changed,
        removed=len(deletes),
        unchanged=unchanged,
        listed=tuple(listing.changes),
        puts=rows,
        deletes=deletes,
    )


def _differs(old: Credential, new: Credential) -> tuple[str, ...]:
    names = (name for name in Credential.__struct_fields__ if getattr(old, name) != getattr(new, name))
    return tuple(name.removesuffix("_ns") for name in names)


class _Listing:
    def __init__(self) -> None:
        self.changes: list[Change] = []
        self._counts: Counter[str] = Counter()

    def add(self, change: str, packed: bytes, fields: tuple[str, ...] = ()) -> None:
        if self._counts[change] < LISTED_MOST:
            self._counts[change] += 1
            one = unpack(packed)
            self.changes.append(Change(change, one.kind, one.holder, one.name, one.tail, fields))
