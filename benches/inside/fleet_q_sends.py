"""Enqueues, with bodies of a size, and prints how long each call took: one JSON line.

`fleet_q_sends.py batches SIZE CALLS BYTES`: so many calls of one caller, each of SIZE steps.
`fleet_q_sends.py callers CALLERS CALLS BYTES`: so many calls in all, by so many callers at once, each of one step.
`fleet_q_sends.py paced MS CALLS BYTES`: one step every MS milliseconds, with the time it was sent.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from fleet_q import FleetQ

producer = FleetQ(role="producer")


@producer.task(name="noop")
async def noop(i: int, sent_ns: int = 0, body: str = "") -> None:
    """Stand for the task of the workers: a producer runs nothing."""


async def batches(size: int, calls: int, body: str) -> list[float]:
    """One caller."""
    took: list[float] = []
    for _ in range(calls):
        began = time.perf_counter()
        await producer.enqueue_many([noop.job(i, 0, body) for i in range(size)])
        took.append(time.perf_counter() - began)
    return took


async def callers(many: int, calls: int, body: str) -> list[float]:
    """Many callers, each of whom waits for its own."""
    took: list[float] = []

    async def caller(first: int) -> None:
        for i in range(first, calls, many):
            began = time.perf_counter()
            await noop.enqueue(i, 0, body)
            took.append(time.perf_counter() - began)

    await asyncio.gather(*(caller(first) for first in range(many)))
    return took


async def paced(every_ms: int, calls: int, body: str) -> list[float]:
    """An even pace."""
    took: list[float] = []
    due = time.monotonic()
    for i in range(calls):
        began = time.perf_counter()
        await noop.enqueue(i, time.time_ns(), body)
        took.append(time.perf_counter() - began)
        due += every_ms / 1000
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    return took


async def main(way: str, much: int, calls: int, size: int) -> None:
    """Do so, and print the seconds of all and of each."""
    async with producer:
        began = time.perf_counter()
        took = await {"batches": batches, "callers": callers, "paced": paced}[way](much, calls, "x" * size)
        seconds = time.perf_counter() - began
    print(json.dumps({"seconds": seconds, "ms": [round(1000 * one, 3) for one in took]}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:5])))
