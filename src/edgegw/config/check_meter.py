"""Checks of devices on meter lines: their numbers.

Owns: what a meter's address must be, and that no two on a line are the same.
Must not know: files, profiles' points.
"""

import re
from collections.abc import MutableMapping

from edgegw.config.findings import Findings
from edgegw.config.schema import Device
from edgegw.profiles.schema import Profile

DIGITS = {"dlt645": 12, "cjt188": 14}
"""Digits of a meter's number (DL/T 645-2007 §5.2.2, CJ/T 188-2004 §5.2.3)."""

_NAMES = {"dlt645": "DL/T 645", "cjt188": "CJ/T 188"}


def meter_address(
    findings: Findings, taken: MutableMapping[tuple[str, int], str], id_: str, device: Device, profile: Profile
) -> None:
    """Check a meter's number. `taken`: (link, key of the number) → device, of those before."""
    section = profile.meter
    if section is None:
        return
    digits, name = DIGITS[section.protocol], _NAMES[section.protocol]
    at = ("devices", id_, "address")
    address = device.address
    wanted = f"the meter's number as printed on it, {digits} digits"
    if address is None:
        findings.error(("devices", id_), f"address is missing: {wanted}", key=True)
    elif not isinstance(address, str):
        findings.error(at, f'a meter\'s number is text: write "{address}" in quotes, with its leading zeros')
    elif not re.fullmatch(r"[0-9]+", address) or len(address) != digits:
        findings.error(at, f"{address!r} is not the number of a {name} meter: {wanted}; fill up with zeros in front")
    else:
        # A CJ/T 188 meter is known by its type as well; DL/T 645 ones have none.
        first = taken.setdefault((device.link, int(f"1{section.type_code if section.type else 0:03d}{address}")), id_)
        if first != id_:
            line = findings.line(("devices", first))
            findings.error(
                at,
                f"number {address} on link {device.link!r} is already device {first!r} (line {line}); "
                "two meters cannot answer at one address",
            )
