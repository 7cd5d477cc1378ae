"""What counts as lost."""

from msgspec.structs import replace

from edgegw.demo.figures import Response
from edgegw.demo.sums import LinkSum, Summary, Witnesses, judge, plain

FINE = Witnesses(committed=100, waiting=0, refused=0, shed=0, desk=100, seen=100, sent={"mqtt": 40}, mqtt_taken=42)


def test_everything_committed_and_accepted_is_fine() -> None:
    records, problems = judge(FINE)
    assert (records.committed, records.accepted, records.lost, problems) == (100, 100, 0, ())


def test_a_record_missing_at_the_desk_is_lost() -> None:
    records, problems = judge(replace(FINE, desk=97))
    assert records.lost == 3
    assert problems == ("3 records committed by the gateway are not at the desk",)


def test_what_waits_was_refused_or_shed_is_not_lost_but_told() -> None:
    records, problems = judge(replace(FINE, desk=94, waiting=1, refused=2, shed=3))
    assert (records.lost, records.waiting, records.refused, len(problems)) == (0, 1, 2, 3)


def test_a_message_the_broker_acknowledged_and_the_gateway_never_took_is_lost() -> None:
    assert judge(replace(FINE, mqtt_taken=38))[0].lost == 2
    assert judge(replace(FINE, mqtt_taken=None))[0].lost == 0  # the gateway was killed: its count is not exact


def test_no_answer_is_a_problem_and_nothing_moved_is_one() -> None:
    assert judge(replace(FINE, desk=None))[1][0] == "the desk did not answer: accepted is unknown"
    assert "nothing moved" in judge(replace(FINE, committed=0, desk=0, seen=0))[1]
    records, problems = judge(replace(FINE, committed=None))
    assert (records.committed, len(problems)) == (100, 1)


def test_the_summary_for_a_person_names_every_problem() -> None:
    records, problems = judge(replace(FINE, desk=97))
    summary = Summary(
        links={"zigbee": LinkSum("mqtt", 42, 90)},
        alarms={"raised": 3, "cleared": 3},
        tickets={"opened": 3, "resolved": 3},
        responses={"event": Response(6, 4.0, 9.0, 11.0), "door": Response()},
        records=records,
        sent={},
        restarts={},
        duration_s=30.0,
        ok=False,
        problems=problems,
    )
    text = "\n".join(plain(summary, str))
    assert "lost 3" in text
    assert "! 3 records committed" in text
    assert "response door" not in text  # nothing was measured there
