"""Files put in place whole: whoever reads one, or loses power, has the old one or the new one.

Owns: temporary file, fsync, rename, fsync of the folder; mode and owner. Must not know: what is in a file.
"""

import os
import secrets
from pathlib import Path


def put(path: Path, data: bytes, *, mode: int | None = None, like: Path | None = None, backup: bool = False) -> None:
    """Put a file in place.

    Args:
        mode: its permission bits; if not given those it had, 0644 for a new one.
        like: a file whose mode and owner it gets, instead of its own of before.
        backup: keep the old one beside it as ``.bak``.

    The owner, which only root may set, stays who it was; a new file belongs to whoever its folder belongs to.

    Raises:
        OSError: nothing was changed.
    """
    model = like or path
    there = model.stat() if model.exists() else None
    if backup and path.exists():
        put(path.with_name(f"{path.name}.bak"), path.read_bytes(), like=path)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(fd, "wb") as file:  # noqa: PTH123 - a descriptor
            owner = there or path.parent.stat()
            os.fchmod(fd, mode if mode is not None else 0o644 if there is None else there.st_mode & 0o777)
            if os.geteuid() == 0:
                os.fchown(fd, owner.st_uid, owner.st_gid)
            file.write(data)
            file.flush()
            os.fsync(fd)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
