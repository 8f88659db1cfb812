"""What is measured, each scene in a fresh folder: enqueue, drain, latency, memory. Asserts no time."""

from __future__ import annotations

import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from contenders import Contender
from processes import Run, spans

__all__ = ["Drained", "Scenes", "bare"]

WARM_UP = 20
IDLE_S = 1.0


class Drained(NamedTuple):
    """One drain; statements and commits per step where the pods count them."""

    rate: float
    rss_mib: float
    statements: float | None = None
    commits: float | None = None


@dataclass(frozen=True)
class Scenes:
    """The scenes of one contender."""

    contender: Contender
    scratch: Path
    parallelism: int = 1000

    def enqueue(self, way: str, count: int) -> float:
        """Give how many steps per second one process stores."""
        with self._run() as run:
            return count / run.call(*self.contender.calls, way, str(count))

    def drain(self, workers: int) -> Drained:
        """Store a backlog, then start the workers and wait until the last step is stored as done."""
        count = self.contender.sizes.drain
        with self._run() as run:
            run.call(*self.contender.calls, "bulk" if self.contender.sizes.bulk else "one", str(count))
            with run.workers(workers, *self.contender.worker):
                ticks = run.await_ticks(count)
                if not self.contender.is_ours:
                    return Drained((count - 1) / spans(ticks), run.rss_mib())
                with closing(_looked_at(run.folder)) as database:
                    run.until(lambda: _final(database), count)
                    seconds = _last_finish_s(database) - ticks[0].began_ns / 1e9
                    rss = run.rss_mib()
                    statements, commits = _tally(run, database)
                return Drained(count / seconds, rss, statements / count, commits / count)

    def latency(self) -> tuple[list[float], float]:
        """Give milliseconds from before the call to the body's begin in an idle worker, and its memory while idle."""
        count = self.contender.sizes.latency
        with self._run() as run:
            # Creates the tables: not every queue survives it when a worker and a caller do so at once.
            run.call(*self.contender.calls, "one", "0")
            with run.workers(1, *self.contender.worker):
                run.call(*self.contender.calls, "latency", str(WARM_UP))
                run.await_ticks(WARM_UP)
                run.forget_ticks()
                time.sleep(IDLE_S)
                rss = run.rss_mib()
                run.call(*self.contender.calls, "latency", str(count))
                return [tick.after_ns / 1e6 for tick in run.await_ticks(count)], rss

    def latency_inside(self) -> list[float]:
        """As `latency`, where the pod that runs the steps enqueues them."""
        count = self.contender.sizes.latency
        with self._run() as run:
            run.call(*self.contender.calls, "inside", str(count))
            return [tick.after_ns / 1e6 for tick in run.await_ticks(count)]

    @contextmanager
    def _run(self) -> Iterator[Run]:
        with folder_for(self.scratch) as folder:
            ours = {
                "FLEET_Q_URL": f"sqlite:///{folder / 'queue.db'}",
                "FLEET_Q_LOCAL_PATH": str(folder / "local"),
                "FLEET_Q_MAX_PARALLELISM": str(self.parallelism),
            }
            yield Run(folder, {**self.contender.environment, **ours})


@contextmanager
def folder_for(scratch: Path) -> Iterator[Path]:
    """Give a folder on the measured disk that goes away."""
    scratch.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=scratch))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def bare(scratch: Path, *mode: str) -> float:
    """Give the rate of a loop that is no queue; `mode` as `bare.py` takes it, the count second."""
    with folder_for(scratch) as folder:
        return int(mode[1]) / Run(folder, {}).call(sys.executable, "bare.py", *mode)


def _looked_at(folder: Path) -> sqlite3.Connection:
    # This process runs no fleet-q, so it may open the file with Python's sqlite3.
    return sqlite3.connect(f"file:{folder / 'queue.db'}?mode=ro", uri=True)


def _final(database: sqlite3.Connection) -> int:
    return int(database.execute("select count(*) from step_tracker where status = 'completed'").fetchone()[0])


def _last_finish_s(database: sqlite3.Connection) -> float:
    return float(database.execute("select max(finished_ts) from step_tracker").fetchone()[0]) / 1000


def _tally(run: Run, database: sqlite3.Connection) -> tuple[int, int]:
    """Sum what the pods say they asked of the store, once each has beaten after the last finish."""
    beaten = (
        "select count(*), sum(meta->>'store_statements'), sum(meta->>'store_commits') from pod_health "
        "where kind = 'pod' and last_heartbeat_ts > (select max(finished_ts) from step_tracker)"
    )
    pods = "select count(*) from pod_health where kind = 'pod'"
    run.until(lambda: database.execute(beaten).fetchone()[0], database.execute(pods).fetchone()[0])
    _, statements, commits = database.execute(beaten).fetchone()
    return int(statements), int(commits)
