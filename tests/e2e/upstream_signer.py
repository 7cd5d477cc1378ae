"""A platform upstream that signs commands and reads their outcomes; made after docs/commands.md, no code of the gateway's.

Owns: the key, the canonical form, the client on the broker. Must not know: what becomes of a command but by its outcome.
"""

import hashlib
import hmac
import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.e2e.gate import Gate
from tests.e2e.parties import Party
from tests.e2e.plant import Plant, eventually

KEY = "0f" * 32
TOPIC, REPLIES = "edgegw/gw/commands", "edgegw/gw/outcomes"
CLIENT_ID = "edgegw-gw-commands"
"""Of the gateway's session for commands."""
SCOPES = ("command:*:*", "door:gate:unlock")


def canonical(members: dict[str, Any]) -> bytes:
    return json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def takes_commands(gate: Gate, *scopes: str) -> None:
    """The site takes commands signed by ``platform``."""
    secret = gate.plant.folder / "platform.key"
    secret.write_text(KEY)
    secret.chmod(0o600)
    gate.plant.tree["commands"] = {
        "port": gate.plant.ports["broker"],
        "keys": {"platform": {"key": {"file": str(secret)}, "scopes": list(scopes or SCOPES)}},
    }


def boot_of(plant: Plant) -> int:
    """The number of the run that is on, as an upstream learns it: from the last start that was told."""
    return max(int(event["data"]["boot"]) for event in plant.events("edgegw.gateway.started"))


class Platform(Party):
    """Made when the broker runs. `boot`: the run its envelopes are for."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(gate.plant.ports["broker"], REPLIES)
        self.boot = 0
        self._gate = gate

    def meet(self, *, starts: int = 1) -> None:
        """Learn the number of the run, and wait until its ear for commands is there: nothing sent before would arrive."""
        plant = self._gate.plant
        eventually("the start to be told", lambda: len(plant.events("edgegw.gateway.started")) >= starts)
        eventually("commands to be taken", lambda: plant.metrics().get("edgegw_command_intake_up"))
        self.boot = boot_of(plant)

    def members(self, target: str, command: str, *, valid_s: float = 30.0, **more: Any) -> dict[str, Any]:
        """What a command says, without the signature. `more` replaces parts of it."""
        return {
            "id": uuid.uuid4().hex,
            "target": target,
            "command": command,
            "args": {},
            "expires_at": f"{datetime.now(UTC) + timedelta(seconds=valid_s):%Y-%m-%dT%H:%M:%SZ}",
            "boot": self.boot,
            "issuer": "platform",
            "gateway": "gw",
        } | more

    def envelope(self, target: str, command: str, *, key: str = KEY, **more: Any) -> bytes:
        """A signed command; see `members`."""
        said = self.members(target, command, **more)
        return canonical(said | {"sig": hmac.new(key.encode(), canonical(said), hashlib.sha256).hexdigest()})

    def send(self, payload: bytes, *, retain: bool = False) -> None:
        self.say(TOPIC, payload, retain=retain)

    def ask(self, payload: bytes, *, retain: bool = False) -> dict[str, Any]:
        """Send, and wait for the next outcome."""
        before = len(self.heard)
        self.send(payload, retain=retain)
        return dict(eventually("an outcome", lambda: self.heard[before:], within_s=8.0)[0].json())

    def timed(self, payload: bytes) -> tuple[dict[str, Any], float]:
        """The same, and how long it took, in seconds."""
        began = time.monotonic()
        return self.ask(payload), time.monotonic() - began
