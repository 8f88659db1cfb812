"""Measures one point of a curve: pods that work off what was loaded, or callers who store. Draws no conclusion."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

from curves import loading
from curves.fleets import Fleet
from curves.knees import steady
from postgres.scenes import Sample, Scenes
from postgres.server import Database
from processes import Run

__all__ = ["Ground", "await_ready", "percentiles"]

EVERY_MS = 30
"""Between two steps whose latency is measured."""

CLIENTS = "select count(*) from pg_stat_activity where datname = %s and backend_type = 'client backend'"


@dataclass
class Ground:
    """Where points are measured: a server, and databases that keep what was loaded until `close`."""

    scenes: Scenes
    lasts_s: float
    latencies: int
    _held: ExitStack = field(default_factory=ExitStack)
    _loaded: dict[str, Database] = field(default_factory=dict[str, Database])

    def close(self) -> None:
        """Drop what was loaded."""
        self._held.close()
        self._loaded.clear()

    def worked(self, fleet: Fleet, count: int, *, body_bytes: int = 0) -> Sample:
        """Let idle pods start single steps, then work off a backlog."""
        contender = fleet.contender()
        with self.scenes.on(contender) as (run, database), run.workers(fleet.processes, *contender.worker):
            await_ready(run, fleet.pods)
            late = self._late(run, fleet, body_bytes)
            open_now = self._connections(database)
            loading.pending(database, count, body_bytes)
            return {"rate": self._rate(run, count), **late, "connections": open_now}

    def beside_finished(self, fleet: Fleet, ended: int, count: int) -> Sample:
        """Do the same beside steps that have ended, which are loaded once."""
        contender = fleet.contender()
        database = self._kept(fleet, f"ended_{ended}", ended)
        with self.scenes.running(contender, database) as run:
            with run.workers(fleet.processes, *contender.worker):
                await_ready(run, fleet.pods)
                late = self._late(run, fleet, 0)
                loading.pending(database, count)
                rate = self._rate(run, count)
            loading.clear(database, everything=True)
            return {"rate": rate, **late}

    def before_backlog(self, fleet: Fleet, backlog: int) -> Sample:
        """Work for some seconds at the front of a backlog, which is loaded once and topped up."""
        contender = fleet.contender()
        database = self._kept(fleet, f"backlog_{backlog}", 0)
        loading.top_up(database, backlog)
        with self.scenes.running(contender, database) as run, run.workers(fleet.processes, *contender.worker):
            return {"rate": self._rate(run, backlog)}

    def stored(self, way: str, much: int, calls: int, steps: int, body_bytes: int = 0) -> Sample:
        """Let one process store steps: its rate, and how long its calls took."""
        contender = Fleet().contender()
        with self.scenes.on(contender) as (run, _):
            words = ["fleet_q_sends.py", way, str(much), str(calls), str(body_bytes)]
            told = run.told(contender.calls[0], *words)
            return {"rate": steps / float(told["seconds"]), **percentiles(told["ms"])}

    def _late(self, run: Run, fleet: Fleet, body_bytes: int) -> Sample:
        """Store single steps while nobody has anything to do."""
        words = ["fleet_q_sends.py", "paced", str(EVERY_MS), str(self.latencies), str(body_bytes)]
        run.told(fleet.contender().calls[0], *words)
        late = [tick.after_ns / 1e6 for tick in run.await_ticks(self.latencies)]
        run.forget_ticks()
        return percentiles(late)

    def _rate(self, run: Run, count: int) -> float:
        """Give the pace in the middle of a backlog, or of the seconds that are looked at."""
        run.until(run.begun, 1)
        until = time.monotonic() + self.lasts_s
        run.until(lambda: count if time.monotonic() > until else run.begun(), count)
        return steady([tick.began_ns for tick in run.ticks()])

    def _connections(self, database: Database) -> float:
        with closing(self.scenes.server.look()) as db:
            row = db.execute(CLIENTS, [database.name]).fetchone()
            return float(row[0]) if row else 0.0

    def _kept(self, fleet: Fleet, name: str, ended: int) -> Database:
        """Give a database that is loaded the first time it is asked for."""
        if name not in self._loaded:
            database = self._held.enter_context(self.scenes.server.database(f"curve_{name}"))
            contender = fleet.contender()
            with self.scenes.running(contender, database) as run:
                run.call(*contender.setup)
            loading.finished(database, ended)
            self._loaded[name] = database
        return self._loaded[name]


def await_ready(run: Run, pods: int) -> None:
    """Wait until so many pods are ready for work."""
    file = run.folder / "ready"
    run.until(lambda: file.stat().st_size if file.exists() else 0, pods)


def percentiles(values: Sequence[float]) -> Sample:
    """Give p50 and p99."""
    ranked = sorted(values)
    return {f"p{part}": ranked[min(len(ranked) - 1, len(ranked) * part // 100)] for part in (50, 99)}
