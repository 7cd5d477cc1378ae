"""The demo's own words in both languages; what devices, alarms and tickets are called comes from the site file and the rules.

Owns: every text of the screen.
Must not know: where it is shown.
"""

ZH: dict[str, str] = {
    "A residential community, its gateway and its ticket desk": "智慧社区 · 边缘网关 · 工单台",
    "tickets": "工单",
    "metrics": "指标",
    "health": "健康",
    "site file": "站点文件",
    "running": "已运行",
    "device": "设备",
    "place": "位置",
    "state": "状态",
    "last reading": "最近读数",
    "age": "距今",
    "online": "在线",
    "offline": "离线",
    "unknown": "未知",
    "active alarms": "活动告警",
    "no alarm": "无告警",
    "no ticket yet": "还没有工单",
    "title": "标题",
    "open": "待处理",
    "new": "待受理",
    "acknowledged": "已受理",
    "assigned": "已派工",
    "solved": "已解决",
    "rejected": "已驳回",
    "merged": "已合并",
    "missed": "漏单",
    "late": "超时",
    "resolved": "已恢复",
    "recovered": "已恢复",
    "closed": "已关闭",
    "link": "链路",
    "messages": "消息",
    "readings": "读数",
    "response": "响应",
    "count": "次数",
    "buffer": "缓冲",
    "alarm": "告警",
    "access": "门禁",
    "command": "指令",
    "telemetry": "遥测",
    "event": "事件",
    "door": "门",
    "desk": "工单台",
    "screen": "屏幕",
    "broker": "消息代理",
    "gateway": "网关",
    "community": "社区",
    "up": "正常",
    "down": "中断",
    "unplugged": "已拔掉",
    "starting": "启动中",
    "committed": "已落盘",
    "accepted": "已送达",
    "waiting": "待送",
    "lost": "丢失",
    "raised": "告警产生",
    "cleared": "告警恢复",
    "opened": "开单",
    "pull a plug": "拔插头",
    "broker off/on": "消息代理 停/启",
    "desk off/on": "工单台 停/启",
    "kill -9 the gateway": "强杀网关",
    "silence a meter": "电表失联",
    "water leak": "漏水",
    "quit": "退出",
    "unplugged; press again to plug it in": "已拔掉，再按一次恢复",
    "plugged in again": "已恢复",
    "killed with SIGKILL, starting again": "已强杀，正在重启",
    "started again": "已重新启动",
    "a meter falls silent": "一块电表失联",
    "the meter answers again": "电表恢复应答",
    "water on the floor": "地面有水",
    "the community does not answer": "社区没有应答",
    "sources first: the community falls quiet, the gateway delivers what it holds …": "先停源头：社区安静，网关送完手中的记录 …",
    "nothing was lost": "没有丢失",
    "records were lost": "有记录丢失",
    "nothing moved": "没有数据流动",
    "s": "秒",
}
"""English text → Chinese. English is what the code says; a missing entry shows English."""


class Words:
    """Texts in one language, ``zh-CN`` or ``en``."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._table = ZH if language.startswith("zh") else {}

    def __call__(self, text: str) -> str:
        """The text in this language."""
        return self._table.get(text, text)
