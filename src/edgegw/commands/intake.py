"""Commands from upstream: bytes of a message to a command of the desk, and its outcome to bytes.

Owns: which key signs for whom, the refusals before there is a command, the answer's shape.
Must not know: MQTT, topics, sessions (`upstream.commands` brings the bytes and carries the answer away).

Whoever can publish on the topic can make us answer; so a refusal is answered only while it is also recorded (`Rejections`).
"""

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from edgegw.clock import Clock
from edgegw.commands.admission import DEADLINE_MOST_NS
from edgegw.commands.envelope import claimed_id, verify
from edgegw.commands.events import DETAIL_MOST, NAME_MOST
from edgegw.errors import CommandError, ConfigError
from edgegw.model import Command, Issuer, Outcome, OutcomeStatus, Source
from edgegw.rights import parse_scopes
from edgegw.rules.events import encode

NOBODY = Issuer(Source.UPSTREAM, "unauthenticated")
"""Who sent what is signed by no key of ours."""


KEY_LEAST = 32
"""Bytes of a signing key: HMAC-SHA256's own strength; a shorter one is a password and can be guessed from one envelope."""


class Signer(Struct, frozen=True):
    """A key upstream commands are signed with, and what its holder may do."""

    key: bytes
    scopes: tuple[str, ...]


class Answer(Struct, frozen=True):
    """What is published of an outcome."""

    id: str
    status: str
    reason: str
    detail: str


class Desk(Protocol):
    """What the intake needs of `desk.Desk`."""

    async def submit(self, command: Command) -> Outcome:
        """Admit, carry out."""
        ...

    def refuse(self, issuer: Issuer, id_: str, reason: str, detail: str) -> bool:
        """Record a refusal; False: counted only."""
        ...


class Intake:
    """One per gateway.

    Args:
        signers: by key id. boot: number of this daemon start.

    Raises:
        ConfigError: ``signer-key``: a key is too short; ``bad-scope``.
    """

    def __init__(self, desk: Desk, signers: Mapping[str, Signer], *, gateway: str, boot: int, clock: Clock) -> None:
        for name, signer in signers.items():
            _check(name, signer)
        self._desk = desk
        self._signers = signers
        self._keys = {name: signer.key for name, signer in signers.items()}
        self._gateway = gateway
        self._boot = boot
        self._clock = clock

    async def handle(self, payload: bytes, *, retained: bool = False) -> bytes | None:
        """Take one message; the answer to publish, None: none is owed.

        Args:
            retained: the broker kept it from earlier; refused unread, however well it is signed.
        """
        now = self._clock.now()
        if retained:
            return self._refused(payload, "retained", "kept by the broker from earlier")
        try:
            envelope = verify(payload, keys=self._keys, gateway=self._gateway, boot=self._boot)
        except CommandError as error:
            return self._refused(payload, error.reason, error.detail)
        signer = self._signers[envelope.issuer]
        command = Command(
            id=envelope.id,
            target=envelope.target,
            name=envelope.command,
            args=envelope.args,
            issuer=Issuer(Source.UPSTREAM, envelope.issuer, signer.scopes),
            deadline_ns=now.mono_ns + DEADLINE_MOST_NS,
            expires_ns=envelope.expires_ns,
        )
        return _answer(envelope.id, await self._desk.submit(command))

    def _refused(self, payload: bytes, reason: str, detail: str) -> bytes | None:
        id_ = claimed_id(payload)
        if not self._desk.refuse(NOBODY, id_, reason, detail):
            return None
        return _answer(id_, Outcome(OutcomeStatus.REJECTED, reason, detail))


def _check(name: str, signer: Signer) -> None:
    if len(signer.key) < KEY_LEAST:
        raise ConfigError(
            "signer-key",
            f"commands.keys.{name}: the key has {len(signer.key)} bytes, {KEY_LEAST} are needed; "
            "make one with: openssl rand -hex 32",
        )
    try:
        parse_scopes(signer.scopes)
    except CommandError as error:
        raise ConfigError(error.reason, f"commands.keys.{name}: {error.detail}") from None


def _answer(id_: str, outcome: Outcome) -> bytes:
    return encode(Answer(id_[:NAME_MOST], outcome.status, outcome.reason, outcome.detail[:DETAIL_MOST]))
