"""The demo's site file: a real one, written out so that it can be read, changed and run again.

Owns: what the gateway is told about a community that introduced itself.
Must not know: which devices there are; the community says so in the site file's own words.
"""

import re

import yaml
from msgspec import Struct

STORE = "demo.db"
"""The gateway's store, beside the site file."""

STORY_ALONE_S = 20
"""The story comes again every 45 s; on a real site an alarm that does would be flapping, or have its old ticket opened again.
Here each scene is to be seen from its beginning, so what lies further apart than this is a trouble of its own."""

HEADING = """\
# The site file of this demo: everything the gateway knows about the community.
# `edgegw check` says what would run; every key is in docs/configuration.md.
"""


_PLAIN = re.compile(r"[^\W\d_][^:#\"'{}\[\],&*!|>%@`]*\Z")
"""Texts that may stand without quotes: they begin with a letter and hold nothing YAML has a meaning for."""


class _Dumper(yaml.SafeDumper):
    """Texts that a YAML reader could take for something else (0801, 12:30) in quotes; no anchors, which nobody reads."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        """Always: every section stands for itself."""
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if _PLAIN.match(value) else '"')


_Dumper.add_representer(str, _text)


class Cast(Struct, frozen=True):
    """Who lives in the simulated community, as its ready line says.

    Attributes:
        links: link name → its section of the site file (kind, port, host …).
        devices: device id → its section of the site file (link, profile, address, name, labels, rules …).
    """

    links: dict[str, dict[str, object]]
    devices: dict[str, dict[str, object]]

    def link_of(self, device: str) -> str:
        """The link a device is on; empty if it is not of the cast."""
        return str(self.devices.get(device, {}).get("link", ""))


class Addresses(Struct, frozen=True):
    """Where the processes of one demo are, all on loopback.

    Attributes:
        desk, control: TCP ports of the ticket desk and of the gateway's metrics.
    """

    desk: int
    control: int
    host: str = "127.0.0.1"

    @property
    def desk_url(self) -> str:
        """The desk's page."""
        return f"http://{self.host}:{self.desk}/"

    @property
    def control_url(self) -> str:
        """Beginning of the addresses of /metrics, /healthz and /readyz."""
        return f"http://{self.host}:{self.control}"


def site_text(cast: Cast, at: Addresses, *, language: str) -> str:
    """The site file as YAML text."""
    site: dict[str, object] = {
        "gateway": {
            "id": "demo",
            "language": language,
            "location": "阳光花园" if language == "zh-CN" else "Sunshine Garden",
        },
        "store": {"path": STORE, "budget": "64MiB", "reserve": "1MiB"},
        "links": cast.links,
        "devices": cast.devices,
        "upstream": {
            "desk": {
                "kind": "http",
                "url": f"{at.desk_url}events",
                "timeout": "3s",
                "retry": {"first": "200ms", "most": "2s"},
                "tickets": {"poll": f"{at.desk_url}api/ticket-updates", "every": "1s"},
            },
        },
        "service": {
            "one_ticket": {
                "reraise": f"{STORY_ALONE_S}s",
                "flap_within": f"{STORY_ALONE_S}s",
                "flap_quiet": f"{STORY_ALONE_S}s",
            }
        },
        "control": {"host": at.host, "port": at.control},
    }
    return HEADING + yaml.dump(site, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=120)
