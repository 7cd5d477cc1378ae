"""Checks of OSDP lines: addresses, keys, what is said of their security.

Owns: what must hold between such a link and its readers.
Must not know: files, what a key is (it is read when the link is made).
"""

from collections.abc import MutableMapping, Sequence

from edgegw.codec.osdp import MOST_ADDRESS
from edgegw.config.findings import Findings, suggest
from edgegw.config.plan import LinkPlan
from edgegw.config.schema import Device, OsdpLink, Site

MOST_READERS = 32
"""Readers on a line: what RS-485 carries, and a round of them is over in a second or two."""


def osdp_address(findings: Findings, taken: MutableMapping[tuple[str, int], str], id_: str, device: Device) -> None:
    """Check a reader's address. `taken`: (link, address) → device, of those before."""
    at = ("devices", id_, "address")
    address = device.address
    if address is None:
        findings.error(("devices", id_), f"address is missing: the reader's, 0 to {MOST_ADDRESS}", key=True)
    elif not isinstance(address, int):
        findings.error(at, f"an OSDP address is a number from 0 to {MOST_ADDRESS} without quotes, not {address!r}")
    elif not 0 <= address <= MOST_ADDRESS:
        more = "; 127 is everybody's" if address == MOST_ADDRESS + 1 else ""
        findings.error(at, f"address {address} is outside 0 to {MOST_ADDRESS}{more}")
    elif (first := taken.setdefault((device.link, address), id_)) != id_:
        line = findings.line(("devices", first))
        findings.error(
            at,
            f"address {address} on link {device.link!r} is already device {first!r} (line {line}); "
            "two readers cannot answer at one address",
        )


def osdp_links(findings: Findings, site: Site, links: Sequence[LinkPlan]) -> None:
    """Check the keys of every OSDP link that has devices, and say what is insecure."""
    for link in links:
        if isinstance(link.config, OsdpLink):
            _link(findings, site, link, link.config)


def _link(findings: Findings, site: Site, link: LinkPlan, config: OsdpLink) -> None:
    at = ("links", link.name)
    names = [device.id for device in link.devices]
    if len(names) > MOST_READERS:
        findings.error(at, f"{len(names)} readers on one line; {MOST_READERS} are the most", key=True)
    for name in config.keys:
        if name not in names:
            where = "is on another link" if name in site.devices else "is no device"
            findings.error((*at, "keys", name), f"{name!r} {where}; {suggest(name, names, 'readers')}", key=True)
    if config.secure == "off":
        if config.key is not None or config.keys:
            findings.error(
                (*at, "secure"), "a key has no use in the clear: write `secure: required`, or remove the keys"
            )
        findings.warn(
            (*at, "secure"),
            "the line is in the clear: whoever reaches its two wires can read cards and play them back; set keys and "
            "`secure: required`",
        )
        return
    if config.key is None:
        for name in names:
            if name not in config.keys:
                findings.error(
                    at,
                    f"reader {name!r} has no key: add `key: {{file: PATH}}`, or one under `keys`; `secure: off` leaves the line "
                    "in the clear",
                    key=True,
                )
    if config.secure == "install":
        findings.warn(
            (*at, "secure"),
            "a reader with the default key is given its own under a key that everybody knows: do it where nobody listens, "
            "then write `secure: required`",
        )
