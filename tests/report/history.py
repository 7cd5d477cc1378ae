"""Two weeks of a small community that never was: counters and tickets for golden files, always the same."""

from datetime import date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from edgegw.model import Instant
from edgegw.report.show import Names
from edgegw.service.indicators import Indicators
from edgegw.service.indicators_figures import figures
from edgegw.service.indicators_report import Period, Report
from edgegw.service.indicators_rows import decode
from edgegw.service.ticket import History, TicketState, TroubleView

ZONE = ZoneInfo("Asia/Shanghai")
PERIOD = Period(date(2026, 11, 9), date(2026, 11, 15))
NOW = datetime(2026, 11, 16, 8, 30, tzinfo=ZONE)
NS = 1_000_000_000
FIRST = datetime(2026, 11, 2, tzinfo=ZONE)
METERS = ("meter-3-1-101", "meter-3-1-102", "meter-3-2-502")
DEVICES = ("pump-3", "smoke-3-2-5", "door-3-lobby", *METERS)

NAMES = Names(
    gateway="lakeside-1",
    location="湖畔花园 3 号门",
    devices={
        "pump-3": "3号楼生活水泵",
        "smoke-3-2-5": "烟感 <5层走廊>",
        "door-3-lobby": "3号楼大堂门",
        "meter-3-1-101": "水表 101",
        "meter-3-1-102": "水表 102",
        "meter-3-2-502": "水表 502",
    },
    categories={"water": "给排水", "fire": "消防", "access": "门禁", "device": "设备"},
    plans={"night": "夜间巡查"},
)

ALARMS = (
    # title, device, rule, category, priority, minutes to respond, labels
    ("集水井液位过高", "pump-3", "sump-high", "water", "P2", 15, {"building": "3", "floor": "-1"}),
    (
        "烟感报警 <b>5层</b> & 走廊",
        "smoke-3-2-5",
        "smoke",
        "fire",
        "P1",
        5,
        {"building": "3", "unit": "2", "floor": "5"},
    ),
    ("大堂门长时间未关", "door-3-lobby", "held-open", "access", "P3", 30, {"building": "3", "unit": "1"}),
    ("水表离线", "meter-3-2-502", "offline", "device", "P4", 30, {"building": "3", "unit": "2", "room": "502"}),
)


def ns(moment: datetime) -> int:
    return int(moment.timestamp()) * NS


def instant(moment: datetime) -> Instant:
    return Instant(ns(moment), ns(moment) - ns(FIRST) + NS)


def counters() -> dict[str, bytes]:
    """What the gateway would have stored."""
    dice = Random(7)
    counted = Indicators(ZONE, meters=dict.fromkeys(METERS, 3600.0))
    counted.begin({}, instant(FIRST))
    kept: dict[str, bytes] = {}
    raised = tickets()
    for device in DEVICES:
        counted.presence(device, online=True, at=instant(FIRST))
    for hour in range(14 * 24 + 8):
        at = instant(FIRST + timedelta(hours=hour, minutes=1))
        _responses(counted, dice, at, slow=hour == 200)
        _devices(counted, dice, hour, at)
        if hour % 24 == 2:
            late, missed = int(dice.random() < 0.3), int(dice.random() < 0.2)
            counted.patrol("night", planned=12, on_time=12 - late - missed, late=late, missed=missed, at=at)
        if dice.random() < 0.15:
            counted.rated(dice.choice((3, 4, 4, 5, 5, 5)), at)
        for one in raised:
            if at.wall_ns <= one.raised_ns < at.wall_ns + 3600 * NS:
                for _ in range(one.occurrences):
                    counted.alarm(one.dedup_key, raised=True, at=at)
        for state in counted.flush(at, final=True).states:
            assert state.value is not None
            kept[state.key] = state.value
    return kept


def _responses(counted: Indicators, dice: Random, at: Instant, *, slow: bool) -> None:
    for _ in range(6):
        counted.responded("event", dice.lognormvariate(-1.6, 0.7), at)
        counted.responded("alarm", dice.lognormvariate(-1.8, 0.5), at)
        took = dice.lognormvariate(-0.7, 0.6)
        counted.responded("command", took, at)
        counted.slow(dice.choice(DEVICES), took, at)
        counted.responded("door", dice.lognormvariate(-0.35, 0.35), at)
    if slow:
        counted.responded("command", 7.3, at)
        counted.slow("pump-3", 7.3, at)


