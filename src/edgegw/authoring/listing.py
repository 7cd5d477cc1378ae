"""All profiles as a table for people: what each measures, can do, raises, and how much of it was captured.

Owns: the table. Must not know: where profiles are.
"""

from collections.abc import Mapping

from edgegw.profiles.schema import Profile

HEAD = ("profile", "device", "link", "measures", "commands", "alarms", "samples", "source")

INTRO = """# Supported devices

{count} profiles of {vendors} vendors. A folder of your own adds more; how a profile is written stands in
[docs/profiles.md](../docs/profiles.md). Samples are messages with the readings they must give: *captured* from a device, or
published as such; *constructed* from documented values. A profile whose samples fail is not used.

This page is made by `edgegw profile list --markdown`.
"""

_CAPTURED = ("captured", "published", "vendor's example", "capture")


def markdown(profiles: Mapping[str, Profile]) -> str:
    """The page: device_profiles/README.md.

    Args:
        profiles: by name, ``<vendor>/<model>``.
    """
    rows = [_row(name, profile) for name, profile in sorted(profiles.items())]
    lines = ["| " + " | ".join(row) + " |" for row in (HEAD, ("---",) * len(HEAD), *rows)]
    vendors = len({name.partition("/")[0] for name in profiles})
    return INTRO.format(count=len(profiles), vendors=vendors) + "\n" + "\n".join(lines) + "\n"


def _row(name: str, profile: Profile) -> tuple[str, ...]:
    captured, constructed = counted(profile)
    return (
        f"[{name}]({name}.yaml)",
        _cell(f"{profile.vendor} {profile.model}" + (f": {profile.description}" if profile.description else "")),
        profile.link,
        _cell(", ".join(f"{point} {unit}" if (unit := spec.unit) else point for point, spec in profile.points.items())),
        ", ".join(profile.commands) or "–",
        ", ".join(profile.alarms) or "–",
        f"{captured} captured, {constructed} constructed" if captured else f"{constructed} constructed",
        _cell(profile.source),
    )


def counted(profile: Profile) -> tuple[int, int]:
    """How many samples say that they were captured (or published as bytes of a real device), and how many do not."""
    told = [sample.source.lower() for sample in profile.samples]
    captured = sum(text.startswith(_CAPTURED) for text in told)
    return captured, len(told) - captured


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
