"""A mapping made ready: every template and expression compiled once, requests as values.

Owns: which names each template has, filling in a step, several tickets in one limited text.
Must not know: files, sockets, when an operation is due.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from edgegw.mappings import filters
from edgegw.mappings.answers import Meaning, Test
from edgegw.mappings.limits import MAX_BODY, MAX_LEAVES, MAX_PATH
from edgegw.mappings.schema import Mapping as Spec
from edgegw.mappings.schema import Operations, Step
from edgegw.mappings.templates import OMIT, TemplateFault, expression, names_in, template

Loc = tuple[str | int, ...]
Fill = Callable[[Mapping[str, Any]], Any]
Report = Callable[[Loc, str], None]

COMMON = frozenset({"base", "gateway", "language", "settings", "secret", "now", "saved"})
OF_TICKET = frozenset({"ticket", "alarm", "event", "text", "action", "number"})
OF_ANSWER = frozenset({"status", "answer", "headers"})
NAMES = {"poll": frozenset({"numbers", "tickets"}), "message": frozenset({"tickets", "more"})}
"""Operation → its names besides the common ones; the other operations have a ticket's."""


class Request(Struct, frozen=True):
    """One HTTP request. `target`: path and query, encoded; `step`: a name for messages, without any value."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None
    step: str


class CompiledStep:
    """One step: `fill` makes its request, `meaning` reads the answer, `saves`: name → path, `at` is its place."""

    def __init__(self, step: Step, spec: Spec, operation: str, index: int, report: Report) -> None:
        at: Loc = ("operations", operation, index)
        known = COMMON | NAMES.get(operation, OF_TICKET)
        self.at = at
        self.saves = dict(step.save)
        self._step = step
        self._name = f"{operation}, {step.method} {step.path}"
        make = _Maker(known, report)
        self._path = make.tree(step.path, (*at, "path"), quoting=True)
        self._query = make.tree(step.query, (*at, "query"))
        self._headers = [make.tree(spec.headers, ("headers",)), make.tree(step.headers, (*at, "headers"))]
        self._json = make.tree(step.body, (*at, "json"))
        self._form = None if step.form is None else make.tree(step.form, (*at, "form"))
        self._text = None if step.text is None else make.tree(step.text, (*at, "text"))
        self._when = make.test(step.when, (*at, "when"), frozenset())
        if step.fit is not None and not isinstance(_leaf(step.body, step.fit.path), str):
            report((*at, "fit", "path"), f"there is no text at {step.fit.path!r} in json")
        checks = [make.test(spec.check, ("check",), OF_ANSWER), make.test(step.check, (*at, "check"), OF_ANSWER)]
        holds = [make.test(step.hold, (*at, "hold"), OF_ANSWER), make.test(spec.hold, ("hold",), OF_ANSWER)]
        rules = [(rule, (*at, "retry", n)) for n, rule in enumerate(step.retry)]
        rules += [(rule, ("retry", n)) for n, rule in enumerate(spec.retry)]
        retries = [(make.test(rule.when, (*loc, "when"), OF_ANSWER), rule.after) for rule, loc in rules]
        self.meaning = Meaning(
            step,
            checks=[test for test in checks if test is not None],
            holds=[test for test in holds if test is not None],
            retries=[(test, after) for test, after in retries if test is not None],
            where=make.test(step.where, (*at, "where"), OF_ANSWER | {"item"}),
            gone=make.test(step.gone_when, (*at, "gone_when"), OF_ANSWER),
        )

    def fill(self, names: Mapping[str, Any]) -> tuple[Request | None, int]:
        """The request (None: `when` does not hold), and how many of `tickets` are in it.

        Raises:
            TemplateFault: a template does not work on these values.
        """
        if self._when is not None and not self._when(names):
            return None, 0
        tickets = names.get("tickets", ())
        if self._step.fit is None or not tickets:
            return self._filled(names), len(tickets)
        body, shown = _fitted(self._json, self._step.fit.path, self._step.fit.bytes, names)
        return self._filled(names, body), shown

    def _filled(self, names: Mapping[str, Any], body: Any = None) -> Request:  # noqa: ANN401 - any JSON
        target = str(self._path(names))
        if query := self._query(names):
            target += "?" + urlencode({k: _words(v) for k, v in query.items()}, doseq=True, quote_via=quote)
        headers: dict[str, str] = {}
        for given in self._headers:
            headers |= {k: _header(v) for k, v in given(names).items()}
        raw: bytes | None = None
        if self._step.body is not None:
            raw = _json(body if body is not None else self._json(names))
            headers.setdefault("Content-Type", "application/json")
        elif self._form is not None:
            raw = urlencode({k: _words(v) for k, v in self._form(names).items()}, doseq=True).encode()
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        elif self._text is not None:
            raw = filters.text(self._text(names)).encode("utf-8", "replace")
            headers.setdefault("Content-Type", "text/plain; charset=utf-8")
        if len(target) > MAX_PATH * 4 or (raw is not None and len(raw) > MAX_BODY):
            raise TemplateFault("the request is too large; shorten texts with | cut(N)")
        return Request(self._step.method, target, headers, raw, self._name)


class Compiled:
    """A mapping ready for work.

    Args:
        report: told every template that cannot be compiled, by its place in the mapping.
    """

    def __init__(self, spec: Spec, report: Report) -> None:
        self.spec = spec
        self.operations: dict[str, tuple[CompiledStep, ...]] = {
            name: tuple(
                CompiledStep(step, spec, name, n, report) for n, step in enumerate(getattr(spec.operations, name))
            )
            for name in Operations.model_fields
        }
        self._link = None
        if spec.link is not None:
            self._link = _Maker(frozenset({"number"}), report).tree(spec.link, ("link",), quoting=True)

    def has(self, operation: str) -> bool:
        """Whether there is anything to do for it."""
        return bool(self.operations.get(operation))

    def link(self, number: str) -> str:
        """Path of an issue's page; empty if the mapping has none, or if the number is of no use in one."""
        try:
            return "" if self._link is None else str(self._link({"number": number}))
        except TemplateFault:
            return ""


