"""A producer process: enqueues what it is told, and writes down each id only after `enqueue` returned."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from acceptance import bodies


async def produce(orders: list[dict[str, Any]]) -> None:
    """Carry out each order: `{"task", "args", "count", "batch", "pace", "delay"}`."""
    tasks = bodies.fq.tasks()
    async with bodies.fq:
        for order in orders:
            left = int(order["count"])
            while left > 0:
                now = min(left, int(order["batch"]))
                job = tasks[order["task"]].using(delay=order["delay"]).job(**order["args"])
                handles = await bodies.fq.enqueue_many([job] * now)
                for handle in handles if order["task"] != "silent" else []:
                    bodies.note("accepted", handle.id)
                left -= now
                await asyncio.sleep(float(order["pace"]))


if __name__ == "__main__":
    asyncio.run(produce(json.loads(sys.argv[1])))
