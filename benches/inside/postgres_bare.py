"""No product: asyncpg in a loop, without retries, beats, fences or logs. What batching alone allows on Postgres.

Batches are claimed ahead while the previous one runs, and its completions travel with the claim after that: one
commit a batch. `work` runs jobs, each in a task of its own, or in place where BENCH_BODIES is `await`; else as `pace`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import asyncpg
import uvloop

import pace

URL = os.environ["BENCH_URL"]
BATCH = 500
TABLE = """
create table jobs (
  id bigint generated always as identity primary key, queue text not null default 'default',
  task text not null default 'noop', args jsonb not null, state smallint not null default 0,
  priority smallint not null default 0, attempt smallint not null default 0, claimed_by int,
  created_at timestamptz not null default now(), claimed_at timestamptz, finished_at timestamptz
) with (fillfactor = 80);
create index jobs_due on jobs (queue, priority desc, id) where state = 0;
"""
# The limit is a literal: as a parameter it keeps the planner from a plan that fits every batch.
CYCLE = f"""
with finished as (update jobs set state = 2, finished_at = now() where id = any($1::bigint[]) returning 1)
update jobs set state = 1, attempt = attempt + 1, claimed_at = now(), claimed_by = 1
where id = any(array(
  select id from jobs where queue = 'default' and state = 0 order by priority desc, id
  limit {BATCH} for update skip locked))
returning id, task, args, attempt
"""
PUT = "with put as (insert into jobs (args) values ($1) returning id) select pg_notify('due', '') from put"
PUT_MANY = "insert into jobs (args) select unnest($1::jsonb[])"


async def noop(i: int, sent_ns: int = 0) -> None:
    """Note that the body began."""
    from ticks import tick

    tick(sent_ns)


@asynccontextmanager
async def opened() -> AsyncIterator[pace.Puts]:
    """Give the two ways to enqueue."""
    connection = await asyncpg.connect(URL)

    async def put(i: int, sent_ns: int) -> None:
        await connection.execute(PUT, json.dumps({"i": i, "sent_ns": sent_ns}))

    async def put_many(numbers: Sequence[int]) -> None:
        await connection.execute(PUT_MANY, [json.dumps({"i": i, "sent_ns": 0}) for i in numbers])

    yield put, put_many
    await connection.close()


async def _set_up() -> None:
    connection = await asyncpg.connect(URL)
    await connection.execute(TABLE)
    await connection.close()


async def work(*, in_tasks: bool) -> None:
    """Run jobs until the process is ended."""
    connection, listener, woken = await asyncpg.connect(URL), await asyncpg.connect(URL), asyncio.Event()
    await listener.add_listener("due", lambda *_: woken.set())
    cycle = await connection.prepare(CYCLE)
    jobs, done = await cycle.fetch([]), list[int]()
    while True:
        if not jobs and not done:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(woken.wait(), 1)
            woken.clear()
            jobs = await cycle.fetch([])
            continue
        ahead = asyncio.ensure_future(cycle.fetch(done)) if len(jobs) == BATCH else None
        if ahead:
            done = []
            await asyncio.sleep(0)  # the request leaves before the batch runs
        await _run_all(jobs, in_tasks=in_tasks)
        done += [job[0] for job in jobs]
        if ahead:
            jobs = await ahead
        else:
            jobs, done = await cycle.fetch(done), []


async def _run_all(jobs: Sequence[Sequence[str]], *, in_tasks: bool) -> None:
    if in_tasks:
        await asyncio.gather(*[asyncio.create_task(noop(**json.loads(job[2]))) for job in jobs])
        return
    for job in jobs:
        await noop(**json.loads(job[2]))


def main() -> None:
    """Run what the command line says."""
    if sys.argv[1] == "setup":
        asyncio.run(_set_up())
        print(json.dumps({"seconds": 0}))
    elif sys.argv[1] == "work":
        uvloop.run(work(in_tasks=os.environ.get("BENCH_BODIES") != "await"))
    else:
        pace.run(opened)


if __name__ == "__main__":
    main()
