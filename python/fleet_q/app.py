"""FleetQ: the one object an application makes. Gathers the rooms of this package; decides nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Literal, cast

from .client import Client
from .dead_letters import DeadLetter, DeadLetters, Since, count_limit, failure_filter
from .decorators import TaskMaker
from .default import DEFAULT
from .exceptions import ConfigError
from .handle import Handle
from .life import Life
from .options import seconds
from .registry import Registry
from .settings import as_texts
from .step import StepInfo
from .submit import submitted
from .types import Json
from .views import Health, PodInfo, Schema, Stats

if TYPE_CHECKING:
    from fastapi import APIRouter
    from fastapi.params import Depends

    from .task import AnyTask, Job
    from .types import JsonIn, Seconds

__all__ = ["FleetQ", "FleetQApplication"]


class FleetQ(TaskMaker):
    """A queue over one database, and this process's part in it.

    Keywords win over `FLEET_Q_*` variables, those over defaults; every setting of the reference is a
    keyword. Making one connects nothing: `async with fq:`, `fq.lifespan`, `fq.run()` or the first
    `enqueue` does. Raises ConfigError naming every problem.

    >>> fq = FleetQ("memory://", queues={"default": 10, "llm": 4})
    >>> @fq.task
    ... def add(a: int, b: int) -> int:
    ...     return a + b
    >>> add(1, 2)
    3
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        role: Literal["both", "producer", "worker"] | None = None,
        queues: Mapping[str, int] | str | None = None,
        pod_id: str | None = None,
        max_parallelism: int | None = None,
        max_processes: int | None = None,
        max_steps: int | None = None,
        max_rss: int | str | None = None,
        capacity_threshold: float | None = None,
        max_retries: int | None = None,
        max_crashes: int | None = None,
        shutdown_grace: Seconds | str | None = None,
        connect_timeout: Seconds | str | None = None,
        statement_timeout: Seconds | str | None = None,
        local_path: str | os.PathLike[str] | None = None,
        log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] | None = None,
        log_format: Literal["json", "console"] | None = None,
        keep_completed: Seconds | str | None = None,
        keep_failed: Seconds | str | None = None,
        payload_limit: int | str | None = None,
        idle_interval_max: Seconds | str | None = None,
        lookahead_max_age: Seconds | str | None = None,
        suspect_interval: Seconds | str | None = None,
        api_key: str | None = None,
        schema: str | None = None,
        auto_migrate: bool | None = None,
        hand_off: bool | None = None,
        heartbeat_interval: Seconds | str | None = None,
        claim_interval: Seconds | str | None = None,
        recovery_interval: Seconds | str | None = None,
        dead_pod_threshold: Seconds | str | None = None,
    ) -> None:
        # Every keyword is a setting of the same name, so that none can be forgotten here.
        given = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        self._client = Client(as_texts(given))
        self._api_key = api_key or os.environ.get("FLEET_Q_API_KEY") or None
        super().__init__(Registry(), self._client)
        self._life = Life(self._client, self.tasks)
        DEFAULT.offer(self._client)

    def tasks(self) -> dict[str, AnyTask]:
        """Give the tasks of this FleetQ by name, those of `@fleet_q.task` too if it is the default one.

        Raises ConfigError if two of them want one name.
        """
        tasks = {task.name: task for task in self._registry}
        if not DEFAULT.belong_to(self._client):
            return tasks
        for task in DEFAULT.registry:
            if tasks.setdefault(task.name, task) is not task:
                raise ConfigError(f"@fq.task and @fleet_q.task both have a task {task.name!r}; rename one")
        return tasks

    async def start(self) -> None:
        """Register this process as a pod and begin to run steps; a producer only connects.

        Raises ConfigError, StoreUnavailable or SchemaMismatch.
        """
        await self._life.start()

    async def stop(self, *, grace: Seconds | None = None) -> None:
        """Claim no more, let running steps end for `grace` seconds (SHUTDOWN_GRACE), give the rest back, close.

        Later calls raise Stopped, until `start` opens it again.
        """
        await self._life.stop(None if grace is None else seconds(grace, "grace"))

    def stop_sync(self) -> None:
        """Stop from code without an event loop: at once, what runs goes back. For producers, above all."""
        self._life.stop_now()

    async def __aenter__(self) -> FleetQ:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    def run(self) -> None:
        """Serve as a pod until SIGINT or SIGTERM, then drain. A second signal ends the drain at once.

        Sets aside what is loaded by then from garbage collection (`gc.freeze`), until it returns.
        """
        self._life.serve()

    @asynccontextmanager
    async def lifespan(self, _app: object) -> AsyncGenerator[None, None]:
        """Be a pod while a Starlette or FastAPI app runs: `FastAPI(lifespan=fq.lifespan)`.

        Installs no signal handlers: the server's lead here.
        """
        async with self:
            yield

    async def migrate(self) -> Schema:
        """Create or upgrade the tables now, whatever `auto_migrate` says; `fleet-q migrate` does the same.

        Raises SchemaMismatch, ConfigError (this role may not) or StoreUnavailable (another migration holds it up).
        """
        return Schema.read(await self._client.engine().migrate())

    def migrate_sync(self) -> Schema:
        """Create or upgrade the tables from code without an event loop. Raises as `migrate` does."""
        return Schema.read(self._client.engine().migrate_sync())

    async def enqueue_many(self, jobs: Iterable[Job[object]]) -> list[Handle[object]]:
        """Store many steps in one go; gives their handles in order.

        On a refusal the exception's `step_ids` lists what was stored all the same.
        """
        listed = list(jobs)
        ids = await self._client.enqueue([job.options.spec(job.payload) for job in listed])
        return [Handle(self._client, step_id, job.codec) for step_id, job in zip(ids, listed, strict=True)]

    def enqueue_many_sync(self, jobs: Iterable[Job[object]]) -> list[Handle[object]]:
        """Store many steps from code without an event loop."""
        listed = list(jobs)
        ids = self._client.enqueue_sync([job.options.spec(job.payload) for job in listed])
        return [Handle(self._client, step_id, job.codec) for step_id, job in zip(ids, listed, strict=True)]

    async def submit_step(
        self, step: Mapping[str, JsonIn], *, priority: int | None = None, max_retries: int | None = None
    ) -> str:
        """Store one step named by text: `{"type": task, "args": {...}, "metadata": {...}}`; gives its id.

        `args` is an object of named arguments or a list. Also takes `{"task_type": task, ...}`.
        Raises UnknownTask, InvalidArguments, PayloadTooLarge or StoreUnavailable.
        """
        spec = await submitted(
            step, priority=priority, max_retries=max_retries, tasks=self.tasks(), client=self._client
        )
        (step_id,) = await self._client.enqueue([spec])
        return step_id

    def submit_step_sync(
        self, step: Mapping[str, JsonIn], *, priority: int | None = None, max_retries: int | None = None
    ) -> str:
        """Store one step named by text, from code without an event loop. Raises as `submit_step` does."""
        return asyncio.run(self.submit_step(step, priority=priority, max_retries=max_retries))

    async def get_step_status(self, step_id: str) -> StepInfo:
        """Read a step. Raises StepNotFound, InvalidArguments or StoreUnavailable."""
        return StepInfo.read(await self._client.engine().get(step_id))

    def handle(self, step_id: str) -> Handle[Json]:
        """Give the handle of a step by its id; its result is plain JSON."""
        return Handle(self._client, step_id, None)

    async def dead_letters(
        self,
        *,
        task: str | None = None,
        queue: str | None = None,
        error: str | None = None,
        since: Since | None = None,
        limit: int | None = 100,
    ) -> list[DeadLetter]:
        """List steps that failed for good, the latest first; `handle(step_id).replay()` runs one again.

        `error` is found in the kind, type or message of the last failure, in either case; `since` is a datetime
        or how long ago. `limit=None` gives all of them. Raises InvalidArguments or StoreUnavailable.
        """
        filters = failure_filter(task=task, queue=queue, error=error, since=since)
        return await DeadLetters(self._client).find(filters, limit=count_limit(limit))

    def dead_letters_sync(
        self,
        *,
        task: str | None = None,
        queue: str | None = None,
        error: str | None = None,
        since: Since | None = None,
        limit: int | None = 100,
    ) -> list[DeadLetter]:
        """List steps that failed for good, from code without an event loop. Raises as `dead_letters` does."""
        filters = failure_filter(task=task, queue=queue, error=error, since=since)
        return DeadLetters(self._client).find_sync(filters, limit=count_limit(limit))

    async def pause(self, queue: str) -> None:
        """Stop every pod from claiming in this queue; what runs goes on."""
        await self._client.engine().pause(queue)

    async def resume(self, queue: str) -> None:
        """Let pods claim in this queue again."""
        await self._client.engine().resume(queue)

    async def stats(self) -> Stats:
        """Count the steps by queue and state."""
        return Stats.read(await self._client.engine().stats())

    async def pods(self) -> list[PodInfo]:
        """List the pods the database knows."""
        return [PodInfo.read(row) for row in await self._client.engine().pods()]

    def health(self) -> Health:
        """Say how this process is, without asking the store."""
        return cast("Health", self._client.engine().health())

    @property
    def settings(self) -> dict[str, object]:
        """Every setting in force, secrets masked, durations in seconds."""
        return self._client.settings

    def router(self, *, dependencies: Sequence[Depends] = ()) -> APIRouter:
        """Make the REST routes: `app.include_router(fq.router(), prefix="/fleet-q")`.

        With an API key every route but health asks for it. Raises ConfigError without FastAPI.
        """
        try:
            from .fastapi.router import make_router
        except ImportError as cause:
            raise ConfigError("fq.router() needs FastAPI: pip install fleet-q[fastapi]") from cause
        return make_router(self, api_key=self._api_key, dependencies=dependencies)

    def __repr__(self) -> str:
        return f"<FleetQ {self.settings.get('url')} {len(self._registry)} tasks>"


FleetQApplication = FleetQ
"""The name that the first users gave it."""
