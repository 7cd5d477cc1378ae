"""What `edgegw discovery` writes: profiles, the site file, the record of approvals; whole or not at all.

Owns: where these files are, their order, what is put back where the result would not load.
Must not know: what is in a profile, brokers.

A site file is only replaced by one that the ordinary loader takes, with the new profiles in place. What was there stays beside it
as ``.bak``. The record of approvals is written last: without it a device is merely asked about again.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from msgspec import MsgspecError

from edgegw.cli.site_file import would_load
from edgegw.config.plan import SitePlan
from edgegw.discovery.approvals import Approvals, dump, load
from edgegw.errors import ConfigError
from edgegw.probe.adding import Entry, added
from edgegw.profiles.loader import load_profile
from edgegw.wholefile import put
from edgegw.yamlpos import parse

VENDOR = "discovered"
"""Folder, in the site's own profiles, of the profiles that were made."""

RECORD = "approved.json"

OWN_PROFILES = "profiles"
"""The site's folder of profiles where the site file names none."""

HEAD = """\
# Made by `edgegw discovery approve` from what the device announced. Approving it again makes it anew:
# changes that are to stay belong into the site file (alarms, report) or into a profile of another name.
"""


class Files:
    """The files of one site.

    Args:
        path: the site file. plan: what it says.
    """

    def __init__(self, path: Path, plan: SitePlan, folders: tuple[str, ...]) -> None:
        self.path = Path(os.path.realpath(path))
        self._shown = path
        self._named = bool(folders)
        self.folder = Path(os.path.normpath(plan.base / (folders[0] if folders else OWN_PROFILES))) / VENDOR

    def approvals(self) -> Approvals:
        """The record; an empty one where there is none. Raises ConfigError ``approvals``."""
        path = self.folder / RECORD
        try:
            return load(path.read_bytes())
        except FileNotFoundError:
            return Approvals()
        except OSError as error:
            raise ConfigError("approvals", f"{path}: {error.strerror or error}") from error
        except (MsgspecError, ValueError) as error:
            raise ConfigError("approvals", f"{path}: not a record of approvals: {error}") from error

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep two programs from changing the same site at once. Raises ConfigError ``site``."""
        try:
            fd = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise ConfigError("site", f"{self.path.parent}: {error.strerror or error}") from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def write(self, profiles: Mapping[str, Mapping[str, Any]], entries: dict[str, Entry], approvals: Approvals) -> None:
        """Put everything in place.

        Args:
            profiles: the made ones, by their name in `folder`. entries: devices that are new to the site file.

        Raises:
            ConfigError: ``site`` or ``profile``: the result would not load, or cannot be written; then nothing is changed.
        """
        before: dict[Path, bytes | None] = {}
        try:
            for name, data in profiles.items():
                path = self.folder / f"{name}.yaml"
                before[path] = path.read_bytes() if path.exists() else None
                path.parent.mkdir(parents=True, exist_ok=True)
                put(path, (HEAD + as_yaml(data)).encode(), backup=True)
                load_profile(path)
            old, new = self._site(entries)
            would_load(self.path, new, self._shown)
            if new != old:
                put(self.path, new, backup=True)
        except OSError as error:
            _put_back(before)
            raise ConfigError("site", f"{error.filename or self._shown}: {error.strerror or error}") from error
        except BaseException:
            _put_back(before)
            raise
        self.record(approvals)

    def record(self, approvals: Approvals) -> None:
        """Write the record of approvals. Raises ConfigError ``approvals``."""
        path = self.folder / RECORD
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            put(path, dump(approvals))
        except OSError as error:
            raise ConfigError("approvals", f"{path}: {error.strerror or error}") from error

    def forget(self, name: str) -> None:
        """Delete a profile that was made, and its backup. Raises ConfigError ``profile``."""
        for path in (self.folder / f"{name}.yaml", self.folder / f"{name}.yaml.bak"):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise ConfigError("profile", f"{path}: {error.strerror or error}") from error

    def _site(self, entries: dict[str, Entry]) -> tuple[bytes, bytes]:
        """The site file as it is, and with the entries."""
        old = self.path.read_bytes()
        if not entries:
            return old, old
        text = old.decode("utf-8-sig")
        if not self._named:
            text = _with_profiles(text)
        return old, added(text, entries).encode()


def as_yaml(data: Mapping[str, Any]) -> str:
    """Plain data as YAML; always by the dumper, whatever is in it."""
    return yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True, width=120)


def _with_profiles(text: str) -> str:
    """A site file that names no folder of profiles, naming one. Raises ConfigError ``site``."""
    document = parse(text, "the site file")
    line = document.key_position(("devices",))[0] - 1
    lines = text.split("\n")
    lines.insert(line, f"profiles: [{OWN_PROFILES}]" + ("\r" if "\r\n" in text else ""))
    result = "\n".join(lines)
    if parse(result, "the site file").data != {**document.data, "profiles": [OWN_PROFILES]}:
        raise ConfigError(
            "site", f"write `profiles: [{OWN_PROFILES}]` into the site file first: its form takes no line"
        )
    return result


def _put_back(before: Mapping[Path, bytes | None]) -> None:
    for path, data in before.items():
        if data is None:
            path.unlink(missing_ok=True)
        else:
            put(path, data)
