"""Which issue a ticket has in the other system, and what that system's words mean.

Owns: the numbers learnt since the start (bounded), the mapping of states, when a ticket was last acted upon.
Must not know: requests.

After a start the numbers are looked up again: what the gateway remembers may be another desk's number.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

MOST = 10_000
"""Tickets remembered; more than are open anywhere. The oldest are looked up again when they are needed."""

NUMBER_CHARS = 64
URL_CHARS = 500
"""As `service.ticket.TicketUpdate` has them."""


class Issue(Struct, frozen=True):
    """An issue. `number` may be empty in a system without numbers."""

    number: str
    url: str = ""


class Issues:
    """See the module.

    Args:
        states: the system's word → ours; compared without regard to case.
        link: the URL of an issue's page from its number, ``""`` if there is none.
    """

    def __init__(self, states: Mapping[str, str], link: Callable[[str], str]) -> None:
        self._link = link
        self._words = {word.casefold(): state for word, state in states.items()}
        self._known: dict[str, Issue] = {}
        self._acted: dict[str, int] = {}
        self.turn = 0

    def of(self, ticket_id: str) -> Issue | None:
        """A ticket's issue, if it is known."""
        return self._known.get(ticket_id)

    def keep(self, ticket_id: str, saved: Mapping[str, Any]) -> Issue | None:
        """Remember what an answer said; None if it holds no usable number."""
        number = str(saved.get("number", ""))
        if not 0 < len(number) <= NUMBER_CHARS:
            return None
        url = str(saved.get("url", "")) or self._link(number)
        issue = Issue(number, url if len(url) <= URL_CHARS and url.startswith(("http://", "https://")) else "")
        _remember(self._known, ticket_id, issue)
        return issue

    def forget(self, ticket_id: str) -> None:
        """Its issue is gone."""
        self._known.pop(ticket_id, None)

    def word(self, state: object) -> str | None:
        """Our word for the system's state, None if the mapping has none."""
        return None if state in (None, "") else self._words.get(str(state).casefold())

    def acted(self, ticket_id: str) -> None:
        """Something is being done to its issue: what a poll that began before says of it is old."""
        self.turn += 1
        _remember(self._acted, ticket_id, self.turn)

    def acted_since(self, ticket_id: str, turn: int) -> bool:
        """Whether it was acted upon after `turn`."""
        return self._acted.get(ticket_id, 0) > turn


def _remember(kept: dict[str, Any], key: str, value: object) -> None:
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > MOST:
        del kept[next(iter(kept))]
