"""Measures fleets under stress: many pods on one queue, one step for idle pods, an old snapshot. Judges nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from curves import loading
from curves.fleets import Fleet
from curves.ground import await_ready
from curves.knees import steady
from postgres.scenes import Sample, Scenes
from postgres.server import Database
from processes import Run

__all__ = ["RATES", "WINDOWS", "Stress"]

RATES = {"later": "up to speed", "rate": "from idle on"}
"""How the rate of pods that work off a backlog is counted, and what that is called."""

AHEAD = 20_000
"""Under full load, so many steps wait."""

WORKERS = 2
WINDOWS = 30
"""Into so many parts a run under full load is divided."""

APART_S = 1.0
"""What is counted after a step is stored, and what passes before the next."""


@dataclass(frozen=True)
class Stress:
    """The scenes, on one server."""

    scenes: Scenes

    def claimed(self, pods: int, count: int, lasts_s: float) -> Sample:
        """Let pods that are idle work off one backlog together, and count what they ask the server for."""
        with self._idle(pods) as (run, database):
            before = database.counters()
            loading.pending(database, count)
            run.until(run.begun, 1)
            until = time.monotonic() + lasts_s
            run.until(lambda: count if time.monotonic() > until else run.begun(), count)
            steps = run.begun()
            asked = {"statements": database.statements(before), "transactions": database.begun(before)}
            began_ns = [tick.began_ns for tick in run.ticks()]
            halfway = (began_ns[0] + began_ns[-1]) / 2
            return {
                "rate": steady(began_ns),
                "later": steady([at for at in began_ns if at >= halfway]),
                **{name: value / steps for name, value in asked.items()},
            }

    def woken(self, pods: int, wakes: int, idle_s: float) -> Sample:
        """Store single steps for pods that are idle; count the transactions of the second after each."""
        with self._idle(pods) as (run, database):
            time.sleep(idle_s / 2)  # who looks for work ever more rarely is there by then
            idle = self._counted(database, idle_s) / idle_s
            after = 0.0
            for done in range(wakes):
                time.sleep(APART_S)
                loading.pending(database, 1)
                after += self._counted(database, APART_S) / APART_S
                run.await_ticks(done + 1)
            return {"idle": idle, "after": after / wakes, "woken": after / wakes - idle}

    def loaded(self, seconds: float, *, held: bool) -> Sample:
        """Store and work as fast as both go for so long, while an old snapshot is held or not."""
        fleet = Fleet(pods=WORKERS)
        contender = fleet.contender()
        with self.scenes.on(contender) as (run, database), self._snapshot(database, held=held):
            with run.workers(fleet.processes, *contender.worker):
                await_ready(run, fleet.pods)
                with run.workers(1, contender.calls[0], "fleet_q_flow.py", "full", str(AHEAD)):
                    run.until(run.begun, 1)
                    rates = list(_windows(run, seconds))
            dead = _dead(database)
        last = rates[-max(1, WINDOWS // 5) :]
        each = {f"window {n}": rate for n, rate in enumerate(rates)}
        return {"rate": sum(rates) / WINDOWS, "last": sum(last) / len(last), "dead": dead, **each}

    @contextmanager
    def _idle(self, pods: int) -> Iterator[tuple[Run, Database]]:
        """Run pods that have nothing to do, on an empty database whose statements are logged."""
        fleet = Fleet(pods=pods)
        contender = fleet.contender()
        with self.scenes.on(contender) as (run, database):
            database.log_statements()
            with run.workers(fleet.processes, *contender.worker):
                await_ready(run, pods)
                yield run, database

    def _counted(self, database: Database, seconds: float) -> int:
        """Count the transactions that begin from now on."""
        before = self.scenes.server.here()
        time.sleep(seconds)
        return database.begun(before)

    @contextmanager
    def _snapshot(self, database: Database, *, held: bool) -> Iterator[None]:
        """Hold a transaction open that has looked at the steps, as a report or a dump does."""
        with closing(self.scenes.server.look(database.name)) as db:
            if held:
                db.execute("begin isolation level repeatable read")
                db.execute("select count(*) from step_tracker")
            yield


def _windows(run: Run, seconds: float) -> Iterator[float]:
    """Give the rate of each part of the time."""
    began, seen = time.monotonic(), run.begun()
    for n in range(1, WINDOWS + 1):
        at = began + seconds * n / WINDOWS
        run.until(lambda at=at: int(time.monotonic() >= at), 1)  # type: ignore[misc]
        now, since = run.begun(), seen
        seen = now
        yield (now - since) * WINDOWS / seconds


def _dead(database: Database) -> float:
    with closing(database.server.look(database.name)) as db:
        row = db.execute("select n_dead_tup from pg_stat_user_tables where relname = 'step_tracker'").fetchone()
        return float(row[0]) if row else 0.0
