"""Upstream kind `rest` for `delivery.Delivery`: each ticket has one issue in an existing ticket system.

Owns: find before create, which issue a ticket has, what an action does, that the number is handed in before a record counts.
Must not know: HTTP (`work`), when Troubles asks for what, retries and order (delivery).

Never two issues for one ticket, over lost answers and kill -9:

- Before every create the issue is looked for by the ticket's ref. One record is in work at a time, so one create at most.
- A create whose answer was lost may still be on its way inside the other system. After one, and after a start (the process before
  may have died in such a moment), there is a pause of `settle_s` before a look that finds nothing is believed.
- A record is accepted after its number was committed here; a kill in between repeats the record, which then finds the issue.

A system that cannot be searched (a group robot) gets each message at least once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from edgegw.clock import Clock
from edgegw.errors import StoreError
from edgegw.mappings.answers import Again, Done, Gone, No, Stop, Verdict
from edgegw.mappings.compiled import Compiled
from edgegw.mappings.context import Item, base_names, item_of
from edgegw.mappings.schema import MISSING_DEFAULT, per_window
from edgegw.model import Lane, Record
from edgegw.ports import TicketInbox
from edgegw.service.ticket import Action, TicketUpdate
from edgegw.upstream.outcome import Accepted, Hold, Outcome, Refused, Retry, parse_retry_after
from edgegw.upstream.rest.client import Redactor
from edgegw.upstream.rest.issues import Issue, Issues
from edgegw.upstream.rest.poll import Poller
from edgegw.upstream.rest.rate import Window
from edgegw.upstream.rest.work import Asking, Work

log = logging.getLogger(__name__)

SILENT = frozenset({"timeout", "unreachable", "no-answer", "closed", "bad-address"})
"""Reasons of the way, not of an answer."""


class RestSender:
    """See `delivery.Sender`. Takes the alarm lane; a record without a ticket for it is accepted at once.

    Args:
        name: the upstream's, for the inbox.
        mapping: compiled with this site's settings.
        asking: a `client.RestClient`.
        base: the system's URL, for links to issues.
        settings, secrets: as templates see them; values of secrets are never told.
        inbox: gets numbers and states.
        states: the system's word → ours, before the mapping's own.
        rate: ``20/min``; None: the mapping's.
        poll_every_s: how often the states of open tickets are asked for; 0: never.
        settle_s: see the module.
    """

    def __init__(
        self,
        name: str,
        mapping: Compiled,
        asking: Asking,
        *,
        base: str,
        gateway: str,
        language: str,
        settings: Mapping[str, Any],
        secrets: Mapping[str, str],
        inbox: TicketInbox,
        clock: Clock,
        states: Mapping[str, str] | None = None,
        rate: str | None = None,
        poll_every_s: float = 15.0,
        settle_s: float = 2.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        spec = mapping.spec
        self.batch = spec.batch if mapping.has("message") else 1
        self._name = name
        self._mapping = mapping
        self._asking = asking
        self._base = base.rstrip("/")
        self._gateway = gateway
        self._language = language
        self._inbox = inbox
        self._clock = clock
        self._sleep = sleep
        self._settle_s = settle_s
        self._explained = ""
        self._doubt_until_ns = clock.now().mono_ns + round(settle_s * 1e9)
        self._missing = MISSING_DEFAULT | dict(spec.missing)
        self._issues = Issues({**spec.states, **(states or {})}, link=self._link)
        common = {
            "base": base_names(base),
            "gateway": {"id": gateway},
            "language": language,
            "settings": settings,
            "secret": {**dict.fromkeys(spec.secrets, ""), **secrets},
        }
        limit = rate or spec.rate
        window = None if limit is None else Window(*per_window(limit), clock, sleep)
        self._work = Work(mapping, common, asking, clock, window=window, redact=Redactor(secrets.values()))
        self.poller = Poller(
            name, self._work, self._issues, inbox, every_s=poll_every_s, most=spec.poll_batch, sleep=sleep
        )

    async def run(self) -> None:
        """Keep the connections and ask for states, until cancelled."""
        self._doubt_until_ns = self._clock.now().mono_ns + round(self._settle_s * 1e9)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._asking.run(), name=f"upstream-{self._name}-client")
            if self._mapping.has("poll") and self.poller.every_s > 0:
                group.create_task(self.poller.run(), name=f"upstream-{self._name}-poll")

    async def send(self, lane: Lane, records: Sequence[Record]) -> Outcome:
        """See `delivery.Sender.send`."""
        if lane is not Lane.ALARM:
            return Accepted(len(records))
        if self._mapping.has("message"):
            return await self._message(records)
        verdict = await self._record(records[0])
        self._explain(verdict)
        return Accepted(1) if isinstance(verdict, Done) else _outcome(verdict)

    # --- messages -------------------------------------------------------------------------------------------------

    async def _message(self, records: Sequence[Record]) -> Outcome:
        """One message for as many as fit; those before the first that is left over count as accepted."""
        wanted: list[tuple[int, Item]] = []
        for place, record in enumerate(records):
            item = self._item(record)
            if isinstance(item, No):
                return Accepted(place) if place else Refused(item.reason, item.detail)
            if item is not None and item.action in self._mapping.spec.actions:
                wanted.append((place, item))
        if not wanted:
            return Accepted(len(records))
        ran = await self._work.run("message", {"tickets": [item.names for _, item in wanted], "more": 0})
        self._explain(ran.verdict)
        if not isinstance(ran.verdict, Done):
            return _outcome(ran.verdict)
        return Accepted(wanted[ran.shown][0] if 0 < ran.shown < len(wanted) else len(records))

    # --- issues ---------------------------------------------------------------------------------------------------

    async def _record(self, record: Record) -> Verdict:
        item = self._item(record)
        if isinstance(item, No):
            return item
        if item is None:
            return Done()
        if item.action == Action.OPEN:
            return await self._open(item)
        if not self._mapping.has(item.action):
            return Done()
        return await self._act(item)

    async def _open(self, item: Item) -> Verdict:
        """Find the issue, or create it, and hand in its number."""
        names = {**item.names, "number": ""}
        found = await self._find(names)
        if (
            isinstance(found, Done)
            and not found.saved
            and (wait := self._doubt_s()) > 0.0
            and self._mapping.has("find")
        ):
            await self._sleep(wait)
            found = await self._find(names)
        if not isinstance(found, Done):
            return found
        if not found.saved:
            found = (await self._work.run("create", names)).verdict
            if isinstance(found, Again) and found.doubt:
                self._doubt_until_ns = self._clock.now().mono_ns + round(self._settle_s * 1e9)
            if not isinstance(found, Done):
                return found
        return await self._numbered(item, found.saved)

    async def _act(self, item: Item) -> Verdict:
        """An action on the issue there is."""
        self._issues.acted(item.ticket_id)
        issue = self._issues.of(item.ticket_id)
        if issue is None and self._mapping.has("find"):
            found = await self._find({**item.names, "number": ""})
            if not isinstance(found, Done):
                return found
            if not found.saved:
                return await self._without(item)
            if self._is_news(item, str(found.saved["number"])):  # made by a create whose answer was lost
                told = await self._numbered(item, found.saved)
                if not isinstance(told, Done):
                    return told
            issue = self._issues.keep(item.ticket_id, found.saved)
        if issue is None:  # it cannot be looked for: what the desk said is all there is
            issue = Issue(item.number, item.url)
        verdict = (await self._work.run(item.action, {**item.names, "number": issue.number})).verdict
        self._issues.acted(item.ticket_id)
        if isinstance(verdict, Gone):
            self._issues.forget(item.ticket_id)
            return await self._without(item)
        return verdict

    async def _without(self, item: Item) -> Verdict:
        if self._missing[item.action] == "create":
            return await self._open(item)
        log.info("upstream %s: %s of %s: there is no such issue; nothing to do", self._name, item.action, item.ref)
        return Done()

    async def _find(self, names: Mapping[str, Any]) -> Verdict:
        """Done with what was saved of the issue; with nothing if there is none."""
        verdict = (await self._work.run("find", names)).verdict
        if isinstance(verdict, Gone):
            return Done()
        if isinstance(verdict, Done):
            if len(verdict.rows) > 1:
                log.warning("upstream %s: %d issues hold %s; the first is used", self._name, len(verdict.rows),
                            names["ticket"]["ref"])  # fmt: skip
            return Done(verdict.saved if verdict.saved.get("number", "") != "" else {})
        return verdict

    async def _numbered(self, item: Item, saved: Mapping[str, Any]) -> Verdict:
        issue = self._issues.keep(item.ticket_id, saved)
        if issue is None:
            return Done()  # a system without numbers
        state = self._issues.word(saved.get("state")) or "opened"
        update = TicketUpdate(
            dedup_key=item.dedup_key, state=state, ticket_id=item.ticket_id, number=issue.number, url=issue.url
        )
        try:
            await self._inbox.answered(self._name, (update,))
        except StoreError as error:
            return Again(f"store-{error.reason}")
        return Done()

    def _is_news(self, item: Item, number: str) -> bool:
        """Whether the gateway does not know this number of this ticket."""
        views = (view for view in self._inbox.open_tickets() if view.ticket_id == item.ticket_id)
        return not any(view.number == number for view in views)

    # --- small parts ----------------------------------------------------------------------------------------------

    def _item(self, record: Record) -> Item | No | None:
        try:
            return item_of(record, self._gateway, self._language)
        except (msgspec.DecodeError, RecursionError) as error:  # ValidationError is a DecodeError
            return No("bad-data", str(error))

    def _explain(self, verdict: Verdict) -> None:
        """What a person needs who has to act, told once until it is over."""
        detail = verdict.detail if isinstance(verdict, Stop) else ""
        if detail and detail != self._explained:
            log.warning("upstream %s: %s: %s", self._name, verdict.reason if isinstance(verdict, Stop) else "", detail)
        if not isinstance(verdict, Again):
            self._explained = detail

    def _link(self, number: str) -> str:
        path = self._mapping.link(number)
        return self._base + path if path else ""

    def _doubt_s(self) -> float:
        return (self._doubt_until_ns - self._clock.now().mono_ns) / 1e9


def _outcome(verdict: Verdict) -> Outcome:
    match verdict:
        case Again(reason, after_s, _, retry_after):
            if after_s is None and retry_after is not None:
                return Retry(reason, parse_retry_after(retry_after, datetime.now(UTC)), answered=True)
            return Retry(reason, after_s, answered=reason not in SILENT)
        case Stop(reason, _):
            return Hold(reason)
        case No(reason, detail):
            return Refused(reason, detail)
    return Refused("gone")
