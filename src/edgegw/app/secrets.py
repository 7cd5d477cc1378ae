"""Secrets and TLS of a site plan, revealed where they are handed to a part.

Owns: the two look-ups every part shares. Must not know: what a secret is for.
"""

import os
from typing import Any

from edgegw.config.plan import SitePlan
from edgegw.config.secret import Secret
from edgegw.config.secrets import resolve
from edgegw.config.tls import Tls


def reveal(plan: SitePlan, secret: Secret | None) -> str | None:
    """The text a secret refers to; None if none is configured. Raises ConfigError."""
    return None if secret is None else resolve(secret, plan.base, os.environ).get_secret_value()


def tls_context(tls: Tls | None) -> Any:  # noqa: ANN401  # ssl.SSLContext; ssl is imported only where TLS is used
    """A verifying context, or None for plain TCP."""
    if tls is None:
        return None
    from edgegw.tls import client_context  # noqa: PLC0415

    return client_context(tls.ca, tls.cert, tls.key)
