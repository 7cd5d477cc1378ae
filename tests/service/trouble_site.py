"""A gateway's troubles with a store, a rule engine as far as alarms go, and a ticket desk that obeys the action word alone."""

import json
from collections import defaultdict
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET, Raw

from edgegw.clock import ManualClock
from edgegw.model import Changes, Event, Lane
from edgegw.profiles.fields import Text
from edgegw.rules.events import (
    ALARM_CLEARED,
    ALARM_RAISED,
    ALARM_UPDATED,
    DEVICE_OFFLINE,
    DEVICE_ONLINE,
    AlarmData,
    encode,
    utc,
)
from edgegw.service.specs import Calendar, Catalogue, Facts, Feed, OneTicket
from edgegw.service.ticket import ALARM_ESCALATED, HISTORY_KIND, MAINTENANCE_KIND, TROUBLE_KIND, Request, TicketUpdate
from edgegw.service.troubles import Troubles

S = 1_000_000_000
RESPOND_S, RESOLVE_S = 900.0, 7200.0

CATALOGUE = Catalogue(
    categories={},
    teams={},
    guides={},
    matrix=(),
    targets={},
    overrides=(),
    calendar=Calendar(ZoneInfo("Asia/Shanghai")),
    language="zh-CN",
)
"""Only its calendar is asked: `classify` below stands for the rest."""


def classify(catalogue, facts, at):
    if facts.category == "quiet":
        return None
    return Request(
        category=facts.category,
        category_name=facts.category,
        impact=4,
        urgency=4,
        priority=facts.priority or "P2",
        respond_s=RESPOND_S,
        resolve_s=RESOLVE_S,
        respond_by_ns=at.wall_ns + round(RESPOND_S * S),
        resolve_by_ns=at.wall_ns + round(RESOLVE_S * S),
        team="works",
        team_name="工程部",
    )


def facts_of(*names, **more) -> dict[str, Facts]:
    """Facts of alarms called ``<subject>/<rule>``; ``gone`` is one of health, ``sos`` momentary, ``quiet`` gets no ticket."""
    found = {}
    for name in names:
        subject, rule = name.rsplit("/", 1) if not name.startswith("link/") else (name, "link-down")
        found[f"gw/{name}"] = Facts(
            subject=subject,
            rule=rule,
            category="quiet" if rule == "quiet" else "device",
            health=rule in ("gone", "link-down"),
            momentary=rule == "sos",
            link="a" if subject.startswith("d") else "",
            labels=more.get("labels", {"building": "3", "floor": "2"}),
        )
    return found


def feed(name, members, causes=(), *, infer=True) -> Feed:
    return Feed(
        id=name,
        owner=name,
        title=Text(zh="{device} 整体失联", en="{device} is lost"),
        members=frozenset(members),
        causes=frozenset(f"gw/{cause}" for cause in causes),
        infer=infer,
    )


class Desk:
    """A ticket system that goes by the action word; what it says is kept in order, with a version."""

    def __init__(self) -> None:
        self.tickets: dict[str, dict] = {}
        self.said: list[TicketUpdate] = []

    def take(self, event_type: str, data: dict) -> None:
        ticket = data.get("ticket")
        if ticket is None or ticket["action"] == "none":
            return
        action, one = ticket["action"], self.tickets.get(ticket["id"])
        if action == "open" and one is None:
            one = self.tickets[ticket["id"]] = {
                "id": ticket["id"],
                "key": data["dedup_key"],
                "status": "open",
                "version": 0,
            }
            self.say(one, "opened")
        assert one is not None, f"{action} of a ticket that was never opened"
        if action == "reopen":
            one["status"] = "open"
            self.say(one, "opened")
        elif action == "resolve" and one["status"] == "open":
            one["status"] = "proposed"
        elif action == "merge":
            one["status"] = "merged"
        assert len(self.open(data["dedup_key"])) <= 1, f"two open tickets for {data['dedup_key']}"

    def person(self, ticket_id: str, word: str) -> bool:
        """Somebody works on a ticket, if there is something to do about it."""
        one = self.tickets[ticket_id]
        if one["status"] not in ("open", "proposed"):
            return False
        if word in ("resolved", "closed", "rejected"):
            one["status"] = word
        self.say(one, word)
        return True

    def say(self, one: dict, word: str) -> None:
        one["version"] += 1
        self.said.append(
            TicketUpdate(
                dedup_key=one["key"],
                state=word,
                ticket_id=one["id"],
                number=f"#{sorted(self.tickets).index(one['id'])}",
                version=one["version"],
            )
        )

    def open(self, key: str) -> list[str]:
        return [one["id"] for one in self.tickets.values() if one["key"] == key and one["status"] == "open"]

    def of(self, key: str) -> list[dict]:
        return [one for one in self.tickets.values() if one["key"] == key]


