"""Runs so many pods in one process, on one event loop, until it is told to end: `fleet_q_pods.py PODS`.

BENCH_TASK_MS is how long a body waits. When a pod is ready for work, the file `ready` grows by a byte.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from fleet_q import FleetQ
from ticks import tick

LASTS_S = float(os.environ.get("BENCH_TASK_MS", "0")) / 1000
READY = Path(os.environ["BENCH_FOLDER"]) / "ready"


async def noop(i: int, sent_ns: int = 0, body: str = "") -> None:
    """Note that the body began; then wait, as one does who asks somebody else."""
    tick(sent_ns)
    if LASTS_S:
        await asyncio.sleep(LASTS_S)


async def serve(pods: int) -> None:
    """Run the pods until SIGTERM; they end one after the other, for then there is nothing to gain."""
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    ready = os.open(READY, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    async with AsyncExitStack() as stack:
        for _ in range(pods):
            fq = FleetQ()
            fq.task(name="noop")(noop)
            await stack.enter_async_context(fq)
            os.write(ready, b"+")
        await told.wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
