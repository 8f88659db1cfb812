"""Works a queue as pods do, over a few connections: enqueue, claim, finish, each in its real transaction."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from layout.floors import Floors, Seen
from layout.layouts import Layout
from layout.server import Connection, Server
from layout.statements import QUEUES, TASKS, Statements, Value

__all__ = ["BATCH", "Rates", "Worker", "arguments", "drain", "new_ids", "promoted", "work"]

Rows = list[tuple[Any, ...]]
BATCH = 500
CANDIDATES = 4
WINDOW_S = 2.0
WORKERS = 2


@dataclass
class Rates:
    """Steps finished, and when: the moments of each batch, in seconds since the beginning."""

    moments: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])

    @property
    def steps(self) -> int:
        """How many steps were finished."""
        return sum(count for _, count in self.moments)

    @property
    def per_s(self) -> float:
        """Steps per second over all."""
        return self.steps / max(at for at, _ in self.moments) if self.moments else 0.0

    def part(self, begin: float, end: float) -> float:
        """Steps per second in a part of the time, given as shares of the whole."""
        if not self.moments:
            return 0.0
        whole = max(at for at, _ in self.moments)
        count = sum(count for at, count in self.moments if begin * whole < at <= end * whole)
        return count / (whole * (end - begin))


class Worker:
    """One connection that claims and finishes."""

    def __init__(self, db: Connection, layout: Layout) -> None:
        self._db, self._statements = db, layout.statements()
        self._held: list[uuid.UUID] = []
        self._claim_id = uuid.uuid4()
        self.floors = Floors()

    def enqueue(self, count: int) -> None:
        """Store new steps in one transaction."""
        ids = new_ids(count)
        self._transaction([("enqueue", arguments(ids)), ("exists", {"step_ids": []}), ("holders", {"unique_keys": []})])

    def cycle(self, limit: int) -> int:
        """Finish what is held and claim anew, in one transaction. Gives how many were finished."""
        ended, self._held = self._held, []
        calls: list[tuple[str, dict[str, Value]]] = []
        if ended:
            calls += [("finish", outcomes(ended, self._claim_id)), ("standing", {"step_ids": ended})]
        claim_id = uuid.uuid4()
        claim: dict[str, Value] = {
            "claim_id": claim_id,
            "limit_literal": limit,
            "call_limit": limit,
            "candidates_literal": CANDIDATES * limit,
        }
        calls.append(("pod_alive", {}))
        floors = self.floors.given()
        if limit:
            calls += [
                ("promote", {**floors, "limit_literal": promoted(self._statements, limit)}),
                ("claim", {**floors, **claim}),
            ]
        asks = bool(limit) and self._statements.has("fronts") and self.floors.asks()
        calls += [("fronts", self.floors.asked())] if asks else []
        calls.append(("next_due", floors))
        answers = self._transaction(calls)
        if limit:
            self._claim_id = claim_id
            claimed, fronts = (answers[-3], answers[-2]) if asks else (answers[-2], [])
            self._held = [cast(uuid.UUID, row[0]) for row in claimed]
            self._learn(claimed, fronts, answers[-1][0])
        return len(ended)

    def _learn(self, claimed: Rows, fronts: Rows, due: tuple[Any, ...]) -> None:
        """Raise the floors, where the layout knows them: only then `next_due` tells more than one thing."""
        if len(due) > 1:
            _, front, now, spent_ms = due
            self.floors.learn(Seen([row[1] for row in fronts], front, now, spent_ms, [row[3] for row in claimed]))

    def holds(self) -> bool:
        """Say whether there are claims to finish."""
        return bool(self._held)

    def move(self, limit: int) -> int:
        """Move what is final to the history, in one transaction. Gives how many."""
        text, values = self._statements.spelled("move", limit_literal=limit)
        moved: int = self._db.execute(text, values).rowcount
        return moved

    def _transaction(self, calls: Sequence[tuple[str, dict[str, Value]]]) -> list[Rows]:
        """Send all before the first answer is read, as the store does."""
        spelled = [self._statements.spelled(name, **given) for name, given in [("limits", {}), *calls]]
        with self._db.pipeline(), self._db.transaction():
            cursors = [self._db.cursor().execute(text, values, binary=True) for text, values in spelled]
        return [cursor.fetchall() if cursor.description else [] for cursor in cursors][1:]


def drain(server: Server, layout: Layout, database: str, seconds: float) -> Rates:
    """Work what waits until it is gone or the time is over."""
    end = time.monotonic() + seconds

    def turn(worker: Worker) -> int | None:
        done = worker.cycle(BATCH if time.monotonic() < end else 0)
        return done if worker.holds() or done else None

    return _together(server, layout, database, turn)


def work(server: Server, layout: Layout, database: str, steps: int) -> Rates:
    """Enqueue, claim and finish so many steps at full speed."""
    left = [steps]
    lock = threading.Lock()

    def turn(worker: Worker) -> int | None:
        with lock:
            more = left[0] > 0
            left[0] -= BATCH
        if more:
            worker.enqueue(BATCH)
        done = worker.cycle(BATCH if more else 0)
        return done if more or done else None

    return _together(server, layout, database, turn)


def _together(server: Server, layout: Layout, database: str, turn: Callable[[Worker], int | None]) -> Rates:
    """Let workers take turns until they have nothing left, and the mover move beside them."""
    rates, begin, over = Rates(), time.monotonic(), threading.Event()
    failures: list[Exception] = []

    def worker() -> None:
        with server.connect(database) as db:
            one = Worker(db, layout)
            try:
                while (done := turn(one)) is not None:
                    rates.moments.append((time.monotonic() - begin, done))
            except Exception as error:  # noqa: BLE001 - told by the thread that waits
                failures.append(error)

    def mover() -> None:
        with server.connect(database) as db:
            one = Worker(db, layout)
            while not over.wait(0.05):
                one.move(BATCH * 2)

    workers = [threading.Thread(target=worker) for _ in range(WORKERS)]
    movers = [threading.Thread(target=mover)] if layout.is_moved else []
    for thread in [*workers, *movers]:
        thread.start()
    for thread in workers:
        thread.join()
    over.set()
    for thread in movers:
        thread.join()
    if failures:
        raise failures[0]
    return rates


def promoted(statements: Statements, limit: int) -> int:
    """Say how many due steps are made pending before a claim; without floors it was always the most."""
    return min(1000, max(100, 2 * limit)) if statements.has("fronts") else 1000


def new_ids(count: int) -> list[uuid.UUID]:
    """Give UUIDv7s of this moment."""
    moment = int(time.time() * 1000).to_bytes(6, "big")
    return [_new_id(moment) for _ in range(count)]


def _new_id(moment: bytes) -> uuid.UUID:
    rest = bytearray(os.urandom(10))
    rest[0], rest[2] = rest[0] & 0x0F | 0x70, rest[2] & 0x3F | 0x80
    return uuid.UUID(bytes=moment + bytes(rest))


def arguments(ids: Sequence[uuid.UUID]) -> dict[str, Value]:
    """Give the columns of new steps as `enqueue.sql` takes them."""
    count = len(ids)
    payload = b'{"args":[%d],"kwargs":{"customer":"%s","note":"%s"},"metadata":{}}'
    return {
        "step_ids": list(ids),
        "tasks": [TASKS[n % len(TASKS)] for n in range(count)],
        "queues": [QUEUES[n % len(QUEUES)] for n in range(count)],
        "priorities": [9 if n % 50 == 1 else 5 if n % 10 == 2 else 0 for n in range(count)],
        "payloads": [payload % (n, one.hex.encode(), one.hex.encode() * 2) for n, one in enumerate(ids)],
        "content_types": ["application/json"] * count,
        "max_retries": [3] * count,
        "moments": [None] * count,
        "delays": [0] * count,
        "timeouts": [None] * count,
        "unique_keys": [None] * count,
        "tags": [f'["customer-{n % 1000}"]' if n % 20 == 0 else "[]" for n in range(count)],
    }


def outcomes(ids: Sequence[uuid.UUID], claim_id: uuid.UUID) -> dict[str, Value]:
    """Give completions as `finish.sql` takes them."""
    count = len(ids)
    return {
        "step_ids": list(ids),
        "claim_ids": [claim_id] * count,
        "kinds": ["complete"] * count,
        "results": [b'{"sent":%d}' % n for n in range(count)],
        "content_types": ["application/json"] * count,
        "errors": [None] * count,
        "delays": [0] * count,
        "max_crashes": [None] * count,
    }
