"""The honest end: what was sent, committed and accepted, and whether anything is missing.

Owns: the summary's shape, what counts as lost, when the demo was fine.
Must not know: where the numbers were read.
"""

from collections.abc import Callable, Sequence

from msgspec import Struct

from edgegw.demo.figures import Response


class LinkSum(Struct, frozen=True):
    """A link: messages taken by the gateway, readings told upstream."""

    kind: str
    messages: int
    readings: int


class Records(Struct, frozen=True):
    """Records of the whole demo.

    Attributes:
        committed: highest sequence number in the gateway's store; none is ever given twice.
        accepted: unique records the desk has.
        lost: committed, and neither at the desk nor waiting nor announced as shed; plus MQTT messages that the broker
            acknowledged and the gateway never took.
        waiting: still in the outbox when the gateway had stopped.
        refused: kept as dead letters because the desk refused them for good.
        repeated: records that the desk was given more than once (same id, promise 4).
    """

    committed: int
    accepted: int
    lost: int
    waiting: int = 0
    refused: int = 0
    repeated: int = 0


class Summary(Struct, frozen=True):
    """What ``edgegw demo --json`` prints. Times in milliseconds and seconds.

    Attributes:
        tickets: ``opened``, ``acknowledged``, ``resolved`` (recovered, or said so by a person), ``closed``, and ``missed``:
            those that nobody had acknowledged when all was over.
    """

    links: dict[str, LinkSum]
    alarms: dict[str, int]
    tickets: dict[str, int]
    responses: dict[str, Response]
    records: Records
    sent: dict[str, int]
    restarts: dict[str, int]
    duration_s: float
    ok: bool
    problems: tuple[str, ...] = ()


class Witnesses(Struct, frozen=True):
    """What each process says at the end.

    Attributes:
        committed: the store's highest sequence number; None if the store could not be read.
        waiting, refused, shed: the store's own words.
        desk: unique records at the desk; None if it does not answer.
        seen: highest sequence number the desk has; stands for `committed` where the store could not be read.
        sent: what the community sent, by kind: ``mqtt`` publishes acknowledged by the broker, ``serial`` frames; None if it died.
        mqtt_taken: messages the gateway took from MQTT links; None if it was killed in between and the sum is not exact.
    """

    committed: int | None
    waiting: int
    refused: int
    shed: int
    desk: int | None
    seen: int
    sent: dict[str, int] | None
    mqtt_taken: int | None


def judge(w: Witnesses) -> tuple[Records, tuple[str, ...]]:
    """The records' sums, and everything that is wrong with them as text, empty when all is well."""
    problems: list[str] = []
    committed = w.committed if w.committed is not None else w.seen
    if w.committed is None:
        problems.append("the store could not be read: committed is what the desk has seen")
    accepted = w.desk if w.desk is not None else 0
    if w.desk is None:
        problems.append("the desk did not answer: accepted is unknown")
    lost = max(0, committed - accepted - w.waiting - w.refused - w.shed)
    if lost:
        problems.append(f"{lost} records committed by the gateway are not at the desk")
    if w.sent is not None and w.mqtt_taken is not None and (gone := w.sent.get("mqtt", 0) - w.mqtt_taken) > 0:
        problems.append(f"{gone} MQTT messages acknowledged by the broker never reached the gateway")
        lost += gone
    problems += [
        f"{count} records {what}"
        for count, what in (
            (w.waiting, "still wait in the outbox"),
            (w.refused, "were refused by the desk"),
            (w.shed, "were shed"),
        )
        if count
    ]
    if not committed or not accepted:
        problems.append("nothing moved")
    return Records(committed, accepted, lost, w.waiting, w.refused), tuple(problems)


def plain(summary: Summary, words: Callable[[str], str]) -> Sequence[str]:
    """The summary as a few lines for a person; `words` puts what is not a number into their language."""
    r = summary.records
    lines = [
        f"{name:<14}{link.kind:<14}{words('messages')} {link.messages:<7} {words('readings')} {link.readings}"
        for name, link in summary.links.items()
    ]
    lines += [
        f"{words('response')} {words(path)}: {x.count} · p50 {x.p50_ms} ms · p99 {x.p99_ms} ms · max {x.max_ms} ms"
        for path, x in summary.responses.items()
        if x.count
    ]
    figures = {
        "raised": summary.alarms["raised"],
        "cleared": summary.alarms["cleared"],
        **summary.tickets,
        "committed": r.committed,
        "accepted": r.accepted,
        "lost": r.lost,
    }
    lines.append(" · ".join(f"{words(name)} {figure}" for name, figure in figures.items()))
    return [*lines, *(f"! {problem}" for problem in summary.problems)]
