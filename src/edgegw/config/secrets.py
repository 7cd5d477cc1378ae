"""Secrets by reference: from a file, the environment, or a systemd credential.

Owns: how a reference becomes a value, and what makes a source unfit (readable by everyone, too big, empty).
Must not know: what the secret is for. No message of this module holds any part of a secret.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from edgegw.config.secret import Secret
from edgegw.errors import ConfigError

MAX_SECRET_BYTES = 16 * 1024
"""Tokens and passwords are far shorter; more is a wrong path (a log, a device node)."""


def resolve(secret: Secret, base: Path, env: Mapping[str, str]) -> SecretStr:
    """The value a reference stands for.

    Args:
        secret: exactly one of file, env, credential.
        base: the site file's folder; relative paths start there.
        env: the process's environment.

    Returns:
        a `SecretStr`: repr, str and logs show asterisks; `get_secret_value()` gives the text, without trailing newline.

    Raises:
        ConfigError: reason ``secret``; the detail names the source and what to do, never the content.
    """
    if secret.env is not None:
        value = env.get(secret.env, "")
        if not value:
            raise _error(f"environment variable {secret.env} is not set; export it, or use file: or credential:")
        return _text(value.encode("utf-8", "surrogateescape"), f"environment variable {secret.env}")
    if secret.credential is not None:
        return _credential(secret.credential, env)
    path = base / Path(secret.file or "").expanduser()
    return _text(_read(path, guarded=True), str(path))


def _credential(name: str, env: Mapping[str, str]) -> SecretStr:
    folder = env.get("CREDENTIALS_DIRECTORY")
    if name in {".", ".."} or "/" in name or "\0" in name:
        raise _error(f"credential {name!r} is not a name; it is what stands before the colon in LoadCredential=")
    if not folder:
        raise _error(
            f"credential {name}: $CREDENTIALS_DIRECTORY is not set; systemd sets it for a unit with LoadCredential={name}:…"
        )
    # systemd mounts these for the service alone: the folder's mode protects them, whatever the file's says.
    return _text(_read(Path(folder) / name, guarded=False), f"credential {name}")


def _read(path: Path, *, guarded: bool) -> bytes:
    try:
        # O_NONBLOCK: a FIFO put in place of the file must not hang the start.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as e:
        why = e.strerror if isinstance(e, OSError) and e.strerror else "not a path"
        raise _error(f"secret file {path}: {why}") from None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise _error(f"secret file {path} is not a regular file")
        if guarded and status.st_mode & stat.S_IRWXO:
            raise _error(
                f"secret file {path} is open to every user (mode {stat.S_IMODE(status.st_mode):04o}); run: chmod o-rwx {path}"
            )
        data = os.read(fd, MAX_SECRET_BYTES + 1)
    except OSError as e:
        raise _error(f"secret file {path}: {e.strerror}") from None
    finally:
        os.close(fd)
    if len(data) > MAX_SECRET_BYTES:
        raise _error(f"secret file {path} holds more than {MAX_SECRET_BYTES // 1024} KiB; is it the right file?")
    return data


def _text(data: bytes, source: str) -> SecretStr:
    try:
        text = data.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        text = None  # raised below, outside: a chained UnicodeDecodeError would carry the bytes
    if text is None:
        raise _error(f"{source} is not UTF-8 text")
    if not text:
        raise _error(f"{source} is empty")
    if any(c in text for c in "\r\n\0"):
        raise _error(f"{source} holds more than one line; a secret is one line")
    return SecretStr(text)


def _error(detail: str) -> ConfigError:
    return ConfigError("secret", detail)
