"""Decides whether a value fits an annotation, for plain JSON types alone. Converts nothing.

What it does not understand it hands back as `None`, and `adapters` takes over with pydantic.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Annotated, Any, Literal, NoReturn, TypeAlias, Union, cast, get_args, get_origin

from .types import Json

__all__ = ["ANYTHING", "Check", "plain_check", "shown"]

Check: TypeAlias = Callable[[object], bool]


def ANYTHING(_: object) -> bool:
    """Accept every value; whether it is JSON is the encoder's matter."""
    return True


def plain_check(annotation: object) -> Check | None:
    """Make the check of a plain annotation, or None where plain rules do not suffice.

    >>> fits = plain_check(list[int])
    >>> fits([1, 2]), fits([1, "2"])
    (True, False)
    """
    try:
        if annotation in _LEAVES:
            return _LEAVES[annotation]
    except TypeError:
        return None  # not hashable, so none of them
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return _literal(args)
    if origin is Union or origin is types.UnionType:
        return _union([plain_check(arg) for arg in args])
    if origin is list and len(args) == 1:
        return _list(plain_check(args[0]))
    if origin is dict and len(args) == 2 and args[0] is str:
        return _dict(plain_check(args[1]))
    return None


def shown(annotation: object) -> str:
    """Spell an annotation as its author did, near enough."""
    if get_origin(annotation) is Annotated:
        return shown(get_args(annotation)[0])
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation.__qualname__
    return str(annotation).replace("typing.", "").replace("NoneType", "None")


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_float(value: object) -> bool:
    # An int is a fine float, as PEP 484 has it.
    return isinstance(value, (float, int)) and not isinstance(value, bool)


def _is_str(value: object) -> bool:
    return isinstance(value, str)


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _is_none(value: object) -> bool:
    return value is None


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _is_dict(value: object) -> bool:
    return isinstance(value, dict)


_LEAVES: dict[object, Check] = {
    object: ANYTHING,
    Any: ANYTHING,
    NoReturn: ANYTHING,
    int: _is_int,
    float: _is_float,
    str: _is_str,
    bool: _is_bool,
    None: _is_none,
    type(None): _is_none,
    list: _is_list,
    dict: _is_dict,
    Json: ANYTHING,
}


def _literal(choices: tuple[object, ...]) -> Check | None:
    if not all(choice is None or type(choice) in (str, int, bool) for choice in choices):
        return None  # an enum member is not JSON
    known = {(type(choice), choice) for choice in choices}
    return lambda value: _hashable(value) and (type(value), value) in known


def _hashable(value: object) -> bool:
    return value is None or isinstance(value, (str, int, bool))


def _union(checks: list[Check | None]) -> Check | None:
    sure = [check for check in checks if check is not None]
    if len(sure) != len(checks):
        return None
    return lambda value: any(check(value) for check in sure)


def _list(item: Check | None) -> Check | None:
    if item is None:
        return None
    return lambda value: isinstance(value, list) and all(map(item, cast("list[object]", value)))


def _dict(item: Check | None) -> Check | None:
    if item is None:
        return None
    return lambda value: isinstance(value, dict) and all(map(item, cast("dict[str, object]", value).values()))
