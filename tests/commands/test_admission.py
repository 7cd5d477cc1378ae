"""The judgement on a command, table by table."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.clock import ManualClock
from edgegw.commands.admission import ADMISSION_REASONS, REASONS, Admitted, Known, Rejected, admit
from edgegw.model import Instant, Source
from edgegw.profiles.encode import ModbusWrite
from tests.commands.fakes import FakeEncoder, S, command, issuer

NOW = ManualClock(mono_ns=50 * S).now()
KNOWN = Known(
    encoders={"pump": FakeEncoder(), "relay": FakeEncoder()},
    doors={"lobby": ("public",), "roof": ("staff",)},
    protected={("relay", "on"): ("lobby",), ("relay", "off"): ("lobby", "roof")},
    timeouts={("pump", "set"): 2.0},
)


def judged(
    *, used: bool = False, trusted: bool = True, lifetime_most_ns: int | None = None, now: Instant = NOW, **given: Any
) -> Rejected | Admitted:
    return admit(
        command(NOW, **given), now, KNOWN, used=lambda _id: used, trusted=trusted, lifetime_most_ns=lifetime_most_ns
    )


def reason(**given: Any) -> str:
    found = judged(**given)
    assert isinstance(found, Rejected), found
    assert found.reason in ADMISSION_REASONS
    return found.reason


def test_a_good_command_is_encoded() -> None:
    assert judged() == Admitted(ModbusWrite(5, "coil", 0, (0xFF00,)), 55 * S)
    assert judged(target="lobby", name="unlock") == Admitted(None, 55 * S)


@pytest.mark.parametrize("id_", ["", "a b", "x" * 65, "é", "a\n", "a/b", "{}"])
def test_ids(id_: str) -> None:
    assert reason(id_=id_) == "bad-id"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"target": "ghost"}, "unknown-target"),
        ({"name": "explode"}, "unknown-command"),
        ({"name": "set"}, "missing-argument"),
        ({"name": "set", "args": {"level": 101}}, "bad-argument"),
        ({"name": "on", "args": {"level": 1}}, "unknown-argument"),
        ({"target": "lobby", "name": "on"}, "unknown-command"),
        ({"target": "lobby", "name": "unlock", "args": {"seconds": 60}}, "unknown-argument"),
        ({"within_s": 0}, "bad-deadline"),
        ({"within_s": -1}, "bad-deadline"),
        ({"within_s": 5.1}, "bad-deadline"),
        ({"used": True}, "used-id"),
        ({"expires_s": 10, "trusted": False}, "clock-untrusted"),
        ({"expires_s": 0}, "expired"),
        ({"expires_s": -7200}, "expired"),
        ({"expires_s": 61, "lifetime_most_ns": 60 * S}, "lifetime"),
        ({"by": issuer(Source.UPSTREAM)}, "no-expiry"),
    ],
)
def test_rejections(given: dict[str, Any], expected: str) -> None:
    assert reason(**given) == expected
    assert expected in REASONS


@pytest.mark.parametrize(
    ("scopes", "given"),
    [
        ((), {}),
        (("read", "admin", "credentials", "events"), {}),
        (("door:*:*",), {}),
        (("command:relay:*",), {}),
        (("command:pump:off",), {}),
        (("command:pump:off",), {"target": "ghost"}),
        (("command:*:*",), {"target": "lobby", "name": "unlock"}),
        (("door:lobby:release",), {"target": "lobby", "name": "unlock"}),
        (("door:staff:*",), {"target": "lobby", "name": "unlock"}),
        (("door:staff:*",), {"target": "lobby", "name": "dance"}),
    ],
)
def test_without_the_right_it_is_forbidden_and_nothing_else_is_told(
    scopes: tuple[str, ...], given: dict[str, Any]
) -> None:
    assert reason(by=issuer(scopes=scopes), used=True, **given) == "forbidden"


def test_doors_by_group() -> None:
    assert isinstance(judged(by=issuer(scopes=("door:public:unlock",)), target="lobby", name="unlock"), Admitted)


@pytest.mark.parametrize(
    ("scopes", "name", "allowed"),
    [
        (("command:relay:*",), "on", False),
        (("command:relay:*", "door:lobby:unlock"), "on", False),
        (("command:relay:*", "door:lobby:*"), "on", True),
        (("door:lobby:*",), "on", False),
        (("command:relay:*", "door:public:*"), "on", True),
        (("command:relay:*", "door:lobby:*"), "off", False),
        (("command:relay:*", "door:lobby:*", "door:roof:*"), "off", True),
        (("command:relay:*",), "shout", True),
    ],
)
def test_a_command_that_moves_a_bolt_needs_the_doors_right(scopes: tuple[str, ...], name: str, allowed: bool) -> None:
    assert isinstance(judged(by=issuer(scopes=scopes), target="relay", name=name), Admitted) is allowed


def test_the_door_service_decides_for_its_doors() -> None:
    assert isinstance(judged(by=issuer(Source.DOOR, ()), target="relay"), Admitted)
    assert reason(by=issuer(Source.LINKAGE, ("command:relay:on",)), target="relay") == "forbidden"


def test_the_deadline_is_the_first_of_three() -> None:
    def deadline_s(**given: Any) -> float:
        found = judged(name="set", args={"level": 1}, **given)
        assert isinstance(found, Admitted)
        return (found.deadline_ns - NOW.mono_ns) / S

    assert deadline_s() == 2, "the profile's timeout"
    assert deadline_s(within_s=1.5) == 1.5
    assert deadline_s(expires_s=0.25) == 0.25
    assert deadline_s(expires_s=60, lifetime_most_ns=60 * S) == 2


def test_an_untrusted_clock_matters_only_where_a_date_does() -> None:
    assert isinstance(judged(trusted=False), Admitted)


@given(
    id_=st.text(max_size=70),
    target=st.sampled_from(["pump", "lobby", "ghost"]),
    name=st.text(max_size=8) | st.sampled_from(["on", "unlock"]),
    within_s=st.floats(-10, 10),
    expires_s=st.none() | st.floats(-100, 100),
    used=st.booleans(),
    trusted=st.booleans(),
    by=st.sampled_from([issuer(source) for source in Source]),
)
def test_always_an_answer_and_nothing_expired_unauthorised_or_used(**given: Any) -> None:
    found = judged(**given)
    if isinstance(found, Rejected):
        assert found.reason in ADMISSION_REASONS
        return
    assert not given["used"]
    assert 0 < found.deadline_ns - NOW.mono_ns <= 5.05 * S
    if (expires_s := given["expires_s"]) is not None:
        assert given["trusted"]
        assert found.deadline_ns - NOW.mono_ns <= expires_s * S
