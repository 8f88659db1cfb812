"""Enqueues on fleet-q in one of six ways and prints how long it took, as one JSON line.

Ways: one (async, one caller), sync, callers (100 at once), bulk, latency, inside (as latency, in the pod itself).
`one 0` creates the tables and no more.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import pace
from fleet_q import FleetQ

CALLERS = 100

producer = FleetQ(role="producer")


@producer.task(name="noop")
async def noop(i: int, sent_ns: int = 0) -> None:
    """Stand for the task of the worker: a producer runs nothing."""


async def one(n: int) -> None:
    """One caller, who waits for each."""
    for i in range(n):
        await noop.enqueue(i)


async def callers(n: int) -> None:
    """A hundred callers, each of whom waits for its own."""

    async def caller(first: int) -> None:
        for i in range(first, n, CALLERS):
            await noop.enqueue(i)

    await asyncio.gather(*(caller(first) for first in range(CALLERS)))


async def bulk(n: int) -> None:
    """Chunks of a thousand."""
    for first in range(0, n, pace.BULK):
        await producer.enqueue_many([noop.job(i) for i in range(first, min(n, first + pace.BULK))])


async def latency(n: int) -> None:
    """One every 20 ms, each with the time it was sent."""
    due = time.monotonic()
    for i in range(n):
        await noop.enqueue(i, time.time_ns())
        due += pace.LATENCY_EVERY_S
        await asyncio.sleep(max(0.0, due - time.monotonic()))


async def inside(n: int) -> None:
    """As `latency`, from within the pod that runs the steps."""
    from fleet_q_app import fq, own

    async with fq:
        await asyncio.sleep(0.5)
        due = time.monotonic()
        for i in range(n):
            handle = await own.enqueue(i, time.time_ns())
            due += pace.LATENCY_EVERY_S
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        await handle.result(timeout=30)


async def _timed(way: str, n: int) -> float:
    if way == "inside":
        await inside(n)
        return 0.0
    async with producer:
        began = time.perf_counter()
        await {"one": one, "callers": callers, "bulk": bulk, "latency": latency}[way](n)
        return time.perf_counter() - began


def _sync(n: int) -> float:
    noop.enqueue_sync(-1)  # opens the database; the others do it before the clock starts, too
    began = time.perf_counter()
    for i in range(n):
        noop.enqueue_sync(i)
    return time.perf_counter() - began


def main() -> None:
    """Run the way of the command line."""
    way, n = sys.argv[1], int(sys.argv[2])
    print(json.dumps({"seconds": _sync(n) if way == "sync" else asyncio.run(_timed(way, n))}))


if __name__ == "__main__":
    main()
