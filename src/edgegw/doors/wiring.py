"""How a door hangs on devices, as values: which reading means what, which command moves the bolt.

Owns: the frozen specs that `app` makes of the site file. Must not know: the site file, what is decided (access).
"""

from collections.abc import Mapping

from msgspec import Struct

from edgegw.access.decision import Act
from edgegw.model import Value


class PointWiring(Struct, frozen=True):
    """A point that means yes while it has a value."""

    device: str
    point: str
    equals: Value = True


class ReaderWiring(Struct, frozen=True):
    """Where a credential comes from; `kind` is ``card``, ``qr`` or ``pin``."""

    device: str
    point: str
    kind: str = "card"
    direction: str = "in"
    tamper: PointWiring | None = None


class ActWiring(Struct, frozen=True):
    """The lock's command for an act. An argument ``$point`` is that point's reading in the message that asked."""

    command: str
    args: Mapping[str, Value] = {}


class DoorWiring(Struct, frozen=True, kw_only=True):
    """One door.

    Attributes:
        acts: what the lock can do; ``refuse`` only where a terminal waits for an answer.
        act_unrecorded: whether a decision that cannot be committed is carried out all the same (and recorded later).
    """

    door: str
    lock: str
    acts: Mapping[Act, ActWiring]
    readers: tuple[ReaderWiring, ...] = ()
    contact: PointWiring | None = None
    exit: PointWiring | None = None
    fire: PointWiring | None = None
    act_unrecorded: bool = True

    def devices(self) -> frozenset[str]:
        """Every device whose readings matter to the door."""
        points = [self.contact, self.exit, self.fire, *(reader.tamper for reader in self.readers)]
        return frozenset({r.device for r in self.readers} | {p.device for p in points if p is not None})
