"""The enqueue loops of callers with and without an event loop, the same for every queue. Prints one JSON line."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

__all__ = ["BULK", "LATENCY_EVERY_S", "Puts", "main", "run"]

BULK = 1000
LATENCY_EVERY_S = float(os.environ.get("BENCH_EVERY_S", "0.02"))

Puts: TypeAlias = "tuple[Callable[[int, int], Awaitable[object]], Callable[[Sequence[int]], Awaitable[object]]]"
"""As `main` takes them, to be awaited."""


def main(put: Callable[[int, int], object], put_many: Callable[[Sequence[int]], object] | None = None) -> None:
    """Run the mode of the command line; `put` takes a number and when it was sent (0: does not matter)."""
    mode, n = sys.argv[1], int(sys.argv[2])
    began = time.perf_counter()
    if mode == "one":
        for i in range(n):
            put(i, 0)
    elif mode == "bulk" and put_many is not None:
        for first in range(0, n, BULK):
            put_many(range(first, min(n, first + BULK)))
    elif mode == "latency":
        _paced(put, n)
    print(json.dumps({"seconds": time.perf_counter() - began}))


def _paced(put: Callable[[int, int], object], n: int) -> None:
    due = time.monotonic()
    for i in range(n):
        put(i, time.time_ns())
        due += LATENCY_EVERY_S
        time.sleep(max(0.0, due - time.monotonic()))


def run(opened: Callable[[], AbstractAsyncContextManager[Puts]]) -> None:
    """Do as `main`, on an event loop; connecting is not counted."""
    print(json.dumps({"seconds": asyncio.run(_timed(opened, sys.argv[1], int(sys.argv[2])))}))


async def _timed(opened: Callable[[], AbstractAsyncContextManager[Puts]], mode: str, n: int) -> float:
    async with opened() as (put, put_many):
        began = due = time.perf_counter()
        if mode == "bulk":
            for first in range(0, n, BULK):
                await put_many(range(first, min(n, first + BULK)))
        else:
            for i in range(n):
                await put(i, time.time_ns() if mode == "latency" else 0)
                if mode == "latency":
                    due += LATENCY_EVERY_S
                    await asyncio.sleep(max(0.0, due - time.perf_counter()))
        return time.perf_counter() - began
