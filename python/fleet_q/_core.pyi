"""The Rust core, as Python sees it. Converts and calls; every decision is made in Rust."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias, TypedDict, final, type_check_only

__all__ = ["Engine", "Job", "Report", "__version__", "debug_build", "decode_payload", "encode", "encode_payload"]

__version__: str
debug_build: bool

@type_check_only
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

@type_check_only
class _Limited(TypedDict):
    limit: int

@type_check_only
class FailureFilter(_Limited, total=False):
    """Which failed steps, as `Engine.failures` takes it; what is missing lets every one through."""

    task: str
    queue: str
    error: str
    since: float
    """Unix time."""
    ago: float
    """Seconds before the database's now; `since` wins."""
    before: tuple[float, str]
    """`failed_ts` and `step_id` of the last one of the page before."""

@type_check_only
class TaskSpec(TypedDict):
    """One registered task, as `Engine.start` takes it. `base` and `cap` are seconds."""

    name: str
    executor: Literal["loop", "thread", "process"]
    base: float
    factor: float
    cap: float
    jitter: Literal["none", "equal", "full"]
    on_fence: Literal["stop", "continue"]

@type_check_only
class Finding(TypedDict):
    """One thing that a diagnosis looked at; `finding` and `mend` are None where all is well."""

    area: str
    level: Literal["ok", "note", "warning", "problem"]
    finding: str | None
    says: str
    mend: str | None

@type_check_only
class SchemaDict(TypedDict):
    """`version` and `min_compatible` are the database's, 0 without tables; `pending` is what `migrate` would go through."""

    version: int
    min_compatible: int
    speaks: int
    pending: list[int]

@final
class Job:
    """One claimed step, handed to the runner. Each property is made when it is read."""

    @property
    def slot(self) -> int:
        """Names the run in every later call; never used again by this engine."""
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
    def payload(self) -> bytes:
        """JSON `{"args","kwargs","metadata"}`."""
    @property
    def retry_count(self) -> int: ...
    @property
    def max_retries(self) -> int: ...
    @property
    def crash_count(self) -> int: ...
    @property
    def timeout(self) -> float | None:
        """Seconds. The core keeps the deadline; the runner need not."""

_StopReason: TypeAlias = Literal["cancel", "timeout", "shutdown", "fenced", "lost"]

@type_check_only
class Runner(Protocol):
    """What the bridge calls, always on the event loop given to `Engine.start`, one call per batch."""

    def deliver(self, jobs: list[Job], stops: list[tuple[int, _StopReason]]) -> None:
        """Begin these jobs, then end the bodies in these slots; a slot that already ended is ignored."""
    def stop_processes(self, stops: list[tuple[int, _StopReason]]) -> None:
        """End those of these bodies that run in child processes. From the bridge's thread, before `deliver` has them too."""
    def pong(self, token: int) -> None:
        """Hand `token` to `Engine.pong` at once: so the core knows that the loop turns."""

Report: TypeAlias = tuple[
    int,
    Literal["returned", "raised", "retry", "snoozed", "discarded", "crashed", "stopped"],
    bytes | None,
    float | None,
]
"""(slot, kind, JSON of the result or of `{"error_type","message","traceback"}`, delay in seconds)

`crashed` says that the process under the body died, and nobody had asked it to.
`retry` without a delay waits as the task's policy says; `snoozed` without one is due at once."""