class _Maker:
    """Compiles what stands at a place and tells what is wrong with it. `known`: the names there are."""

    def __init__(self, known: frozenset[str], report: Report) -> None:
        self._known = known
        self._report = report
        self._leaves = 0

    def tree(self, value: Any, loc: Loc, *, quoting: bool = False) -> Fill:  # noqa: ANN401 - plain YAML
        if isinstance(value, dict):
            parts = {str(k): self.tree(v, (*loc, k)) for k, v in value.items()}
            return lambda names: {k: v for k, fill in parts.items() if (v := fill(names)) is not OMIT}
        if isinstance(value, list | tuple):
            made = [self.tree(v, (*loc, n)) for n, v in enumerate(value)]
            return lambda names: [v for fill in made if (v := fill(names)) is not OMIT]
        if not isinstance(value, str):
            return lambda _names: value
        self._leaves += 1
        if self._leaves > MAX_LEAVES:
            self._report(loc, f"more than {MAX_LEAVES} texts in one step")
            return lambda _names: ""
        try:
            self._check(names_in(value))
            return _located(template(value, quoting=quoting), loc)
        except TemplateFault as fault:
            self._report(loc, fault.message)
            return lambda _names: ""

    def test(self, source: str | None, loc: Loc, more: frozenset[str]) -> Test | None:
        if source is None:
            return None
        try:
            self._check(names_in(source, expression=True), more)
            return _located(expression(source), loc)
        except TemplateFault as fault:
            self._report(loc, fault.message)
            return None

    def _check(self, used: frozenset[str], more: frozenset[str] = frozenset()) -> None:
        if unknown := sorted(used - self._known - more):
            raise TemplateFault(f"there is no {unknown[0]!r} here; known here: {', '.join(sorted(self._known | more))}")


class LocatedFault(TemplateFault):
    """A fault whose place in the mapping is known."""

    def __init__(self, message: str, loc: Loc) -> None:
        super().__init__(message)
        self.loc = loc


def _located(fill: Fill, loc: Loc) -> Fill:
    def run(names: Mapping[str, Any]) -> Any:  # noqa: ANN401 - plain data
        try:
            return fill(names)
        except LocatedFault:
            raise
        except TemplateFault as fault:
            raise LocatedFault(fault.message, loc) from None

    return run


def _fitted(fill: Fill, path: str, most: int, names: Mapping[str, Any]) -> tuple[Any, int]:
    """The body with as many tickets as fit; of one alone the text is cut."""
    tickets: Sequence[Any] = names["tickets"]

    def body(count: int) -> Any:  # noqa: ANN401 - any JSON
        return fill({**names, "tickets": tickets[:count], "more": len(tickets) - count})

    def fits(made: Any) -> bool:  # noqa: ANN401 - any JSON
        return len(str(_leaf(made, path)).encode()) <= most

    whole = body(len(tickets))
    if fits(whole):
        return whole, len(tickets)
    low, high = 1, len(tickets)  # one always goes, `high` never fits
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(body(middle)) else (low, middle)
    made = body(low)
    if not fits(made):
        holder, _, key = path.rpartition(".")
        _leaf(made, holder)[key] = filters.cut_bytes(_leaf(made, path), most)
    return made, low


def _leaf(value: Any, path: str) -> Any:  # noqa: ANN401 - any JSON
    for part in path.split(".") if path else ():
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _words(value: Any) -> Any:  # noqa: ANN401 - plain data
    if isinstance(value, list):
        return [_words(v) for v in value if not isinstance(v, list | dict)]
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else filters.text(value)


def _header(value: Any) -> str:  # noqa: ANN401 - plain data
    text = _words(value)
    if not isinstance(text, str) or not text.isprintable() or not text.isascii():
        raise TemplateFault("a header holds printable ASCII only")
    return text


def _json(value: Any) -> bytes:  # noqa: ANN401 - plain data
    try:
        return msgspec.json.encode(value)
    except (OverflowError, UnicodeEncodeError, TypeError, ValueError):
        raise TemplateFault("a value that JSON cannot hold") from None
