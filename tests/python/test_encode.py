"""What the encoder writes and refuses: every refusal names its place, none overflows the stack."""

from __future__ import annotations

import enum
import json
import math
from collections import OrderedDict, defaultdict, namedtuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_q._core import encode, encode_payload
from fleet_q.exceptions import InvalidArguments, PayloadTooLarge

LIMIT = 1 << 20

Point = namedtuple("Point", "x y")


class Colour(str, enum.Enum):
    RED = "red"


class Meters(float):
    pass


def plain(value: object) -> bytes:
    return encode(value, LIMIT, None)


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"))

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=30,
)


@given(json_values)
def test_what_is_json_comes_back_the_same(value: object) -> None:
    back = json.loads(plain(value))
    assert back == value
    assert repr(back) == repr(value)  # 1 is not 1.0, True is not 1, -0.0 keeps its sign


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_stays_the_same_float(number: float) -> None:
    back = json.loads(plain(number))
    assert isinstance(back, float)
    assert math.copysign(1, back) == math.copysign(1, number)
    assert back == number


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, b"null"),
        (True, b"true"),
        (1.0, b"1.0"),
        (2**63 - 1, b"9223372036854775807"),
        (-(2**63), b"-9223372036854775808"),
        ('a"\\\n\u2028é', '"a\\"\\\\\\n\u2028é"'.encode()),
        ((1, [2, (3,)]), b"[1,[2,[3]]]"),
        ({"a": {}, "b": []}, b'{"a":{},"b":[]}'),
        (OrderedDict(b=1, a=2), b'{"b":1,"a":2}'),
        (defaultdict(int, a=1), b'{"a":1}'),
        (Point(1, 2), b"[1,2]"),
        (Meters(1.5), b"1.5"),
    ],
)
def test_writes(value: object, written: bytes) -> None:
    assert plain(value) == written


@pytest.mark.parametrize(
    ("value", "path", "says"),
    [
        (math.nan, "$", "NaN"),
        ([1, -math.inf], "$[1]", "-Infinity"),
        ({"rows": [{"price": math.inf}]}, "$.rows[0].price", "Infinity"),
        ({"a b": 2**63}, '$["a b"]', "64 bits"),
        (-(2**63) - 1, "$", "64 bits"),
        (10**400, "$", "64 bits"),
        ({"a": {1: 2}}, "$.a", "type int"),
        ({None: 2}, "$", "type NoneType"),
        ({"a": "x\0y"}, "$.a", "NUL"),
        ({"x\0y": 1}, "$", "a key holds a NUL"),
        (["\ud800"], "$[0]", "surrogate"),
        ({"\udfff": 1}, "$", "a key holds a lone surrogate"),
        ({"a": {1, 2}}, "$.a", "type set"),
        (b"bytes", "$", "type bytes"),
        (object(), "$", "type object"),
        (1j, "$", "type complex"),
        (nested(101), "$" + "[0]" * 16 + "…", "100 levels"),
        (nested(10_000), "$" + "[0]" * 16 + "…", "100 levels"),
    ],
)
def test_refuses_and_names_the_place(value: object, path: str, says: str) -> None:
    with pytest.raises(InvalidArguments) as refused:
        plain(value)
    assert refused.value.path == path
    assert str(refused.value).startswith(f"{path}: ")
    assert says in str(refused.value)


def test_a_hundred_levels_are_not_too_deep() -> None:
    assert plain(nested(100)) == b"[" * 100 + b"1" + b"]" * 100


def test_a_cycle_is_found_where_it_closes() -> None:
    value: dict[str, object] = {}
    value["rows"] = [{"again": value}]
    with pytest.raises(InvalidArguments, match="cycle") as refused:
        plain(value)
    assert refused.value.path == "$.rows[0].again"


def test_the_same_value_twice_is_no_cycle() -> None:
    row = {"a": 1}
    assert plain([row, row]) == b'[{"a":1},{"a":1}]'


@pytest.mark.parametrize("value", ["x" * 100, ["xx"] * 50, {str(i): i for i in range(30)}, list(range(100))])
def test_stops_at_the_limit(value: object) -> None:
    whole = len(plain(value))
    assert len(encode(value, whole, None)) == whole
    with pytest.raises(PayloadTooLarge) as refused:
        encode(value, whole - 1, None)
    assert refused.value.limit == whole - 1


def test_default_turns_other_types_into_plain_ones() -> None:
    def default(value: object) -> object:
        if isinstance(value, set):
            return sorted(value)
        if isinstance(value, enum.Enum):
            return value.value
        raise TypeError

    assert encode([{3, 1}, Colour.RED, Meters(1.5)], LIMIT, default) == b'[[1,3],"red",1.5]'


def test_what_default_makes_is_checked_too() -> None:
    with pytest.raises(InvalidArguments) as refused:
        encode({"a": {1}}, LIMIT, lambda _: {"b": math.nan})
    assert refused.value.path == "$.a.b"


def test_a_default_that_never_ends_is_refused() -> None:
    with pytest.raises(InvalidArguments, match="100 levels"):
        encode(object(), LIMIT, lambda _: object())
    with pytest.raises(InvalidArguments, match="cycle"):
        encode(object(), LIMIT, lambda value: value)


def test_what_default_raises_is_the_cause() -> None:
    def default(_: object) -> object:
        raise LookupError("gone")

    with pytest.raises(InvalidArguments, match=r"^\$\.a: .*gone") as refused:
        encode({"a": object()}, LIMIT, default)
    assert isinstance(refused.value.__cause__, LookupError)


def test_an_interrupt_inside_default_is_no_verdict_on_the_value() -> None:
    def default(_: object) -> object:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode(object(), LIMIT, default)


def test_a_dict_that_changes_while_it_is_encoded_is_refused() -> None:
    value: dict[str, object] = {"a": object(), "b": 1}

    def default(_: object) -> object:
        value["c"] = 2
        return 0

    with pytest.raises(InvalidArguments, match="changed"):
        encode(value, LIMIT, default)


def test_a_payload_names_its_parts() -> None:
    written = encode_payload((1, "a"), {"k": [None]}, {"trace": "t"}, LIMIT, None)
    assert json.loads(written) == {"args": [1, "a"], "kwargs": {"k": [None]}, "metadata": {"trace": "t"}}
    assert encode_payload((), {}, None, LIMIT, None) == b'{"args":[],"kwargs":{},"metadata":{}}'
    with pytest.raises(InvalidArguments) as refused:
        encode_payload(({"rows": [{"price": math.nan}]},), {}, None, LIMIT, None)
    assert refused.value.path == "$.args[0].rows[0].price"