@final
class Engine:
    """One FleetQ's core in one process. Starts no thread before it is first used.

    Ids are checked, settings are not: those were. Every call raises `Stopped` after `close` and in a
    process forked from the one that opened the engine; an engine that was not opened may be forked.
    """

    def __new__(cls, settings: Mapping[str, str], environment: Mapping[str, str]) -> Engine:
        """Validate every setting. Raises ConfigError naming every problem."""

    @property
    def settings(self) -> dict[str, object]:
        """Every setting in force by its keyword, and `warnings`; secrets masked, durations in seconds."""

    @property
    def pid(self) -> int:
        """The process that opened this engine; as long as nobody did, the calling one."""

    @property
    def closed(self) -> bool: ...
    def enqueue(
        self, jobs: Sequence[JobSpec], loop: asyncio.AbstractEventLoop, future: asyncio.Future[list[str]]
    ) -> None:
        """Store steps; the future gets their ids in order, or the first refusal as an exception, many futures per wake-up.

        Rows are accepted one by one: on a refusal the exception's `step_ids` names what was stored.
        What is malformed (a bad id, a negative delay) raises at once, and nothing is stored."""

    def enqueue_sync(self, jobs: Sequence[JobSpec]) -> list[str]:
        """Store steps, waiting without the GIL. A signal (Ctrl-C) interrupts the wait, not the storing."""

    def start(
        self,
        loop: asyncio.AbstractEventLoop,
        runner: Runner,
        tasks: Sequence[TaskSpec],
        threads: int,
        processes: int = 1,
    ) -> Awaitable[str]:
        """Register as a pod and begin to claim; gives the pod id. Call it on the loop's own thread."""

    def stop(self, grace: float | None) -> Awaitable[None]:
        """Drain the pod: no new claims, `grace` seconds for what runs (None: SHUTDOWN_GRACE), the rest goes back.

        A second call with a smaller grace shortens the first. Without a pod it does nothing."""

    def close(self) -> Awaitable[None]:
        """Stop everything of this engine: pod, client, store, threads. Later calls raise Stopped; a second close does nothing."""

    def close_now(self) -> None:
        """The last act before the interpreter exits: give back what is held, stop every thread; blocks at most ten seconds.

        Idempotent, and does nothing in a forked child."""

    def begin(self, slot: int) -> bool:
        """Whether the body in this slot may start now; called right before it, on its thread. If not, report "stopped"."""

    def report(self, reports: Sequence[Report]) -> list[Job]:
        """Hand in how bodies ended; gives the steps that may begin in their place. Any thread."""

    def progress(self, slot: int, fraction: float, message: str | None) -> None: ...
    def pong(self, token: int) -> None: ...
    def connect(self) -> Awaitable[None]:
        """Create or check the tables. Every other call does so by itself when it is the first."""
    def migrate(self) -> Awaitable[SchemaDict]:
        """Create or upgrade the tables, whatever `auto_migrate` says; gives what is there then."""
    def migrate_sync(self) -> SchemaDict: ...
    def schema_sync(self) -> SchemaDict:
        """What schema the database has. Creates nothing, unlike every other call."""
    def migration_sql_sync(self, from_version: int) -> str:
        """What brings tables of that version (0: none) to what this build speaks, for psql or sqlite3. ConfigError where there are none."""
    def grants_sql_sync(self, role: str) -> str:
        """What lets a role work and change no table. Raises ConfigError where there are no roles."""
    def get(self, step_id: str) -> Awaitable[dict[str, object]]:
        """The step as a dict, by the names of STEP_TRACKER's columns (`status`, `created_ts`, …).

        Times are Unix seconds, `timeout` is seconds; payload, result and progress are parsed; `error` is a list of
        dicts, oldest first; `tags` a list. Raises StepNotFound."""
    def get_sync(self, step_id: str) -> dict[str, object]: ...
    def wait(self, step_id: str, timeout: float | None) -> Awaitable[dict[str, object]]:
        """The step once it is final. Raises ResultTimeout."""
    def wait_sync(self, step_id: str, timeout: float | None) -> dict[str, object]: ...
    def cancel(self, step_ids: Sequence[str]) -> Awaitable[list[str]]:
        """One of "cancelled", "requested", "unknown" or the final state it had."""
    def cancel_sync(self, step_ids: Sequence[str]) -> list[str]: ...
    def replay(self, step_ids: Sequence[str]) -> Awaitable[list[str]]:
        """One of "replayed", "unknown", "conflict:<step id>" or the state it stands in."""
    def replay_sync(self, step_ids: Sequence[str]) -> list[str]: ...
    def replay_one(self, step_id: str) -> Awaitable[None]:
        """Replay one step, or raise StepNotFailed, StepNotFound or UniqueConflict."""
    def replay_one_sync(self, step_id: str) -> None: ...
    def purge_sync(self, step_ids: Sequence[str]) -> list[str]:
        """Delete failed steps: one of "purged", "unknown" or the state it stands in."""
    def failures(self, filters: FailureFilter) -> Awaitable[list[dict[str, object]]]:
        """Failed steps, the latest first: {"step_id", "task", "queue", "created_ts", "failed_ts", "retry_count",
        "max_retries", "crash_count", "unique_key"} and of the last failure {"kind", "error_type", "message", "pod"}."""
    def failures_sync(self, filters: FailureFilter) -> list[dict[str, object]]: ...
    def local_letters(self, limit: int) -> list[dict[str, object]]:
        """{"step_id", "task", "kind", "at_ts", "evidence"} of each that leaders on this machine wrote down, newest first.

        Reads the files below LOCAL_PATH; opens no store."""
    def search(
        self,
        queue: str | None,
        task: str | None,
        states: Sequence[str],
        tag: str | None,
        before: str | None,
        limit: int,
    ) -> Awaitable[list[dict[str, object]]]:
        """Steps as dicts, newest first; no states means all, `before` is the last id of the page before."""
    def stats(self) -> Awaitable[dict[str, object]]:
        """{"counts": {queue: {state: n}}, "paused": [queue]}"""
    def pods(self) -> Awaitable[list[dict[str, object]]]:
        """{"pod_id", "status", "birth_ts", "last_heartbeat_ts", "beating_since", "can_lead", "meta"} of each."""
    def pause(self, queue: str) -> Awaitable[None]: ...
    def resume(self, queue: str) -> Awaitable[None]: ...
    def known_tasks(self) -> Awaitable[set[str]]:
        """Tasks that some living pod says it knows; at most two seconds old."""
    def diagnose_sync(self) -> list[Finding]:
        """Look at the store as a doctor does, on a connection of its own; creates and changes nothing.

        What is wrong is a finding, a database that is away too; raises only for a defect of fleet-q."""
    def health(self) -> dict[str, object]:
        """What this process knows of itself without asking the store; the same keys in every state of its life."""
    def may_exit(self) -> bool:
        """False while bodies that cannot be stopped still run."""

def encode(value: object, limit: int, default: Callable[[object], object] | None) -> bytes:
    """JSON bytes of a value, checked for all that no store can hold. Never overflows the stack.

    `default` turns other types into plain ones; TypeError from it means "not mine". Subclasses of dict, list
    and tuple count as what they hold; those of str, int and float are offered to `default` first.
    Raises InvalidArguments naming the place (`$.args[0].name`), or PayloadTooLarge."""

def encode_payload(
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
    metadata: Mapping[str, object] | None,
    limit: int,
    default: Callable[[object], object] | None,
) -> bytes:
    """JSON bytes `{"args","kwargs","metadata"}`, checked as by `encode`."""

def decode_payload(payload: bytes) -> tuple[list[object], dict[str, object], dict[str, object]] | None:
    """`args`, `kwargs` and `metadata` of a payload, read as `json.loads` reads it; what is missing is empty.

    None where it is not sure to: an integer beyond 64 bit, a float as large as one, a negative zero, a lone surrogate,
    or what is no such JSON at all."""
