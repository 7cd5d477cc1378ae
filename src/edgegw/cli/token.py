"""`edgegw token`: make, list, rotate and revoke tokens of the local API.

Owns: how these look to a person and to a script. Must not know: how the file is kept (api.tokens), how a token is judged.
A token is shown once, when it is made or rotated; the file has its hash only. A running gateway follows the file within a second.
"""

import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgegw.errors import ConfigError

if TYPE_CHECKING:
    from edgegw.api.tokens import Token, Tokens
    from edgegw.model import Instant

EXPIRY_MOST = timedelta(days=3650)
"""Ten years; a token meant for longer has no expiry."""

SITE = click.argument("site", type=click.Path(path_type=Path, dir_okay=False))
WHICH = click.argument("which", metavar="TOKEN")
FILE = click.option(
    "--tokens",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file of tokens, where the daemon's state directory is not this shell's (systemd: /var/lib/edgegw/edgegw.tokens).",
)
JSON = click.option("--json", "as_json", is_flag=True, help="For scripts.")


@click.group()
def token() -> None:
    """Tokens of the local API: who may ask it for what."""


@token.command()
@SITE
@click.option("--name", required=True, help="What people call it; also the issuer in records of its commands.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    help="read, events, credentials, tickets, maintenance, requests, patrol, admin, command:<device>:<command>, "
    "door:<door or group>:<action>; may be repeated. docs/api.md says what each allows.",
)
@click.option("--expires", help="Valid for this long: 12h, 90d. Until revoked if not given.")
@FILE
@JSON
def create(
    *, site: Path, name: str, scopes: tuple[str, ...], expires: str | None, file: Path | None, as_json: bool
) -> None:
    """Make a token for the gateway of the site file SITE and print it, once."""
    from edgegw.api.tokens import TOKENS_MOST, Token, Tokens, hashed, new_id, new_secret
    from edgegw.api.types import moment
    from edgegw.rights import parse_scopes

    parse_scopes(scopes)
    if not 1 <= len(name) <= 64 or not name.isprintable() or name != name.strip():
        raise click.UsageError("--name: 1 to 64 printable characters")
    lasts = _lasts(expires)
    now = moment(_now().wall_ns)
    secret = new_secret()
    made = Token(
        id=new_id(),
        name=name,
        hash=hashed(secret),
        scopes=tuple(dict.fromkeys(scopes)),
        created=now,
        expires=None if lasts is None else now + lasts,
    )

    def add(tokens: Tokens) -> Tokens:
        if any(name in {one.name, one.id} for one in tokens.tokens):
            raise ConfigError(
                "token-name", f"there is a token called {name!r}; rotate or revoke it, or take another name"
            )
        if len(tokens.tokens) >= TOKENS_MOST:
            raise ConfigError("tokens", f"there are {TOKENS_MOST} tokens already; revoke some")
        return Tokens((*tokens.tokens, made))

    path = _path(site, file)
    _change(path, add)
    _show_once(path, made, secret, as_json=as_json)


@token.command(name="list")
@SITE
@FILE
@JSON
def list_(site: Path, file: Path | None, as_json: bool) -> None:
    """List the tokens. Their secrets are nowhere."""
    from edgegw.api.tokens import read
    from edgegw.api.types import moment

    tokens = read(_path(site, file)).tokens
    if as_json:
        click.echo(json.dumps([_about(one) for one in tokens], ensure_ascii=False))
        return
    now = moment(_now().wall_ns)
    for one in tokens:
        if one.expires is None:
            lasts = "until revoked"
        else:
            lasts = f"{'EXPIRED' if one.expires <= now else 'until'} {one.expires:%Y-%m-%d %H:%M}Z"
        click.echo(f"{one.id}  {one.name:<20}  {lasts:<25}  {' '.join(one.scopes)}")


@token.command()
@SITE
@WHICH
@FILE
@JSON
def rotate(site: Path, which: str, file: Path | None, as_json: bool) -> None:
    """Give TOKEN (id or name) a new secret and print it, once. The old one is void; scopes and expiry stay."""
    import msgspec

    from edgegw.api.tokens import Token, Tokens, hashed, new_secret
    from edgegw.api.types import moment

    secret = new_secret()
    rotated: list[Token] = []

    def change(tokens: Tokens) -> Tokens:
        old = _find(tokens, which)
        new = msgspec.structs.replace(old, hash=hashed(secret), rotated=moment(_now().wall_ns))
        rotated.append(new)
        return Tokens(tuple(new if one is old else one for one in tokens.tokens))

    path = _path(site, file)
    _change(path, change)
    _show_once(path, rotated[0], secret, as_json=as_json)


@token.command()
@SITE
@WHICH
@FILE
def revoke(site: Path, which: str, file: Path | None) -> None:
    """Make TOKEN (id or name) void."""
    from edgegw.api.tokens import Tokens

    def change(tokens: Tokens) -> Tokens:
        gone = _find(tokens, which)
        return Tokens(tuple(one for one in tokens.tokens if one is not gone))

    _change(_path(site, file), change)
    click.echo(f"{which}: revoked; a running gateway knows within a second", err=True)


def _path(site: Path, file: Path | None) -> Path:
    """The file of tokens: as told, else as the site file says."""
    if file is not None:
        return file
    from edgegw.config.site import open_site

    return Path(open_site(site, os.environ).api.tokens)


def _change(path: Path, change: "Callable[[Tokens], Tokens]") -> None:
    from edgegw.api.tokens import changing, read, write

    with changing(path):
        write(path, change(read(path)))


def _find(tokens: "Tokens", which: str) -> "Token":
    for one in tokens.tokens:
        if which in {one.id, one.name}:
            return one
    raise ConfigError("unknown-token", f"no token of the id or name {which!r}")


def _lasts(text: str | None) -> timedelta | None:
    if text is None:
        return None
    from edgegw.profiles.fields import parse_duration

    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise click.UsageError(f"--expires: {error}") from error
    if not 0 < seconds <= EXPIRY_MOST.total_seconds():
        raise click.UsageError(f"--expires: more than nothing, at most {EXPIRY_MOST.days}d")
    return timedelta(seconds=seconds)


def _now() -> "Instant":
    from edgegw.clock import SystemClock

    return SystemClock().now()


def _about(one: "Token") -> dict[str, Any]:
    """Everything but the hash."""
    return {
        "id": one.id,
        "name": one.name,
        "scopes": list(one.scopes),
        "created": one.created.isoformat(),
        "expires": None if one.expires is None else one.expires.isoformat(),
        "rotated": None if one.rotated is None else one.rotated.isoformat(),
    }


def _show_once(path: Path, one: "Token", secret: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**_about(one), "token": secret, "file": str(path)}, ensure_ascii=False))
        return
    click.echo(f"{one.id} ({one.name}) in {path}; this is shown once:", err=True)
    click.echo(secret)
