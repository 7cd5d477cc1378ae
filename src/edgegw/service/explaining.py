"""Which alarm stands for another: the one at the top of what explains it.

Owns: the way up. Must not know: what an alarm is.
"""

from collections.abc import Callable, Iterable


def root(key: str, direct: Callable[[str], Iterable[str]]) -> str:
    """The key that stands for this one; empty if it stands for itself.

    Explanations nest (a device by its link, the link by its power feed): it is the one at the end that nothing explains, of
    several the first by name. Where they go round in a circle the first by name of the circle stands for the others and gets its
    own ticket, so that never all of them wait for each other.

    Args:
        direct: the active alarms that explain one; finite, and the same during the call.
    """
    first = [other for other in direct(key) if other != key]
    if not first:
        return ""
    up: dict[str, list[str]] = {key: first}
    todo = list(first)
    while todo:
        one = todo.pop()
        if one not in up:
            up[one] = [other for other in direct(one) if other != one]
            todo += up[one]
    ends = [one for one, above in up.items() if not above]
    if ends:
        return min(ends)
    top = min(one for one in up if all(one in _reach(other, up) for other in _reach(one, up)))
    return "" if top == key else top


def _reach(key: str, up: dict[str, list[str]]) -> set[str]:
    found = {key}
    todo = [key]
    while todo:
        for other in up[todo.pop()]:
            if other not in found:
                found.add(other)
                todo.append(other)
    return found
