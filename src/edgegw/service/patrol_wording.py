"""What operators read about patrols: titles of their tickets, lists of points, in both languages.

Owns: the texts. Must not know: when one is due.
"""

from collections.abc import Sequence

from edgegw.profiles.fields import Text

MISSED_TITLE = Text(zh="{device}漏巡：{value}", en="{device}: {value} missed")
"""``{device}`` is the plan, ``{value}`` the points; their names say where, the event has the first one's location."""

FAULT_TITLE = Text(zh="{device}未按计划执行：{value}", en="{device} not done as planned: {value}")

WHOLE_ROUND = Text(zh="整轮", en="the whole round")

UNKNOWN_CARD = Text(zh="未知人员", en="unknown person")

NAMED = 3
"""Points that a title names; it is one line on a telephone."""


def points_text(names: Sequence[str], language: str) -> str:
    """``大门、车库、泵房等 5 处``, or ``Gate, Garage, Pump room and 2 more``."""
    named, more = names[:NAMED], len(names) - NAMED
    if language.startswith("zh"):
        return "、".join(named) + (f"等 {len(names)} 处" if more > 0 else "")
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")
