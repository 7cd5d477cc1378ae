"""Which discovered devices somebody approved, and whether they still say what they said then.

Owns: the record of approvals as bytes, what a device's state is by it.
Must not know: files, the site file.
"""

from typing import Literal

import msgspec
from msgspec import Struct

from edgegw.discovery.devices import FoundDevice

State = Literal["new", "approved", "changed", "not-seen"]

MAX_BYTES = 4 * 1024 * 1024
"""Largest record: 500 devices of 200 entities with unique ids of forty characters."""


class Approved(Struct, frozen=True, forbid_unknown_fields=True):
    """One approval.

    Attributes:
        device: its id in the site file.
        link: on which it was found. identity: what it called itself.
        fingerprint: of what it announced then (`FoundDevice.fingerprint`).
        profile: the name of the profile that was made.
        unique_ids: of its entities.
    """

    device: str
    link: str
    identity: str
    fingerprint: str
    profile: str
    unique_ids: tuple[str, ...] = ()


class Approvals(Struct, frozen=True, forbid_unknown_fields=True):
    """All approvals of a site, oldest first."""

    version: Literal[1] = 1
    devices: tuple[Approved, ...] = ()

    def of(self, link: str, identity: str) -> Approved | None:
        """The approval of a device."""
        return next((one for one in self.devices if (one.link, one.identity) == (link, identity)), None)

    def state(self, link: str, found: FoundDevice) -> State:
        """What is known of a device that was found: ``changed`` wants to be approved again."""
        approved = self.of(link, found.owner.identity)
        if approved is None:
            return "new"
        return "approved" if approved.fingerprint == found.fingerprint else "changed"

    def silent(self, link: str, identities: set[str]) -> tuple[Approved, ...]:
        """Approved devices of a link that are not among those that were found."""
        return tuple(one for one in self.devices if one.link == link and one.identity not in identities)

    def with_one(self, approved: Approved) -> "Approvals":
        """With one more, or one in the place of its former self."""
        kept = tuple(one for one in self.devices if (one.link, one.identity) != (approved.link, approved.identity))
        return Approvals(devices=(*kept, approved))

    def without(self, device: str) -> "Approvals":
        """Without a device, by its id in the site file."""
        return Approvals(devices=tuple(one for one in self.devices if one.device != device))


def approve(device: str, link: str, found: FoundDevice, profile: str) -> Approved:
    """The approval of what a device announces now."""
    keys = tuple(entity.key for entity in found.entities)
    return Approved(device, link, found.owner.identity, found.fingerprint, profile, keys)


def dump(approvals: Approvals) -> bytes:
    """The record as bytes."""
    return msgspec.json.format(msgspec.json.encode(approvals), indent=1) + b"\n"


def load(data: bytes) -> Approvals:
    """The record from bytes. Raises ValueError if they are none."""
    if len(data) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES} bytes")
    return msgspec.json.decode(data, type=Approvals)
