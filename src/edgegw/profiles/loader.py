"""Profile files: finding them, reading them, refusing what is wrong with file:line:column.

Owns: the search path (a site's own folders first, then the shipped profiles), names; no profile is used whose samples fail.
Must not know: the site file, devices.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

import edgegw
from edgegw.errors import ProfileError
from edgegw.profiles.check import findings
from edgegw.profiles.samples import command_failures, failures
from edgegw.profiles.schema import Profile
from edgegw.yamlpos import MAX_BYTES, Document, Problem, parse, render

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*\Z")


def shipped_profiles() -> Path:
    """The folder of the profiles that come with edgegw: inside the installed package, or beside src in a checkout."""
    package = Path(edgegw.__file__).parent
    installed = package / "device_profiles"
    return installed if installed.is_dir() else package.parent.parent / "device_profiles"


def load_profile(path: Path, *, samples: bool = True) -> Profile:
    """Read one profile file.

    Args:
        samples: also run its samples; only tools that report on samples themselves turn this off.

    Raises:
        ProfileError: ``file`` if it can't be read, ``profile`` for what it says, ``samples`` if samples fail; the detail has one
            ``file:line:column: message`` a line, everything at once.
    """
    document = parse(_text(path), str(path))
    profile, problems = document.validate(Profile)
    if profile is not None:
        problems = [Problem(*_at(document, loc), message) for loc, message in findings(profile)]
    if profile is None or problems:
        raise ProfileError("profile", render(sorted(problems), str(path)))
    if samples:
        failed = sample_problems(profile, document)
        if failed:
            raise ProfileError("samples", render(failed, str(path)))
    return profile


def sample_problems(profile: Profile, document: Document) -> list[Problem]:
    """The samples that fail, at their places."""
    decoded = [
        Problem(
            *document.position(("samples", index)),
            f"sample {index + 1} ({profile.samples[index].source}): {difference}",
        )
        for index, difference in failures(profile)
    ]
    sent = [
        Problem(
            *document.position(("command_samples", index)),
            f"command sample {index + 1} ({profile.command_samples[index].command}): {difference}",
        )
        for index, difference in command_failures(profile)
    ]
    return [*decoded, *sent]


def _at(document: Document, loc: tuple[str | int, ...]) -> tuple[int, int]:
    return document.key_position(loc) if loc and isinstance(loc[-1], str) else document.position(loc)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        return data.decode("utf-8-sig")
    except OSError as error:
        raise ProfileError("file", f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ProfileError("file", f"{path}:{line}:1: not UTF-8 text") from error


class ProfileLibrary:
    """Profiles by name, ``<vendor>/<model>``. Each is read once; a folder given earlier hides the same name in a later one.

    Args:
        dirs: folders to look in before the shipped profiles.
    """

    def __init__(self, dirs: Iterable[Path] = ()) -> None:
        self._dirs = (*dirs, shipped_profiles())
        self._loaded: dict[str, Profile] = {}

    def names(self) -> list[str]:
        """All names there are, sorted; whether they are right is only known once they are loaded."""
        found = {f"{path.parent.name}/{path.stem}" for folder in self._dirs for path in folder.glob("*/*.yaml")}
        return sorted(found)

    def path(self, name: str) -> Path:
        """Where a profile is. Raises ProfileError ``missing`` with near matches."""
        if _NAME.match(name):
            for folder in self._dirs:
                path = folder / f"{name}.yaml"
                if path.is_file():
                    return path
        names = self.names()
        near = get_close_matches(name, names, n=3, cutoff=0.5)
        near = (
            near or [n for n in names if name.rpartition("/")[2] and name.rpartition("/")[2].lower() in n.lower()][:3]
        )
        hint = f"did you mean {' or '.join(near)}?" if near else "`edgegw profile list` shows what there is"
        raise ProfileError("missing", f"there is no profile {name!r}; {hint}")

    def get(self, name: str) -> Profile:
        """A profile, checked and with passing samples.

        Raises:
            ProfileError: see `path` and `load_profile`.
        """
        profile = self._loaded.get(name)
        if profile is None:
            profile = self._loaded[name] = load_profile(self.path(name))
        return profile
