"""YAML text to data and positions: what is refused, where, and in which words."""

from time import perf_counter
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from edgegw.yamlpos import MAX_BYTES, MAX_DEPTH, parse, render


def problems(text: str) -> list[str]:
    return render(parse(text, "f.yaml").problems, "f.yaml").splitlines()


class TestScalars:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("true", True),
            ("false", False),
            ("null", None),
            ("~", None),
            ("", None),
            ("0", 0),
            ("-5", -5),
            ("0x1F", 31),
            ("1.5", 1.5),
            ("1e3", 1000.0),
            ("3.1.1", "3.1.1"),
            ("5s", "5s"),
            ("hello world", "hello world"),
            ("192.168.1.4", "192.168.1.4"),
            ("'no'", "no"),
            ('"0123"', "0123"),
            ("'12:30'", "12:30"),
            ("/dev/ttyS0", "/dev/ttyS0"),
            ("y", "y"),
        ],
    )
    def test_plain_values(self, text, value):
        document = parse(f"a: {text}\n", "f")
        assert document.problems == []
        assert document.data == {"a": value}
        assert type(document.data["a"]) is type(value)

    @pytest.mark.parametrize(
        "text",
        ["no", "yes", "on", "Off", "NO", "True", "FALSE", "Null", "0123", "007", "12:30", "1:2:3", "1_000", "0o17", "0b11",
         "2026-01-31", "2026-01-31T10:00:00", ".5", "5.", ".inf", "-.INF", ".nan", "1e400", "9" * 50, "0x1_F", "00008844356"],
    )  # fmt: skip
    def test_surprises_are_refused_where_they_stand(self, text):
        found = problems(f"a: 1\nb: [2, {text}]\n")
        assert len(found) == 1
        assert found[0].startswith("f.yaml:2:8: ")

    def test_bare_on_as_a_key(self):
        assert "unquoted ON as a key" in problems("map: {ON: true}")[0]
        assert problems('map: {"ON": true}') == []

    @pytest.mark.parametrize("key", ["1", "true", "null", "1.5"])
    def test_keys_are_text(self, key):
        assert "keys are text" in problems(f"{key}: 1")[0]


class TestRefused:
    def test_duplicate_keys_name_the_first(self):
        assert problems("a: 1\nb: 2\na: 3\n") == ["f.yaml:3:1: duplicate key 'a': it stands already in line 1"]
        assert parse("a: 1\na: 3\n", "f").data == {"a": 1}

    @pytest.mark.parametrize(
        ("text", "place", "words"),
        [
            ("a: 1\n---\nb: 2\n", "2:1", "second document"),
            ("a: !!str 5\n", "1:4", "tags"),
            ("a: !python/object:os.system x\n", "1:4", "tags"),
            ("a:\n\tb: 1\n", "2:1", "tab"),
            ("a: [1, 2\n", "2:1", "not valid YAML"),
            ("a: *b\n", "1:4", "anchor"),
            ("? [1]\n: 2\n", "1:3", "key must be text"),
            ("a: &x {b: *x}\n", "1:11", "anchor"),
            ("a: &x {b: 1}\nc:\n  <<: *x\n", "3:3", "merge keys"),
            ("a: \x07\n", "1:1", "character"),
            ("a: '\ud800'\n", "1:5", "Unicode"),
        ],
    )
    def test_one_clear_line(self, text, place, words):
        found = problems(text)
        assert found[0].startswith(f"f.yaml:{place}: ")
        assert words in found[0]
        assert len(found) == 1

    def test_too_deep_and_too_large_and_billion_laughs(self):
        assert "nested deeper" in problems("[" * 200_000)[0]
        assert "larger than" in problems("#" * (MAX_BYTES + 1))[0]
        laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
            f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
        )
        assert "aliases count" in problems(laughs)[0]
        nested = "a: &a0 [1]\n" + "".join(f"b{n}: &a{n} [*a{n - 1}]\n" for n in range(1, MAX_DEPTH + 2))
        assert "nested deeper" in problems(nested)[0]

    def test_small_aliases_are_fine(self):
        document = parse("a: &x {k: 1}\nb: *x\n", "f")
        assert document.data == {"a": {"k": 1}, "b": {"k": 1}}
        assert document.problems == []

    @given(st.text(max_size=80))
    def test_any_text_gives_data_or_a_problem(self, text):
        document = parse(text, "f")
        assert document.fatal <= bool(document.problems)
        render(document.problems, "f")


