"""Spells keywords as the texts the core reads. Judges no value: the core reports every problem at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, cast

from .exceptions import ConfigError

if TYPE_CHECKING:
    from typing import TypeAlias

    from .types import Seconds

    Setting: TypeAlias = str | int | Seconds | bool | os.PathLike[str] | Mapping[str, int] | None

__all__ = ["as_texts", "environment"]


def as_texts(keywords: Mapping[str, Setting]) -> dict[str, str]:
    """Spell what was given; None means not given. Raises ConfigError for what is no setting at all.

    >>> as_texts({"queues": {"default": 10, "llm": 4}, "auto_migrate": False, "url": None})
    {'queues': 'default=10,llm=4', 'auto_migrate': 'false'}
    """
    return {name: _text(name, value) for name, value in keywords.items() if value is not None}


def environment() -> dict[str, str]:
    """Give the environment, without variables that are not text."""
    return {name: value for name, value in os.environ.items() if _is_text(name) and _is_text(value)}


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    if isinstance(value, timedelta):
        return str(value.total_seconds())
    if isinstance(value, os.PathLike):
        return str(os.fspath(cast("os.PathLike[str]", value)))
    if isinstance(value, Mapping):
        caps = cast("Mapping[object, object]", value)
        return ",".join(f"{queue}={cap}" for queue, cap in caps.items())
    raise ConfigError(f"{name} cannot be {value!r}", problems=[f"{name} cannot be {value!r}"])


def _is_text(value: str) -> bool:
    # Bytes that are no UTF-8 come as lone surrogates.
    return not any("\ud800" <= char <= "\udfff" for char in value)
