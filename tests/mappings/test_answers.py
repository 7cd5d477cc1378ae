"""Answers: what they hold and what they mean."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.mappings.answers import Again, Answer, Done, Gone, Meaning, No, Stop, Verdict, dig
from edgegw.mappings.schema import Step
from edgegw.mappings.templates import expression

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def meaning(
    *, check: str | None = None, retry: tuple[str, float] | None = None, hold: str | None = None, **step: Any
) -> Meaning:
    made = Step.model_validate({"method": "GET", "path": "/", **step})
    return Meaning(
        made,
        checks=[expression(check)] if check else [],
        holds=[expression(hold)] if hold else [],
        retries=[(expression(retry[0]), retry[1])] if retry else [],
        where=expression(made.where) if made.where else None,
        gone=expression(made.gone_when) if made.gone_when else None,
    )


def answer(status: int, body: object = None, **headers: str) -> Answer:
    return Answer(status, headers, b"" if body is None else json.dumps(body).encode())


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Done()),
        (503, Again("http-503", doubt=True)),
        (429, Again("http-429")),
        (408, Again("http-408", doubt=True)),
        (401, Stop("http-401")),
        (302, Stop("http-302")),
        (404, Gone()),
        (422, No("http-422")),
    ],
)
def test_by_status(status: int, verdict: Verdict) -> None:
    assert meaning(gone=[404]).judge(answer(status), {}) == verdict


def test_the_systems_own_words_come_before_its_status() -> None:
    read = meaning(check="answer.code == 0", hold="answer.code == 9", retry=("answer.code == 5", 60.0))
    assert read.judge(answer(200, {"code": 0}), {}) == Done()
    assert read.judge(answer(200, {"code": 5}), {}) == Again("http-200", 60.0)
    assert read.judge(answer(200, {"code": 9}), {}) == Stop("http-200", '{"code": 9}')
    assert read.judge(answer(200, {"code": 7}), {}) == No("http-200", '{"code": 7}')
    assert read.judge(answer(500, {"code": 5}), {}) == Again("http-500", 60.0, doubt=True)
    assert read.judge(Answer(200, {}, b"<html>login</html>"), {}) == Again("bad-answer", doubt=True)


def test_what_is_kept() -> None:
    read = meaning(save={"number": "issue.id", "etag": "@etag", "who": "issue.by.name?", "all": "issue.notes[]"})
    given = answer(200, {"issue": {"id": 7, "notes": ["1", 2]}}, etag='"x"')
    assert read.judge(given, {}) == Done({"number": 7, "etag": '"x"', "who": "", "all": ["1", 2]})
    assert read.judge(answer(200, {"issue": {"id": 7, "notes": []}}), {}) == Again("incomplete-answer", doubt=True)
    assert read.judge(answer(200, {"issue": {"id": {}, "notes": []}}, etag=""), {}) == Again(
        "incomplete-answer", doubt=True
    )


def test_items() -> None:
    read = meaning(items="found", where="ref in item.title", save={"number": "id"})
    rows = [{"id": 1, "title": "no"}, {"id": 2, "title": "EG-1"}, {"id": 3, "title": "EG-1 again"}]
    assert read.judge(answer(200, {"found": rows}), {"ref": "EG-1"}) == Done(
        {"number": 2}, ({"number": 2}, {"number": 3})
    )
    assert read.judge(answer(200, {"found": []}), {"ref": "EG-1"}) == Done()
    assert read.judge(answer(200, {"found": "x"}), {"ref": "EG-1"}) == Again("incomplete-answer", doubt=True)
    assert read.judge(answer(200, {"found": [{"id": 1}]}), {"ref": "EG-1"}) == Again("bad-answer", doubt=True)


@given(JSON, st.integers(100, 599), st.sampled_from(["a", "a.0.b?", "0", "", "a[]"]))
def test_any_answer_has_a_meaning(body: object, status: int, path: str) -> None:
    for read in (
        meaning(save={"number": path}, check="answer.a == 0", hold="answer.b > 1", retry=("answer[0] == 1", 1.0)),
        meaning(items=path.removesuffix("[]"), where="item.x == 1", save={"number": path}),
    ):
        assert isinstance(read.judge(answer(status, body), {}), Done | Gone | Again | Stop | No)


@given(st.binary(max_size=200))
def test_any_bytes_have_a_meaning(body: bytes) -> None:
    assert not isinstance(meaning(check="answer.ok").judge(Answer(200, {}, body), {}), Gone)


def test_paths() -> None:
    value = {"a": [{"b": 1}], "0": "zero"}
    assert [dig(value, p) for p in ("a.0.b", "0", "", "a.7?", "a.x.y?")] == [1, "zero", value, None, None]
    for bad in ("a.1", "a.-1", "a.b", "c", "a.٠"):
        with pytest.raises(LookupError):
            dig(value, bad)
