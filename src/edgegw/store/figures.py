"""What metrics and the watchdog read of an open store.

Owns: the counters. Must not know: who reads them, or how they are named there.
"""

from msgspec import Struct, field


class Figures(Struct):
    """Counters for metrics and the watchdog; read at any time, written on the loop.

    Attributes:
        commits: transactions of batches that succeeded; only grows (the watchdog's sign of progress).
        rows: records committed.
        seconds: sum of the time from `commit` to its result; `last_s`, `last_rows`: of the latest.
        shed: telemetry given up, in records.
        dead: dead letters written; `dead_dropped`: old ones dropped at the bound.
        errors: commits refused, by StoreError reason.
    """

    commits: int = 0
    rows: int = 0
    seconds: float = 0.0
    last_s: float = 0.0
    last_rows: int = 0
    shed: int = 0
    dead: int = 0
    dead_dropped: int = 0
    errors: dict[str, int] = field(default_factory=dict)
