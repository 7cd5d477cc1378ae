"""The error taxonomy of edgegw.

Owns: one exception class per part of the system, each with a bounded `reason` that doubles as a metric label.
Must not know: how an error is logged, shown or counted.

`reason` is a short slug from a small fixed set chosen by the raising module (never a device's string), `detail` is for people.
"""


class EdgegwError(Exception):
    """Base of all errors edgegw raises on purpose.

    Args:
        reason: bounded slug, safe as a metric label, e.g. ``timeout`` or ``bad-json``.
        detail: text for a person; names link, device, unit, register, file:line:column as far as known.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class ConfigError(EdgegwError):
    """A site file that cannot be used. `detail` may hold many lines, one `file:line:column: message` each."""


class ProfileError(EdgegwError):
    """A device profile that cannot be used, or whose samples fail."""


class LinkError(EdgegwError):
    """A link could not be opened, or was lost; the supervisor retries."""


class DecodeError(EdgegwError):
    """A message from a device that its profile cannot turn into readings; kept raw as a dead letter."""


class StoreError(EdgegwError):
    """The store refused or failed."""


class DeliveryError(EdgegwError):
    """An upstream could not take a batch."""


class CommandError(EdgegwError):
    """A device command could not be carried out."""
