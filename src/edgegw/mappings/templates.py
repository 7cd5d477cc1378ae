"""Templates of mappings: Jinja in a sandbox that is narrower than Jinja's own.

Owns: which names, filters, methods and operators a template has, how long its text may be, how a fault is told.
Must not know: mappings, requests, where values come from.

The mapping is the operator's; the values are not: a device's name or a resident's words may hold anything. Values are
never templates (nothing is rendered twice), and templates see plain data only: text, numbers, lists, dicts. Operators that make
much out of little (``"x" * 10**9``, ``"%999999999d"``, ``ljust``) are bounded or gone, loops are bounded, output is cut off.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from jinja2 import StrictUndefined, TemplateError, Undefined, meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from edgegw.mappings import filters
from edgegw.mappings.limits import MAX_DEPTH, MAX_LOOPS, MAX_RANGE, MAX_SETS, MAX_TEXT

STRING_METHODS = frozenset({"startswith", "endswith", "lower", "upper", "strip", "lstrip", "rstrip"})
"""What may be called on text: nothing that makes it longer."""

DICT_METHODS = frozenset({"get", "items", "keys", "values"})

FORBIDDEN = (
    nodes.Import, nodes.FromImport, nodes.Include, nodes.Extends, nodes.Block, nodes.Macro, nodes.CallBlock, nodes.FilterBlock,
)  # fmt: skip
"""A template is one text: what defines or fetches others is of no use here, and macros may call themselves."""


class TemplateFault(Exception):  # noqa: N818 - it is a fault of a text, not a program's error
    """A template that cannot be compiled or rendered. `message`: one line for a person, without any value."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


class Omit:
    """The value of ``omit``: the key it stands at is left out."""


