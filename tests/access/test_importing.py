"""Lists of credentials: what is taken, what is told of what is not, what changes."""

import json
from datetime import UTC, datetime
from io import BytesIO
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.access import importing
from edgegw.access.changing import LISTED_MOST, diff
from edgegw.access.credentials import card_hash, pin_hash, unpack
from edgegw.access.fields import COLUMNS, credential_of
from edgegw.access.importing import PROBLEMS_MOST, parse_csv, parse_json

KEY = b"k" * 32
SHANGHAI = ZoneInfo("Asia/Shanghai")
HEADER = ",".join(COLUMNS)


def csv_of(*lines: str, header: str = HEADER, encoding: str = "utf-8") -> importing.Parsed:
    body = "\r\n".join((header, *lines)).encode(encoding)
    return parse_csv(BytesIO(body), KEY, source="list.csv", zone=SHANGHAI)


def json_of(*items: object) -> importing.Parsed:
    return parse_json(json.dumps(items).encode(), KEY, source="list.json", zone=SHANGHAI)


def only(parsed: importing.Parsed):
    assert parsed.problems == ()
    ((hashed, packed),) = parsed.rows.items()
    return hashed, unpack(packed)


def ns(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp()) * 10**9


def test_csv_and_json_give_the_same_row() -> None:
    csv = only(csv_of("card,00AB 1234,r-17,张 三,residents | b3,2026-01-01,2026-12-31,1234,4321,no"))
    assert csv == only(
        json_of(
            {
                "kind": "card", "number": "00ab1234", "holder": "r-17", "name": "张 三", "groups": ["residents", "b3"],
                "valid_from": "2026-01-01T00:00:00+08:00", "valid_until": "2026-12-31T16:00:00Z",
                "pin": "1234", "duress_pin": "4321", "duress": False,
            }
        )
    )  # fmt: skip
    hashed, credential = csv
    assert hashed == card_hash(KEY, "card", "00AB1234")
    assert credential.pin == pin_hash(KEY, hashed, "1234")
    assert credential.tail == "…1234"
    assert (credential.valid_from_ns, credential.valid_until_ns) == (ns(2025, 12, 31, 16), ns(2026, 12, 31, 16))


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-10-01", ns(2026, 9, 30, 16), ns(2026, 10, 1, 16)),  # an end's day counts in full
        ("2026-10-01T00:00", ns(2026, 9, 30, 16), ns(2026, 9, 30, 16)),
        ("2026-10-01 08:30", ns(2026, 10, 1, 0, 30), ns(2026, 10, 1, 0, 30)),
        ("2026-10-01T08:30:00Z", ns(2026, 10, 1, 8, 30), ns(2026, 10, 1, 8, 30)),
    ],
)
def test_moments(text: str, start: int, end: int) -> None:
    assert only(json_of({"number": "1", "holder": "h", "valid_from": text}))[1].valid_from_ns == start
    assert only(json_of({"number": "1", "holder": "h", "valid_until": text}))[1].valid_until_ns == end


def test_columns_in_any_order_marks_and_empty_rows() -> None:
    parsed = csv_of("r-1,77,,", ",,,", "", header="Holder,NUMBER,,", encoding="utf-8-sig")
    assert only(parsed)[0] == card_hash(KEY, "card", "77")


def test_a_pin_has_no_tail() -> None:
    assert only(csv_of("pin,0123456,h,,,,,,,"))[1].tail == ""


SECRET = "86753098675"


@pytest.mark.parametrize(
    ("item", "what"),
    [
        ({"number": SECRET}, "holder is missing"),
        ({"holder": "h"}, "number is missing"),
        ({"number": "8.67E+10", "holder": "h"}, "rounded by a spreadsheet"),
        ({"number": SECRET * 30, "holder": "h"}, "330 characters"),
        ({"number": int(SECRET), "holder": "h"}, "number must be text"),
        ({"number": SECRET, "holder": "h", "kind": SECRET}, "kind must be one of"),
        ({"number": SECRET, "holder": SECRET * 9}, "holder has 99 characters"),
        ({"number": SECRET, "holder": "h\u200b"}, "cannot be seen"),
        ({"number": SECRET, "holder": "h", "groups": [SECRET + "!"]}, "groups: a name is"),
        ({"number": SECRET, "holder": "h", "groups": {"a": SECRET}}, "groups must be a list"),
        ({"number": SECRET, "holder": "h", "groups": [f"g{n}" for n in range(33)]}, "33 groups"),
        ({"number": SECRET, "holder": "h", "pin": "12a4"}, "pin: 4 to 12 digits"),
        ({"number": SECRET, "holder": "h", "pin": "123"}, "pin: 4 to 12 digits"),
        ({"number": SECRET, "holder": "h", "pin": 1234}, "pin must be text"),
        ({"number": SECRET, "holder": "h", "pin": SECRET, "duress_pin": SECRET}, "duress_pin is the same"),
        ({"number": "12", "holder": "h", "kind": "pin"}, "number of a PIN"),
        ({"number": SECRET, "holder": "h", "duress": "perhaps"}, "duress must be"),
        ({"number": SECRET, "holder": "h", "valid_from": SECRET}, "valid_from: a date or time"),
        ({"number": SECRET, "holder": "h", "valid_until": "9999-12-31"}, "outside of the years"),
        ({"number": SECRET, "holder": "h", "valid_from": "2026-02-02", "valid_until": "2026-02-01"}, "not after"),
        ({"number": SECRET, "holder": "h", SECRET: ""}, "not known"),
        (SECRET, "not an object"),
        ([{"number": SECRET}], "not an object"),
    ],
)
def test_problems_name_the_field_and_never_the_value(item: object, what: str) -> None:
    parsed = json_of({"number": "1", "holder": "h"}, item)
    (problem,) = parsed.problems
    assert problem.startswith("list.json:item 2: ")
    assert what in problem
    assert SECRET not in problem


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "list.csv:1: empty"),
        (f"{SECRET},h\n".encode(), "list.csv:1: column 1 has no known name"),
        (b"number,name\n1,2\n", "list.csv:1: there is no column holder"),
        (b"number,holder,number\n", "list.csv:1: column number stands there twice"),
        (f"number,holder\n1,h\n\n{SECRET}\n".encode(), "list.csv:4: 1 fields; the header has 2"),
        (f"number,holder\n{SECRET},h,x\n".encode(), "list.csv:2: 3 fields; the header has 2"),
        ("number,holder\n1,张三\n".encode("gbk"), "list.csv:2: not UTF-8"),
        (f'number,holder\n"{SECRET},h\n'.encode(), "list.csv:2: unexpected end of data"),
        (f'number,holder\n"{SECRET}"1,h\n'.encode(), "list.csv:2: "),
        (b"number,holder\n" + b"9" * 20_000, "list.csv:2: a line of more than 16384 bytes"),
        (
            f"number,holder\n{SECRET},h\n1,h\n{SECRET},h\n".encode(),
            "list.csv:4: the card …8675 stands there before, at 2",
        ),
    ],
)
def test_a_csv_that_is_not_one(body: bytes, what: str) -> None:
    problems = parse_csv(BytesIO(body), KEY, source="list.csv").problems
    assert any(problem.startswith(what) for problem in problems), problems
    assert not any(SECRET in problem for problem in problems)


