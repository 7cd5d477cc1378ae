"""What simulated people do, and when."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.desk.ledger import Ledger
from simulators.desk.staff import NAMES, NEXT, NS_PER_S, PAUSES, Staff
from tests.simulators.desk_events import TICKET, alarm, asks


def worked(staff: Staff, ledger: Ledger, until_s: float, since_s: float = 0.0) -> list[tuple[float, int, str]]:
    """Let the staff work in steps of 50 ms; what it did when."""
    done = []
    for tick in range(int(since_s * 20), int(until_s * 20) + 1):
        now_ns = tick * NS_PER_S // 20
        steps = staff.all_due(ledger.at_work(100), now_ns)
        assert ledger.act_all(steps, now_ns) == len(steps)
        done += [(tick / 20, step.number, step.step) for step in steps]
    return done


def test_they_take_notice_within_seconds_and_close_only_what_has_recovered(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "desk.db")
    ledger.take([asks(n, "open", f"t{n}", f"gw/d{n}/x") for n in range(1, 6)], 0)
    staff = Staff(seed=7)
    first = worked(staff, ledger, 60)
    assert {step for _, _, step in first} == {"acknowledge", "assign"}
    assert max(at for at, _, step in first if step == "acknowledge") <= PAUSES["acknowledge"][1] + 0.05
    ledger.take([asks(6, "resolve", "t2", "gw/d2/x")], 60 * NS_PER_S)
    assert [(number, step) for _, number, step in worked(staff, ledger, 120, 60)] == [(2, "resolve"), (2, "close")]
    assert ledger.ticket(2)["assignee"] in NAMES["zh-CN"][1]
    ledger.close()


def test_what_was_over_as_soon_as_it_was_there_is_theirs_to_end(tmp_path: Path) -> None:
    """A button: its alarm clears by itself, nobody proposes a resolution."""
    ledger = Ledger(tmp_path / "desk.db")
    ledger.take([asks(1, "open"), alarm(2, "cleared", ticket={"action": "update", "id": TICKET}, state="cleared")], 0)
    assert [step for _, _, step in worked(Staff(), ledger, 30)] == ["acknowledge", "assign", "resolve", "close"]
    ledger.take([asks(3, "open", "b", "gw/d/x")], 30 * NS_PER_S)
    ledger.take([alarm(4, "cleared", dedup_key="gw/d/x", ticket={"action": "update", "id": "b"})], 30 * NS_PER_S)
    ledger.take([alarm(5, "raised", dedup_key="gw/d/x", ticket={"action": "update", "id": "b"})], 30 * NS_PER_S)
    assert [step for _, _, step in worked(Staff(), ledger, 60, 30)] == ["acknowledge", "assign"]
    ledger.close()


def test_what_a_person_resolved_too_early_is_left_to_that_person(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "desk.db")
    ledger.take([asks(1, "open")], 0)
    ledger.act(1, "resolve", 0)
    assert worked(Staff(), ledger, 30) == []
    ledger.close()


@pytest.mark.parametrize("speed", [0.5, 10.0])
def test_the_same_seed_does_the_same_at_any_speed_and_after_a_restart(tmp_path: Path, speed: float) -> None:
    runs = []
    for name in ("a", "b"):
        ledger = Ledger(tmp_path / f"{name}.db")
        ledger.take([asks(n, "open", f"t{n}", f"gw/d{n}/x") for n in range(1, 6)], 0)
        done = worked(Staff(3, speed), ledger, 2)
        ledger.close()
        ledger = Ledger(tmp_path / f"{name}.db")
        runs.append(done + worked(Staff(3, speed), ledger, 20, 2.05))
        ledger.close()
    assert runs[0] == runs[1]
    assert [at for at, _, _ in runs[0]][-1] <= 6 / speed + 0.1


@given(st.integers(), st.integers(1, 10**6), st.sampled_from(list(PAUSES)), st.sampled_from(["P1", "P4", None]))
def test_pauses_keep_to_their_bounds(seed: int, number: int, step: str, priority: str | None) -> None:
    least, most = PAUSES[step]
    pause = Staff(seed).pause_s(number, 2, step, priority)
    assert least * (0.5 if priority == "P1" else 1) <= pause <= most * (0.5 if priority == "P1" else 1)


def test_every_step_has_a_pause() -> None:
    assert set(NEXT.values()) == set(PAUSES)
