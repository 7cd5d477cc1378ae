"""What every indicator is called and what exactly it says, in both languages; its unit and its target.

Owns: the list of indicators, in the order of the report.
Must not know: how they are computed (indicators_figures), how they look.

Targets are the customer's: devices 5 s, doors 3 s, alarms accepted upstream in 5 s, steps missed 8.6 % → 0.3 %, response
45 → 12 min. What has no agreed target has none here either.
"""

from collections.abc import Mapping

from msgspec import Struct

from edgegw.profiles.fields import Text

SECTIONS: Mapping[str, Text] = {
    "response": Text(zh="响应", en="Response"),
    "tickets": Text(zh="工单闭环", en="Tickets"),
    "patrol": Text(zh="巡查", en="Patrol"),
    "devices": Text(zh="设备与数据", en="Devices and data"),
    "people": Text(zh="服务评价", en="Ratings"),
}


class Spec(Struct, frozen=True, kw_only=True):
    """One indicator.

    Attributes:
        unit: ``%``, ``s``, ``min``, ``points`` or, for a count, empty.
        more_is_better: None where neither is.
        target: the least (or most) that is agreed; None: nothing is.
        baseline: what it was before, where the target was set from that.
    """

    key: str
    section: str
    unit: str
    name: Text
    definition: Text
    more_is_better: bool | None = False
    target: float | None = None
    baseline: float | None = None


def _share(key: str, section: str, name: Text, definition: Text, *, target: float | None = None) -> Spec:
    return Spec(
        key=key, section=section, unit="%", name=name, definition=definition, more_is_better=True, target=target
    )


_MEASURED = {
    "device": (
        Text(zh="设备响应", en="Device response"),
        Text(
            zh="命令自受理至得出确定结果，以及事件自接收至上级平台受理（遥测除外）",
            en="commands from admission to a definite outcome, and events, telemetry apart, from reception to "
            "acceptance upstream",
        ),
    ),
    "door": (
        Text(zh="门禁响应", en="Door response"),
        Text(
            zh="自读卡器报文到达网关至门锁确认",
            en="from the reader's message at the gateway to the lock's confirmation",
        ),
    ),
    "alarm": (
        Text(zh="告警上报", en="Alarm to upstream"),
        Text(
            zh="告警自网关判定至上级平台受理；上级平台中断期间的等待计算在内",
            en="from the gateway's decision to acceptance upstream; waiting while the upstream is down counts",
        ),
    ),
}


def kind(path: str) -> Text:
    """What a kind of response (``device``, ``door``, ``alarm``) is called."""
    return _MEASURED[path][0]


def spread_name(path: str) -> Text:
    """Of the percentiles of a kind of response together."""
    name = kind(path)
    return Text(zh=f"{name.zh} P50、P95、P99、最长", en=f"{name.en}: p50, p95, p99, longest")


def spread_definition(path: str) -> Text:
    """See `spread_name`."""
    measured = _MEASURED[path][1]
    return Text(
        zh=f"50 %、95 %、99 % 的响应不超过的时长，以及最长的一次：{measured.zh}。",
        en=f"The times that 50, 95 and 99 % did not exceed, and the longest: {measured.en}.",
    )


def _spread(path: str) -> tuple[Spec, ...]:
    name, measured = _MEASURED[path]
    found = [
        Spec(
            key=f"{path}_p{percent}",
            section="response",
            unit="s",
            name=Text(zh=f"{name.zh} P{percent}", en=f"{name.en}, p{percent}"),
            definition=Text(
                zh=f"{percent} % 的响应不超过该时长：{measured.zh}。由直方图插值。",
                en=f"The time that {percent} % did not exceed: {measured.en}. Interpolated in a histogram.",
            ),
        )
        for percent in (50, 95, 99)
    ]
    found.append(
        Spec(
            key=f"{path}_max",
            section="response",
            unit="s",
            name=Text(zh=f"{name.zh}最长", en=f"{name.en}, longest"),
            definition=Text(zh=f"最长一次：{measured.zh}。", en=f"The longest: {measured.en}."),
        )
    )
    return tuple(found)


def _within(path: str, seconds: int, target: float | None) -> Spec:
    name, measured = _MEASURED[path]
    return _share(
        f"{path}_within_{seconds}s",
        "response",
        Text(zh=f"{name.zh} ≤ {seconds} 秒", en=f"{name.en} within {seconds} s"),
        Text(
            zh=f"不超过 {seconds} 秒的占比：{measured.zh}。",
            en=f"Share that took at most {seconds} s: {measured.en}.",
        ),
        target=target,
    )


