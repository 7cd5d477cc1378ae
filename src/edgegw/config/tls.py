"""TLS as the site file writes it.

Owns: the model. Must not know: contexts (edgegw.tls).
"""

from edgegw.profiles.fields import Strict


class Tls(Strict):
    """TLS with verification of the peer's certificate and name. Files are PEM; relative paths start at the site file's folder.

    Attributes:
        ca: authorities to trust; the system's if not given.
        cert: our certificate, where the peer asks for one.
        key: its private key, if not in the same file.
    """

    ca: str | None = None
    cert: str | None = None
    key: str | None = None
