"""Requests that people make by the API: each becomes a condition, and so a ticket.

Owns: their bounds, how many may be open, that one id is one. Must not know: HTTP, the catalogue, what becomes of a ticket.
"""

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from unicodedata import category as sign_category

from edgegw.errors import EdgegwError
from edgegw.model import Instant
from edgegw.profiles.fields import Text
from edgegw.rules.events import Location, utc
from edgegw.rules.own import SERVICE, Reported
from edgegw.rules.wording import place
from edgegw.service.people_condition import ended_condition

REQUEST = "request-"
"""How the keys of their conditions begin."""

REQUESTS_MOST = 200
"""Requests open at once: a hundred times what a community asks for in a day; beyond it something runs wild."""

ENDED_MOST = 1000
"""Ids of requests that are over and still known (in memory), so that a late repetition asks for nothing again."""

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
TITLE_MOST, DESCRIPTION_MOST, CONTACT_MOST = 100, 2000, 100
"""Characters, as the API takes them."""
LABELS_MOST, LABEL_MOST = 16, 64
UNSHOWN = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories: control characters, halves of surrogate pairs, line and paragraph separators."""
PRIORITIES = ("", "P1", "P2", "P3", "P4")


class Requests:
    """Requests that people make, each under an id of its own. `raised`: as of `Ratings`."""

    def __init__(self, *, language: str, raised: Iterable[str] = ()) -> None:
        self._language = language
        self._open = {key for key in raised if key.startswith(REQUEST)}
        self._ended: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def is_open(self, request: str) -> bool:
        """Whether a request of this id is open."""
        return REQUEST + request in self._open

    def take(
        self,
        request: str,
        *,
        category: str,
        title: str,
        at: Instant,
        description: str = "",
        labels: Mapping[str, str] | None = None,
        contact: str = "",
        priority: str = "",
        by: str = "",
    ) -> Reported | None:
        """A request, as a condition to be reported; None if one of this id is open, whatever it says now.

        Args:
            category: of the service catalogue; whoever calls has looked.
            priority: ``P1`` … ``P4``; empty: by the catalogue.
            by: who brought it.

        Raises:
            EdgegwError: ``bad-request``; ``used-id``: of one that is over; ``too-many``: `REQUESTS_MOST` are open. Nothing is
                changed then.
        """
        where = dict(labels or {})
        texts = {"title": title, "description": description, "contact": contact}
        if fault := _fault(request, texts, where, priority):
            raise EdgegwError("bad-request", fault)
        key = REQUEST + request
        if key in self._open:
            return None
        if key in self._ended:
            raise EdgegwError("used-id", f"request {request} was there and is over; ask anew under another id")
        if len(self._open) >= REQUESTS_MOST:
            raise EdgegwError("too-many", f"{REQUESTS_MOST} requests are open")
        self._open.add(key)
        text = _line(title)
        return Reported(
            key=key,
            subject=SERVICE,
            active=True,
            title=Text(zh=text, en=text),
            priority=priority,
            category=category,
            evidence={
                "request": request,
                "description": description,
                "contact": contact,
                "by": by,
                "asked_at": utc(at.wall_ns),
            },
            location=Location(place(where, self._language), where) if where else None,
        )

    def ended(self, key: str, at: Instant) -> Reported | None:
        """The ticket of this condition is over, or the request was withdrawn; None if it is none of these."""
        if key not in self._open:
            return None
        self._open.discard(key)
        self._ended[key] = None
        while len(self._ended) > ENDED_MOST:
            self._ended.popitem(last=False)
        return ended_condition(key, Text(zh=key, en=key), at)

    def withdrawn(self, request: str, at: Instant) -> Reported | None:
        """A request is no longer needed; None if there is none of this id."""
        return self.ended(REQUEST + request, at)


def _fault(request: str, texts: Mapping[str, str], labels: Mapping[str, str], priority: str) -> str:
    """What is wrong with a request; its text repeats nothing that was sent. Empty: nothing."""
    title, description, contact = texts["title"], texts["description"], texts["contact"]
    faults = {
        "id: 1 to 64 letters, digits, '.', '_', ':', '-'": ID.fullmatch(request) is None,
        f"title: one line, 1 to {TITLE_MOST} characters": not title.strip() or not _is_line(title, TITLE_MOST),
        f"description: at most {DESCRIPTION_MOST} characters, none that cannot be seen": len(description)
        > DESCRIPTION_MOST
        or not _shown(description, besides="\n\r\t"),
        f"contact: one line, at most {CONTACT_MOST} characters": not _is_line(contact, CONTACT_MOST),
        f"labels: at most {LABELS_MOST}, each a line of 1 to {LABEL_MOST} characters": len(labels) > LABELS_MOST
        or not all(
            name and value and _is_line(name, LABEL_MOST) and _is_line(value, LABEL_MOST)
            for name, value in labels.items()
        ),
        "priority: P1 to P4, or none": priority not in PRIORITIES,
    }
    return next((fault for fault, there in faults.items() if there), "")


def _is_line(text: str, most: int) -> bool:
    return len(text) <= most and _shown(text)


def _shown(text: str, *, besides: str = "") -> bool:
    """Nothing that moves a terminal's cursor or cannot be encoded; an ideographic space is a sign like others."""
    return all(sign in besides or sign_category(sign) not in UNSHOWN for sign in text)


def _line(text: str) -> str:
    """One line; braces would be taken for a title's placeholders."""
    return " ".join(text.split()).replace("{", "(").replace("}", ")")