SPECS: tuple[Spec, ...] = (
    _within("device", 5, 100.0),
    *_spread("device"),
    _within("door", 3, 100.0),
    _within("door", 2, None),
    *_spread("door"),
    _within("alarm", 5, 100.0),
    *_spread("alarm"),
    Spec(
        key="steps_missed",
        section="tickets",
        unit="%",
        name=Text(zh="服务遗漏率", en="Steps missed"),
        definition=Text(
            zh="无人确认的告警占应有人确认的告警之比。未到响应时限的不计入；被抑制的（已归因、检修、抖动、"
            "目录规定不建单）另列，不算遗漏。工单结束时仍无人确认，或已过响应时限仍无人确认，即为遗漏。",
            en="Alarms that nobody acknowledged, of all that somebody had to. Those still within their time to "
            "respond are left out; held ones (explained by a cause, maintenance, flapping, no ticket by the "
            "catalogue) are listed apart and are not missed. Missed is what ended, or went past its time to respond, "
            "without an acknowledgement.",
        ),
        target=0.3,
        baseline=8.6,
    ),
    Spec(
        key="response_mean",
        section="tickets",
        unit="min",
        name=Text(zh="平均响应时长", en="Mean response time"),
        definition=Text(
            zh="自告警产生至有人确认的平均时长（自然时间）。时钟未校准时产生的告警不计入。",
            en="From the raising of the alarm to its acknowledgement by a person, mean, in elapsed time and not "
            "working time. Alarms raised while the clock was not trusted are left out.",
        ),
        target=12.0,
        baseline=45.0,
    ),
    Spec(
        key="response_median",
        section="tickets",
        unit="min",
        name=Text(zh="响应时长中位数", en="Median response time"),
        definition=Text(
            zh="同上，取中位数：半数工单不超过该时长。", en="As the mean, but the median: half took no longer."
        ),
    ),
    _share(
        "acknowledged_in_time",
        "tickets",
        Text(zh="按时响应率", en="Acknowledged in time"),
        Text(
            zh="在响应时限（按优先级和工作时间）之前有人确认的工单占比。未到时限且无人确认的工单不计入。",
            en="Tickets acknowledged by their time to respond (by priority and working hours). A ticket that is "
            "still within its time and not acknowledged counts neither way.",
        ),
    ),
    _share(
        "resolved_in_time",
        "tickets",
        Text(zh="按时解决率", en="Resolved in time"),
        Text(
            zh="在解决时限之前解决或关闭（或故障自行消除）的工单占比。被驳回的和未到时限的工单不计入。",
            en="Tickets resolved or closed, or whose trouble went for good, by their time to resolve. Rejected ones "
            "and those still within their time are left out.",
        ),
    ),
    Spec(
        key="alarms",
        section="tickets",
        unit="",
        name=Text(zh="告警（故障）数", en="Troubles"),
        definition=Text(
            zh="本期产生的故障数；同一故障重复告警只算一次。",
            en="Troubles that began in the period; repeated raisings of one trouble count once.",
        ),
        more_is_better=None,
    ),
    Spec(
        key="tickets",
        section="tickets",
        unit="",
        name=Text(zh="工单数", en="Tickets"),
        definition=Text(zh="其中请求建立工单的。", en="Those of them for which a ticket was asked."),
        more_is_better=None,
    ),
    Spec(
        key="escalated",
        section="tickets",
        unit="",
        name=Text(zh="升级工单数", en="Escalated tickets"),
        definition=Text(
            zh="因未按时响应或解决而至少升级一次的工单。",
            en="Tickets escalated at least once, not acknowledged or not resolved in time.",
        ),
    ),
    _share(
        "patrol_done",
        "patrol",
        Text(zh="巡查完成率", en="Patrol completed"),
        Text(zh="计划巡查点中已到达（准时或迟到）的占比。", en="Planned points that were visited, on time or late."),
    ),
    _share(
        "patrol_on_time",
        "patrol",
        Text(zh="巡查准时率", en="Patrol on time"),
        Text(zh="计划巡查点中准时到达的占比。", en="Planned points that were visited on time."),
    ),
    _share(
        "online",
        "devices",
        Text(zh="设备在线率", en="Device online rate"),
        Text(
            zh="设备在线时长占已知其状态的时长之比，各设备按时长加权。网关停机或状态未知的时间不计入。n 为设备数。",
            en="Time devices were online, of the time for which that is known, all devices' time added up. Time "
            "while the gateway was off or nobody knew is left out. n: devices.",
        ),
    ),
    _share(
        "meters_complete",
        "devices",
        Text(zh="抄表完整率", en="Meter readings complete"),
        Text(
            zh="至少有一次读数的小时数占应有读数的小时数之比（抄表周期长于 1 小时的，按周期计）。"
            "网关停机期间的缺失计算在内。n 为应有的小时数。",
            en="Hours with at least one reading, of the hours in which one was expected (for meters read less often "
            "than hourly: of their intervals). What is missing because the gateway was off counts. n: hours expected.",
        ),
    ),
    Spec(
        key="rating",
        section="people",
        unit="points",
        name=Text(zh="平均评分", en="Mean rating"),
        definition=Text(zh="1（最差）至 5（最好）的平均分。", en="Mean of ratings from 1 (worst) to 5 (best)."),
        more_is_better=True,
    ),
)
