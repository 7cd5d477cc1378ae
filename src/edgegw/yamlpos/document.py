"""One YAML document as plain data beside a tree of positions.

Owns: building both from libyaml's event stream (no recursion, so depth is ours to bound), limits, duplicate keys.
Must not know: schemas; `validate` hands data to whatever pydantic model it is given.

Limits exist because the text may come from anywhere: `MAX_BYTES` and `MAX_DEPTH` before anything is built, `MAX_NODES` counts
aliases as often as they are used, which ends "billion laughs" early.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from edgegw.yamlpos.explain import explain
from edgegw.yamlpos.scalars import plain

MAX_BYTES = 4 * 1024 * 1024
"""Largest text: 4 MiB is twenty times a site of 1,000 devices."""

MAX_DEPTH = 32
"""Deepest nesting: a site file or profile uses about eight."""

MAX_NODES = 1_000_000
"""Most values, aliases counted each time: ten times a site of 5,000 devices."""

Loc = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)

_LOADER: Any = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)  # libyaml is in every wheel; pure Python works, only slower


class _Mark(Protocol):
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


class _Event(Protocol):
    """What is used of PyYAML's events; which of it is there depends on the event."""

    start_mark: _Mark
    value: str
    style: str | None
    tag: str | None
    anchor: str | None


class _Loader(Protocol):
    def get_event(self) -> Any: ...  # noqa: ANN401 - PyYAML's events are typed too loosely to be of use


@dataclass(frozen=True, order=True, slots=True)
class Problem:
    """Something wrong at a place; line and column count from 1."""

    line: int
    column: int
    message: str


class _Node:
    """Where a mapping or sequence and its children stood. A scalar is only its mark."""

    __slots__ = ("children", "depth", "keys", "mark", "size", "value")

    def __init__(self, mark: _Mark, value: dict[str, Any] | list[Any], depth: int) -> None:
        self.mark = mark
        self.value = value
        self.children: dict[str | int, _Node | _Mark] = {}
        self.keys: dict[str, _Mark] = {}
        self.size = 1
        self.depth = depth


@dataclass
class Document:
    """A parsed text.

    Attributes:
        name: what to call the text in messages, usually its path as the user wrote it.
        data: plain dicts, lists and scalars; None if the text could not be read at all.
        problems: everything wrong with the text as YAML, in order.
        fatal: the text could not be read to its end; `data` is not usable.
    """

    name: str
    data: Any = None
    problems: list[Problem] = field(default_factory=list)
    fatal: bool = False
    _root: _Node | _Mark | None = None

    def position(self, loc: Loc) -> tuple[int, int]:
        """Line and column (from 1) of the value at a path of keys and indices; of its nearest ancestor if there is none."""
        return self._find(loc, want_key=False)

    def key_position(self, loc: Loc) -> tuple[int, int]:
        """Line and column of the key that holds the value at a path; of the value where there is no key (list items)."""
        return self._find(loc, want_key=True)

    def _find(self, loc: Loc, *, want_key: bool) -> tuple[int, int]:
        node, key = self._root, None
        for part in loc:
            if not isinstance(node, _Node) or part not in node.children:
                break
            key = node.keys.get(part) if isinstance(part, str) else None
            node = node.children[part]
        mark = node.mark if isinstance(node, _Node) else node
        if want_key and key is not None:
            mark = key
        return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)

    def validate(self, model: type[M]) -> tuple[M | None, list[Problem]]:
        """The data as an instance of `model`, and every problem: the text's own and the model's, sorted by place.

        The instance is None if there is any problem at all.
        """
        if self.fatal:
            return None, sorted(self.problems)
        try:
            made = model.model_validate(self.data)
        except ValidationError as error:
            found = list(self.problems)
            taken = {(p.line, p.column) for p in found}  # a refused spelling explains what the model then makes of it
            for loc, is_key, message in explain(error.errors(include_url=False), model, self.data):
                at = self.key_position(loc) if is_key else self.position(loc)
                if at not in taken:
                    found.append(Problem(*at, message))
            return None, sorted(set(found))
        return (None if self.problems else made), sorted(self.problems)


def render(problems: Iterable[Problem], name: str) -> str:
    """One ``name:line:column: message`` a line."""
    return "\n".join(f"{name}:{p.line}:{p.column}: {p.message}" for p in problems)


def parse(text: str, name: str) -> Document:
    """Read one YAML document. Never raises for what the text says: see `Document.problems`."""
    document = Document(name)
    if len(text) > MAX_BYTES:
        return _fatal(document, 0, 0, f"the file is larger than {MAX_BYTES // 1024 // 1024} MiB")
    try:
        loader = _LOADER(text)
        try:
            _Builder(document, loader).build()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        return _syntax(document, error, text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position)
        return _fatal(document, line, 0, f"a character that text files do not hold: {error.reason}")
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start)
        return _fatal(document, line, error.start - text.rfind("\n", 0, error.start) - 1, "not valid Unicode text")
    except _StopError as stop:
        return _fatal(document, stop.mark.line, stop.mark.column, stop.message)
    return document


def _fatal(document: Document, line: int, column: int, message: str) -> Document:
    document.problems.append(Problem(line + 1, column + 1, message))
    document.fatal = True
    document.data = None
    return document


def _syntax(document: Document, error: yaml.MarkedYAMLError, text: str) -> Document:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    lines = text.split("\n")
    here = lines[line] if line < len(lines) else ""
    if "nesting depth" in (error.problem or ""):  # libyaml's own limit, which newer ones reach before ours
        return _fatal(document, line, column, f"nested deeper than {MAX_DEPTH} levels")
    message = f"not valid YAML: {error.problem or error.context}"
    if "\t" in here[: len(here) - len(here.lstrip())] or here[column : column + 1] == "\t":
        message += "; there is a tab here: indent with blanks"
    elif error.context and error.problem:
        message += f" ({error.context})"
    return _fatal(document, line, column, message)


