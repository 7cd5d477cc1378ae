"""Tokens of the API: the file of their hashes, and how the daemon follows it.

Owns: the file's form, writing it whole and private, judging a presented token. Must not know: HTTP, what a scope means.

A token is ``egw_`` and 256 random bits; the file holds its SHA-256 (random bits need no slow hash). The file belongs to the
daemon's user or root and nobody else may read it; one that is open to others is refused whole.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import hmac
import logging
import os
import secrets
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from edgegw.api.problems import ApiError
from edgegw.api.types import Moment, moment
from edgegw.clock import Clock
from edgegw.errors import ConfigError
from edgegw.model import Instant
from edgegw.wholefile import put

log = logging.getLogger(__name__)

PREFIX = "egw_"
"""Tells a person, and scanners for leaked secrets, what it is."""

SECRET_BYTES = 32
"""256 bits."""

TOKENS_MOST = 256
"""Tokens of a site; every request is compared with all of them."""

FILE_BYTES_MOST = 1024 * 1024
"""256 tokens of 20 scopes are a fifth of it."""

CHECK_NS = 1_000_000_000
"""The file is looked at once a second at most: that is how long a revoked token still works."""

SKEW = timedelta(hours=1)
"""A clock that is further than this before a token's making is wrong and cannot judge its expiry."""

OTHERS = 0o077
"""Permission bits nobody but the owner may have."""


class Token(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One token as the file holds it.

    Attributes:
        id: ``t`` and 8 hex digits; in records.
        name: what people call it; the issuer's name in records.
        hash: SHA-256 of the whole token, 64 hex digits.
        scopes: see edgegw.rights.
        expires: not valid from then on; None: until revoked.
        rotated: when its secret was last replaced.
    """

    id: Annotated[str, Meta(pattern="^t[0-9a-f]{8}$")]
    name: Annotated[str, Meta(min_length=1, max_length=64)]
    hash: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    scopes: Annotated[tuple[str, ...], Meta(max_length=64)]
    created: Moment
    expires: Moment | None = None
    rotated: Moment | None = None


class Tokens(Struct, frozen=True, forbid_unknown_fields=True):
    """The file. `version`: of its form."""

    tokens: Annotated[tuple[Token, ...], Meta(max_length=TOKENS_MOST)] = ()
    version: Annotated[int, Meta(ge=1, le=1)] = 1


_decode = msgspec.json.Decoder(Tokens).decode


def hashed(secret: str) -> str:
    """Under which a token is kept."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def new_secret() -> str:
    """A token, to be shown once."""
    return PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def new_id() -> str:
    """An id for a token."""
    return "t" + secrets.token_hex(4)


# --- the file -----------------------------------------------------------------------------------------------------------


def read(path: Path) -> Tokens:
    """The file's tokens; none if there is no file.

    Raises:
        ConfigError: ``tokens``: it may be read by others, belongs to somebody else, or is damaged.
    """
    try:
        with path.open("rb") as file:
            about = os.fstat(file.fileno())
            if about.st_mode & OTHERS:
                raise ConfigError("tokens", f"{path}: others may read or write it; chmod 600 it, and rotate its tokens")
            if about.st_uid not in {0, os.geteuid()}:
                raise ConfigError("tokens", f"{path}: belongs to user {about.st_uid}, not to the gateway's")
            data = file.read(FILE_BYTES_MOST + 1)
    except FileNotFoundError:
        return Tokens()
    except OSError as error:
        raise ConfigError("tokens", f"{path}: {error.strerror or error}") from error
    if len(data) > FILE_BYTES_MOST:
        raise ConfigError("tokens", f"{path}: larger than {FILE_BYTES_MOST} bytes")
    try:
        return _decode(data)
    except msgspec.DecodeError as error:
        raise ConfigError("tokens", f"{path}: not a file of tokens: {error}") from error


def write(path: Path, tokens: Tokens) -> None:
    """Put the file in place whole, mode 0600.

    Raises:
        ConfigError: ``tokens``: it cannot be written.
    """
    data = msgspec.json.format(msgspec.json.encode(tokens), indent=1) + b"\n"
    try:
        put(path, data, mode=0o600)
    except OSError as error:
        raise ConfigError("tokens", f"{path}: {error.strerror or error}") from error


@contextlib.contextmanager
def changing(path: Path) -> Iterator[None]:
    """Keep two programs from changing the file at once: a lock on its directory.

    Raises:
        ConfigError: ``tokens``: there is no such directory.
    """
    try:
        fd = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ConfigError("tokens", f"{path.parent}: {error.strerror or error}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


# --- the daemon's view ----------------------------------------------------------------------------------------------------


class TokenBook:
    """The tokens as the daemon knows them; follows the file.

    Args:
        path: of the file; it need not exist yet.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._tokens: tuple[Token, ...] = ()
        self._fault: ConfigError | None = None
        self._seen: tuple[int, ...] | None = None
        self._checked_ns: int | None = None
        self._lock = asyncio.Lock()

    async def find(self, secret: str) -> Token:
        """The token that this is.

        Raises:
            ApiError: ``bad-token``, ``token-expired``, ``clock-untrusted`` (its expiry cannot be judged), ``tokens`` (the file
                cannot be used).
        """
        await self._follow()
        if self._fault is not None:
            raise ApiError("tokens", "the gateway's file of tokens cannot be used; its log says why")
        presented = hashed(secret)
        found: Token | None = None
        for token in self._tokens:  # all of them, whichever it is: time tells nothing
            if hmac.compare_digest(token.hash, presented):
                found = token
        if found is None:
            raise ApiError("bad-token", "no such token")
        check_expiry(found, self._clock.now())
        return found

    async def _follow(self) -> None:
        now_ns = self._clock.now().mono_ns
        if self._checked_ns is not None and now_ns - self._checked_ns < CHECK_NS:
            return
        async with self._lock:
            if self._checked_ns is not None and now_ns - self._checked_ns < CHECK_NS:
                return  # another request has looked meanwhile
            await asyncio.to_thread(self._look)
            self._checked_ns = now_ns

    def _look(self) -> None:
        """Read the file if it is another than last time; runs in a thread, one at a time."""
        seen = _signature(self._path)
        if seen == self._seen:
            return
        try:
            tokens = read(self._path).tokens
        except ConfigError as error:
            if self._fault is None:
                log.error("the API refuses every token: %s", error.detail)
            self._tokens, self._fault = (), error
        else:
            if self._fault is not None or self._seen is not None:
                log.info("%s: %d tokens", self._path, len(tokens))
            self._tokens, self._fault = tokens, None
        self._seen = seen


def check_expiry(token: Token, now: Instant) -> None:
    """Raises ApiError ``token-expired``, or ``clock-untrusted`` where that cannot be judged: a clock set back revives nothing."""
    if token.expires is None:
        return
    wall: datetime = moment(now.wall_ns)
    if not now.synced or wall < max(token.created, token.rotated or token.created) - SKEW:
        raise ApiError("clock-untrusted", "the gateway's clock cannot tell whether this token has expired")
    if wall >= token.expires:
        raise ApiError("token-expired", "this token has expired")


def _signature(path: Path) -> tuple[int, ...]:
    """Different for a different file; mode included, for a file is refused by its mode."""
    try:
        about = path.stat()
    except OSError:
        return ()
    return (about.st_mtime_ns, about.st_size, about.st_ino, about.st_mode, about.st_uid)
