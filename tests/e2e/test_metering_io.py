"""Forty meters of both protocols on four lines, real daemon and desk; some meters fail (the night itself: bench/metering.py)."""

import json
from pathlib import Path

from bench.metering import LineTime, Town, Values, site_tree, town, write_profiles
from tests.e2e.plant import Plant, eventually

BAUD = 115200  # 48 times what meters are set to, so that the test is quick; the arithmetic is the same
METERS = 40
LINE_RATIO = 1.5
"""Loose: the test may share its two cores with another; bench/metering.py has the target, 1.10."""


def test_every_good_value_once_and_a_ticket_for_each_meter_that_fails(plant: Plant, tmp_path: Path) -> None:
    at = tmp_path / "profiles"
    lines = tmp_path / "lines"
    lines.mkdir()
    write_profiles(at, 1.0)
    with town(lines, meters=METERS, baud=BAUD) as made:
        tree = site_tree(at, made, baud=BAUD, desk=plant.ports["desk"], control=plant.ports["control"])
        plant.tree |= {key: tree[key] for key in ("profiles", "links", "devices")}
        plant.start_desk()
        plant.start_gateway()
        dead = {m["device"]: m["fault"] for m in made.meters if m["fault"] in {"silent", "bad-checksum"}}
        assert len(dead) == 2
        kinds = {m["device"]: m["kind"] for m in made.meters}
        eventually("two rounds", lambda: all(len(v) >= 2 for v in _good(made, dead).values()))
        served = _good(made, dead)
        eventually("all of it at the desk", lambda: not Values(plant.events("edgegw.reading"), kinds).missing(served))
        values = Values(plant.events("edgegw.reading"), kinds)
        assert values.repeated() == []
        assert not {device for device, _ in values.counted} & dead.keys()
        eventually("the tickets", lambda: len(plant.tickets()) == len(dead))
        assert {t["dedup_key"] for t in plant.tickets()} == {f"gw/{device}/offline" for device in dead}
        seen = made.seen()["lines"]
        assert all(line["collisions"] == line["bad_requests"] == 0 for line in seen.values())
        for name, line in seen.items():
            assert LineTime(line, METERS // len(seen)).ratio < LINE_RATIO, (name, json.dumps(line["log"][:20]))


def _good(made: Town, dead: dict[str, str]) -> dict[str, list[int]]:
    return {device: values for device, values in made.seen()["served"].items() if device not in dead}