class _StopError(Exception):
    def __init__(self, mark: _Mark, message: str) -> None:
        super().__init__(message)
        self.mark = mark
        self.message = message


class _Builder:
    """Turns the event stream into data and positions with an explicit stack."""

    def __init__(self, document: Document, loader: _Loader) -> None:
        self.document = document
        self.loader = loader
        self.stack: list[_Node] = []
        self.pending: list[tuple[str, _Mark] | None] = []  # per open mapping: the key whose value is awaited
        self.anchors: dict[str, tuple[Any, _Node | _Mark, int, int]] = {}
        self.open_anchors: list[str | None] = []
        self.nodes = 0
        self.documents = 0

    def problem(self, mark: _Mark, message: str) -> None:
        self.document.problems.append(Problem(mark.line + 1, mark.column + 1, message))

    def build(self) -> None:
        get = self.loader.get_event
        take: dict[type[yaml.Event], Callable[[_Event], None]] = {
            yaml.ScalarEvent: self.scalar,
            yaml.MappingStartEvent: self.start,
            yaml.SequenceStartEvent: self.start,
            yaml.MappingEndEvent: self.end,
            yaml.SequenceEndEvent: self.end,
            yaml.AliasEvent: self.alias,
            yaml.DocumentStartEvent: self.document_start,
        }
        while (event := get()) is not None and type(event) is not yaml.StreamEndEvent:
            if handle := take.get(type(event)):
                handle(event)

    def document_start(self, event: _Event) -> None:
        self.documents += 1
        if self.documents > 1:
            raise _StopError(event.start_mark, "a second document begins here (---): one file holds one document")

    def tagged(self, event: _Event) -> None:
        if event.tag is not None:
            self.problem(event.start_mark, f"YAML tags are not used here: remove {event.tag}")

    def scalar(self, event: _Event) -> None:
        mark = event.start_mark
        value, trouble = (event.value, None) if event.style else plain(event.value)
        if event.tag is not None:
            self.tagged(event)
        if self.pending and self.pending[-1] is None and self.expects_key():
            self.key(event, value, trouble)
            return
        if trouble:
            self.problem(mark, trouble)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, mark, 1, 0)
        self.add(value, mark, 1)

    def expects_key(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1].value, dict)

    def key(self, event: _Event, value: object, trouble: str | None) -> None:
        mark = event.start_mark
        if trouble:
            self.problem(
                mark, f'unquoted {event.value} as a key: YAML readers disagree; write "{event.value}" in quotes'
            )
        elif not event.style and event.value == "<<":
            self.problem(mark, "merge keys (<<) are not used here: write the keys out")
        elif not isinstance(value, str):
            self.problem(
                mark, f'keys are text: write "{event.value}" in quotes' if event.value else "a key is missing here"
            )
        key = event.value
        node = self.stack[-1]
        if key in node.keys:
            first = node.keys[key]
            self.problem(mark, f"duplicate key {key!r}: it stands already in line {first.line + 1}")
        self.pending[-1] = (key, mark)

    def start(self, event: _Event) -> None:
        mark = event.start_mark
        self.tagged(event)
        depth = len(self.stack)
        if depth >= MAX_DEPTH:
            raise _StopError(mark, f"nested deeper than {MAX_DEPTH} levels")
        if self.pending and self.pending[-1] is None and self.expects_key():
            raise _StopError(mark, "a key must be text, not a list or a section")
        self.stack.append(_Node(mark, {} if isinstance(event, yaml.MappingStartEvent) else [], depth))
        self.pending.append(None)
        self.open_anchors.append(event.anchor)

    def end(self, _event: _Event) -> None:
        node = self.stack.pop()
        self.pending.pop()
        anchor = self.open_anchors.pop()
        if anchor is not None:
            self.anchors[anchor] = (node.value, node, node.size, _height(node))
        self.add(node.value, node, node.size, counted=True)

    def alias(self, event: _Event) -> None:
        if self.pending and self.pending[-1] is None and self.expects_key():
            raise _StopError(event.start_mark, "a key must be text, not an alias")
        known = self.anchors.get(event.anchor or "")
        if known is None:
            raise _StopError(
                event.start_mark, f"there is no finished anchor &{event.anchor} before this *{event.anchor}"
            )
        value, where, size, height = known
        if len(self.stack) + height > MAX_DEPTH:
            raise _StopError(event.start_mark, f"nested deeper than {MAX_DEPTH} levels")
        self.add(value, where, size)

    def add(self, value: object, where: _Node | _Mark, size: int, *, counted: bool = False) -> None:
        self.nodes += 1 if counted else size
        if self.nodes > MAX_NODES:
            mark = where.mark if isinstance(where, _Node) else where
            raise _StopError(mark, f"more than {MAX_NODES} values (aliases count as often as they are used)")
        if not self.stack:
            self.document.data = value
            self.document._root = where  # noqa: SLF001 - the builder and the document are one unit
            return
        parent = self.stack[-1]
        parent.size += size
        if isinstance(parent.value, dict):
            key, mark = self.pending[-1] or ("", parent.mark)
            self.pending[-1] = None
            if key not in parent.keys:  # the first of duplicates counts; the second is a problem already
                parent.value[key] = value
                parent.children[key] = where
                parent.keys[key] = mark
        else:
            parent.children[len(parent.value)] = where
            parent.value.append(value)


def _height(node: _Node) -> int:
    deepest, todo = 0, [(node, 1)]
    while todo:
        here, level = todo.pop()
        deepest = max(deepest, level)
        todo.extend((child, level + 1) for child in here.children.values() if isinstance(child, _Node))
    return deepest
