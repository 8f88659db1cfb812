"""Arguments and results: bound, checked and encoded at enqueue, checked and built again at run time."""

from __future__ import annotations

import enum
import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Literal, Optional
from uuid import UUID

import pytest
from pydantic import BaseModel

from fleet_q import ConfigError, InvalidArguments, InvalidResult, PayloadTooLarge
from fleet_q.codec import Codec

LIMIT = 1 << 20


class Colour(enum.Enum):
    RED = "red"


class Level(str, enum.Enum):
    HIGH = "high"


class Count(enum.IntEnum):
    TWO = 2


class Item(BaseModel):
    name: str
    price: Decimal


@dataclass
class Point:
    x: int
    y: int


def plain(a: int, b: str = "x", *, c: float = 1.0) -> int:
    return a


def open_ended(first: int, /, *rest: int, **named: str) -> None: ...
def anything(value, other: object = None): ...  # type: ignore[no-untyped-def]


def rich(
    item: Item,
    at: datetime,
    key: UUID,
    point: Point,
    colour: Colour,
    wait: timedelta = timedelta(0),
    both: int | Item = 0,
) -> Item:
    return item


def unions(
    a: Optional[int],
    b: list[int] | None = None,
    c: dict[str, float] | str = "",
    d: Literal["x", 1] = "x",
) -> None: ...


def codec(function: Callable[..., object], skip: int = 0) -> Codec:
    return Codec(function, task=function.__name__, skip=skip)


def encoded(function: Callable[..., object], *args: object, **kwargs: object) -> dict[str, object]:
    payload: dict[str, object] = json.loads(codec(function).encode(args, kwargs, metadata=None, limit=LIMIT))
    return payload


def decoded(function: Callable[..., object], *args: object, **kwargs: object) -> tuple[list[object], dict[str, object]]:
    one = codec(function)
    payload = one.decode(one.encode(args, kwargs, metadata=None, limit=LIMIT))
    return payload.args, payload.kwargs


def test_a_call_is_encoded_as_it_was_given() -> None:
    assert encoded(plain, 1, c=2) == {"args": [1], "kwargs": {"c": 2}, "metadata": {}}


@pytest.mark.parametrize(
    ("args", "kwargs", "told"),
    [
        ((), {}, "missing a required argument: 'a'"),
        ((1, "b", 3.0), {}, "too many positional arguments"),
        ((1,), {"a": 2}, "multiple values for argument 'a'"),
        ((1,), {"z": 2}, "unexpected keyword argument 'z'"),
    ],
)
def test_a_call_that_python_would_refuse_is_refused(
    args: tuple[object, ...], kwargs: dict[str, object], told: str
) -> None:
    with pytest.raises(InvalidArguments, match=told):
        encoded(plain, *args, **kwargs)


@pytest.mark.parametrize(
    ("args", "kwargs", "path"),
    [
        (("1",), {}, "a"),
        ((True,), {}, "a"),
        ((1.0,), {}, "a"),
        ((None,), {}, "a"),
        ((1, 2), {}, "b"),
        ((1,), {"c": "2"}, "c"),
    ],
)
def test_a_value_of_another_type_is_refused_by_the_parameters_name(
    args: tuple[object, ...], kwargs: dict[str, object], path: str
) -> None:
    with pytest.raises(InvalidArguments, match=f"argument '{path}' of task 'plain' must be") as caught:
        encoded(plain, *args, **kwargs)
    assert caught.value.path == path


def test_var_arguments_are_checked_too() -> None:
    assert encoded(open_ended, 1, 2, 3, x="y") == {"args": [1, 2, 3], "kwargs": {"x": "y"}, "metadata": {}}
    with pytest.raises(InvalidArguments, match="argument 'rest'"):
        encoded(open_ended, 1, "2")
    with pytest.raises(InvalidArguments, match="argument 'x'"):
        encoded(open_ended, 1, x=2)


def test_members_of_text_and_number_enums_are_what_they_are() -> None:
    assert encoded(plain, Count.TWO, Level.HIGH)["args"] == [2, "high"]
    assert encoded(anything, [Count.TWO, Level.HIGH])["args"] == [[2, "high"]]


def test_unannotated_parameters_take_any_json_and_only_json() -> None:
    assert encoded(anything, [1, {"a": None}])["args"] == [[1, {"a": None}]]
    with pytest.raises(InvalidArguments):
        encoded(anything, {1, 2})


