"""Whatever a body raises or returns, its step fails with a clear error and the pod goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from fleet_q import FleetQ, RetryPolicy, StepFailed


class Own(BaseException):
    """Neither an Exception nor one of Python's."""


class Unspeakable(Exception):
    """Raises when it is asked what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no")


RAISED: dict[str, Callable[[], BaseException]] = {
    "SystemExit": lambda: SystemExit(3),
    "KeyboardInterrupt": lambda: KeyboardInterrupt("ctrl-c"),
    "asyncio.exceptions.CancelledError": lambda: asyncio.CancelledError("by itself"),
    "GeneratorExit": lambda: GeneratorExit("gone"),
    "StopIteration": lambda: StopIteration(1),
    "RecursionError": lambda: RecursionError("deep"),
    "MemoryError": lambda: MemoryError("none"),
    "Own": lambda: Own("mine"),
    "Unspeakable": lambda: Unspeakable("?"),
    "ValueError": lambda: ValueError("NUL \0 and surrogate \ud800"),
}


@pytest.mark.parametrize("name", RAISED)
@pytest.mark.parametrize("run", ["async", "thread", "loop"])
async def test_a_body_that_raises_this_fails_its_step_and_not_the_pod(fq: FleetQ, name: str, run: str) -> None:
    error = RAISED[name]

    @fq.task(retries=0)
    async def raise_async() -> None:
        raise error()

    @fq.task(retries=0)
    def raise_thread() -> None:
        raise error()

    @fq.task(retries=0, run="loop")
    def raise_loop() -> None:
        raise error()

    @fq.task
    async def innocent() -> int:
        return 1

    async with fq:
        handle = await {"async": raise_async, "thread": raise_thread, "loop": raise_loop}[run].enqueue()
        with pytest.raises(StepFailed) as caught:
            await handle.result(timeout=20)
        assert await (await innocent.enqueue()).result(timeout=20) == 1
        assert fq.health()["live"] is True
    # A coroutine cannot let StopIteration out; Python itself makes it a RuntimeError.
    expected = "RuntimeError" if name == "StopIteration" and run != "thread" else name
    assert caught.value.error_type.rpartition(".")[2] == expected.rpartition(".")[2]


async def test_a_body_whose_task_somebody_cancels_fails_and_is_not_run_for_ever(fq: FleetQ) -> None:
    runs: list[int] = []

    @fq.task(retries=RetryPolicy(max_retries=1, base=0.01))
    async def cancel_myself() -> None:
        runs.append(1)
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.Event().wait()

    async with fq:
        with pytest.raises(StepFailed, match="CancelledError"):
            await (await cancel_myself.enqueue()).result(timeout=20)
    assert len(runs) == 2


async def test_a_body_that_swallows_its_cancellation_is_completed(fq: FleetQ) -> None:
    running = asyncio.Event()

    @fq.task
    async def stubborn() -> str:
        running.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "done all the same"
        return "never"

    async with fq:
        handle = await stubborn.enqueue()
        await running.wait()
        assert await handle.cancel() == "requested"
        assert await handle.result(timeout=20) == "done all the same"


RETURNED: dict[str, Callable[[], object]] = {
    "a set": lambda: {1},
    "an object": lambda: object(),
    "NaN": lambda: float("nan"),
    "NUL": lambda: "a\0",
    "a coroutine": lambda: asyncio.sleep(0),
    "a big int": lambda: 2**70,
}


@pytest.mark.parametrize("name", RETURNED)
async def test_a_result_that_is_not_json_fails_the_step_at_once(fq: FleetQ, name: str) -> None:
    runs: list[int] = []

    @fq.task(retries=5)
    def give() -> object:
        runs.append(1)
        return RETURNED[name]()

    async with fq:
        with pytest.raises(StepFailed, match="task 'give' returned what is not JSON") as caught:
            await (await give.enqueue()).result(timeout=20)
    assert (caught.value.error_type, len(runs)) == ("InvalidResult", 1)


async def test_a_result_over_the_limit_fails_the_step(make: Callable[..., FleetQ]) -> None:
    fq = make(payload_limit=2048)

    @fq.task(retries=5)
    async def give() -> str:
        return "x" * 5000

    async with fq:
        with pytest.raises(StepFailed) as caught:
            await (await give.enqueue()).result(timeout=20)
    assert caught.value.error_type == "PayloadTooLarge"


async def test_arguments_that_no_longer_fit_fail_the_step(make: Callable[..., FleetQ]) -> None:
    old, new = make(role="producer"), make()

    @old.task(name="take", retries=0)
    async def take_old(x: str) -> None: ...

    @new.task(name="take")
    async def take_new(x: int) -> None: ...

    handle = await take_old.enqueue("1")
    async with new:
        with pytest.raises(StepFailed, match="argument 'x' of task 'take' must be int: got str"):
            await handle.result(timeout=20)
    await old.stop()
