"""Enqueues until it is told to end: `fleet_q_flow.py full AHEAD` or `fleet_q_flow.py paced STEPS_A_SECOND`.

`full` keeps so many steps stored that have not begun. The file `sent` holds how many were acknowledged.
"""

from __future__ import annotations

import asyncio
import os
import signal
import struct
import sys
import time
from pathlib import Path

from fleet_q import FleetQ

FOLDER = Path(os.environ["BENCH_FOLDER"])
CHUNK = 500
"""Of `full`, as much as one call stores."""

EVERY_S = 0.02
TICK_BYTES = 16

producer = FleetQ(role="producer")


@producer.task(name="noop")
async def noop(i: int, sent_ns: int = 0, body: str = "") -> None:
    """Stand for the task of the workers: a producer runs nothing."""


class Flow:
    """Counts what is acknowledged, where others read it."""

    def __init__(self) -> None:
        self.sent = 0
        self.told = asyncio.Event()
        self._ticks = FOLDER / "ticks"
        self._file = os.open(FOLDER / "sent", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)

    async def put(self, count: int) -> None:
        """Store so many."""
        now = time.time_ns()
        await producer.enqueue_many([noop.job(self.sent + i, now) for i in range(count)])
        self.sent += count
        os.pwrite(self._file, struct.pack("<q", self.sent), 0)

    def ahead(self) -> int:
        """Give how many were stored that have not begun."""
        return self.sent - (self._ticks.stat().st_size // TICK_BYTES if self._ticks.exists() else 0)

    async def full(self, ahead: int) -> None:
        """Keep that many ahead."""
        while not self.told.is_set():
            if self.ahead() < ahead:
                await self.put(CHUNK)
            else:
                await asyncio.sleep(EVERY_S / 10)

    async def paced(self, rate: float) -> None:
        """Store at an even pace; what a slow call delayed is made up for."""
        began = time.monotonic()
        while not self.told.is_set():
            if (due := int((time.monotonic() - began) * rate) - self.sent) > 0:
                await self.put(min(due, CHUNK * 10))
            await asyncio.sleep(EVERY_S)


async def main(way: str, much: float) -> None:
    """Do so until SIGTERM."""
    flow = Flow()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, flow.told.set)
    async with producer:
        await (flow.full(int(much)) if way == "full" else flow.paced(much))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