def test_plain_unions_need_no_pydantic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydantic", None)
    assert encoded(unions, None, [1], {"a": 1.5}, 1)["args"] == [None, [1], {"a": 1.5}, 1]
    for wrong in (("1",), (1, ["1"]), (1, None, {"a": "b"}), (1, None, "", "y"), (1, None, "", True)):
        with pytest.raises(InvalidArguments):
            encoded(unions, *wrong)


def test_rich_values_come_back_as_they_went() -> None:
    moment = datetime(2026, 1, 17, 12, 34, 56, tzinfo=timezone.utc)
    given = (Item(name="a", price=Decimal("1.50")), moment, UUID(int=7), Point(1, 2), Colour.RED, timedelta(seconds=90))
    assert decoded(rich, *given, both=3) == (list(given), {"both": 3})


@pytest.mark.parametrize(("position", "wrong"), [(0, 5), (1, "2026-01-17T12:34:56Z"), (2, "not a uuid"), (4, "green")])
def test_rich_values_are_checked_strictly_at_enqueue(position: int, wrong: object) -> None:
    given: list[object] = [
        Item(name="a", price=Decimal(1)),
        datetime.now(timezone.utc),
        UUID(int=7),
        Point(1, 2),
        Colour.RED,
    ]
    given[position] = wrong
    with pytest.raises(InvalidArguments, match="of task 'rich' must be"):
        encoded(rich, *given)


def test_json_that_was_submitted_is_checked_and_kept_as_it_was() -> None:
    kwargs = {
        "item": {"name": "a", "price": "1.50"},
        "at": "2026-01-17T12:34:56Z",
        "key": str(UUID(int=7)),
        "point": {"x": 1, "y": 2},
        "colour": "red",
    }
    stored = codec(rich).encode((), kwargs, metadata=None, limit=LIMIT, given="json")
    assert json.loads(stored)["kwargs"] == kwargs
    with pytest.raises(InvalidArguments, match="argument 'colour'"):
        codec(rich).encode((), {**kwargs, "colour": "green"}, metadata=None, limit=LIMIT, given="json")


def test_without_pydantic_a_rich_annotation_is_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydantic", None)
    with pytest.raises(ConfigError, match=r"pip install fleet-q\[pydantic\]"):
        codec(rich)


def test_an_annotation_that_resolves_later_is_looked_up_at_first_use() -> None:
    def task(value: Later) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    one = codec(task)
    task.__globals__["Later"] = int
    try:
        assert json.loads(one.encode((1,), {}, metadata=None, limit=LIMIT))["args"] == [1]
    finally:
        del task.__globals__["Later"]
    with pytest.raises(ConfigError, match="Later"):
        codec(task).ready()


def test_the_payload_limit_holds() -> None:
    with pytest.raises(PayloadTooLarge) as caught:
        codec(plain).encode((1, "x" * 2000), {}, metadata=None, limit=1024)
    assert caught.value.limit == 1024


def test_a_result_is_built_from_its_annotation() -> None:
    one = codec(rich)
    stored = one.encode_result({"name": "a", "price": "2"}, limit=LIMIT)
    assert one.decode_result(json.loads(stored)) == Item(name="a", price=Decimal(2))


@pytest.mark.parametrize("value", [{1, 2}, object(), math.nan, b"x", {1: 2}, "\ud800", 2**70])
def test_a_result_that_is_not_json_is_refused_with_the_remedy(value: object) -> None:
    with pytest.raises(InvalidResult, match="returned what is not JSON"):
        codec(anything).encode_result(value, limit=LIMIT)


def test_a_result_that_does_not_fit_its_annotation_is_refused() -> None:
    with pytest.raises(InvalidResult, match="returned what does not fit Item"):
        codec(rich).encode_result({"name": "a"}, limit=LIMIT)


@pytest.mark.parametrize("payload", [b"", b"[]", b'{"args": 5}', b'{"kwargs": [1]}', b"\xff", b"[" * 100_000])
def test_a_payload_that_plain_sql_got_wrong_is_refused(payload: bytes) -> None:
    with pytest.raises(InvalidArguments):
        codec(plain).decode(payload)


def test_parts_that_plain_sql_left_out_are_empty() -> None:
    payload = codec(plain).decode(b'{"args": [1]}')
    assert (payload.args, payload.kwargs, payload.metadata) == ([1], {}, {})
