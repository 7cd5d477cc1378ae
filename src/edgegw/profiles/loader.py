"""Profile files: finding them, reading them, refusing what is wrong with file:line:column.

Owns: the search path (a site's own folders first, then the shipped profiles), names; no profile is used whose samples fail.
Must not know: the site file, devices.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

import edgegw
from edgegw.errors import ProfileError
from edgegw.profiles.check import findings
from edgegw.profiles.extends import NAME, OWN, chain, name_of
from edgegw.profiles.samples import command_failures, failures
from edgegw.profiles.schema import Profile
from edgegw.yamlpos import MAX_BYTES, Document, Fault, Layers, Problem, parse, render


def shipped_profiles() -> Path:
    """The folder of the profiles that come with edgegw: inside the installed package, or beside src in a checkout."""
    package = Path(edgegw.__file__).parent
    installed = package / "device_profiles"
    return installed if installed.is_dir() else package.parent.parent / "device_profiles"


def load_profile(path: Path, *, samples: bool = True, library: "ProfileLibrary | None" = None) -> Profile:
    """Read one profile file, and those it extends.

    Args:
        samples: also run its samples; only tools that report on samples themselves turn this off.
        library: where what it extends is looked for; the shipped profiles if not given.

    Raises:
        ProfileError: ``file`` if one can't be read, ``profile`` for what they say, ``samples`` if samples fail; the detail has
            one ``file:line:column: message`` a line, everything at once, each in the file where it stands.
    """
    documents = [document for _, document in chain(path, library or ProfileLibrary())]
    layers = Layers(documents, own=OWN)
    profile, faults = layers.validate(Profile)
    if profile is not None:
        faults = [
            layers.fault(loc, message, key=bool(loc) and isinstance(loc[-1], str)) for loc, message in findings(profile)
        ]
    if profile is None or faults:
        raise ProfileError("profile", "\n".join(_told(fault, path) for fault in sorted(faults)))
    if samples:
        failed = sample_problems(profile, documents[0])
        if failed:
            raise ProfileError("samples", render(failed, str(path)))
    return profile


def _told(fault: Fault, path: Path) -> str:
    return f"{fault} (in what {path} extends)" if fault.layer else str(fault)


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


def _is_file(name: str) -> bool:
    return name.endswith((".yaml", ".yml"))


class ProfileLibrary:
    """Profiles by name, ``<vendor>/<model>``. Each is read once; a folder given earlier hides the same name in a later one.

    Args:
        dirs: folders to look in before the shipped profiles.
    """

    def __init__(self, dirs: Iterable[Path] = ()) -> None:
        self._dirs = (*dirs, shipped_profiles())
        self._loaded: dict[str, Profile] = {}
        self._bases: dict[Path, Document] = {}

    def names(self) -> list[str]:
        """All names there are, sorted; whether they are right is only known once they are loaded."""
        found = {f"{path.parent.name}/{path.stem}" for folder in self._dirs for path in folder.glob("*/*.yaml")}
        return sorted(found)

    def path(self, name: str) -> Path:
        """Where a profile is. Raises ProfileError ``missing`` with near matches."""
        if found := self._places(name):
            return found[0]
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
            profile = self._loaded[name] = load_profile(self.path(name), library=self)
        return profile

    def open(self, name: str) -> Profile:
        """As `get`; a name that ends in ``.yaml`` or ``.yml`` is a file, wherever it is."""
        return load_profile(Path(name), library=self) if _is_file(name) else self.get(name)

    def bases(self, name: str) -> list[str]:
        """The names of what a profile (or file, as `open`) extends, the nearest first. Raises as `path` and `extends.chain`."""
        path = Path(name) if _is_file(name) else self.path(name)
        return [name_of(base) for base, _ in chain(path, self)[1:]]

    def base(self, name: str, path: Path) -> Path:
        """See `extends.Source.base`. A profile that extends its own name means the one it hides: a site's own variant."""
        if name != name_of(path):
            return self.path(name)
        places = self._places(name)
        hidden = places[places.index(path) + 1 :] if path in places else places
        return hidden[0] if hidden else path

    def document(self, path: Path, *, keep: bool) -> Document:
        """See `extends.Source.document`."""
        document = self._bases.get(path) or parse(_text(path), str(path))
        if keep:
            self._bases[path] = document
        return document

    def _places(self, name: str) -> list[Path]:
        """Every file of that name, the one that counts first."""
        paths = [folder / f"{name}.yaml" for folder in self._dirs] if NAME.match(name) else []
        return [path for path in paths if path.is_file()]
