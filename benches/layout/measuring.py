"""What is measured of a layout under a load. A function takes one sample; where it changes the load, it says so."""

from __future__ import annotations

import statistics
import time
import uuid
from collections.abc import Callable

from layout import settings
from layout.explaining import Call, Cost, explained
from layout.floors import MARGIN_MS, Floors
from layout.layouts import Layout
from layout.loads import Load, database, wait
from layout.results import Sample
from layout.server import Connection, Server, scalar
from layout.statements import NEVER, POD, QUEUES, SCHEMA, TASKS, Renamed
from layout.working import Worker, arguments, drain, new_ids, promoted

__all__ = ["Bench", "cycle", "drained", "leader", "lookup", "sizes", "written"]

HOUR_MS = 3_600_000
# Claims that are older are known by name.
HELD_MARGIN_MS = 60_000
PAGE_ROWS = 50
ENQUEUED = 100
# As when it is time for a full look.
UNTRUSTED = {"trusted_until": NEVER, "due_until": NEVER}
BATCHES = 100


class Bench:
    """A layout under a load, on a server."""

    def __init__(self, server: Server, layout: Layout, load: Load, renamed: Renamed | None = None) -> None:
        self.server, self.layout, self.load = server, layout, load
        self.database = database(layout, load)
        self.statements = layout.statements(renamed)

    def connect(self) -> Connection:
        """Open a connection to its database."""
        return self.server.connect(self.database)

    def costs(self, db: Connection, calls: list[Call], repeats: int = settings.REPEATS) -> Sample:
        """Explain calls some times, after once in vain, and give the median of each figure."""
        statements = self.statements
        first = explained(db, statements, calls)
        runs = [explained(db, statements, calls) for _ in range(repeats)]
        return {
            name: {
                **{figure: statistics.median(run[name][figure] for run in runs) for figure in NUMBERS},
                "first_buffers": first[name]["buffers"],
                "nodes": runs[-1][name]["nodes"],
            }
            for name, _ in calls
        }


NUMBERS = [name for name, kind in Cost.__annotations__.items() if kind in {"int", "float"}]


def cycle(bench: Bench) -> Sample:
    """Cost of what a pod's cycle sends: for all queues, for some, and where nothing waits for it; of enqueueing.

    Where the layout knows floors, a pod believes them as they are, but for the full look it takes now and then.
    """
    with bench.connect() as db:
        floors = believed(db)
        every, some = floors.given(), floors.given(QUEUES[:4])
        claim = {"claim_id": uuid.uuid4(), **every}
        offer = {**arguments(new_ids(1)), **floors.given(QUEUES[:1]), "claim_id": uuid.uuid4()}
        promote: Call = ("promote", {"limit_literal": promoted(bench.statements, settings.CLAIM), **every})
        turns: list[list[Call]] = [
            [("pod_alive", {}), promote, ("claim", claim), ("next_due", every)],
            [promote, ("claim:full look", {**claim, **UNTRUSTED})],
            [promote, ("claim_in_queues", {**claim, **some})],
            [promote, ("claim:foreign tasks", {**claim, "tasks": ["other.task"]})],
            [promote, ("claim_in_queues:quiet queue", {**claim, "only": ["quiet"], **floors.given(["quiet"])})],
            [("hand_off:one", offer), ("enqueue:hundred", arguments(new_ids(ENQUEUED)))],
        ]
        if bench.statements.has("fronts"):
            turns[0].append(("fronts", floors.asked()))
        costs = [bench.costs(db, calls) for calls in turns]
    return {name: cost for turn in reversed(costs) for name, cost in turn.items()}


def believed(db: Connection) -> Floors:
    """Give the floors that a pod has which keeps up."""
    fronts = f"select priority, min(created_ts) from {SCHEMA}.step_tracker where status = 'pending' group by 1"
    due = scalar(db, f"select min(available_ts) from {SCHEMA}.step_tracker where status = 'scheduled'")
    now = int(time.time() * 1000)
    since = {int(priority): min(int(front), now - MARGIN_MS) for priority, front in db.execute(fronts)}
    return Floors(since, 0, 2**61, min(due or now, now - MARGIN_MS), 0, 2**61)


def leader(bench: Bench) -> Sample:
    """Cost of a leader's pass and of reconciliation: with nothing to do, and a batch to prune."""
    keep = {"keep_completed_ms": 12 * HOUR_MS, "keep_failed_ms": 12 * HOUR_MS, "limit_literal": 1000}
    held = f"select step_id, claimed_ts from {SCHEMA}.step_tracker where status = 'claimed' and claimed_by = '{POD}'"
    floor = int(time.time() * 1000) - HELD_MARGIN_MS
    with bench.connect() as db:
        older = [step for step, claimed in db.execute(held) if claimed < floor]
        trusted = {"trusted_from": 0, "trusted_until": 2**61, "floor": floor, "older": older}
        calls: list[Call] = [
            ("mine", trusted),
            ("cancel_requested", trusted),
            ("suspect_waits", {}),
            ("recover", {"limit_literal": 1000}),
            ("prune", {**keep, "keep_completed_ms": 48 * HOUR_MS, "keep_failed_ms": 48 * HOUR_MS}),
            ("prune:expired", keep),
            ("prune_pods", {}),
            ("claim_suspect", {"claim_id": uuid.uuid4(), "limit_literal": 1, **believed(db).given()}),
        ]
        if bench.layout.is_moved:
            calls.append(("move", {"limit_literal": 1000}))
        return bench.costs(db, calls, 3)


