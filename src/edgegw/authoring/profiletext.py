"""A profile that was put together, as the text of its file, tried before anybody sees it.

Owns: checking what was put together as the loader checks a file, and writing it down.
Must not know: from what it was put together.
"""

from collections.abc import Mapping

from edgegw.authoring import yamltext
from edgegw.errors import ProfileError
from edgegw.profiles.check import findings
from edgegw.profiles.samples import failures
from edgegw.profiles.schema import Profile
from edgegw.yamlpos import parse, render

_PLACEHOLDERS: dict[str, dict[str, object]] = {
    "mqtt": {"source": "none yet", "payload": "", "readings": {}},
    "modbus": {"source": "none yet", "request": "00", "hex": "00", "readings": {}},
    "serial": {"source": "none yet", "hex": "00", "readings": {}},
}
"""Stand for the samples while there are none."""


def profile_of(data: Mapping[str, object]) -> Profile:
    """What was put together as a profile; its samples are not run, and need not be there yet.

    Raises:
        ProfileError: ``profile``, one line for each thing that does not go together.
    """
    placeholder = _PLACEHOLDERS.get(str(data.get("link")), _PLACEHOLDERS["serial"])
    written = yamltext.document({**data, "samples": data.get("samples") or [placeholder]})
    profile, problems = parse(written, "profile").validate(Profile)
    if profile is None:
        raise ProfileError("profile", render(problems, "profile"))
    wrong = [f"{'.'.join(map(str, loc))}: {message}" for loc, message in findings(profile)]
    if wrong:
        raise ProfileError("profile", "\n".join(wrong))
    return profile


def text_of(data: Mapping[str, object], *, head: str) -> str:
    """The file. The loader takes it, and its samples pass.

    Args:
        head: comment above it.

    Raises:
        ProfileError: ``profile`` as `profile_of`; ``samples`` if one fails.
    """
    profile = profile_of(data)
    text = yamltext.document(data, head=head)
    if failed := [f"sample {index + 1}: {why}" for index, why in failures(profile)]:
        raise ProfileError("samples", "\n".join(failed))
    return text


def file_slug(text: str) -> str:
    """A vendor or model as a file's name: lower case, digits, dots and hyphens."""
    made = "".join(sign if sign.isascii() and (sign.isalnum() or sign == ".") else "-" for sign in text.lower())
    return "-".join(part for part in made.split("-") if part).strip(".") or "unnamed"