class Box:
    """See the module's text. Alarms are named ``<subject>/<rule>``; the gateway is ``gw``."""

    def __init__(self, facts=None, feeds=(), one=None, *, classify=classify, make=Troubles, **more) -> None:
        self.clock = ManualClock(mono_ns=1000 * S)
        self.facts = facts or {}
        self.feeds = tuple(feeds)
        self.one = one or OneTicket()
        self.more = {"classify": classify, **more}
        self.make = make
        self.store: dict[str, dict[str, bytes]] = defaultdict(dict)
        self.alarms: dict[str, AlarmData] = {}
        self.offline: set[str] = set()
        self.desk = Desk()
        self.events: list[tuple[str, dict]] = []
        self.serial = 0
        self.boots = 0
        self.start()

    # --- running ------------------------------------------------------------------------------------------------------

    @property
    def now(self):
        return self.clock.now()

    def start(self) -> None:
        self.troubles = self.make(
            gateway="gw",
            catalogue=CATALOGUE,
            one=self.one,
            facts=self.facts,
            feeds=self.feeds,
            troubles=dict(self.store[TROUBLE_KIND]),
            windows=dict(self.store[MAINTENANCE_KIND]),
            history=list(self.store[HISTORY_KIND]),
            now=self.now,
            **self.more,
        )
        self.commit(self.troubles.begin(dict(self.alarms), set(self.offline), self.now))
        self.found()

    def reboot(self, off_s: float = 0.0, *, synced: bool = True) -> None:
        """Power fails, and comes back; monotonic time begins anew, never twice at the same moment."""
        self.boots += 1
        wall_ns = self.now.wall_ns + round(off_s * S)
        self.clock = ManualClock(wall_ns if synced else 3600 * S, mono_ns=5 * S + self.boots, synced=synced)
        self.start()

    def commit(self, changes: Changes) -> list[dict]:
        told = []
        for change in changes.states:
            if change.value is None:
                self.store[change.kind].pop(change.key, None)
            else:
                self.store[change.kind][change.key] = change.value
        for event in changes.events:
            data = json.loads(event.data) if event.data else {}
            self.events.append((event.type, data))
            told.append({"type": event.type, **data})
            if event.type in (ALARM_RAISED, ALARM_UPDATED):
                self.alarms[data["dedup_key"]] = msgspec.json.decode(event.data, type=AlarmData)
            elif event.type == ALARM_CLEARED:
                self.alarms.pop(data["dedup_key"], None)
            elif event.type == DEVICE_OFFLINE:
                self.offline.add(event.subject)
            elif event.type == DEVICE_ONLINE:
                self.offline.discard(event.subject)
            self.desk.take(event.type, data)
        return told

    def found(self) -> None:
        """What service.sensing does with conditions."""
        for _ in range(4):
            for one in self.troubles.conditions():
                key = f"gateway/{one.key}"
                if one.active is not (f"gw/{key}" in self.alarms):
                    evidence = one.evidence
                    self._through(self.event(key, ALARM_RAISED if one.active else ALARM_CLEARED, evidence=evidence))

    def _through(self, *events: Event) -> list[dict]:
        return self.commit(self.troubles.take(Changes(events), self.now))

    def send(self, *events: Event) -> list[dict]:
        told = self._through(*events)
        self.found()
        return told

    def wait(self, seconds: float) -> list[dict]:
        """Time passes, and the timers run when they are due."""
        before = len(self.events)
        end_ns = self.now.mono_ns + round(seconds * S)
        for _ in range(10_000):
            due = self.troubles.due_ns()
            if due is None or due > end_ns:
                break
            self.clock.advance(max(0, due - self.now.mono_ns) / S)
            self.commit(self.troubles.tick(self.now))
            self.found()
        else:
            raise AssertionError("timers never rest")
        self.clock.advance((end_ns - self.now.mono_ns) / S)
        return [{"type": kind, **data} for kind, data in self.events[before:]]

    # --- alarms -------------------------------------------------------------------------------------------------------

    def event(self, name: str, kind: str, *, subject: str = "", evidence=None, **more) -> Event:
        key = f"gw/{name}"
        self.serial += 1
        facts = self.facts.get(key)
        subject = subject or (facts.subject if facts else name.rsplit("/", 1)[0])
        data = AlarmData(
            dedup_key=key,
            alarm_id=f"a{self.serial}",
            rule=name.rsplit("/", 1)[1],
            state="cleared" if kind == ALARM_CLEARED else "active",
            title=more.get("title", f"Title of {name}"),
            category=more.get("category", "device"),
            priority=more.get("priority", "P4"),
            location=more.get("location", UNSET),
            evidence=Raw(encode(evidence or {"value": 1})),
            count=1,
            raised_at=utc(self.now.wall_ns),
        )
        return Event(kind, Lane.ALARM, subject, self.now, encode(data))

    def up(self, name: str, **more) -> dict:
        """An alarm is raised; the ticket in its event."""
        return self._first(self.send(self.event(name, ALARM_RAISED, **more)))

    def change(self, name: str, **more) -> dict:
        return self._first(self.send(self.event(name, ALARM_UPDATED, **more)))

    def down(self, name: str, **more) -> dict:
        return self._first(self.send(self.event(name, ALARM_CLEARED, **more)))

    def presence(self, device: str, *, online: bool) -> None:
        self.send(Event(DEVICE_ONLINE if online else DEVICE_OFFLINE, Lane.TELEMETRY, device, self.now, b"{}"))

    @staticmethod
    def _first(told: list[dict]) -> dict:
        return next(data["ticket"] for data in told if "ticket" in data)

    # --- tickets ------------------------------------------------------------------------------------------------------

    def say(self, name: str, state: str, **more):
        """A ticket system's word about an alarm's ticket."""
        changes = self.troubles.answer(TicketUpdate(dedup_key=f"gw/{name}", state=state, **more), self.now)
        for one in self.desk.of(f"gw/{name}"):
            if state in ("resolved", "closed", "rejected") and one["id"] == more.get("ticket_id", one["id"]):
                one["status"] = state
        if changes is not None:
            self.commit(changes)
        return changes

    def view(self, name: str):
        return self.troubles.view(f"gw/{name}")

    def history(self) -> list[dict]:
        return [json.loads(value) for _, value in sorted(self.store[HISTORY_KIND].items())]

    def declare(self, scope: str, target: str, seconds: float):
        window, changes = self.troubles.declare(
            scope=scope,
            target=target,
            reason="换泵",
            by="li",
            until_ns=self.now.wall_ns + round(seconds * S),
            now=self.now,
        )
        self.commit(changes)
        self.found()
        return window

    def end(self, window_id: str) -> bool:
        changes = self.troubles.end_window(window_id, "li", self.now)
        if changes is not None:
            self.commit(changes)
        return changes is not None


def actions(told: list[dict]) -> list[tuple[str, str, str]]:
    """(last word of the type, action, why) of what was told of tickets."""
    return [
        (one["type"].rsplit(".", 1)[1], one["ticket"]["action"], one["ticket"].get("why", ""))
        for one in told
        if "ticket" in one
    ]


def escalations(told: list[dict]) -> list[tuple[str, int]]:
    return [(one["ticket"]["why"], one["ticket"]["level"]) for one in told if one["type"] == ALARM_ESCALATED]
