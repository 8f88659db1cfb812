"""Reads the seeds' submissions, `{"type", "args", "metadata"}` and `{"task_type", ...}`, into steps to be.

Decides which task is meant and whether anybody knows it. Stores nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, cast

from ._core import encode_payload
from .codec import plain_scalar
from .exceptions import InvalidArguments, UnknownTask
from .options import Options, whole
from .step import HIDDEN_METADATA

if TYPE_CHECKING:
    from ._core import JobSpec
    from .client import Client
    from .task import AnyTask

__all__ = ["submitted"]


class _Call(NamedTuple):
    task: str
    args: tuple[object, ...]
    kwargs: Mapping[str, object]
    metadata: Mapping[str, object]


async def submitted(
    step: Mapping[str, object],
    *,
    priority: int | None,
    max_retries: int | None,
    tasks: Mapping[str, AnyTask],
    client: Client,
) -> JobSpec:
    """Give the core's form of one submission. Raises InvalidArguments or UnknownTask."""
    call = _by_payload(step) if "task_type" in step else _by_type(step)
    task = tasks.get(call.task)
    options = Options(task=call.task) if task is None else task.options
    if priority is not None:
        options = options.using(priority=whole(priority, "priority", least=-(2**31)))
    if max_retries is not None:
        options = options.using(max_retries=max_retries)
    limit = client.payload_limit
    if task is not None:
        return options.spec(
            task.codec.encode(call.args, call.kwargs, metadata=call.metadata, limit=limit, given="json")
        )
    known = await client.engine().known_tasks()
    if call.task not in known:
        everything = ", ".join(sorted({*known, *tasks})) or "none"
        raise UnknownTask(
            f"no task {call.task!r} is registered here or in a pod that lives; known: {everything}", task=call.task
        )
    return options.spec(encode_payload(call.args, call.kwargs, call.metadata, limit, plain_scalar))


def _by_type(step: Mapping[str, object]) -> _Call:
    unknown = sorted(set(step) - {"type", "args", "metadata"})
    if "type" not in step or unknown:
        told = f"{unknown} is not known" if unknown else '"type" is missing'
        raise InvalidArguments(f'a step is {{"type": task, "args": {{...}}, "metadata": {{...}}}}: {told}', path="type")
    args = step.get("args")
    positional, named = _arguments({} if args is None else args)
    metadata = step.get("metadata")
    return _Call(
        _task_name(step["type"], "type"), positional, named, _object({} if metadata is None else metadata, "metadata")
    )


def _by_payload(payload: Mapping[str, object]) -> _Call:
    named = {key: value for key, value in payload.items() if key != "task_type"}
    # The mark lets `status` echo the payload in the shape it came in.
    return _Call(
        _task_name(payload["task_type"], "task_type"),
        (),
        _object(named, "payload"),
        {f"{HIDDEN_METADATA}shape": "task_type"},
    )


def _arguments(args: object) -> tuple[tuple[object, ...], Mapping[str, object]]:
    if isinstance(args, (list, tuple)):
        return tuple(cast("list[object]", args)), {}
    return (), _object(args, "args")


def _object(value: object, path: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise InvalidArguments(f"{path} must be an object, got {type(value).__name__}", path=path)
    named = cast("Mapping[object, object]", value)
    for key in named:
        if not isinstance(key, str):
            raise InvalidArguments(f"the keys of {path} must be texts, got {key!r}", path=path)
    return dict(cast("Mapping[str, object]", named))


def _task_name(name: object, path: str) -> str:
    if not isinstance(name, str) or not name:
        raise InvalidArguments(f"{path} must name a task, got {name!r}", path=path)
    return name
