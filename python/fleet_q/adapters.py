"""Turns rich values into JSON and back, through pydantic, imported when first needed.

Refuses to guess: without pydantic an annotation beyond plain JSON types is an error at registration.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol, cast

from .checks import shown
from .exceptions import ConfigError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["Adapter", "Misfit", "adapter_for"]


class Misfit(Exception):
    """A value does not fit its annotation; the text says how."""


class Adapter(Protocol):
    """Converts values of one annotation. Each method raises Misfit."""

    def to_json(self, value: object) -> object:
        """Check a Python value strictly and give what JSON can hold."""
        ...

    def checked_json(self, value: object) -> object:
        """Check a value that came as JSON and give it back as it came."""
        ...

    def from_json(self, value: object) -> object:
        """Build the Python value from what JSON held."""
        ...

    def result_to_json(self, value: object) -> object:
        """Like `to_json`, but lax: a dict returned for a model is fine."""
        ...


def adapter_for(annotation: object, *, where: str) -> Adapter:
    """Make the adapter of an annotation; `where` names it in errors.

    Raises ConfigError if pydantic is missing or does not understand the annotation.
    """
    try:
        from pydantic import PydanticUserError, TypeAdapter
    except ImportError as cause:
        raise ConfigError(
            f"{where} is annotated {shown(annotation)}, which needs pydantic: pip install fleet-q[pydantic], "
            "or annotate it with plain JSON types (str, int, float, bool, None, list, dict)"
        ) from cause
    try:
        adapter: TypeAdapter[object] = TypeAdapter(cast("type[object]", annotation))
    except PydanticUserError as cause:
        raise ConfigError(
            f"{where} is annotated {shown(annotation)}, which pydantic cannot read from JSON; "
            f"use a type that it can: {_first_line(cause)}"
        ) from cause
    return _Pydantic(adapter)


class _Pydantic:
    def __init__(self, adapter: TypeAdapter[object]) -> None:
        self._adapter = adapter

    def to_json(self, value: object) -> object:
        return self._dumped(self._validated(value, strict=True))

    def result_to_json(self, value: object) -> object:
        return self._dumped(self._validated(value, strict=False))

    def checked_json(self, value: object) -> object:
        self.from_json(value)
        return value

    def from_json(self, value: object) -> object:
        # By way of text, because pydantic reads bytes, decimals and keys differently from JSON.
        try:
            return self._adapter.validate_json(json.dumps(value))
        except (ValueError, TypeError, RecursionError) as cause:
            raise Misfit(_told(cause)) from cause

    def _validated(self, value: object, *, strict: bool) -> object:
        try:
            return self._adapter.validate_python(value, strict=strict)
        except (ValueError, RecursionError) as cause:
            raise Misfit(_told(cause)) from cause

    def _dumped(self, value: object) -> object:
        from pydantic_core import PydanticSerializationError

        try:
            plain: object = self._adapter.dump_python(value, mode="json", by_alias=True)
        except (PydanticSerializationError, RecursionError) as cause:
            raise Misfit(_first_line(cause)) from cause
        return plain


def _told(cause: Exception) -> str:
    from pydantic import ValidationError

    if not isinstance(cause, ValidationError):
        return _first_line(cause)
    # Without the input and the link: inputs may be secrets, and the name says where.
    details = cause.errors(include_url=False, include_context=False, include_input=False)
    told = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}".removeprefix(": ") for one in details[:5]]
    return "; ".join(told) + ("; …" if len(details) > 5 else "")


def _first_line(cause: BaseException) -> str:
    lines = str(cause).strip().splitlines()
    return lines[0] if lines else type(cause).__name__
