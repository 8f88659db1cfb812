"""Every body on the loop is a task of its own, also one that waits for nothing."""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import anyio
import pytest

from fleet_q import FleetQ, RetryPolicy, StepFailed
from fleet_q.loops import eager_task
from fleet_q.runner import Runner

if TYPE_CHECKING:
    from fleet_q._core import Engine, Job, Report
    from fleet_q.task import AnyTask

SEEN: contextvars.ContextVar[str] = contextvars.ContextVar("SEEN", default="nothing")
STEPS = 50


class Counted:
    """An engine that lets every body begin, and counts how often it is told of ends."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.calls = 0
        self.ended = asyncio.Event()

    def begin(self, slot: int) -> bool:
        return True

    def report(self, reports: Sequence[Report]) -> list[Job]:
        self.calls += 1
        self.reports += reports
        if len(self.reports) == STEPS:
            self.ended.set()
        return []


class Claimed:
    """A job as far as a body without a context needs it."""

    def __init__(self, slot: int, task: str) -> None:
        self.slot = slot
        self.task = task
        self.payload = b'{"args":[%d]}' % slot


def runner_of(engine: Counted, task: object) -> Runner:
    named = cast("AnyTask", task)
    return Runner(cast("Engine", engine), {named.name: named}, asyncio.get_running_loop(), threads=1, limit=1 << 20)


def jobs_of(task: object) -> list[Job]:
    return cast("list[Job]", [Claimed(slot, cast("AnyTask", task).name) for slot in range(STEPS)])


async def test_each_body_is_a_task_and_sees_no_other_ones_variables(fq: FleetQ) -> None:
    tasks: list[asyncio.Task[object] | None] = []
    seen: list[str] = []

    @fq.task
    async def look(n: int) -> None:
        task = asyncio.current_task()
        assert task in asyncio.all_tasks()
        tasks.append(task)
        seen.append(SEEN.get())
        SEEN.set(f"step {n}")

    SEEN.set("started")
    engine = Counted()
    runner_of(engine, look).deliver(jobs_of(look), [])
    await engine.ended.wait()
    assert (len({id(task) for task in tasks}), set(seen), SEEN.get()) == (STEPS, {"started"}, "started")
    assert {(kind, result) for _, kind, result, _ in engine.reports} == {("returned", b"null")}


async def test_bodies_that_wait_for_nothing_cost_at_most_a_turn_each_and_are_reported_together(
    fq: FleetQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    @fq.task
    async def nothing(n: int) -> None: ...

    loop, soon = asyncio.get_running_loop(), 0
    call_soon = loop.call_soon

    def counted(*args: object, **keywords: object) -> asyncio.Handle:
        nonlocal soon
        soon += 1
        return call_soon(*args, **keywords)  # type: ignore[arg-type]

    engine = Counted()
    runner = runner_of(engine, nothing)
    if type(loop).__module__.startswith("uvloop"):
        pytest.skip("uvloop's own methods cannot be counted")
    monkeypatch.setattr(loop, "call_soon", counted)
    runner.deliver(jobs_of(nothing), [])
    await engine.ended.wait()
    eager = sys.version_info >= (3, 12)
    # Beside the bodies: the report, the look for unbegun ones, and this test's own wake-up.
    assert (soon - (0 if eager else STEPS) <= 3, engine.calls) == (True, 1)


async def test_a_body_cancelled_before_its_first_line_fails_and_is_not_run_for_ever(fq: FleetQ) -> None:
    ran: list[int] = []

    @fq.task
    async def never(n: int) -> None:
        ran.append(n)
        await asyncio.sleep(0)

    engine = Counted()
    before = asyncio.all_tasks()
    runner_of(engine, never).deliver(jobs_of(never), [])
    for task in asyncio.all_tasks() - before:
        task.cancel()
    await engine.ended.wait()
    assert {kind for _, kind, _, _ in engine.reports} == {"raised"}
    begins_at_once = eager_task(asyncio.get_running_loop()) is not None
    assert ran == (list(range(STEPS)) if begins_at_once else [])


async def test_timeouts_and_scopes_work_from_the_first_line_on(fq: FleetQ) -> None:
    @fq.task(retries=0)
    async def scoped() -> list[str]:
        ends: list[str] = []
        with anyio.move_on_after(0.01):
            await asyncio.Event().wait()
        ends.append("anyio")
        try:
            await asyncio.wait_for(asyncio.Event().wait(), 0.01)
        except asyncio.TimeoutError:
            ends.append("wait_for")
        async with anyio.create_task_group() as group:
            group.start_soon(asyncio.sleep, 0)
        return [*ends, "group"]

    async with fq:
        assert await (await scoped.enqueue()).result(timeout=20) == ["anyio", "wait_for", "group"]


async def test_a_body_that_cancels_itself_and_waits_for_nothing_ends(fq: FleetQ) -> None:
    runs: list[int] = []

    @fq.task(retries=RetryPolicy(max_retries=1, base=0.01))
    async def cancel_and_raise() -> None:
        runs.append(1)
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        raise asyncio.CancelledError

    async with fq:
        with pytest.raises(StepFailed, match="CancelledError"):
            await (await cancel_and_raise.enqueue()).result(timeout=20)
    assert len(runs) == 2
