"""Events as a gateway sends them, for the tests of the desk."""

from typing import Any

KEY = "gw/leak-1/leak"
TICKET = "11111111-1111-8111-8111-111111111111"


def event(number: int, kind: str = "edgegw.reading", seq: int | None = None, **data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": f"id-{number}", "source": "edgegw/gw", "type": kind, "subject": "leak-1",
        "time": "2026-11-24T12:00:00Z", "edgegwseq": str(number if seq is None else seq), "data": data,
    }  # fmt: skip


def alarm(number: int, what: str, **data: Any) -> dict[str, Any]:
    """An alarm event of a gateway that knows no tickets."""
    base = {"dedup_key": KEY, "title": "漏水 · 3-1203", "priority": "P1", "location": {"text": "3-1203"}}
    return event(number, f"edgegw.alarm.{what}", None, **base | {"device": {"id": "leak-1"}} | data)


WHAT = {"open": "raised", "reopen": "raised", "resolve": "cleared", "none": "raised"}


def asks(number: int, action: str, ticket: str = TICKET, key: str = KEY, **more: Any) -> dict[str, Any]:
    """An event whose ``ticket`` asks for an action; `more`: further members of ``ticket``."""
    if action != "none":
        more = {"id": ticket} | more
    return alarm(number, WHAT.get(action, "updated"), dedup_key=key, ticket={"action": action} | more)