def _devices(counted: Indicators, dice: Random, hour: int, at: Instant) -> None:
    for meter in METERS:
        if meter != "meter-3-2-502" or dice.random() < 0.93:
            counted.reading(meter, at)
    if hour % 41 == 0:
        counted.presence("meter-3-2-502", online=False, at=at)
    elif hour % 41 == 3:
        counted.presence("meter-3-2-502", online=True, at=at)


def tickets() -> list[History]:
    """Troubles that are over."""
    dice = Random(11)
    found = []
    for number in range(120):
        title, device, rule, category, priority, respond, labels = ALARMS[min(3, int(dice.random() * 4.6))]
        raised = FIRST + timedelta(minutes=dice.randrange(14 * 24 * 60))
        took = dice.lognormvariate(1.9, 0.7)
        fate = dice.random()
        missed = fate < 0.03
        held = 0.03 <= fate < 0.12
        state = TicketState.HELD if held else TicketState.OPENED if missed else TicketState.CLOSED
        found.append(
            History(
                ticket_id=f"00000000-0000-8000-8000-{number:012}",
                ref=f"EG-{number:08}".replace("0", "Q"),
                dedup_key=f"lakeside-1/{device}/{rule}",
                title=title,
                category=category,
                priority=priority,
                subject=device,
                state=state.value,
                labels=labels,
                number="" if held else f"#{1000 + number}",
                why="cause" if held else "",
                cause="lakeside-1/pump-3/sump-high" if held else "",
                level=int(missed or took > respond),
                occurrences=1 + int(dice.random() * 3),
                raised_ns=ns(raised),
                cleared_ns=ns(raised + timedelta(minutes=90)),
                requested_ns=0 if held else ns(raised) + NS,
                opened_ns=0 if held else ns(raised) + 3 * NS,
                acknowledged_ns=0 if held or missed else ns(raised) + round(took * 60) * NS,
                resolved_ns=0 if held or missed else ns(raised + timedelta(minutes=took + 40)),
                closed_ns=0 if held or missed else ns(raised + timedelta(minutes=took + 400)),
                respond_by_ns=0 if held else ns(raised + timedelta(minutes=respond)),
                resolve_by_ns=0 if held else ns(raised + timedelta(hours=2)),
            )
        )
    return found


def live() -> list[TroubleView]:
    """Troubles that are not over: one late, one in time."""
    title, device, rule, category, priority, _, labels = ALARMS[0]
    late = TroubleView(
        dedup_key=f"lakeside-1/{device}/{rule}-late",
        ticket_id="00000000-0000-8000-8000-000000000901",
        ref="EG-ZZZZZZZ2",
        title=title,
        category=category,
        priority=priority,
        team="engineering",
        subject=device,
        active=True,
        state=TicketState.REQUESTED,
        raised_ns=ns(datetime(2026, 11, 15, 23, 0, tzinfo=ZONE)),
        requested_ns=ns(datetime(2026, 11, 15, 23, 0, 1, tzinfo=ZONE)),
        respond_by_ns=ns(datetime(2026, 11, 15, 23, 15, tzinfo=ZONE)),
        resolve_by_ns=ns(datetime(2026, 11, 16, 1, 0, tzinfo=ZONE)),
        labels=labels,
    )
    waiting = TroubleView(
        dedup_key="lakeside-1/meter-3-2-502/offline",
        ticket_id="00000000-0000-8000-8000-000000000902",
        ref="EG-ZZZZZZZ3",
        title="水表离线",
        category="device",
        priority="P4",
        team="engineering",
        subject="meter-3-2-502",
        active=True,
        state=TicketState.OPENED,
        number="#2001",
        raised_ns=ns(datetime(2026, 11, 15, 23, 30, tzinfo=ZONE)),
        requested_ns=ns(datetime(2026, 11, 15, 23, 30, 1, tzinfo=ZONE)),
        respond_by_ns=ns(datetime(2026, 11, 16, 8, 45, tzinfo=ZONE)),
        resolve_by_ns=ns(datetime(2026, 11, 17, 8, 45, tzinfo=ZONE)),
        labels={"building": "3", "unit": "2", "room": "502"},
    )
    return [late, waiting]


def report(period: Period = PERIOD) -> Report:
    """The report of the second week against the first."""
    return figures(
        period,
        period.before(),
        history=tickets(),
        live=live(),
        counters=decode(counters()),
        zone=ZONE,
        now_ns=ns(NOW),
    )
