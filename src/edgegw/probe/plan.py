"""What is asked of a line in which order, with bounds.

Owns: line settings, units, the reads that tell profiles apart, timeouts.
Must not know: ports, sockets, what answers mean (identify).
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from edgegw.errors import ConfigError
from edgegw.probe.identify import CONTROLS, Ask
from edgegw.profiles.plan import poll_plan
from edgegw.profiles.schema import Profile

FIRST_UNIT, LAST_UNIT = 1, 247
"""MODBUS over Serial Line V1.02, 2.2: 0 is the broadcast, 248 to 255 are reserved."""

BAUDS = (9600, 4800, 2400, 19200)
"""The usual ones, the most usual first."""

FORMATS = ("8N1", "8E1")
"""What devices ship with; 8N2 and 8O1 are read by an 8N1 and 8E1 port as garbage or not at all: give them if need be."""

RTU_TIMEOUT_S = 0.1
"""Wait for an answer to begin, beyond the wire's own time: nearly every device keeps it. A slower one is heard late, and told."""

TCP_TIMEOUT_S = 0.3
"""The same through a network and a gateway."""

READ_TIMEOUT_S = 0.3
"""For the reads of identification: some devices think longer about many registers than about one."""

LIFE = Ask("holding", 0, 1)
"""Every unit answers it, with a value or an exception."""

SECOND_LIFE = Ask("input", 0, 1)
"""For simple sensors that are silent where they should refuse, and only know function 4."""

MOST_READS = 250
"""Reads of one unit's identification; at 9600 baud they take about ten seconds."""

SILENT_MOST = 2
"""Unanswered reads of one table after which a unit is not asked for that table any more: it does not know the function."""

MOST_SETTINGS = 32


class Setting(Struct, frozen=True):
    """How a serial line is set."""

    baud: int
    format: str

    def __str__(self) -> str:
        return f"{self.baud} {self.format}"


def settings(own: Setting | None, bauds: Sequence[int] = (), formats: Sequence[str] = ()) -> tuple[Setting, ...]:
    """Settings in the order they are tried.

    Args:
        own: the link's, first; None for a port that is given by itself.
        bauds, formats: what the user asks for; then only these are tried. The usual ones if none are given.

    Raises:
        ConfigError: more than `MOST_SETTINGS`.
    """
    wanted_bauds = bauds or (*([own.baud] if own else []), *BAUDS)
    wanted_formats = formats or (*([own.format] if own else []), *FORMATS)
    found = [Setting(baud, format_) for baud in wanted_bauds for format_ in wanted_formats]
    if own is not None and own in found:
        found.insert(0, own)
    unique = tuple(dict.fromkeys(found))
    if len(unique) > MOST_SETTINGS:
        raise ConfigError("usage", f"{len(unique)} settings of a line; at most {MOST_SETTINGS} are tried at once")
    return unique


def units(text: str | None, *, tcp: bool = False) -> tuple[int, ...]:
    """Units from ``1-32``, ``1,5,9-12``; all if None. Each once, in the order given.

    Args:
        tcp: 0 and 255 are units too: a TCP device's own.

    Raises:
        ConfigError: ``usage``, with what is wrong.
    """
    low, high = (0, 255) if tcp else (FIRST_UNIT, LAST_UNIT)
    if text is None:
        return tuple(range(FIRST_UNIT, LAST_UNIT + 1))
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        ends = (first, last if dash else first)
        if not all(end.isascii() and end.isdigit() and len(end) <= 3 for end in ends):
            raise ConfigError("usage", f"--units {text}: write 1-32, or 1,5,9-12")
        begin, end = (int(end) for end in ends)
        if not low <= begin <= end <= high:
            raise ConfigError("usage", f"--units {text}: units are {low} to {high}, the smaller one first")
        found += range(begin, end + 1)
    return tuple(dict.fromkeys(found))


def reads(profiles: Mapping[str, Profile]) -> tuple[Ask, ...]:
    """The controls, then all blocks that any Modbus profile polls, each once; those of most profiles first, then longer before
    shorter, so that what lies in an answered one need not be asked. At most `MOST_READS`."""
    wanted: dict[Ask, int] = {}
    for profile in profiles.values():
        if profile.link == "modbus":
            for block in {Ask(block.table, block.address, block.count) for block in poll_plan(profile)}:
                wanted[block] = wanted.get(block, 0) + 1
    ordered = sorted(wanted, key=lambda ask: (-wanted[ask], -ask.count, ask))
    return (*CONTROLS, *ordered)[:MOST_READS]
