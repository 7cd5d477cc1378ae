"""Whether a serial port is there and free, told before it is opened for good.

Owns: what is said of a port that is missing, forbidden, no serial port, or in use.
Must not know: what is on the line.

Both libraries that open ports for the gateway lock them with flock(2), and so does this for a moment; minicom and others set
TIOCEXCL, which the kernel answers with EBUSY.
"""

import errno
import fcntl
import os

from edgegw.errors import LinkError

BUSY = (
    "{port} is in use by another program (a running gateway?): two masters on one line disturb each other; "
    "stop it first (systemctl stop edgegw), or probe another port"
)


def check_free(port: str) -> None:
    """Raise LinkError if a serial port cannot be probed: ``no-port``, ``forbidden``, ``busy``, ``open-failed``.

    ``socket://`` ports are passed over: nobody can tell who else is connected.
    """
    if "://" in port:
        return
    try:
        fd = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise _fault(port, error) from error
    try:
        if not os.isatty(fd):
            raise LinkError("open-failed", f"{port} is no serial port")
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise _fault(port, error) from error
    finally:
        os.close(fd)


def _fault(port: str, error: OSError | ValueError) -> LinkError:
    code = error.errno if isinstance(error, OSError) else None
    if code in {errno.EBUSY, errno.EWOULDBLOCK}:
        return LinkError("busy", BUSY.format(port=port))
    if code in {errno.ENOENT, errno.ENODEV, errno.ENXIO}:
        return LinkError("no-port", f"{port} is not there; ls /dev/serial/by-id shows what is plugged in")
    if code in {errno.EACCES, errno.EPERM}:
        return LinkError("forbidden", f"{port}: no permission; your user must be in the group that owns it (dialout)")
    return LinkError("open-failed", f"{port}: {os.strerror(code) if code else 'not a path'}")
