"""Fast steps are held ahead of the places that run them, none runs beyond these, and slow steps stay where room is."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter

from fleet_q import FleetQ

PLACES = 4
STEPS = 1500


def pod() -> FleetQ:
    return FleetQ("memory://", max_parallelism=PLACES, capacity_threshold=1.0, lookahead_max_age=30)


async def test_coroutines_and_functions_that_wait_begin_as_others_end_and_never_more_than_there_are_places() -> None:
    fq = pod()
    ran: Counter[str] = Counter()
    inside, most, guard = 0, 0, threading.Lock()

    def enter(step: str) -> None:
        nonlocal inside, most
        with guard:
            ran[step] += 1
            inside += 1
            most = max(most, inside)

    def leave() -> None:
        nonlocal inside
        with guard:
            inside -= 1

    @fq.task
    async def coroutine(step: int) -> None:
        enter(f"coroutine {step}")
        await asyncio.sleep(0)
        leave()

    @fq.task
    def function(step: int) -> None:
        enter(f"function {step}")
        leave()

    async with fq:
        handles = await fq.enqueue_many([task.job(n) for n in range(STEPS) for task in (coroutine, function)])
        await asyncio.gather(*(handle.result(timeout=60) for handle in handles))
    assert set(ran.values()) == {1}
    assert len(ran) == 2 * STEPS
    assert most <= PLACES


async def test_slow_steps_are_not_held_while_another_pod_could_have_them() -> None:
    fq = pod()
    begun = 0
    gate, full = asyncio.Event(), asyncio.Event()

    @fq.task
    async def slow() -> None:
        nonlocal begun
        begun += 1
        if begun == PLACES:
            full.set()
        await gate.wait()

    @fq.task
    async def fast() -> None:
        """Ends at once."""

    async with fq:
        quick = await fq.enqueue_many([fast.job() for _ in range(STEPS)])
        await asyncio.gather(*(handle.result(timeout=60) for handle in quick))
        # The pod has a look-ahead now, of the fast ones.
        held_back = await fq.enqueue_many([slow.job() for _ in range(3 * PLACES)])
        await full.wait()
        await fast.enqueue()
        counts = (await fq.stats()).counts["default"]
        assert counts["claimed"] - PLACES <= 1, counts
        assert counts["pending"] >= 2 * PLACES, counts
        gate.set()
        await asyncio.gather(*(handle.result(timeout=60) for handle in held_back))
