"""What docs/tickets.md says of the troubles is what the code has: every word, every example."""

import json
import re
from pathlib import Path

import msgspec

from edgegw.service.maintenance import MaintenanceData
from edgegw.service.ticket import (
    ALARM_ESCALATED,
    ANSWERS,
    TICKET_REQUESTED,
    TICKET_UPDATED,
    Action,
    Ticket,
    TicketState,
    Why,
)

PAGE = (Path(__file__).parents[2] / "docs" / "tickets.md").read_text("utf-8").partition("## How answers arrive")[0]
LEFT_OUT = "…"


def table(heading: str) -> set[str]:
    """Words in the first column of the table whose first heading is this."""
    lines = PAGE.splitlines()
    start = lines.index(next(line for line in lines if line.startswith(f"| {heading} |")))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows += re.findall(r"`([a-z-]+)`", line.split("|")[1])
    return set(rows)


def examples() -> list[dict]:
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]


def test_every_word_is_on_the_page() -> None:
    assert table("action") == set(Action)
    assert table("answer") == set(ANSWERS)
    assert table("`why`") == {Why.GATHER, Why.CAUSE, Why.MAINTENANCE, Why.NO_TICKET}
    assert all(f"`{why}`" in PAGE for why in Why)
    assert all(state in PAGE for state in TicketState)
    for kind in (TICKET_REQUESTED, TICKET_UPDATED, ALARM_ESCALATED):
        assert f"`{kind}`" in PAGE


def test_examples_have_the_shapes_of_the_code() -> None:
    tickets = [example["ticket"] for example in examples() if "ticket" in example]
    assert [ticket["action"] for ticket in tickets] == ["open", "resolve"]
    for ticket in tickets:
        ticket.pop(LEFT_OUT, None)
        assert set(ticket) <= set(Ticket.__struct_fields__)
        msgspec.convert(ticket, Ticket)
    (window,) = [example for example in examples() if "scope" in example]
    assert set(window) == set(MaintenanceData.__struct_fields__)
    msgspec.convert(window, MaintenanceData)
