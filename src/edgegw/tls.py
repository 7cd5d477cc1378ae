"""One way to make a TLS context: a verifying client's for every link and upstream, a server's for the API.

Owns: the choice of defaults (verification on, TLS 1.2 at least).
Must not know: who connects where.
"""

import ssl

from edgegw.errors import ConfigError, LinkError


def client_context(ca: str | None = None, cert: str | None = None, key: str | None = None) -> ssl.SSLContext:
    """A context that verifies the peer and its host name. Reads files: call it at start, not per connection.

    Args:
        ca: PEM file of the authorities to trust; the system's if None.
        cert: PEM file of our own certificate (client authentication), with `key` if the key is apart.

    Raises:
        LinkError: ``tls`` when a file is missing or cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if cert is not None:
            context.load_cert_chain(cert, key)
    except OSError as err:  # ssl.SSLError is one
        raise LinkError("tls", f"ca={ca} cert={cert} key={key}: {err}") from err
    return context


def server_context(cert: str, key: str | None = None) -> ssl.SSLContext:
    """A context for a server of ours. Reads files.

    Args:
        cert: PEM file of the certificate chain, with `key` if the key is apart.

    Raises:
        ConfigError: ``tls`` when a file is missing or cannot be used.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key)
    except OSError as err:  # ssl.SSLError is one
        raise ConfigError("tls", f"cert={cert} key={key}: {err}") from err
    return context
