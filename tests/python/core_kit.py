"""The core by itself, with the smallest runner there is, for tests of what `_core.pyi` promises."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fleet_q._core import Engine, Job, Report, encode_payload

if TYPE_CHECKING:
    from fleet_q._core import JobSpec, TaskSpec
    from fleet_q.types import StopReason

Body = Callable[[Job], Report]
NOBODY = "0190163d-8694-739b-aea5-966c26f8ad91"


def spec(task: str, *args: object, **options: object) -> JobSpec:
    job: dict[str, object] = {
        "step_id": None,
        "task": task,
        "queue": "default",
        "priority": 0,
        "payload": encode_payload(args, {}, None, 1 << 20, None),
        "max_retries": 0,
        "delay": None,
        "at": None,
        "timeout": None,
        "unique": None,
        "tags": [],
        **options,
    }
    return job  # type: ignore[return-value]


def echo(job: Job) -> Report:
    return (job.slot, "returned", job.payload, None)


class Bodies:
    """Runs each body inside `deliver`, one after the other."""

    def __init__(self, engine: Engine, bodies: dict[str, Body]) -> None:
        self.engine = engine
        self.bodies = bodies
        self.batches: list[int] = []
        self.slots: list[int] = []

    def deliver(self, jobs: list[Job], stops: list[tuple[int, StopReason]]) -> None:
        while jobs:
            self.batches.append(len(jobs))
            self.slots += [job.slot for job in jobs]
            # Each end may make room for steps that wait.
            jobs = self.engine.report([self.run(job) for job in jobs])

    def run(self, job: Job) -> Report:
        if not self.engine.begin(job.slot):
            return (job.slot, "stopped", None, None)
        return self.bodies[job.task](job)

    def stop_processes(self, stops: list[tuple[int, StopReason]]) -> None:
        """None of its bodies is in a process."""

    def pong(self, token: int) -> None:
        self.engine.pong(token)

    def specs(self) -> list[TaskSpec]:
        return [
            {
                "name": name,
                "executor": "loop",
                "base": 0.01,
                "factor": 1.0,
                "cap": 0.01,
                "jitter": "none",
                "on_fence": "stop",
            }
            for name in self.bodies
        ]


def make_engine(folder: Path) -> Engine:
    settings = {
        "url": f"sqlite:///{folder / 'queue.db'}",
        "local_path": str(folder / "local"),
        "max_parallelism": "100",
    }
    return Engine(settings, {})


@asynccontextmanager
async def pod(engine: Engine, **bodies: Body) -> AsyncIterator[Bodies]:
    runner = Bodies(engine, bodies)
    await engine.start(asyncio.get_running_loop(), runner, runner.specs(), 1)
    yield runner
    await engine.stop(1)


async def enqueue(engine: Engine, *jobs: JobSpec) -> list[str]:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[list[str]] = loop.create_future()
    engine.enqueue(jobs, loop, future)
    return await future


def threads() -> int:
    """Every thread of this process, Rust's too."""
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def await_threads(at_most: int) -> None:
    """Wait until so many are left: the kernel lists a thread for a moment after it was joined."""
    deadline = time.monotonic() + 10
    while threads() > at_most:
        assert time.monotonic() < deadline, f"{threads()} threads are left"
        threading.Event().wait(0.01)