@pytest.mark.parametrize("body", [b"", b"{}", b"[1", b"\xff", b"[" * 100_000, b'[{"number":"1","holder":"\xff"}]'])
def test_a_json_that_is_not_one(body: bytes) -> None:
    parsed = parse_json(body, KEY, source="list.json")
    assert len(parsed.problems) == 1
    assert parsed.problems[0].startswith("list.json")


def test_all_problems_are_told_at_once_up_to_a_bound() -> None:
    problems = csv_of(*[f"card,{n},,,,,,,," for n in range(PROBLEMS_MOST + 7)]).problems
    assert problems[0] == "list.csv:2: holder is missing"
    assert problems[PROBLEMS_MOST - 1] == f"list.csv:{PROBLEMS_MOST + 1}: holder is missing"
    assert problems[PROBLEMS_MOST:] == ("and 7 more",)


def test_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "CREDENTIALS_MOST", 2)
    assert json_of(*[{"number": str(n), "holder": "h"} for n in range(9)]).problems == (
        "list.json:item 3: more than 2 credentials",
    )


@given(st.lists(st.text(max_size=12), max_size=30), st.binary(max_size=200))
def test_nothing_that_comes_makes_it_fail(cells: list[str], noise: bytes) -> None:
    body = HEADER.encode() + b"\n" + ",".join(cells).encode("utf-8", "replace") + b"\n" + noise
    for parsed in (parse_csv(BytesIO(body), KEY, source="x"), parse_csv(BytesIO(noise), KEY, source="x")):
        assert len(parsed.problems) <= PROBLEMS_MOST + 1
    parse_json(noise, KEY, source="x")


# --- what changes -------------------------------------------------------------------------------------------------------


def rows(**holders: str) -> dict[bytes, bytes]:
    parsed = json_of(*[{"number": f"5550{n}", "holder": holder} for n, holder in holders.items()])
    return parsed.rows


def test_diff() -> None:
    book = rows(a1="one", a2="two", a3="three")
    given_ = rows(a1="one", a2="TWO", a4="four")
    merged = diff(book, dict(given_), full=False)
    assert (merged.added, merged.changed, merged.removed, merged.unchanged) == (1, 1, 0, 1)
    assert dict(merged.puts) == {h: p for h, p in given_.items() if book.get(h) != p}
    full = diff(book, dict(given_), full=True)
    assert full.deletes == [h for h in book if h not in given_]
    assert json.loads(json.dumps(full.told())) == {
        "added": 1, "changed": 1, "removed": 1, "unchanged": 1,
        "listed": [
            {"change": "changed", "kind": "card", "holder": "TWO", "tail": "…50a2", "fields": ["holder"]},
            {"change": "removed", "kind": "card", "holder": "three", "tail": "…50a3"},
            {"change": "added", "kind": "card", "holder": "four", "tail": "…50a4"},
        ],
    }  # fmt: skip


def test_the_listing_is_bounded() -> None:
    many = diff({}, rows(**{f"n{n}": "h" for n in range(LISTED_MOST * 3)}), full=True)
    assert many.added == LISTED_MOST * 3
    assert len(many.listed) == LISTED_MOST


NUMBERS = st.dictionaries(st.integers(1, 40), st.sampled_from("xyz"), max_size=30)


@given(NUMBERS, NUMBERS, st.booleans())
def test_applying_a_diff_gives_what_was_given(before: dict[int, str], after: dict[int, str], full: bool) -> None:
    def made(holders: dict[int, str]) -> dict[bytes, bytes]:
        return rows(**{f"n{n}": holder for n, holder in holders.items()})

    book, given_ = made(before), made(after)
    change = diff(book, dict(given_), full=full)
    result = dict(book)
    result.update(change.puts)
    for hashed in change.deletes:
        del result[hashed]
    assert result == (given_ if full else book | given_)
    assert change.added + change.changed == len(change.puts)
    assert len(book) == change.changed + change.removed + change.unchanged + len(book.keys() - given_.keys()) * (
        not full
    )


def test_fields_are_those_of_the_page() -> None:
    assert credential_of(KEY, {"number": "7", "holder": "h", "kind": "QR", "duress": "Yes"})[1].duress
