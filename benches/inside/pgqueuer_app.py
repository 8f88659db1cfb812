"""pgqueuer with its asyncpg driver on uvloop, as it is fastest: one connection, batches of 100 instead of 10."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

import pace

URL = os.environ["BENCH_URL"]
BATCH = 100


@asynccontextmanager
async def opened() -> AsyncIterator[pace.Puts]:
    """Give the two ways to enqueue."""
    connection = await asyncpg.connect(URL)
    queries = Queries(AsyncpgDriver(connection))

    async def put(i: int, sent_ns: int) -> None:
        await queries.enqueue("noop", _payload(i, sent_ns), 0)

    async def put_many(numbers: Sequence[int]) -> None:
        count = len(numbers)
        await queries.enqueue(["noop"] * count, [_payload(i, 0) for i in numbers], [0] * count)

    yield put, put_many
    await connection.close()


async def work() -> None:
    """Run jobs until SIGTERM."""
    from ticks import tick

    queue = PgQueuer(AsyncpgDriver(await asyncpg.connect(URL)))

    @queue.entrypoint("noop")
    async def noop(job) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        tick(json.loads(job.payload)["sent_ns"])

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, queue.shutdown.set)
    await queue.run(batch_size=BATCH, dequeue_timeout=timedelta(seconds=30))


async def _set_up() -> None:
    connection = await asyncpg.connect(URL)
    await Queries(AsyncpgDriver(connection)).install()
    await connection.close()


def _payload(i: int, sent_ns: int) -> bytes:
    return json.dumps({"i": i, "sent_ns": sent_ns}).encode()


def main() -> None:
    """Run what the command line says."""
    if sys.argv[1] == "setup":
        asyncio.run(_set_up())
        print(json.dumps({"seconds": 0}))
    elif sys.argv[1] == "work":
        uvloop.run(work())
    else:
        pace.run(opened)


if __name__ == "__main__":
    main()
