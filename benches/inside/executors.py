"""What Python's own executors do with the same body, and no database: `executors.py thread|process SIZE N`.

Prints the seconds as one JSON line.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor

from ticks import tick


def body(i: int) -> None:
    """Do what the measured task does."""
    tick()


def main() -> None:
    """Submit all, then wait for each."""
    kind, size, n = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    executor: Executor = ThreadPoolExecutor(size) if kind == "thread" else ProcessPoolExecutor(size)
    with executor:
        for future in [executor.submit(body, i) for i in range(size)]:
            future.result()  # its threads and processes are there
        began = time.perf_counter()
        for future in [executor.submit(body, i) for i in range(n)]:
            future.result()
        print(json.dumps({"seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    main()
