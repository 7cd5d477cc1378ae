"""What the service catalogue costs: microseconds per alarm, for every alarm of the example site. Told, without a target."""

import os
import time
from pathlib import Path

from bench.figure import Figure, told
from edgegw.config.service_specs import catalogue, every_fact
from edgegw.config.site import open_site
from edgegw.model import Instant
from edgegw.service.catalogue import classify
from edgegw.service.specs import Facts

EXAMPLE = Path(__file__).parents[1] / "deploy" / "edgegw.example.yaml"
EVENTS = 100_000
SPREAD_S = 7 * 86400
"""Alarms are raised over a week: by day, at night, at the week-end."""


def run(*, quick: bool = False) -> list[Figure]:
    """Best of three, to leave out what the machine did meanwhile."""
    return classification(EVENTS // 10 if quick else EVENTS)


def classification(count: int) -> list[Figure]:
    """`classify` over all alarms, and over those whose targets run in working hours, which cost the most."""
    plan = open_site(EXAMPLE, os.environ)
    made, known = catalogue(plan), list(every_fact(plan).values())
    began_ns = 1_795_600_000 * 1_000_000_000  # 2026-11-25, Wednesday
    moments = [Instant(began_ns + n * SPREAD_S * 1_000_000_000 // 1000, n) for n in range(1000)]
    slow = [
        fact for fact in known if (asked := classify(made, fact, moments[0])) is not None and asked.priority >= "P3"
    ]

    def best(facts: list[Facts]) -> float:
        found = 1e9
        for _ in range(3):
            start = time.perf_counter()
            for n in range(count):
                classify(made, facts[n % len(facts)], moments[n % 1000])
            found = min(found, (time.perf_counter() - start) / count * 1e6)
        return found

    return [
        told(f"service.{name}", best(facts), "µs/alarm", alarms=len(facts), overrides=len(made.overrides), events=count)
        for name, facts in (("classify", known), ("classify.working-hours", slow))
    ]