class TestPositions:
    document = parse("a:\n  b: [x, {c: 1}]\n  d: 2\n", "f")

    @pytest.mark.parametrize(
        ("loc", "value", "key"),
        [
            ((), (1, 1), (1, 1)),
            (("a",), (2, 3), (1, 1)),
            (("a", "b"), (2, 6), (2, 3)),
            (("a", "b", 1), (2, 10), (2, 10)),
            (("a", "b", 1, "c"), (2, 14), (2, 11)),
            (("a", "zz", "y"), (2, 3), (1, 1)),
        ],
    )
    def test_value_and_key(self, loc, value, key):
        assert self.document.position(loc) == value
        assert self.document.key_position(loc) == key


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Cat(Strict):
    kind: Literal["cat"]
    lives: int = 9


class Dog(Strict):
    kind: Literal["dog"]
    barks: bool = True


class Zoo(Strict):
    name: str
    version: Literal["5", "3.1.1"] = "5"
    address: str | int | None = None
    pets: dict[str, Annotated[Cat | Dog, Field(discriminator="kind")]] = {}
    ages: tuple[int, ...] = Field(default=(), strict=False)


class TestValidate:
    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("nam: x\nname: y", "1:1: unknown key 'nam'; did you mean 'name'?"),
            ("pets: {}", "1:1: key 'name' is missing"),
            ("name: 5", "1:7: should be text, not 5; write it in quotes"),
            ("name: x\nversion: 5", '2:10: should be 5 or 3.1.1, not 5; write "5" in quotes'),
            ("name: x\naddress: [1]", "2:10: should be text or a whole number, not a list"),
            ("name: x\npets: {a: {kind: cow}}", "2:11: kind should be cat or dog, not 'cow'"),
            ("name: x\npets: {a: {lives: 3}}", "2:8: key 'kind' is missing: it says which kind this is"),
            ("name: x\npets: {dog: {kind: dog, bark: true}}", "2:25: unknown key 'bark'; did you mean 'barks'?"),
            ("name: x\npets: {a: {kind: cat, lives: many}}", "2:30: should be a whole number, not 'many'"),
            ("name: x\nages: [1, x]", "2:11: should be a whole number, not 'x'"),
            ("[1]", "1:1: should be a section of `key: value` lines, not a list"),
        ],
    )
    def test_wording_and_place(self, text, line):
        model, found = parse(text, "f").validate(Zoo)
        assert model is None
        assert render(found, "f") == f"f:{line}"

    def test_all_at_once_in_order(self):
        model, found = parse("name: no\npets: {a: {kind: cow}}\nx: 1\nname: z\n", "f").validate(Zoo)
        assert model is None
        assert [p.line for p in found] == [1, 2, 3, 4]

    def test_a_refused_spelling_is_said_once(self):
        _, found = parse("name: x\nages: [0123]", "f").validate(Zoo)
        assert len(found) == 1
        assert "leading 0" in found[0].message

    def test_good(self):
        model, found = parse("name: x\npets: {a: {kind: cat}}", "f").validate(Zoo)
        assert found == []
        assert model == Zoo(name="x", pets={"a": Cat(kind="cat")})


def test_ten_thousand_lines_are_quick():
    text = "name: x\npets:\n" + "".join(f"  a{n}:\n    kind: cat\n    lives: {n}\n" for n in range(3400))
    began = perf_counter()
    model, found = parse(text, "f").validate(Zoo)
    took = perf_counter() - began
    assert model is not None
    assert found == []
    assert took < 3  # 0.1 s on an idle machine; this only catches a quadratic mistake
