"""What is measured, each scene in a fresh database: enqueue, drain, latency, idleness. Asserts no time."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from postgres.contenders import Contender
from postgres.server import Database, Server
from processes import Run

__all__ = ["Sample", "Scenes", "folder_in"]

Sample = dict[str, float]
"""What one repetition gave, by name: the rate and what it cost, or percentiles."""

WARM_UP = 20
LATENCY_EVERY_S = 0.05
IDLE_S = 2.0


@dataclass(frozen=True)
class Scenes:
    """The scenes, on one server."""

    server: Server
    scratch: Path

    def enqueue(self, contender: Contender, way: str, count: int) -> Sample:
        """Let one process store so many steps."""
        with self.on(contender) as (run, database):
            before = database.counters()
            seconds = run.call(*contender.calls, way, str(count))
            wal = self.server.wal_bytes() - before.wal_bytes
            transactions = database.counters().transactions - before.transactions
        return {"rate": count / seconds, "wal": wal / count, "transactions": transactions / count}

    def drain(self, contender: Contender, workers: int, count: int) -> Sample:
        """Store a backlog, then start the workers and wait until the last step is stored as done."""
        with self.on(contender) as (run, database):
            run.call(*contender.calls, "bulk", str(count))
            database.analyze()
            database.log_statements()
            before = database.counters()
            with run.workers(workers, *contender.worker):
                run.until(run.begun, 1)
                used = run.cpu_s()
                looks = self._wait(run, database, contender, count)
                ended_s, used = time.time(), run.cpu_s() - used
                wal, rss = self.server.wal_bytes() - before.wal_bytes, run.rss_mib()
                statements = database.statements(before)
            transactions = database.counters().transactions - before.transactions - looks
            first_s = run.ticks()[0].began_ns / 1e9
        cost = {"statements": statements, "transactions": transactions, "wal": wal, "cpu_us": used * 1e6}
        per_step = {name: value / count for name, value in cost.items()}
        return {"rate": count / (ended_s - first_s), "rss": rss, **per_step}

    def latency(self, contender: Contender, count: int) -> list[float]:
        """Give milliseconds from before the call to the body's begin in an idle worker of another process."""
        with self.on(contender) as (run, _), run.workers(1, *contender.worker):
            run.call(*contender.calls, "latency", str(WARM_UP))
            run.await_ticks(WARM_UP)
            run.forget_ticks()
            time.sleep(IDLE_S)
            run.call(*contender.calls, "latency", str(count))
            return [tick.after_ns / 1e6 for tick in run.await_ticks(count)]

    def latency_inside(self, contender: Contender, count: int) -> list[float]:
        """As `latency`, where the pod that runs the steps enqueues them."""
        with self.on(contender) as (run, _):
            run.call(*contender.calls, "inside", str(count))
            return [tick.after_ns / 1e6 for tick in run.await_ticks(count)]

    def idle(self, contender: Contender, seconds: float) -> Sample:
        """Let a worker that has run one step wait for another: its memory, and its transactions per second."""
        with self.on(contender) as (run, database), run.workers(1, *contender.worker):
            run.call(*contender.calls, "one", "1")
            run.await_ticks(1)
            time.sleep(seconds / 4)  # who looks for work ever more rarely is there by then
            rss, used, before = run.rss_mib(), run.cpu_s(), database.counters()
            time.sleep(seconds)
            transactions = database.counters().transactions - before.transactions
            return {"rss": rss, "transactions": transactions / seconds, "cpu_ms": (run.cpu_s() - used) * 1e3 / seconds}

    def outside(self, *command: str | Path) -> float:
        """Give the seconds of a command that needs no database."""
        with folder_in(self.scratch) as folder:
            return Run(folder, {}).call(*command)

    def _wait(self, run: Run, database: Database, contender: Contender, count: int) -> int:
        """Wait until all is stored as done; gives how often we looked, which the server counts as well."""
        run.until(run.begun, count)
        looks = 0
        with closing(self.server.look(database.name)) as db:

            def is_done() -> int:
                nonlocal looks
                looks += 1
                row = db.execute(contender.drained).fetchone()
                return int(bool(row and row[0]))

            run.until(is_done, 1)
        return looks

    @contextmanager
    def on(self, contender: Contender) -> Iterator[tuple[Run, Database]]:
        """Give a folder and an empty database, set up for one contender."""
        name = "bench_" + "".join(letter if letter.isalnum() else "_" for letter in contender.name)
        with self.server.database(name) as database, self.running(contender, database) as run:
            run.call(*contender.setup)
            database.flush()
            yield run, database

    @contextmanager
    def running(self, contender: Contender, database: Database) -> Iterator[Run]:
        """Give a folder for processes of a contender, on a database that is there."""
        with folder_in(self.scratch) as folder:
            ours = {"FLEET_Q_URL": database.url, "FLEET_Q_LOCAL_PATH": str(folder / "local")}
            paced = {"BENCH_URL": database.url, "BENCH_EVERY_S": str(LATENCY_EVERY_S)}
            yield Run(folder, {**contender.environment, **ours, **paced})


@contextmanager
def folder_in(scratch: Path) -> Iterator[Path]:
    """Give a folder on the measured disk that goes away."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
