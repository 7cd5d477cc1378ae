"""What a report says besides its indicators, in both languages.

Owns: headings, labels, the wording of states and reasons. Must not know: figures, layout.
"""

from collections.abc import Mapping

from edgegw.profiles.fields import Text

WORDS: Mapping[str, Text] = {
    "title": Text(zh="服务运行报告", en="Service report"),
    "compared": Text(zh="与上期对比", en="compared with"),
    "made": Text(zh="生成于", en="made"),
    "running": Text(zh="本期尚未结束", en="the period has not ended"),
    "targets": Text(zh="目标达成", en="Targets"),
    "met": Text(zh="达标", en="met"),
    "not_met": Text(zh="未达标", en="not met"),
    "no_data": Text(zh="无数据", en="no data"),
    "target": Text(zh="目标", en="Target"),
    "baseline": Text(zh="原为", en="was"),
    "last": Text(zh="上期", en="Last period"),
    "value": Text(zh="本期", en="Value"),
    "n": Text(zh="样本数 n", en="n"),
    "change": Text(zh="变化", en="Change"),
    "better": Text(zh="改善", en="better"),
    "worse": Text(zh="变差", en="worse"),
    "kind": Text(zh="类型", en="Kind"),
    "within": Text(zh="目标内", en="Within target"),
    "within_norm": Text(zh="GB 50396", en="GB 50396"),
    "indicator": Text(zh="指标", en="Indicator"),
    "distribution": Text(zh="响应时长分布", en="How long responses took"),
    "distribution_axis": Text(zh="响应时长（秒）", en="response time, s"),
    "share_of": Text(zh="占比", en="share"),
    "per_day": Text(zh="每日工单（按优先级）", en="Tickets per day, by priority"),
    "per_week": Text(zh="每周工单（按优先级）", en="Tickets per week, by priority"),
    "in_time_chart": Text(zh="按时响应率", en="Acknowledged in time"),
    "online_chart": Text(zh="设备在线率", en="Device online rate"),
    "missed": Text(zh="遗漏的服务", en="Missed steps"),
    "missed_none": Text(
        zh="没有遗漏：每个需要处理的告警都有人确认。", en="None: somebody acknowledged every alarm that needed it."
    ),
    "missed_text": Text(zh="以下告警没有得到任何人的确认。", en="Nobody acknowledged these alarms."),
    "pending": Text(
        zh="另有 {n} 个告警仍在响应时限内，暂不判定。", en="{n} more are still within their time to respond."
    ),
    "held": Text(zh="未单独建单的告警", en="Alarms without a ticket of their own"),
    "held_text": Text(
        zh="这些告警有说明的原因，不算遗漏。", en="There was a reason for each of these; they are not missed."
    ),
    "more": Text(zh="另有 {n} 条，见 CSV 或 JSON。", en="{n} more; see CSV or JSON."),
    "when": Text(zh="时间", en="When"),
    "alarm": Text(zh="告警", en="Alarm"),
    "place": Text(zh="位置", en="Place"),
    "ticket": Text(zh="工单", en="Ticket"),
    "what": Text(zh="情况", en="What happened"),
    "reason": Text(zh="原因", en="Reason"),
    "by_priority": Text(zh="按优先级", en="By priority"),
    "by_category": Text(zh="按类别", en="By category"),
    "priority": Text(zh="优先级", en="Priority"),
    "category": Text(zh="类别", en="Category"),
    "troubles": Text(zh="告警", en="Troubles"),
    "tickets": Text(zh="工单", en="Tickets"),
    "in_time": Text(zh="按时响应", en="In time"),
    "missed_n": Text(zh="遗漏", en="Missed"),
    "mean": Text(zh="平均响应", en="Mean response"),
    "worst": Text(zh="短板", en="Where it falls short"),
    "places": Text(zh="问题最多的位置", en="Places with most to do"),
    "flapping": Text(zh="反复告警最多", en="Alarms raised most often"),
    "raisings": Text(zh="告警次数", en="Raised"),
    "slow": Text(zh="响应最慢的设备", en="Slowest devices"),
    "offline": Text(zh="在线率最低的设备", en="Devices least online"),
    "meters": Text(zh="读数缺失最多的表计", en="Meters with most readings missing"),
    "device": Text(zh="设备", en="Device"),
    "answers": Text(zh="响应次数", en="Answers"),
    "late": Text(zh="超过 5 秒", en="Over 5 s"),
    "mean_s": Text(zh="平均", en="Mean"),
    "longest": Text(zh="最长", en="Longest"),
    "online": Text(zh="在线率", en="Online"),
    "off_for": Text(zh="离线时长", en="Offline for"),
    "complete": Text(zh="完整率", en="Complete"),
    "hours_missing": Text(zh="缺失（应有）", en="Missing (of)"),
    "meter": Text(zh="表计", en="Meter"),
    "patrol": Text(zh="巡查计划", en="Patrol plans"),
    "plan": Text(zh="计划", en="Plan"),
    "planned": Text(zh="应到点次", en="Planned"),
    "on_time": Text(zh="准时", en="On time"),
    "visited_late": Text(zh="迟到", en="Late"),
    "unvisited": Text(zh="漏检", en="Missed"),
    "ratings": Text(zh="评分分布", en="Ratings"),
    "nothing": Text(zh="没有可列的。", en="Nothing to list."),
    "notes": Text(zh="关于数据", en="About the data"),
    "note_days": Text(
        zh="本期有 {n} 天没有任何计数（网关未运行，或尚未升级到有此功能的版本）。",
        en="{n} days of the period have no counters: the gateway did not run, or did not count yet.",
    ),
    "note_unsynced": Text(
        zh="有 {n} 项计数发生在时钟校准之前，日期不明，未计入任何一期（unsynced）。",
        en="{n} things were counted before the clock was set; their date is not known and they are in no period (unsynced).",
    ),
    "note_inexact": Text(
        zh="本期有 {n} 个告警产生时时钟未校准，不计入时长和时限类指标。",
        en="{n} alarms of the period were raised while the clock was not trusted; they are left out of times.",
    ),
    "note_undated": Text(
        zh="有 {n} 个告警日期不明，未计入任何一期。", en="{n} alarms have no certain date and are in no period."
    ),
    "note_unanswered": Text(
        zh="工单系统没有返回过任何工单状态。请配置工单回写，否则所有告警都会显示为遗漏。",
        en="The ticket system never told the state of a ticket. Until it does, every alarm counts as missed.",
    ),
    "note_none": Text(zh="本期数据完整。", en="The data of the period are complete."),
    "definitions": Text(zh="指标定义", en="Definitions"),
    "edges": Text(
        zh="百分位由直方图得出，误差不超过所在区间的宽度（2、3、5 秒附近不超过 0.5 秒）；2、3、5 秒以内的占比是精确值。"
        "百分比一律向不利的方向取舍，100 % 表示无一例外。",
        en="Percentiles come from a histogram and are exact to the width of its buckets, at most 0.5 s around 2, 3 and 5 s; "
        "shares within 2, 3 and 5 s are exact. Percentages are rounded to the worse side: 100 % means every single one.",
    ),
}

STATES: Mapping[str, Text] = {
    "held": Text(zh="未建单", en="no ticket"),
    "requested": Text(zh="已请求建单，工单系统未答复", en="ticket asked for, no answer from the ticket system"),
    "opened": Text(zh="已建单，无人确认", en="ticket opened, acknowledged by nobody"),
    "merged": Text(zh="已并入", en="merged"),
    "rejected": Text(zh="被驳回", en="rejected"),
}

WHYS: Mapping[str, Text] = {
    "gather": Text(zh="等待归因", en="waiting for a cause"),
    "cause": Text(zh="已归因", en="explained by a cause"),
    "maintenance": Text(zh="检修中", en="maintenance"),
    "flapping": Text(zh="反复抖动", en="flapping"),
    "no-ticket": Text(zh="目录规定不建单", en="no ticket by the catalogue"),
    "ended": Text(zh="工单已被驳回或结束", en="its ticket was rejected or is over"),
}


def word(key: str, language: str, **values: object) -> str:
    """A word of `WORDS`, with ``{n}`` and the like filled in."""
    text = WORDS[key].of(language)
    return text.format(**values) if values else text
