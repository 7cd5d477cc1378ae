"""When an alarm comes and goes so often that its coming and going is no news.

Owns: that question alone. Must not know: tickets.
"""

from collections.abc import Sequence


def flaps(raises: Sequence[int], now_ns: int, most: int, within_ns: int) -> bool:
    """Whether an alarm that is raised now flaps: so many raisings, this one included, in so long.

    Args:
        raises: monotonic times of raising, the latest last.
        most: from so many on; below 2 nothing ever flaps, as every alarm is raised once.
    """
    return most >= 2 and len(raises) >= most and now_ns - raises[-most] <= within_ns
