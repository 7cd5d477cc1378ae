"""What templates see: every member is there, texts are clean and bounded, whatever a device or a resident says."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.mappings.context import cleaned, item_of, samples
from edgegw.mappings.wording import BODY_CHARS
from edgegw.rules.events import encode
from tests.upstream.fake_outbox import record
from tests.upstream.rest_parts import alarm_record, ref_of

ACTIONS = ["open", "update", "escalate", "reopen", "resolve", "merge"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)


@given(st.sampled_from(ACTIONS), st.text(), st.text(), JSON, st.sampled_from(["zh-CN", "en"]))
def test_any_words_make_an_item(action: str, title: str, why: str, evidence: object, language: str) -> None:
    made = alarm_record(7, 3, action, data=None, title=title.encode("utf-8", "replace").decode(),
                        ticket={"why": why.encode("utf-8", "replace").decode()})  # fmt: skip
    data = msgspec.json.decode(made.data)
    data["evidence"] = msgspec.json.decode(encode(evidence))
    item = item_of(msgspec.structs.replace(made, data=msgspec.json.encode(data)), "g1", language)
    assert item is not None
    assert (item.action, item.ref, item.dedup_key) == (action, ref_of(3), "g1/leak-3/wet")
    texts = item.names["text"]
    assert len(texts["title"]) <= 220
    assert len(texts["body"]) <= BODY_CHARS
    assert len(texts["note"]) <= 2000
    assert "\n" not in texts["title"] + texts["line"]
    assert texts["title"].startswith(f"[{ref_of(3)}] P2")


@given(st.binary(max_size=300))
def test_any_bytes_make_an_item_or_a_decode_error(data: bytes) -> None:
    for made in (data, b'{"ticket": ' + data + b"}"):
        try:
            assert item_of(record(1, data=made), "g1", "en") is None
        except msgspec.DecodeError:
            continue


@given(JSON)
def test_cleaning_keeps_all_but_what_is_unwanted(value: Any) -> None:
    once = cleaned(value)
    assert cleaned(once) == once or value != value  # noqa: PLR0124 - not a number is not itself
    text = msgspec.json.encode(once).decode() if "inf" not in repr(value) else ""
    assert not set("\x00\x07\x1b\u202e\u2066") & set(text)


@pytest.mark.parametrize("text", ["مرحبا بالعالم", "水浸告警", "a\tb\nc", "👨‍👩‍👧", "Ελληνικά"])
def test_letters_of_every_script_stay(text: str) -> None:
    assert cleaned(text) == text


def test_what_is_unwanted_goes() -> None:
    assert cleaned({"a\x00": ["x\r\ny\u202ez\x1b[31m\x7f"]}) == {"a": ["x\nyz[31m"]}
    deep: Any = "x"
    for _ in range(50):
        deep = [deep]
    assert repr(cleaned(deep)).count("[") < 20


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_both_samples_have_the_same_members(language: str) -> None:
    least, full = samples(language)
    for name in ("ticket", "alarm", "text", "event"):
        assert least[name].keys() == full[name].keys()
    assert least["ticket"]["guide"].keys() == full["ticket"]["guide"].keys()


def test_what_an_operator_reads() -> None:
    made = alarm_record(1, 1, "open", ticket={"skills": ("电工",), "contact": "13800000000"})
    item = item_of(made, "g1", "zh-CN")
    assert item is not None
    assert item.names["text"]["body"].splitlines() == [
        "水浸告警", "", "位置: 3号楼1单元", "设备: Leak 1 (leak-1)", "类别: 给排水", "优先级: P2",
        "发生时间: 2026-01-01T00:00:00.000Z", "响应期限: 2026-01-01T00:15:00Z", "班组: 工程班", "联系方式: 13800000000",
        "所需技能: 电工", '依据: {"wet":true}', "", "操作指引: 漏水处置", "1. 关闭阀门", "2. 通知住户", "",
        f"网关: g1 · g1/leak-1/wet · {ref_of(1)}",
    ]  # fmt: skip
    escalated = item_of(alarm_record(1, 1, "escalate", ticket={"why": "resolve"}), "g1", "en")
    assert escalated is not None
    assert escalated.names["text"]["note"].splitlines()[0] == "Escalated: not resolved in time"
    merged = item_of(alarm_record(1, 1, "merge", ticket={"why": "cause", "cause": "g1/link/bus1/down"}), "g1", "zh-CN")
    assert merged is not None
    assert merged.names["text"]["note"].startswith("已并入 g1/link/bus1/down\n")
