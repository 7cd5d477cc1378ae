"""The one call that the commands use: from a path to a plan.

Owns: the file system as the checks see it, where profiles and state are looked for.
Must not know: what is checked.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from edgegw.config.check import plan_site
from edgegw.config.loader import read_site
from edgegw.config.plan import SitePlan
from edgegw.config.secret import Secret
from edgegw.config.secrets import resolve
from edgegw.errors import ConfigError
from edgegw.profiles.loader import ProfileLibrary

ACCESS_KEY = "access.key"
"""Where the secret stands under which card numbers are kept."""

KEY_BYTES = 32
"""Least length of a secret that hashes or signs: as long as what HMAC-SHA256 gives (RFC 2104, section 3)."""


class LocalFiles:
    """The local file system, for `check_net.Files`."""

    def is_file(self, path: Path) -> bool:
        """See `Files.is_file`."""
        # os.path, not Path: a name too long or with a NUL is simply not there.
        return os.path.isfile(path) and os.access(path, os.R_OK)  # noqa: PTH113

    def is_dir(self, path: Path) -> bool:
        """See `Files.is_dir`."""
        return os.path.isdir(path)  # noqa: PTH112 - as above

    def real(self, path: Path) -> Path:
        """See `Files.real`."""
        try:
            return Path(os.path.realpath(path))  # Path.resolve() raises on a loop of links
        except (OSError, ValueError):
            return path


def open_site(path: Path, env: Mapping[str, str]) -> SitePlan:
    """Load, check and plan a site.

    Args:
        env: the process's environment; $STATE_DIRECTORY is where a relative store path starts.

    Raises:
        ConfigError: with every problem at once.
    """
    loaded = read_site(path)
    files = LocalFiles()
    folders = [Path(os.path.normpath(loaded.base / folder)) for folder in loaded.site.profiles]
    # systemd separates several state directories by colons; the first is ours.
    state = env.get("STATE_DIRECTORY", "").split(":")[0]
    library = ProfileLibrary([folder for folder in folders if files.is_dir(folder)])  # the check speaks of the others
    return plan_site(loaded, library, files=files, state=Path(state) if state else None)


def secret_problems(plan: SitePlan, env: Mapping[str, str]) -> list[str]:
    """Which secrets of a plan cannot be read here and now: a fault for `run`, for `check` perhaps only another machine."""
    found = []
    unseen = []
    for where, secret in secrets(plan):
        if secret.credential is not None and "CREDENTIALS_DIRECTORY" not in env:
            unseen.append(secret.credential)  # nobody but the service itself can look
            continue
        try:
            value = resolve(secret, plan.base, env)
        except ConfigError as error:
            found.append(f"{plan.path}: {where}: {error.detail} (needed to run)")
            continue
        if where.endswith(".key") and len(value.get_secret_value().encode()) < KEY_BYTES:
            found.append(
                f"{plan.path}: {where}: shorter than {KEY_BYTES} bytes; make one with: openssl rand -hex 32 (needed to run)"
            )
    if unseen:
        found.append(f"{plan.path}: systemd credentials, only there under the unit: {', '.join(dict.fromkeys(unseen))}")
    return found


def secrets(plan: SitePlan) -> Iterator[tuple[str, Secret]]:
    """Every secret reference of a plan, with where it stands."""
    for link in plan.links:
        if (secret := getattr(link.config, "password", None)) is not None:
            yield f"links.{link.name}.password", secret
    for name, upstream in plan.upstream.items():
        for key in ("password", "token"):
            if (secret := getattr(upstream, key, None)) is not None:
                yield f"upstream.{name}.{key}", secret
        for key, secret in getattr(upstream, "secrets", {}).items():
            yield f"upstream.{name}.secrets[{key}]", secret
    if plan.access.key is not None:
        yield ACCESS_KEY, plan.access.key
    if plan.access.sync is not None and plan.access.sync.token is not None:
        yield "access.sync.token", plan.access.sync.token
    if plan.commands is not None:
        if plan.commands.password is not None:
            yield "commands.password", plan.commands.password
        for name, signer in plan.commands.keys.items():
            yield f"commands.keys.{name}.key", signer.key
