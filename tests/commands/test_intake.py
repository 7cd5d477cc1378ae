"""Messages from upstream to commands; without a broker (tests/upstream/test_commands_io.py has one)."""

import json
from typing import Any

import pytest

from edgegw.clock import ManualClock
from edgegw.commands.envelope import sign
from edgegw.commands.intake import NOBODY, Intake, Signer
from edgegw.errors import ConfigError
from edgegw.model import Command, Issuer, Outcome, OutcomeStatus, Source
from tests.commands.fakes import S

KEY = b"k" * 32


class FakeDesk:
    """Carries out everything; records refusals as long as there is `room`."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.refused: list[tuple[Issuer, str, str]] = []
        self.room = True

    async def submit(self, command: Command) -> Outcome:
        self.commands.append(command)
        return Outcome(OutcomeStatus.UNKNOWN, "not-confirmed", "x" * 1000)

    def refuse(self, issuer: Issuer, id_: str, reason: str, detail: str) -> bool:
        self.refused.append((issuer, id_, reason))
        return self.room


def made(desk: FakeDesk, key: bytes = KEY, *scopes: str) -> Intake:
    signers = {"platform": Signer(key, scopes or ("door:*:unlock",))}
    return Intake(desk, signers, gateway="gw-1", boot=3, clock=ManualClock(mono_ns=10 * S))


def envelope(**members: Any) -> bytes:
    return sign(
        {
            "id": "c-1", "target": "lobby", "command": "unlock", "args": {"n": 1}, "expires_at": "2026-01-01T00:00:30Z",
            "boot": 3, "issuer": "platform", "gateway": "gw-1", **members,
        },
        KEY,
    )  # fmt: skip


async def test_an_envelope_becomes_a_command_of_its_signer() -> None:
    desk = FakeDesk()
    answer = await made(desk).handle(envelope())
    (command,) = desk.commands
    assert command == Command(
        "c-1", "lobby", "unlock", {"n": 1}, Issuer(Source.UPSTREAM, "platform", ("door:*:unlock",)), 15 * S,
        1_767_225_630 * S,
    )  # fmt: skip
    assert answer is not None
    told = json.loads(answer)
    assert (told["id"], told["status"], told["reason"], len(told["detail"])) == ("c-1", "unknown", "not-confirmed", 300)


async def test_a_retained_one_is_refused_however_well_signed() -> None:
    desk = FakeDesk()
    answer = await made(desk).handle(envelope(), retained=True)
    assert not desk.commands
    assert desk.refused == [(NOBODY, "c-1", "retained")]
    assert answer is not None
    assert json.loads(answer)["reason"] == "retained"


async def test_refusals_are_answered_only_while_they_are_recorded() -> None:
    desk = FakeDesk()
    assert await made(desk).handle(b"rubbish") is not None
    desk.room = False
    assert await made(desk).handle(b"rubbish") is None
    assert [row[2] for row in desk.refused] == ["malformed", "malformed"]


@pytest.mark.parametrize(
    ("key", "scope", "reason"),
    [(b"", "read", "signer-key"), (b"k" * 31, "read", "signer-key"), (KEY, "all", "bad-scope")],
)
def test_weak_keys_and_scopes_that_are_none(key: bytes, scope: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        made(FakeDesk(), key, scope)
    assert caught.value.reason == reason
    assert "commands.keys.platform" in caught.value.detail
