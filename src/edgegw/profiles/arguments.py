"""The arguments of a command: known, given, of their type and within their bounds.

Owns: what is refused and why. Must not know: what the values are for.
"""

import math
from collections.abc import Mapping

from edgegw.errors import CommandError
from edgegw.model import Value
from edgegw.profiles.convert import MAX_INT
from edgegw.profiles.schema_commands import Arg, ArgValue, CommandSpec


def checked(spec: CommandSpec, given: Mapping[str, Value]) -> dict[str, ArgValue]:
    """All arguments of a command, defaults filled in. Raises CommandError, see `Encoder.encode`."""
    for name in given:
        if name not in spec.args:
            known = ", ".join(spec.args) or "none"
            raise CommandError("unknown-argument", f"there is no argument {name!r}; there are: {known}")
    values: dict[str, ArgValue] = {}
    for name, arg in spec.args.items():
        value = given.get(name)
        if value is None:
            value = arg.default
        if value is None:
            raise CommandError("missing-argument", f"{name} must be given")
        fault = argument_fault(arg, value)
        if fault:
            raise CommandError("bad-argument", f"{name}: {fault}")
        values[name] = float(value) if arg.type == "float" else int(value) if arg.type == "int" else value
    return values


def argument_fault(arg: Arg, value: ArgValue) -> str:  # noqa: PLR0911 - a list of reasons
    """Why an argument cannot have this value; empty if it can."""
    if arg.type in {"int", "float"}:
        if isinstance(value, bool | str):
            return "a number is wanted"
        if isinstance(value, float) and not math.isfinite(value):
            return f"{value} is no number"
        if abs(value) > MAX_INT or (arg.type == "int" and value != int(value)):
            return f"{value} is no whole number of 64 bits" if arg.type == "int" else f"{value:g} is too large"
        if (arg.min is not None and value < arg.min) or (arg.max is not None and value > arg.max):
            low = "" if arg.min is None else f"{arg.min:g}"
            return f"{value:g} is not within {low}…{'' if arg.max is None else f'{arg.max:g}'}"
    elif arg.type == "bool":
        if not isinstance(value, bool):
            return "true or false is wanted"
    elif not isinstance(value, str):
        return "a text is wanted"
    elif len(value) > arg.max_length:
        return f"longer than {arg.max_length} characters"
    elif any("\ud800" <= char <= "\udfff" for char in value):
        return "not a text of whole characters"
    if arg.choices is not None and not any(same_value(value, choice) for choice in arg.choices):
        return f"not one of {', '.join(map(str, arg.choices))}"
    return ""


def same_value(one: Value, other: Value) -> bool:
    """Equal, and no yes or no taken for a number."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)
