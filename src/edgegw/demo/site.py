"""The demo's site file: a real one, written out so that it can be read, changed and run again.

Owns: what the gateway is told about a community that introduced itself.
Must not know: which devices there are; the community says so in the site file's own words.
"""

import yaml
from msgspec import Struct, field

HEADING = """\
# The site file of this demo: everything the gateway knows about the community.
# `edgegw check` says what would run; every key is in docs/configuration.md.
"""


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
        desk, screen, control: TCP ports of the ticket desk, of the live screen's own receiver, of the gateway's metrics.
    """

    desk: int
    screen: int
    control: int
    host: str = "127.0.0.1"
    extra: dict[str, int] = field(default_factory=dict)

    @property
    def desk_url(self) -> str:
        """The desk's page."""
        return f"http://{self.host}:{self.desk}/"

    @property
    def control_url(self) -> str:
        """Beginning of the addresses of /metrics, /healthz and /readyz."""
        return f"http://{self.host}:{self.control}"


def site_text(cast: Cast, at: Addresses, *, language: str) -> str:
    """The site file as YAML text.

    Two upstreams, each with its own cursors: the ticket desk, and the live screen. So the screen shows only what a receiver was
    really given, and the sums at the end have a second witness.
    """
    site: dict[str, object] = {
        "gateway": {
            "id": "demo",
            "language": language,
            "location": "阳光花园" if language == "zh-CN" else "Sunshine Garden",
        },
        "store": {"path": "demo.db", "budget": "64MiB", "reserve": "1MiB"},
        "links": cast.links,
        "devices": cast.devices,
        "upstream": {
            "desk": {
                "kind": "http",
                "url": f"{at.desk_url}events",
                "timeout": "3s",
                "retry": {"first": "200ms", "most": "2s"},
            },
            "screen": {
                "kind": "http",
                "url": f"http://{at.host}:{at.screen}/events",
                "timeout": "3s",
                "retry": {"first": "200ms", "most": "2s"},
            },
        },
        "control": {"host": at.host, "port": at.control},
    }
    return HEADING + yaml.safe_dump(site, allow_unicode=True, sort_keys=False, width=120)