def lookup(bench: Bench) -> Sample:
    """Cost of the first page of what people look for, and of counting."""
    page = {"limit_literal": PAGE_ROWS}
    with bench.connect() as db:
        ids = [row[0] for row in db.execute(f"select step_id from {SCHEMA}.{bench.layout.all_in} limit 10")]
        noon = scalar(db, "select uuidv7(interval '-12 hours')")
        calls: list[Call] = [
            ("get:ten", {"step_ids": ids}),
            ("search:newest", page),
            ("search:before 12 hours ago", {**page, "before": noon}),
            ("search:frequent task", {**page, "task": TASKS[0]}),
            ("search:rare task", {**page, "task": "app.rare"}),
            ("search:unknown task", {**page, "task": "app.none"}),
            ("search:frequent tag", {**page, "tag": "customer-17"}),
            ("search:rare tag", {**page, "tag": "rare"}),
            ("search:failed", {**page, "states": ["failed"]}),
            ("search:pending", {**page, "states": ["pending"]}),
            ("search:claimed", {**page, "states": ["claimed"]}),
            ("search:queue", {**page, "queue": "queue_1"}),
            ("stats", {}),
        ]
        return bench.costs(db, calls, 1)


def written(bench: Bench) -> Sample:
    """Bytes of log per step, by table and index: right after a checkpoint, and again. Adds finished steps."""
    with bench.connect() as db:
        worker = Worker(db, bench.layout)
        sample: Sample = {}
        for turn in ("cold", "warm"):
            if turn == "cold":
                db.execute("checkpoint")
            sample[f"enqueue {turn}"] = _logged(bench, db, lambda: _enqueue(worker))
            sample[f"claim and finish {turn}"] = _logged(bench, db, lambda: _work(worker))
            if bench.layout.is_moved:
                sample[f"move {turn}"] = _logged(bench, db, lambda: _move(worker))
    return sample


def _enqueue(worker: Worker) -> None:
    for _ in range(BATCHES):
        worker.enqueue(ENQUEUED)


def _work(worker: Worker) -> None:
    for _ in range(BATCHES):
        worker.cycle(ENQUEUED)
    worker.cycle(0)


def _move(worker: Worker) -> None:
    for _ in range(BATCHES // 10):
        worker.move(ENQUEUED * 10)


def _logged(bench: Bench, db: Connection, act: Callable[[], None]) -> Sample:
    begin = scalar(db, "select pg_current_wal_insert_lsn()")
    act()
    end = scalar(db, "select pg_current_wal_insert_lsn()")
    scalar(db, "select pg_switch_wal()")  # The dump reads what is on the disk.
    named = f"""
        select c.relfilenode, coalesce(p.parent_name, c.relname)
        from pg_class c
        left join lateral (
          select i.inhparent::regclass::text as parent_name from pg_inherits i where i.inhrelid = c.oid
        ) p on true
        where c.relnamespace = '{SCHEMA}'::regnamespace and c.relfilenode <> 0
    """
    names = {int(node): str(name).removeprefix(f"{SCHEMA}.") for node, name in db.execute(named)}
    return bench.server.wal(begin, end, names).per_step(BATCHES * ENQUEUED)


def drained(bench: Bench) -> Sample:
    """Rate of two workers on what waits, filled up before. Leaves steps finished."""
    with bench.connect() as db:
        waits = scalar(db, f"select count(*) from {SCHEMA}.step_tracker where status = 'pending'")
        overdue = bench.load.scheduled is not None and bench.load.scheduled[1] < 0
        if not overdue:
            wait(db, bench.layout, max(0, settings.DRAINED - waits))
    began = time.monotonic()
    rates = drain(bench.server, bench.layout, bench.database, settings.DRAIN_SECONDS)
    return {
        "per_s": rates.per_s,
        "steps": rates.steps,
        "first_quarter": rates.part(0, 0.25),
        "last_quarter": rates.part(0.75, 1),
        "seconds": time.monotonic() - began,
    }


def sizes(bench: Bench) -> Sample:
    """Bytes of tables and indexes, partitions summed up."""
    named = f"""
        select
          coalesce(i.inhparent::regclass::text, c.relname), c.relkind,
          sum(pg_relation_size(c.oid)), sum(c.reltuples)
        from pg_class c
        left join pg_inherits i on i.inhrelid = c.oid
        where c.relnamespace = '{SCHEMA}'::regnamespace and c.relkind in ('r', 'i')
        group by 1, 2
    """
    with bench.connect() as db:
        found = db.execute(named).fetchall()
    return {
        str(name).removeprefix(f"{SCHEMA}."): {"bytes": int(size), "rows": int(rows), "is_index": kind == "i"}
        for name, kind, size, rows in found
    }
