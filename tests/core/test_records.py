"""What comes from JSON is of the type that its field says, or a sentence says what is not."""

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from usable_core.json_files import parsed_json
from usable_core.records import from_json, shown, to_json


@dataclass(frozen=True)
class Inner:
    name: str
    weight: float = 1.0


@dataclass(frozen=True)
class Outer:
    count: int
    inner: Inner
    kind: Literal["a", "b"] = "a"
    sizes: tuple[int, ...] = ()
    pair: tuple[int, int] | int | None = None
    table: dict[str, float] = field(default_factory=dict)
    anything: Any = None
    is_on: bool = False


GOOD = {"count": 3, "inner": {"name": "x", "weight": 2}}


def test_a_record_comes_back_as_it_went():
    whole = Outer(1, Inner("y", 0.5), "b", (1, 2), (3, 4), {"z": 1.5}, {"free": [1]}, True)

    assert from_json(Outer, to_json(whole)) == whole


def test_whole_numbers_are_floats_where_floats_are_wanted():
    found = from_json(Outer, GOOD)

    assert found.inner.weight == 2.0
    assert isinstance(found.inner.weight, float)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"count": True}, "count must be a whole number, but is True"),
        ({"count": 3.0}, "count must be a whole number, but is 3.0"),
        ({"count": "3"}, "count must be a whole number, but is '3'"),
        ({"count": None}, "count must be a whole number, but is None"),
        ({"inner": []}, r"inner must be an object of named fields, but is \[\]"),
        ({"inner": {"name": 5}}, "inner.name must be a text, but is 5"),
        ({"inner": {"name": "x", "weight": 10**400}}, "inner.weight must be a finite number"),
        ({"inner": {"name": "x", "weight": float("inf")}}, "inner.weight must be a finite number"),
        ({"inner": {"name": "x", "more": 1}}, "inner has no field 'more'"),
        ({"inner": {}}, "inner lacks name"),
        ({"kind": "c"}, "kind must be one of 'a', 'b', but is 'c'"),
        ({"kind": ["a"]}, "kind must be one of"),
        ({"sizes": [1, "2"]}, r"sizes\[1\] must be a whole number, but is '2'"),
        ({"sizes": {"a": 1}}, "sizes must be a list, each a whole number"),
        ({"pair": [1]}, "pair must be a list of 2, each a whole number or a whole number or null"),
        ({"table": {"z": "1"}}, "table.z must be a finite number"),
        ({"is_on": 1}, "is_on must be true or false, but is 1"),
    ],
)
def test_another_type_is_said_with_its_field(change, expected):
    with pytest.raises(ValueError, match=expected):
        from_json(Outer, {**GOOD, **change})


def test_values_are_shown_shortly_on_one_line():
    for value in ("x" * 10**6, [[0] * 10**5] * 3, 10**5000, {"k" * 999: "v\n" * 9}, "a\nb"):
        assert len(shown(value)) <= 80
        assert "\n" not in shown(value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"[" * 100_000, "nested more than 64 deep"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "nested more than 64 deep"),
        (b'{"a": 1, "a": 1}', "'a' twice"),
        (b'[{"b": 0, "b": 1}]', "'b' twice"),
        (b"[NaN]", "NaN, which is no number of JSON"),
        (b"[-Infinity]", "-Infinity"),
        (b"9" * 5000, "a number of 5000 digits"),
        (b'"\xff"', "no text in UTF-8"),
        (b"", "Expecting value"),
    ],
)
def test_json_that_does_not_mean_one_thing_is_refused(text, expected):
    with pytest.raises(ValueError, match=expected):
        parsed_json(text)


def test_json_of_windows_begins_with_a_mark():
    assert parsed_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}
