"""No product: Python's sqlite3 in a loop, without retries, beats, fences or logs. What batching alone allows.

`bare.py one N`, `bare.py bulk N`, `bare.py drain N BATCH`: the completions of a batch travel with the next
claim in one transaction, as fleet-q's do. WAL, synchronous=FULL. Prints one JSON line.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from pathlib import Path

import pace

TABLE = """
create table if not exists jobs (
  id integer primary key, queue text not null, task text not null, args text not null,
  state integer not null default 0, priority integer not null default 0, attempt integer not null default 0,
  created_ts real, claimed_ts real, finished_ts real);
create index if not exists jobs_due on jobs (priority desc, id) where state = 0;
"""
PUT = "insert into jobs (queue, task, args, created_ts) values ('default', 'noop', ?, ?)"
CLAIM = """
update jobs set state = 1, attempt = attempt + 1, claimed_ts = ?
where id in (select id from jobs where state = 0 order by priority desc, id limit ?) returning id, args
"""
FINISH = "update jobs set state = 2, finished_ts = ? where id = ? and state = 1"


def opened() -> sqlite3.Connection:
    """Give a connection to the run's own file."""
    connection = sqlite3.connect(Path(os.environ["BENCH_FOLDER"]) / "bare.db", isolation_level=None)
    connection.executescript("pragma journal_mode=wal; pragma synchronous=full;" + TABLE)
    return connection


def put_many(connection: sqlite3.Connection, numbers: range) -> None:
    """Insert in one transaction."""
    now = time.time()
    connection.execute("begin immediate")
    connection.executemany(PUT, [(json.dumps({"args": [i]}), now) for i in numbers])
    connection.execute("commit")


def drain(connection: sqlite3.Connection, batch: int) -> None:
    """Claim, "run" and finish until nothing is left."""
    done: list[int] = []
    while True:
        now = time.time()
        connection.execute("begin immediate")
        connection.executemany(FINISH, [(now, job) for job in done])
        claimed: list[tuple[int, str]] = connection.execute(CLAIM, (now, batch)).fetchall()
        connection.execute("commit")
        done = [job for job, args in claimed if json.loads(args)]
        if not claimed:
            return


def main() -> None:
    """Run what the command line says."""
    connection, mode, n = opened(), sys.argv[1], int(sys.argv[2])
    if mode == "drain":
        for first in range(0, n, pace.BULK):
            put_many(connection, range(first, min(n, first + pace.BULK)))
    began = time.perf_counter()
    if mode == "drain":
        drain(connection, int(sys.argv[3]))
    for first in range(0, n, pace.BULK if mode == "bulk" else 1) if mode != "drain" else ():
        put_many(connection, range(first, first + (pace.BULK if mode == "bulk" else 1)))
    print(json.dumps({"seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    main()
