"""What it costs to let go of finished steps: row by row, by dropping a partition, by moving. Destroys the load."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from layout.measuring import HOUR_MS, Bench
from layout.results import Sample
from layout.server import Connection, scalar
from layout.statements import SCHEMA
from layout.working import Worker

__all__ = ["retained"]

PRUNED = 1000
MOVES = (500, 1000, 5000)


def retained(bench: Bench) -> Sample:
    """Let go of a part of the finished steps, in the layout's ways."""
    wanted = min(bench.load.finished // 10, 200_000)
    with bench.connect() as db:
        sample: Sample = {"prune by 1000": _counted(db, lambda: _prune(bench, db, wanted))}
        sample["vacuum after it"] = _counted(db, lambda: _vacuum(bench, db, wanted))
        if bench.layout.name == "partitioned":
            sample["drop a partition"] = _counted(db, lambda: _drop(db))
        if bench.layout.is_moved:
            for size in MOVES:
                _end(bench, wanted // 10)
                sample[f"move by {size}"] = _counted(db, partial(_move, bench, db, size))
    return sample


def _counted(db: Connection, act: Callable[[], int]) -> Sample:
    """Say how many steps, and per step: microseconds and bytes of log."""
    before = scalar(db, "select pg_current_wal_insert_lsn()")
    began = time.monotonic()
    steps = act()
    seconds = time.monotonic() - began
    wal = int(scalar(db, f"select pg_current_wal_insert_lsn() - pg_lsn '{before}'"))
    per = max(1, steps)
    return {"steps": steps, "seconds": seconds, "us_per_step": seconds * 1e6 / per, "wal_per_step": wal / per}


def _prune(bench: Bench, db: Connection, wanted: int) -> int:
    """Prune in the store's batches, a transaction each."""
    keep = {"keep_completed_ms": 12 * HOUR_MS, "keep_failed_ms": 12 * HOUR_MS}
    text, values = bench.layout.statements().spelled("prune", **keep, limit_literal=PRUNED)
    gone = 0
    while gone < wanted and (count := db.execute(text, values).rowcount):
        gone += count
    return gone


def _vacuum(bench: Bench, db: Connection, pruned: int) -> int:
    db.execute(f"vacuum {SCHEMA}.{bench.layout.final_in}")
    return pruned


def _drop(db: Connection) -> int:
    """Drop the fullest partition that the pruning did not reach."""
    named = f"""
        select c.oid::regclass::text, c.reltuples
        from pg_inherits i
        join pg_class c on c.oid = i.inhrelid
        where i.inhparent = '{SCHEMA}.step_tracker'::regclass
        order by c.reltuples desc
        limit 1
    """
    name, rows = db.execute(named).fetchall()[0]
    db.execute(f"drop table {name}")
    return int(rows)


def _end(bench: Bench, count: int) -> None:
    """Work steps to their end without moving them."""
    with bench.connect() as db:
        worker = Worker(db, bench.layout)
        while count > 0:
            worker.enqueue(500)
            worker.cycle(500)
            count -= 500
        while worker.holds():
            worker.cycle(0)


def _move(bench: Bench, db: Connection, size: int) -> int:
    worker = Worker(db, bench.layout)
    moved = 0
    while count := worker.move(size):
        moved += count
    return moved
