"""What operators read about doors: titles of their alarms, in both languages.

Owns: the texts. Must not know: when an alarm begins (access).
"""

from collections.abc import Mapping

from edgegw.profiles.fields import Text

TITLES: Mapping[str, Text] = {
    "duress": Text(zh="{location} {device} 胁迫报警", en="Duress signal at {device}, {location}"),
    "forced": Text(zh="{location} {device} 被强行打开", en="{device} forced open, {location}"),
    "tamper": Text(zh="{location} {device} 读卡器被拆动", en="Reader tampered with at {device}, {location}"),
    "lock-failed": Text(zh="{location} {device} 门锁未确认动作", en="Lock of {device} did not confirm, {location}"),
    "fire-release": Text(
        zh="{location} {device} 已因火警释放，须人工复位", en="{device} released by fire, {location}: reset by hand"
    ),
    "fire-unconfirmed": Text(
        zh="{location} {device} 消防释放未确认", en="Fire release of {device} not confirmed, {location}"
    ),
    "held": Text(zh="{location} {device} 长时间未关", en="{device} held open, {location}"),
    "lockout": Text(
        zh="{location} {device} 多次刷卡失败，暂停识别", en="Too many failed attempts at {device}, {location}"
    ),
    "reader-lost": Text(zh="{location} {device} 读卡器失联", en="Reader lost at {device}, {location}"),
}
"""By kind of `access.decision.CONDITIONS`. ``{device}`` is the door's name."""

SYNC_TITLE = Text(zh="门禁凭证与上级平台同步失败", en="Credentials cannot be synchronised with the platform")
"""Of the gateway's own alarm about the upstream that credentials come from."""
