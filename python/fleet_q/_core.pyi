"""The Rust core, as Python sees it. Converts and calls; every decision is made in Rust."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal, Protocol, TypedDict, final

__version__: str
debug_build: bool

class JobSpec(TypedDict):
    """One step to be, as `Engine.enqueue` takes it. Times are seconds, `at` is Unix time."""

    step_id: str | None
    task: str
    queue: str
    priority: int
    payload: bytes
    max_retries: int | None
    delay: float | None
    at: float | None
    timeout: float | None
    unique: str | None
    tags: list[str]

class TaskSpec(TypedDict):
    """One registered task, as `Engine.start` takes it. `base` and `cap` are seconds."""

    name: str
    executor: Literal["loop", "thread"]
    base: float
    factor: float
    cap: float
    jitter: Literal["none", "equal", "full"]
    on_fence: Literal["stop", "continue"]

class Job(Protocol):
    """One claimed step, handed to the runner."""

    @property
    def slot(self) -> int: ...
    @property
    def step_id(self) -> str: ...
    @property
    def claim_id(self) -> str: ...
    @property
    def task(self) -> str: ...
    @property
    def queue(self) -> str: ...
    @property
    def priority(self) -> int: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def retry_count(self) -> int: ...
    @property
    def max_retries(self) -> int: ...
    @property
    def crash_count(self) -> int: ...

type_StopReason = Literal["cancel", "timeout", "shutdown", "fenced", "lost"]

class Runner(Protocol):
    """What the bridge calls, always on the event loop given to `Engine.start`, one call per batch."""

    def deliver(self, jobs: list[Job], stops: list[tuple[int, type_StopReason]]) -> None: ...
    def pong(self, token: int) -> None: ...

Report = tuple[int, Literal["returned", "raised", "retry", "snoozed", "discarded", "stopped"], bytes | None, float | None]
"""(slot, kind, JSON of the result or of `{"error_type","message","traceback"}`, delay in seconds)."""

@final
class Engine:
    """One FleetQ's core in one process. Starts no thread before it is first used."""

    def __new__(cls, settings: Mapping[str, str], environment: Mapping[str, str]) -> Engine:
        """Validate every setting. Raises ConfigError naming every problem."""

    @property
    def settings(self) -> dict[str, object]:
        """Every setting in force, secrets masked; durations in seconds."""

    @property
    def pid(self) -> int:
        """The process that made this engine; a forked child must make its own."""

    def enqueue(self, jobs: Sequence[JobSpec], loop: asyncio.AbstractEventLoop, future: asyncio.Future[list[str]]) -> None:
        """Store steps; the future gets their ids in order, or the first refusal as an exception, many futures per wake-up.
        All or each: rows are accepted one by one; on a refusal the exception's `step_ids` lists what was stored."""

    def enqueue_sync(self, jobs: Sequence[JobSpec]) -> list[str]:
        """Store steps, waiting without the GIL. A signal (Ctrl-C) interrupts the wait."""

    def start(self, loop: asyncio.AbstractEventLoop, runner: Runner, tasks: Sequence[TaskSpec], threads: int) -> Awaitable[str]:
        """Register as a pod and begin to claim; gives the pod id."""

    def stop(self, grace: float | None) -> Awaitable[None]:
        """Drain the pod: no new claims, `grace` seconds for what runs (None: SHUTDOWN_GRACE), the rest goes back."""

    def close(self) -> Awaitable[None]:
        """Stop everything of this engine: pod, client, store, threads. Later calls raise Stopped."""

    def close_now(self) -> None:
        """The last act before the interpreter exits: give back what is held, stop every thread; blocks at most some seconds."""

    def begin(self, slot: int) -> bool:
        """Whether the body in this slot may start now; called right before it, on its thread."""

    def report(self, reports: Sequence[Report]) -> None:
        """Hand in how bodies ended. Any thread."""

    def progress(self, slot: int, fraction: float, message: str | None) -> None: ...
    def pong(self, token: int) -> None: ...

    def connect(self) -> Awaitable[None]: ...
    def get(self, step_id: str) -> Awaitable[dict[str, object]]:
        """The step as a dict: every column of STEP_TRACKER by name; times as Unix seconds (float), payload/result as parsed JSON, errors as a list."""
    def get_sync(self, step_id: str) -> dict[str, object]: ...
    def wait(self, step_id: str, timeout: float | None) -> Awaitable[dict[str, object]]:
        """The step once it is final. Raises ResultTimeout."""
    def wait_sync(self, step_id: str, timeout: float | None) -> dict[str, object]: ...
    def cancel(self, step_ids: Sequence[str]) -> Awaitable[list[str]]:
        """One of "cancelled", "requested", "unknown" or the final state it had."""
    def cancel_sync(self, step_ids: Sequence[str]) -> list[str]: ...
    def replay(self, step_ids: Sequence[str]) -> Awaitable[list[str]]:
        """One of "replayed", "unknown", "conflict:<step id>" or the state it stands in."""
    def search(self, queue: str | None, task: str | None, states: Sequence[str], tag: str | None, before: str | None, limit: int) -> Awaitable[list[dict[str, object]]]: ...
    def stats(self) -> Awaitable[dict[str, object]]:
        """{"counts": {queue: {state: n}}, "paused": [queue]}"""
    def pods(self) -> Awaitable[list[dict[str, object]]]: ...
    def pause(self, queue: str) -> Awaitable[None]: ...
    def resume(self, queue: str) -> Awaitable[None]: ...
    def known_tasks(self) -> Awaitable[set[str]]: ...
    def health(self) -> dict[str, object]:
        """What this process knows of itself without asking the store."""

def encode(value: object, limit: int, default: Callable[[object], object] | None) -> bytes:
    """JSON bytes of a value, checked for all that no store can hold. `default` turns other types into plain ones.
    Raises InvalidArguments naming the place (`$.args[0].name`), or PayloadTooLarge. Never overflows the stack."""

def encode_payload(args: tuple[object, ...], kwargs: Mapping[str, object], metadata: Mapping[str, object] | None, limit: int, default: Callable[[object], object] | None) -> bytes:
    """JSON bytes `{"args","kwargs","metadata"}`, checked as by `encode`."""