OMIT = Omit()


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment. `quoting`: every value is percent-encoded as it is put out (for paths)."""

    intercepted_binops = frozenset({"*", "**", "%", "+"})

    def __init__(self, *, quoting: bool = False) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True, cache_size=0,
                         finalize=_path_part if quoting else _plain)  # fmt: skip
        self.filters = dict(filters.ALL)
        self.tests = {k: v for k, v in self.tests.items() if k in {"defined", "undefined", "none", "in", "number", "string",
                      "mapping", "sequence", "true", "false", "odd", "even", "==", "!=", "eq", "ne"}}  # fmt: skip
        self.globals = {"range": _range, "omit": OMIT}

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ANN401, ARG002 - Jinja's signature
        """See SandboxedEnvironment; only the methods named above."""
        if isinstance(obj, str):
            return attr in STRING_METHODS
        if isinstance(obj, Mapping):
            return attr in DICT_METHODS
        # `loop` of a for: the only object a template meets that is no plain data
        return type(obj).__name__ == "LoopContext" and attr in {"index", "index0", "first", "last", "length"}

    def is_safe_callable(self, obj: Any) -> bool:  # noqa: ANN401 - Jinja's signature
        """Only `range` and the methods that `is_safe_attribute` let through."""
        owner = getattr(obj, "__self__", None)
        return obj is _range or isinstance(owner, str | Mapping)

    def getattr(self, obj: Any, attribute: str) -> Any:  # noqa: ANN401 - Jinja's signature
        """``a.b``: of a dict its key first, so that a key called ``items`` is found."""
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        if isinstance(obj, Undefined):
            return obj  # StrictUndefined says which name is missing as soon as it is used
        return super().getattr(obj, attribute)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - Jinja's signature
        """A call; Jinja's own refusal would quote what was called, which may be a secret."""
        if not self.is_safe_callable(obj):
            raise SecurityError("something is called that is no function here")
        return context.call(obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401 - Jinja's signature
        """Arithmetic on numbers of a sane size; text is joined with ``~`` and never multiplied or %-formatted."""
        if operator in {"*", "**", "%"}:
            if not (_small(left) and _small(right)) or operator == "**":
                raise SecurityError(f"{operator} is for numbers only" if operator != "**" else "** is not there")
        elif isinstance(left, str) and isinstance(right, str) and len(left) + len(right) > MAX_TEXT:
            raise SecurityError(f"longer than {MAX_TEXT} characters")
        return super().call_binop(context, operator, left, right)


def _small(value: object) -> bool:
    return isinstance(value, int | float) and abs(value) < 2**63


def _range(*args: int) -> range:
    made = range(*args)
    if len(made) > MAX_RANGE:
        raise SecurityError(f"range() of more than {MAX_RANGE}")
    return made


def _plain(value: Any) -> Any:  # noqa: ANN401 - any value of a template
    if isinstance(value, Undefined | str | int | float):
        return value
    if value is None:
        return ""
    if isinstance(value, Omit):
        raise SecurityError("omit stands alone: '{{ x or omit }}'")
    raise SecurityError(f"{_kind(value)} cannot be part of a text; use | tojson or | join")


def _path_part(value: Any) -> Any:  # noqa: ANN401 - any value of a template
    if isinstance(value, Undefined):
        return value
    text = str(_plain(value))
    if text in {"", ".", ".."}:
        raise SecurityError("an empty part, '.' or '..' in a path")
    return quote(text, safe="")


def _kind(value: object) -> str:
    return "a list" if isinstance(value, list | tuple) else "a section" if isinstance(value, Mapping) else "this"


TEXTS = Sandbox()
PATHS = Sandbox(quoting=True)


def names_in(source: str, *, expression: bool = False) -> frozenset[str]:
    """The names a template asks for; raises TemplateFault if it is none."""
    tree = _parse("{{ (" + source + "\n) }}" if expression else source)
    try:
        return frozenset(meta.find_undeclared_variables(tree)) - TEXTS.globals.keys()
    except TemplateError as error:  # a filter or test that is not there
        raise _fault(error) from None


def expression(source: str) -> Callable[[Mapping[str, Any]], Any]:
    """A Jinja expression (no braces) as a function of the names. Raises TemplateFault, now and when called."""
    names_in(source, expression=True)
    try:
        made = TEXTS.compile_expression(source, undefined_to_none=False)
    except TemplateError as error:
        raise _fault(error) from None

    def run(names: Mapping[str, Any]) -> Any:  # noqa: ANN401 - plain data
        value = _guard(lambda: made(names))
        if isinstance(value, Undefined):
            raise TemplateFault(_guard_message(value))
        return value

    return run


def template(source: str, *, quoting: bool = False) -> Callable[[Mapping[str, Any]], Any]:
    """A text with ``{{ … }}`` as a function of the names.

    A text that is nothing but one ``{{ … }}`` gives the value itself (number, list, true, OMIT); any other gives text.
    Raises TemplateFault, now and when called.
    """
    if "{" not in source:
        return lambda _names: source
    names_in(source)
    tree = _parse(source)
    if not quoting and _is_whole(tree):
        inner = expression(source.strip()[2:-2].strip("-+"))
        return lambda names: _whole(inner(names))
    environment = PATHS if quoting else TEXTS
    try:
        made = environment.from_string(source)
    except TemplateError as error:
        raise _fault(error) from None
    return lambda names: _guard(lambda: _text(made.root_render_func(made.new_context(dict(names)))))


def _text(pieces: Any) -> str:  # noqa: ANN401 - Jinja's generator of pieces
    found: list[str] = []
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > MAX_TEXT:
            raise TemplateFault(f"the text is longer than {MAX_TEXT} characters; shorten it with | cut(N)")
        found.append(piece)
    return "".join(found)


def _whole(value: Any, depth: int = 0) -> Any:  # noqa: ANN401 - plain data
    """What may stand in a body as it is: plain data of bounded depth."""
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise TemplateFault(f"the text is longer than {MAX_TEXT} characters; shorten it with | cut(N)")
    if value is None or isinstance(value, str | int | float | Omit):
        return value
    if depth < MAX_DEPTH:
        if isinstance(value, Mapping):
            return {str(k): _whole(v, depth + 1) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [_whole(v, depth + 1) for v in value]
    raise TemplateFault(f"{_kind(value)} cannot stand here" if depth < MAX_DEPTH else "nested too deep")


def _is_whole(tree: nodes.Template) -> bool:
    if len(tree.body) != 1 or not isinstance(output := tree.body[0], nodes.Output):
        return False
    return len(output.nodes) == 1 and not isinstance(output.nodes[0], nodes.TemplateData)


def _parse(source: str) -> nodes.Template:
    try:
        tree = TEXTS.parse(source)
    except TemplateError as error:
        raise _fault(error) from None
    except RecursionError:
        raise TemplateFault("nested too deep") from None
    for bad in tree.find_all(FORBIDDEN):
        raise TemplateFault(f"{type(bad).__name__.lower()} is not for these templates", bad.lineno)
    if sum(1 for _ in tree.find_all(nodes.Assign)) > MAX_SETS:
        raise TemplateFault(f"more than {MAX_SETS} times set")
    if _loops(tree) > MAX_LOOPS:
        raise TemplateFault(f"loops nested more than {MAX_LOOPS} deep")
    return tree


def _loops(node: nodes.Node) -> int:
    below = max((_loops(child) for child in node.iter_child_nodes()), default=0)
    if isinstance(node, nodes.For) and node.recursive:
        raise TemplateFault("a recursive loop", node.lineno)
    return below + isinstance(node, nodes.For)


def _guard(work: Callable[[], Any]) -> Any:  # noqa: ANN401 - passes on
    """Run a template; whatever a template can do wrong on some value becomes a TemplateFault."""
    try:
        return work()
    except TemplateError as error:
        raise _fault(error) from None
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError) as error:
        # what Python says about operators and arguments may quote a value: only its kind is told
        raise TemplateFault(f"a value does not fit: {type(error).__name__}") from None


def _guard_message(value: Undefined) -> str:
    return f"{value._undefined_name!r} is not there"  # noqa: SLF001 - the only way to its name


def _fault(error: TemplateError) -> TemplateFault:
    line = getattr(error, "lineno", None) or 1
    return TemplateFault((error.message or type(error).__name__).splitlines()[0][:200], line)
