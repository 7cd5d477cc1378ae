"""Credentials as values: what a card, code or PIN gives its holder, and under which keyed hash it is known.

Owns: normalising and hashing of numbers, masking, the credential record, the book of all of them in memory.
Must not know: files, the store, doors.

A card number never stays: it is looked up as ``HMAC-SHA256(key, kind || 0 || normalised number)``, cut to 16 bytes. The book
keeps each credential packed (msgpack, some 60 bytes).
"""

import hmac
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

from edgegw.errors import DecodeError

HASH_BYTES = 16
"""128 bits: no two of a million cards collide by chance, and the book stays small."""

NUMBER_MOST = 256
"""Characters of a card number or code; QR codes are the longest."""

SHOWN = 4
"""Last characters of a card number that a person may see."""


class Credential(Struct, frozen=True, array_like=True, omit_defaults=True):
    """One credential.

    Attributes:
        kind: ``card``, ``qr`` or ``pin``.
        holder: id of the person or thing, as the source of credentials calls it.
        name: what people call the holder.
        groups: the holder's groups; rights are given to groups.
        valid_from_ns, valid_until_ns: wall time; None: unbounded. The end is not included.
        pin, duress_pin: hashes (`pin_hash`) for doors that ask for card and PIN; the second opens and raises a silent P1.
        duress: presenting this credential is itself a duress signal.
        tail: last characters of the number, for people.
    """

    kind: str
    holder: str
    name: str = ""
    groups: tuple[str, ...] = ()
    valid_from_ns: int | None = None
    valid_until_ns: int | None = None
    pin: bytes | None = None
    duress_pin: bytes | None = None
    duress: bool = False
    tail: str = ""


def normalised(number: str) -> str:
    """A number as it is hashed: no blanks, lower case (firmwares differ), no leading zeros in front of decimal digits.

    Raises DecodeError ``bad-value`` for an empty one or one longer than `NUMBER_MOST`.
    """
    text = _possible("".join(number.split()).casefold())
    return (text.lstrip("0") or "0") if text.isascii() and text.isdecimal() else text


def _possible(text: str) -> str:
    if not text or len(text) > NUMBER_MOST:
        raise DecodeError("bad-value", f"a credential of {len(text)} characters; 1 to {NUMBER_MOST} are possible")
    return text


def card_hash(key: bytes, kind: str, number: str) -> bytes:
    """Under which a credential is known. `kind` keeps a PIN from being taken for a card of the same digits.

    Raises DecodeError ``bad-value`` as `normalised` does.
    """
    text = _possible(number.strip()) if kind == "pin" else normalised(number)  # a PIN's leading zeros count
    return hmac.digest(key, f"{kind}\0{text}".encode(errors="surrogatepass"), "sha256")[:HASH_BYTES]


def pin_hash(key: bytes, credential: bytes, pin: str) -> bytes:
    """A PIN that belongs to a card: bound to the card's hash, so that equal PINs do not look equal."""
    return hmac.digest(key, b"pin\0" + credential + pin.strip().encode(errors="surrogatepass"), "sha256")[:HASH_BYTES]


def masked(number: str) -> str:
    """What may be shown: ``…4567``."""
    text = normalised(number) if number.strip() else ""
    return "…" + text[-SHOWN:] if len(text) > SHOWN else "…"


class CredentialBook:
    """All credentials by hash. `version`: of the last change applied; readers never see half of one."""

    def __init__(self, version: int = 0) -> None:
        self.version = version
        self._packed: dict[bytes, bytes] = {}
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Credential).decode

    def __len__(self) -> int:
        return len(self._packed)

    def get(self, hashed: bytes) -> Credential | None:
        """The credential of a hash, None if there is none."""
        packed = self._packed.get(hashed)
        return None if packed is None else self._decode(packed)

    def put(self, hashed: bytes, credential: Credential) -> None:
        """Add or replace one."""
        self._packed[hashed] = self._encode(credential)

    def load(self, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Add rows as they are stored: (hash, packed credential)."""
        self._packed.update(rows)

    def remove(self, hashed: bytes) -> bool:
        """Revoke one, effective with the next decision; whether it was there."""
        return self._packed.pop(hashed, None) is not None

    def replace(self, rows: Iterable[tuple[bytes, bytes]] | dict[bytes, bytes], version: int) -> None:
        """All of them at once, by a full synchronisation. A dict becomes the book's own."""
        packed = rows if isinstance(rows, dict) else dict(rows)
        self._packed, self.version = packed, version

    def packed(self) -> dict[bytes, bytes]:
        """Everything as it is now, as it is stored: a copy that later changes do not touch."""
        return dict(self._packed)

    def items(self) -> Iterator[tuple[bytes, Credential]]:
        """Everything, decoded one by one."""
        for hashed, packed in self._packed.items():
            yield hashed, self._decode(packed)


def pack(credential: Credential) -> bytes:
    """As stored and held."""
    return msgspec.msgpack.encode(credential)


def unpack(packed: bytes) -> Credential:
    """From `pack`. Raises DecodeError ``bad-value`` for bytes that are none."""
    try:
        return msgspec.msgpack.decode(packed, type=Credential)
    except msgspec.DecodeError as error:
        raise DecodeError("bad-value", f"not a stored credential: {error}") from error
