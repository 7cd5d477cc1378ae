"""One daemon per store: an advisory lock beside the database.

Owns: `<db>.lock`. Must not know: what is done under it.

flock(2) rather than a pid file: the kernel lets go of it when the process dies, however it dies.
"""

import fcntl
import os
from pathlib import Path

from edgegw.errors import StoreError


class Lock:
    """Held from construction to `release`.

    Raises StoreError: ``locked`` if another process (or another Store of this one) holds it, ``io`` if it cannot be made.
    """

    def __init__(self, db: Path) -> None:
        path = db.with_name(db.name + ".lock")
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError("io", f"{path}: {error.strerror}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._fd)
            raise StoreError("locked", f"{db} is in use by a running edgegw") from error

    def release(self) -> None:
        """Let go. The file stays: removing it would let two processes lock two files of one name."""
        os.close(self._fd)
