import json

from edgegw.control.health import (
    Grade,
    combine,
    control_part,
    links_part,
    liveness,
    pipeline_part,
    store_part,
    upstream_part,
)
from edgegw.ports import LinkStatus

UP = LinkStatus("broker", "mqtt", True, "", 1, 0, 0)
DOWN = LinkStatus("riser", "modbus-rtu", False, "timeout", 0, 5, 3)
GOOD = (
    store_part(opened=True),
    pipeline_part(pending=0, limit=10),
    links_part([UP], supervised=True),
    upstream_part({"desk": True}, {"desk": 0}),
    control_part(up=True),
)


def test_all_well_is_ready():
    verdict = combine(GOOD)
    assert verdict.passed
    assert verdict.grade is Grade.OK


def test_nothing_known_is_not_ready():
    assert not combine(()).passed


def test_a_link_or_upstream_that_is_down_is_ready_and_said():
    verdict = combine([*GOOD, links_part([UP, DOWN], supervised=True), upstream_part({"desk": False}, {"desk": 12})])
    assert verdict.passed
    assert verdict.grade is Grade.DEGRADED
    said = json.loads(verdict.as_json())
    assert said["status"] == "degraded"
    assert said["parts"]["links"] == {"status": "degraded", "supervised": True, "up": 1, "down": {"riser": "timeout"}}
    assert said["parts"]["upstream"] == {"status": "degraded", "down": ["desk"], "waiting": {"desk": 12}}


def test_a_store_that_cannot_commit_is_not_ready():
    assert not combine([*GOOD, store_part(opened=False)]).passed
    assert not combine([*GOOD, store_part(opened=True, full=True)]).passed
    assert not combine([*GOOD, store_part(opened=True, fault="io")]).passed
    assert (
        json.loads(combine([store_part(opened=True, fault="io", full=True)]).as_json())["parts"]["store"]["reason"]
        == "io"
    )


def test_a_damaged_database_set_aside_is_degraded():
    assert store_part(opened=True, recovered=True).grade is Grade.DEGRADED


def test_unsupervised_links_are_not_ready_even_when_up():
    assert not combine([*GOOD, links_part([UP], supervised=False)]).passed


def test_a_pipeline_at_its_limit_is_degraded():
    assert pipeline_part(pending=10, limit=10).grade is Grade.DEGRADED


def test_control_that_is_down_is_not_ready():
    assert not combine([*GOOD, control_part(up=False)]).passed


def test_alive_until_the_commit_path_stands_still_too_long():
    assert liveness(stuck_for_s=0.0, limit_s=60).grade is Grade.OK
    assert liveness(stuck_for_s=59.0, limit_s=60).grade is Grade.DEGRADED
    assert not liveness(stuck_for_s=60.0, limit_s=60).passed
