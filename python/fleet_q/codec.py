"""Binds, checks and encodes a task's arguments and results. Runs no task, stores nothing.

Plain annotations are checked here; richer ones by pydantic (`adapters`). What no store can hold
(NaN, NUL, cycles, depth, size) is refused by the core's encoder.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, cast, get_type_hints

from ._core import decode_payload, encode, encode_payload
from .adapters import Adapter, Misfit, adapter_for
from .checks import ANYTHING, Check, plain_check, shown
from .exceptions import ConfigError, InvalidArguments, InvalidResult

__all__ = ["Codec", "Payload", "plain_scalar"]

_Shape = tuple[Check, "Adapter | None", str]
_EMPTY = inspect.Parameter.empty
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Payload:
    """A decoded payload: what the body is called with, and the metadata beside it."""

    __slots__ = ("args", "kwargs", "metadata")

    def __init__(self, args: list[object], kwargs: dict[str, object], metadata: dict[str, object]) -> None:
        self.args = args
        self.kwargs = kwargs
        self.metadata = metadata


class Codec:
    """Know one task's signature. `skip` leading parameters are injected, not passed."""

    def __init__(self, function: Callable[..., object], *, task: str, skip: int) -> None:
        signature = inspect.signature(function)
        parameters = list(signature.parameters.values())[skip:]
        self._task = task
        self._function = function
        self._signature = signature.replace(parameters=parameters)
        self._parameters = {p.name: p for p in parameters}
        self._order = [p.name for p in parameters if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
        self._required = frozenset(p.name for p in parameters if p.default is _EMPTY and p.kind in _NAMED)
        self._simple = all(p.kind in _NAMED for p in parameters)
        self._whole = self._whole_calls()
        self._shapes: dict[str, _Shape] | None
        try:
            self._shapes = self._shapes_now()
        except NameError:
            # A forward reference to what the module defines further down: looked up at first use.
            self._shapes = None

    def encode(
        self,
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        *,
        metadata: Mapping[str, object] | None,
        limit: int,
        given: Literal["python", "json"] = "python",
    ) -> bytes:
        """Give the payload of a call. `given="json"` takes values that came as JSON and keeps them so.

        Raises InvalidArguments or PayloadTooLarge.
        """
        names = self._bind(args, kwargs)
        shapes = self._shapes or self._learn()
        new_args = [self._plain(shapes, name, value, given) for name, value in zip(names, args, strict=True)]
        new_kwargs = {name: self._plain(shapes, name, value, given) for name, value in kwargs.items()}
        return encode_payload(tuple(new_args), new_kwargs, metadata, limit, plain_scalar)

    def decode(self, payload: bytes) -> Payload:
        """Read a payload back and build what the body takes. Raises InvalidArguments."""
        parts = decode_payload(payload)
        envelope = _envelope(payload, self._task) if parts is None else Payload(*parts)
        args, kwargs = envelope.args, envelope.kwargs
        names = self._bind(args, kwargs)
        shapes = self._shapes or self._learn()
        for at, name in enumerate(names):
            args[at] = self._rich(shapes, name, args[at])
        for name in kwargs:
            kwargs[name] = self._rich(shapes, name, kwargs[name])
        return envelope

    def encode_result(self, value: object, *, limit: int) -> bytes:
        """Give a result as JSON. Raises InvalidResult or PayloadTooLarge."""
        _, adapter, annotation = (self._shapes or self._learn())["return"]
        try:
            plain = value if adapter is None else adapter.result_to_json(value)
            return encode(plain, limit, plain_scalar)
        except Misfit as cause:
            raise InvalidResult(f"task {self._task!r} returned what does not fit {annotation}: {cause}") from cause
        except InvalidArguments as cause:
            raise InvalidResult(
                f"task {self._task!r} returned what is not JSON: {cause.message}; "
                "return str, int, float, bool, None, list or dict, or annotate the result with a pydantic type",
                path=cause.path,
            ) from cause

    def decode_result(self, value: object) -> object:
        """Build a result from what JSON held. Raises InvalidResult."""
        _, adapter, annotation = (self._shapes or self._learn())["return"]
        try:
            return value if adapter is None else adapter.from_json(value)
        except Misfit as cause:
            raise InvalidResult(
                f"the stored result of task {self._task!r} does not fit {annotation}: {cause}"
            ) from cause

    def ready(self) -> None:
        """Resolve what registration could not. Raises ConfigError."""
        if self._shapes is None:
            self._learn()

    def _bind(self, args: Sequence[object], kwargs: Mapping[str, object]) -> list[str]:
        """Name the parameter of each positional argument, or refuse the call as Python would."""
        taken = self._order[: len(args)]
        if not kwargs and len(args) in self._whole:
            return taken
        if self._simple and len(taken) == len(args):
            free = self._parameters.keys() - taken
            if kwargs.keys() <= free and self._required <= kwargs.keys() | set(taken):
                return taken
        try:
            self._signature.bind(*args, **kwargs)
        except TypeError as cause:
            raise InvalidArguments(
                f"task {self._task!r} takes {self._signature.replace(return_annotation=_EMPTY)}: {cause}"
            ) from cause
        return self._positional_names(len(args))

    def _whole_calls(self) -> frozenset[int]:
        """How many positional arguments are a whole call without any other."""
        if not self._simple or not self._required <= set(self._order):
            return frozenset()
        least = max((self._order.index(name) + 1 for name in self._required), default=0)
        return frozenset(range(least, len(self._order) + 1))

    def _positional_names(self, count: int) -> list[str]:
        names: list[str] = []
        for parameter in self._parameters.values():
            if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                names.extend([parameter.name] * (count - len(names)))
            elif parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
                names.append(parameter.name)
        return names[:count]

    def _plain(self, shapes: dict[str, _Shape], name: str, value: object, given: Literal["python", "json"]) -> object:
        check, adapter, annotation = shapes.get(name) or shapes["**"]
        if adapter is None:
            if check(value):
                return value
            raise self._misfit(name, annotation, f"got {_kind(value)}")
        try:
            return adapter.to_json(value) if given == "python" else adapter.checked_json(value)
        except Misfit as cause:
            raise self._misfit(name, annotation, str(cause)) from cause

    def _rich(self, shapes: dict[str, _Shape], name: str, value: object) -> object:
        check, adapter, annotation = shapes.get(name) or shapes["**"]
        if adapter is None:
            if check(value):
                return value
            raise self._misfit(name, annotation, f"got {_kind(value)}")
        try:
            return adapter.from_json(value)
        except Misfit as cause:
            raise self._misfit(name, annotation, str(cause)) from cause

    def _misfit(self, name: str, annotation: str, told: str) -> InvalidArguments:
        return InvalidArguments(f"argument {name!r} of task {self._task!r} must be {annotation}: {told}", path=name)

    def _learn(self) -> dict[str, _Shape]:
        try:
            self._shapes = self._shapes_now()
        except NameError as cause:
            raise ConfigError(
                f"an annotation of task {self._task!r} cannot be resolved: {cause}; "
                "import the name at module level, outside `if TYPE_CHECKING`"
            ) from cause
        return self._shapes

    def _shapes_now(self) -> dict[str, _Shape]:
        hints = get_type_hints(inspect.unwrap(self._function), include_extras=True)
        shapes: dict[str, _Shape] = {"**": (ANYTHING, None, "JSON")}
        for parameter in self._parameters.values():
            key = "**" if parameter.kind is inspect.Parameter.VAR_KEYWORD else parameter.name
            shapes[key] = self._shape(hints.get(parameter.name, object), f"argument {parameter.name!r}")
        shapes["return"] = self._shape(hints.get("return", object), "the result")
        return shapes

    def _shape(self, annotation: object, what: str) -> _Shape:
        check = plain_check(annotation)
        if check is not None:
            return check, None, shown(annotation)
        return ANYTHING, adapter_for(annotation, where=f"{what} of task {self._task!r}"), shown(annotation)


def plain_scalar(value: object) -> object:
    """Give the text or number that an instance of a subclass is: a `StrEnum` member, a numpy float."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    raise TypeError  # not ours to judge; the encoder says what it is


def _envelope(payload: bytes, task: str) -> Payload:
    """Read `{"args", "kwargs", "metadata"}`, which plain SQL from any language may have written."""
    try:
        envelope = json.loads(payload)
    except (ValueError, RecursionError) as cause:
        raise InvalidArguments(f"the payload of this step of {task!r} is not JSON: {cause}") from cause
    if not isinstance(envelope, dict):
        raise InvalidArguments(f"the payload of this step of {task!r} is {_kind(envelope)}, not an object")
    parts = cast("dict[str, object]", envelope)
    args, kwargs, metadata = (parts.get(key) for key in ("args", "kwargs", "metadata"))
    if not isinstance(args or [], list) or not isinstance(kwargs or {}, dict) or not isinstance(metadata or {}, dict):
        raise InvalidArguments(
            f'the payload of this step of {task!r} must be {{"args": [], "kwargs": {{}}, "metadata": {{}}}}'
        )
    return Payload(
        cast("list[object]", args or []),
        cast("dict[str, object]", kwargs or {}),
        cast("dict[str, object]", metadata or {}),
    )


def _kind(value: object) -> str:
    # The kind alone, not the value: arguments may be secrets, and errors get logged.
    return "None" if value is None else type(value).__name__
