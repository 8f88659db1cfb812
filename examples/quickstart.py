"""Enqueue a step and await its result, in one process, on an SQLite file.

    python examples/quickstart.py

The queue is FLEET_Q_URL, else fleet_q.db in the folder you stand in.
"""

import asyncio

from fleet_q import FleetQ

fq = FleetQ()


@fq.task
async def add(a: int, b: int) -> int:
    """Run on the event loop, like every `async def`."""
    return a + b


@fq.task
def shout(text: str) -> str:
    """Run in a thread, like every `def`."""
    return text.upper()


async def main() -> None:
    """Be a pod for as long as the block lasts."""
    async with fq:
        sum_of_two = await add.enqueue(1, 2)
        loud = await shout.enqueue("done")
        print(await sum_of_two.result(timeout=30), await loud.result(timeout=30))
        print(await sum_of_two.status())


if __name__ == "__main__":
    asyncio.run(main())
