"""Keeps the credentials: what is stored and what doors decide by are one.

Owns: hashing what comes in, the order commit → in effect (revoking: in effect at once), imports.
Must not know: SQL, HTTP, files.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from edgegw.access.credentials import Credential, CredentialBook, card_hash, masked, pack, pin_hash
from edgegw.errors import CommandError, DecodeError

Row = tuple[bytes, bytes]
"""(hash, packed credential)."""


class CredentialStore(Protocol):
    """What the keeper needs of the store."""

    async def put_credentials(self, puts: Sequence[Row], deletes: Sequence[bytes], version: int | None = None) -> None:
        """One transaction."""
        ...


class Fields(Struct, frozen=True, kw_only=True):
    """A credential as an issuer gives it; number and PINs are hashed here and go no further. Times are wall nanoseconds."""

    kind: str
    number: str
    holder: str
    name: str = ""
    groups: tuple[str, ...] = ()
    valid_from_ns: int | None = None
    valid_until_ns: int | None = None
    pin: str | None = None
    duress_pin: str | None = None
    duress: bool = False


class Keeper:
    """One per gateway; changes run one after the other. The book is changed in place: the next decision sees it."""

    def __init__(self, store: CredentialStore, book: CredentialBook, key: bytes) -> None:
        self._store = store
        self._book = book
        self._key = key
        self._turn = asyncio.Lock()

    async def put(self, fields: Fields) -> bool:
        """Add or replace one; True if it is new. Raises CommandError ``bad-credential``, ``no-access-key``, StoreError."""
        hashed, credential = hash_fields(self._need_key(), fields)
        async with self._turn:
            new = self._book.get(hashed) is None
            await self._store.put_credentials([(hashed, pack(credential))], [])
            self._book.put(hashed, credential)
        return new

    async def revoke(self, kind: str, number: str) -> bool:
        """Revoke one; False if there was none. In effect before it is committed: a card that may not pass passes no door, and if
        the commit fails that is told, the card stays out until the next start."""
        hashed = self._hash(kind, number)
        async with self._turn:
            there = self._book.remove(hashed)
            await self._store.put_credentials([], [hashed])
        return there

    def _hash(self, kind: str, number: str) -> bytes:
        try:
            return card_hash(self._need_key(), kind, number)
        except DecodeError as error:
            raise CommandError("bad-credential", error.detail) from error

    def _need_key(self) -> bytes:
        if not self._key:
            raise CommandError("no-access-key", "the site file has no access.key, under which numbers would be hashed")
        return self._key


def hash_fields(key: bytes, fields: Fields) -> tuple[bytes, Credential]:
    """A credential without its number. Raises CommandError ``bad-credential``."""
    try:
        hashed = card_hash(key, fields.kind, fields.number)
    except DecodeError as error:
        raise CommandError("bad-credential", error.detail) from error
    return hashed, Credential(
        kind=fields.kind,
        holder=fields.holder,
        name=fields.name,
        groups=fields.groups,
        valid_from_ns=fields.valid_from_ns,
        valid_until_ns=fields.valid_until_ns,
        pin=None if fields.pin is None else pin_hash(key, hashed, fields.pin),
        duress_pin=None if fields.duress_pin is None else pin_hash(key, hashed, fields.duress_pin),
        duress=fields.duress,
        tail="" if fields.kind == "pin" else masked(fields.number),
    )
