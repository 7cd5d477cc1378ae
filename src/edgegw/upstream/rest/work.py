"""Carrying out one operation of a mapping: its steps in order, until one does not work.

Owns: what the steps see, the rate, the wording of what went wrong. Must not know: when an operation is due.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from msgspec import Struct

from edgegw.clock import Clock
from edgegw.mappings.answers import DETAIL_CHARS, Again, Answer, Done, No, Stop, Verdict
from edgegw.mappings.compiled import Compiled, LocatedFault, Request
from edgegw.mappings.context import now_names
from edgegw.mappings.templates import TemplateFault
from edgegw.upstream.rest.rate import Window

MISSING_PLACE = frozenset({"http-404", "http-405", "http-410"})
"""Answers to find, create and message that are about the address, not about this ticket: a person has to look at the
site file."""

ADDRESSED = frozenset({"find", "create", "message"})


class Asking(Protocol):
    """Who carries requests; `client.RestClient` is one."""

    async def run(self) -> None:
        """Keep what is needed, until cancelled."""
        ...

    async def ask(self, request: Request) -> Answer | Again:
        """The answer, or why there is none."""
        ...


class Ran(Struct, frozen=True):
    """How an operation ended. `shown`: how many of `tickets` the messages held."""

    verdict: Verdict
    shown: int = 0


class Work:
    """One mapping at one site.

    Args:
        common: the names all templates have but `now` and `saved`: gateway, language, settings, secret.
        redact: takes secrets out of a text.
    """

    def __init__(self, mapping: Compiled, common: Mapping[str, Any], asking: Asking, clock: Clock, *,
                 window: Window | None, redact: Callable[[str], str]) -> None:  # fmt: skip
        self._mapping = mapping
        self._common = common
        self._asking = asking
        self._clock = clock
        self._take: Callable[[], Awaitable[None]] | None = None if window is None else window.take
        self._redact = redact

    async def run(self, operation: str, names: Mapping[str, Any]) -> Ran:
        """Carry it out; `Done.saved` holds what all its steps saved. An operation that is not there is done."""
        saved: dict[str, Any] = {}
        rows: tuple[Mapping[str, Any], ...] = ()
        shown = 0
        for step in self._mapping.operations.get(operation, ()):
            if self._take is not None:
                await self._take()
            seen = {**self._common, **names, "now": now_names(self._clock.now()), "saved": saved}
            try:
                request, held = step.fill(seen)
            except TemplateFault as fault:
                where = "/".join(map(str, fault.loc if isinstance(fault, LocatedFault) else step.at))
                return Ran(No("template", self._redact(f"{where}: {fault.message}")))
            if request is None:
                continue
            shown = held
            answer = await self._asking.ask(request)
            verdict = answer if isinstance(answer, Again) else step.meaning.judge(answer, seen)
            if not isinstance(verdict, Done):
                return Ran(self._told(operation, request, verdict))
            saved |= verdict.saved
            rows = verdict.rows
        return Ran(Done(saved, rows), shown)

    def _told(self, operation: str, request: Request, verdict: Verdict) -> Verdict:
        if isinstance(verdict, No | Stop):
            detail = f"{request.step}: {self._redact(verdict.detail)[:DETAIL_CHARS]}"
            if isinstance(verdict, Stop) or (operation in ADDRESSED and verdict.reason in MISSING_PLACE):
                return Stop(verdict.reason, detail)
            return No(verdict.reason, detail)
        return verdict
