"""The OSDP links of a site plan: their keys revealed and looked at.

Owns: what is a key. Must not know: sessions, how the line is shared.
"""

import re
from importlib.util import find_spec

from edgegw.app.secrets import reveal
from edgegw.clock import Clock
from edgegw.config.plan import LinkPlan, SitePlan
from edgegw.config.schema import OsdpLink as OsdpLinkConfig
from edgegw.errors import ConfigError
from edgegw.links.osdp import OsdpLink
from edgegw.links.osdp_orders import ReaderSpec
from edgegw.ports import Sink

KEY_BYTES = 16

DEFAULT_KEY = bytes(range(0x30, 0x40))
"""SCBK-D, which the standard prints: no secret."""


def osdp_link(plan: SitePlan, of: LinkPlan, config: OsdpLinkConfig, *, sink: Sink, clock: Clock) -> OsdpLink:
    """The link, nothing opened. Raises ConfigError ``missing`` (libosdp), ``secret`` (a key that is none)."""
    if find_spec("osdp_sys") is None:
        raise ConfigError("missing", f"link {of.name}: OSDP readers need libosdp: install edgegw[osdp]")
    readers = []
    for device in of.devices:
        reference = config.keys.get(device.id, config.key)
        text = reveal(plan, reference) if config.secure != "off" else None
        key = None if text is None else _key(f"link {of.name}, reader {device.id}", text)
        readers.append(ReaderSpec(device.id, int(device.address or 0), key))
    return OsdpLink(of.name, config, readers, sink=sink, clock=clock)


def _key(whose: str, text: str) -> bytes:
    """16 bytes from hex digits; no message holds any of them."""
    digits = re.sub(r"[\s:-]", "", text)
    if not re.fullmatch(rf"[0-9A-Fa-f]{{{2 * KEY_BYTES}}}", digits):
        raise ConfigError("secret", f"{whose}: a key is {2 * KEY_BYTES} hex digits (openssl rand -hex {KEY_BYTES})")
    key = bytes.fromhex(digits)
    if key == DEFAULT_KEY or len(set(key)) == 1:
        raise ConfigError("secret", f"{whose}: this key is no secret; make one: openssl rand -hex {KEY_BYTES}")
    return key
