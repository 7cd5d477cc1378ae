"""The site file, before a program changes it.

Owns: that the ordinary loader would take it. Must not know: what is added to it.
"""

import os
from pathlib import Path

from edgegw.errors import ConfigError
from edgegw.wholefile import put


def would_load(path: Path, data: bytes, shown: Path) -> None:
    """Load what would be the site file at `path` from beside it, as relative paths begin there.

    Args:
        shown: the file's name as the user gave it.

    Raises:
        ConfigError: it would not; the detail names `shown`.
        OSError: nothing can be written there.
    """
    from edgegw.config.site import open_site

    beside = path.with_name(f".{path.name}.new")
    try:
        put(beside, data, like=path)
        open_site(beside, os.environ)
    except ConfigError as error:
        raise ConfigError(error.reason, error.detail.replace(str(beside), str(shown))) from error
    finally:
        beside.unlink(missing_ok=True)
