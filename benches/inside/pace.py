"""The enqueue loops of callers without an event loop, the same for every queue. Prints one JSON line."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence

__all__ = ["BULK", "LATENCY_EVERY_S", "main"]

BULK = 1000
LATENCY_EVERY_S = 0.02


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
