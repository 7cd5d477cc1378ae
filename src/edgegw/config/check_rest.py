"""Checks of upstreams of kind `rest`: the mapping is found, its templates work with this site's settings, secrets are given.

Owns: what goes together between an upstream's section and its mapping. Must not know: how mappings are read (edgegw.mappings).
Imported only where a site has such an upstream: templates need an optional package.
"""

from pathlib import Path
from urllib.parse import urlsplit

from edgegw.config.check_net import NetChecks
from edgegw.config.findings import Findings, Loc
from edgegw.config.upstream import RestUpstream
from edgegw.errors import ConfigError
from edgegw.mappings.loader import compile_mapping, find_mapping, load_mapping, setting_faults, settings_of


def check_rest(
    findings: Findings, net: NetChecks, at: Loc, upstream: RestUpstream, *, base: Path, language: str
) -> None:
    """Check one. Problems inside the mapping file are told with their own file:line:column, at the key `mapping`."""
    try:
        loaded = load_mapping(find_mapping(upstream.mapping, base))
    except ConfigError as error:
        findings.error((*at, "mapping"), _said(error))
        return
    url = upstream.url or loaded.spec.url
    if url is None:
        findings.error(
            at, "key 'url' is missing: this mapping is of a system that everyone has at another place", key=True
        )
    else:
        secret = next(iter(upstream.secrets.values()), None)
        if net.url(at, url, secret, upstream.tls) and urlsplit(url).query:
            findings.error(
                (*at, "url"), "a URL with ?…: keys in it are secrets; the mapping has a place for them under secrets"
            )
    faults = setting_faults(loaded.spec, upstream.settings, upstream.secrets)
    for below, message in faults:
        findings.error((*at, *below), message, key=True)
    if not loaded.spec.operations.poll and "poll_every" in upstream.model_fields_set:
        findings.warn((*at, "poll_every"), "this mapping has no poll; nothing is asked for", key=True)
    if faults:
        return
    try:
        compile_mapping(loaded, settings_of(loaded.spec, upstream.settings), language=language)
    except ConfigError as error:
        findings.error((*at, "mapping"), _said(error))


def _said(error: ConfigError) -> str:
    lines = error.detail.splitlines()
    return lines[0] if len(lines) == 1 else "the mapping cannot be used:\n" + "\n".join(f"    {line}" for line in lines)
