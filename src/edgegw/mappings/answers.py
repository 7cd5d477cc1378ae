"""What an answer holds, and what it means.

Owns: paths into answers, the judgement of one step's answer as a value. Must not know: sockets, what is done about it.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from edgegw.mappings.context import cleaned
from edgegw.mappings.limits import MAX_LIST, MAX_SAVED
from edgegw.mappings.schema import Step
from edgegw.mappings.templates import TemplateFault

DETAIL_CHARS = 300
"""How much of an answer goes into a dead letter's detail."""

DETAIL_BYTES = 4 * DETAIL_CHARS
"""How much is kept until secrets are taken out: cut before that, half of one could stay."""

RETRY_STATUS = frozenset({408, 425, 429})
HOLD_STATUS = frozenset({401, 403})


class Answer(Struct, frozen=True):
    """What came back. `headers`: names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Done(Struct, frozen=True):
    """It worked; `saved`: what the step keeps of the answer; `rows`: of every item, where the step has items."""

    saved: Mapping[str, Any] = {}
    rows: tuple[Mapping[str, Any], ...] = ()


class Gone(Struct, frozen=True):
    """The issue is not there."""


class Again(Struct, frozen=True):
    """Not now. `doubt`: whether it may have been done all the same."""

    reason: str
    after_s: float | None = None
    doubt: bool = False
    retry_after: str | None = None


class Stop(Struct, frozen=True):
    """A person has to act."""

    reason: str
    detail: str = ""


class No(Struct, frozen=True):
    """Understood and refused, or not to be made at all."""

    reason: str
    detail: str = ""


Verdict = Done | Gone | Again | Stop | No
Test = Callable[[Mapping[str, Any]], Any]


class Meaning:
    """How one step's answers are read. `step`'s expressions come compiled; the mapping's own are already among them."""

    def __init__(
        self,
        step: Step,
        *,
        checks: list[Test],
        holds: list[Test],
        retries: list[tuple[Test, float | None]],
        where: Test | None,
        gone: Test | None,
    ) -> None:
        self._step = step
        self._checks = checks
        self._holds = holds
        self._retries = retries
        self._where = where
        self._gone = gone

    def judge(self, answer: Answer, names: Mapping[str, Any]) -> Verdict:  # noqa: PLR0911 - one line for each meaning
        """What an answer says. `names`: those of the request."""
        status = answer.status
        body = _decoded(answer.body)
        seen = {**names, "status": status, "answer": body, "headers": answer.headers}
        for test, after_s in self._retries:
            if _holds(test, seen):
                return Again(_reason(status, body), after_s, doubt=status >= 500)
        if any(_holds(test, seen) for test in self._holds):
            return Stop(_reason(status, body), _detail(answer.body))
        if status in self._step.gone or (self._gone is not None and _holds(self._gone, seen)):
            return Gone()
        if status not in self._step.expect:
            return _by_status(answer)
        try:
            if not all(test(seen) for test in self._checks):
                return No(_reason(status, body), _detail(answer.body))
            return self._kept(body, answer.headers, seen)
        except (TemplateFault, LookupError) as fault:
            # a proxy's page with status 200, for one: no answer of that system
            return Again("bad-answer" if isinstance(fault, TemplateFault) else "incomplete-answer", doubt=True)

    def _kept(self, body: Any, headers: Mapping[str, str], names: Mapping[str, Any]) -> Done:  # noqa: ANN401 - any JSON
        if self._step.items is None:
            return Done(_saved(self._step.save, body, headers))
        items = dig(body, self._step.items)
        if items is None:
            items = []
        if not isinstance(items, list):
            raise LookupError(self._step.items)  # noqa: TRY004 - one fault for all answers of another shape
        rows = tuple(
            _saved(self._step.save, item, headers)
            for item in items
            if self._where is None or self._where({**names, "item": item})
        )
        return Done(rows[0] if rows else {}, rows)


def dig(value: Any, path: str) -> Any:  # noqa: ANN401 - any JSON
    """The part of a JSON value at ``a.b.0.c``. Raises LookupError; None instead where the path ends with ``?``."""
    optional = path.endswith("?")
    for part in path.removesuffix("?").split(".") if path.strip("?.") else ():
        if isinstance(value, list) and part.isascii() and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict) and part in value:
            value = value[part]
        elif optional:
            return None
        else:
            raise LookupError(path)
    return value


def _saved(paths: Mapping[str, str], value: Any, headers: Mapping[str, str]) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    found: dict[str, Any] = {}
    for name, path in paths.items():
        if path.startswith("@"):
            part: Any = headers.get(path[1:].removesuffix("?").lower())
            if part is None and not path.endswith("?"):
                raise LookupError(path)
        else:
            part = dig(value, path.removesuffix("[]"))
        if part is None and not path.endswith("?"):
            raise LookupError(path)
        if isinstance(part, dict | list) != path.endswith("[]") or (
            isinstance(part, dict | list) and not _plain_list(part)
        ):
            raise LookupError(path)
        found[name] = cleaned(part)[:MAX_SAVED] if isinstance(part, str) else "" if part is None else part
    return found


def _plain_list(value: object) -> bool:
    if not isinstance(value, list) or len(value) > MAX_LIST:
        return False
    return all(isinstance(v, int) or (isinstance(v, str) and len(v) < 100) for v in value)


def _decoded(body: bytes) -> Any:  # noqa: ANN401 - any JSON
    if not body:
        return None
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None


def _holds(test: Test, names: Mapping[str, Any]) -> bool:
    try:
        return bool(test(names))
    except TemplateFault:  # the answer has no such member
        return False


def _by_status(answer: Answer) -> Verdict:
    status = answer.status
    if status in RETRY_STATUS or status >= 500:
        return Again(
            f"http-{status}", doubt=status >= 500 or status == 408, retry_after=answer.headers.get("retry-after")
        )
    if status in HOLD_STATUS or 300 <= status < 400:
        return Stop(f"http-{status}", _detail(answer.body))
    return No(f"http-{status}", _detail(answer.body))


def _reason(status: int, body: Any) -> str:  # noqa: ANN401 - any JSON
    """A bounded word: the status, or the system's own number."""
    code = body.get("errcode") if isinstance(body, dict) else None
    return f"code-{code}" if isinstance(code, int) and -(10**7) < code < 10**7 else f"http-{status}"


def _detail(body: bytes) -> str:
    return str(cleaned(body[:DETAIL_BYTES].decode("utf-8", "replace")))
