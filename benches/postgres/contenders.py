"""Who is measured on Postgres: how each is called and worked, with the settings a user would choose for throughput."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from postgres import settings
from venvs import python_of, python_with, versions_of

__all__ = ["BARE", "Contender", "Sizes", "bare", "bare_awaiting", "fleet_q", "gylo", "in_executor", "pgqueuer"]

BARE = "bare loop"


@dataclass(frozen=True)
class Sizes:
    """How many are enqueued or drained in one repetition, at most."""

    one: int
    bulk: int
    drain: int

    def part(self, of: int) -> Sizes:
        """Give the sizes of a quicker run."""
        return Sizes(*(max(200, size // of) for size in (self.one, self.bulk, self.drain)))


@dataclass(frozen=True)
class Contender:
    """One queue on Postgres. `calls` takes a way of enqueueing and how many, or `setup`."""

    name: str
    versions: list[str]
    calls: list[str | Path]
    setup: list[str | Path]
    worker: list[str | Path]
    drained: str
    """Asks whether everything is stored as done."""
    sizes: Sizes
    how: str
    """With which settings, for the page."""
    environment: dict[str, str] = field(default_factory=dict[str, str])


def fleet_q() -> Contender:
    """Ours, from the wheel under test. Raises NotInstalled."""
    python = python_with(settings.CACHE / "venvs", settings.WHEEL, "uvloop")
    return Contender(
        name="fleet-q",
        versions=versions_of(python, ["fleet-q"]),
        calls=[python, "fleet_q_calls.py"],
        setup=[python, "fleet_q_calls.py", "one", "0"],
        worker=[python.parent / "fleet-q", "worker", "fleet_q_app:fq"],
        drained="select not exists (select from step_tracker where status <> 'completed')",
        sizes=Sizes(one=20_000, bulk=200_000, drain=200_000).part(settings.PART),
        how="`fleet-q worker`, `MAX_PARALLELISM=1000`, `CAPACITY_THRESHOLD=1.0`",
        environment={
            "FLEET_Q_LOG_LEVEL": "WARNING",
            "FLEET_Q_CAPACITY_THRESHOLD": "1.0",
            "FLEET_Q_MAX_PARALLELISM": "1000",
        },
    )


def in_executor(ours: Contender, run: str, size: int) -> Contender:
    """Give ours with bodies that are plain functions in so many threads or processes."""
    how = {"FLEET_Q_MAX_PARALLELISM": str(size)} if run == "thread" else {"FLEET_Q_MAX_PROCESSES": str(size)}
    sizes = Sizes(one=0, bulk=0, drain=100_000).part(settings.PART)
    return replace(ours, sizes=sizes, environment={**ours.environment, "BENCH_RUN": run, **how})


def bare() -> Contender:
    """No queue: what batching alone allows, with each job in a task of its own."""
    python = Path(sys.executable)
    return Contender(
        name=BARE,
        versions=versions_of(python, ["asyncpg", "uvloop"]),
        calls=[python, "postgres_bare.py"],
        setup=[python, "postgres_bare.py", "setup"],
        worker=[python, "postgres_bare.py", "work"],
        drained="select not exists (select from jobs where state <> 2)",
        sizes=Sizes(one=20_000, bulk=200_000, drain=200_000).part(settings.PART),
        how="asyncpg on uvloop, batches of 500, the next one claimed ahead, a task for each job",
    )


def bare_awaiting() -> Contender:
    """Give the same where each job is awaited in place."""
    how = "the same, each job awaited in place"
    return replace(bare(), name="bare loop, awaiting", versions=[], how=how, environment={"BENCH_BODIES": "await"})


def pgqueuer() -> Contender:
    """Pgqueuer. Raises NotInstalled."""
    python = python_of(settings.CACHE / "venvs", "pgqueuer[asyncpg]", "uvloop")
    return Contender(
        name="pgqueuer",
        versions=versions_of(python, ["pgqueuer"]),
        calls=[python, "pgqueuer_app.py"],
        setup=[python, "pgqueuer_app.py", "setup"],
        worker=[python, "pgqueuer_app.py", "work"],
        drained="select not exists (select from pgqueuer)",
        sizes=Sizes(one=10_000, bulk=200_000, drain=80_000).part(settings.PART),
        how="asyncpg driver on uvloop, `batch_size=100` (default 10), one connection",
    )


def gylo() -> Contender:
    """Gylo. Raises NotInstalled."""
    python = python_of(settings.CACHE / "venvs", "gylo", "psycopg[binary]", "asyncpg")
    return Contender(
        name="gylo",
        versions=versions_of(python, ["gylo"]),
        calls=[python, "gylo_app.py"],
        setup=[python, "gylo_app.py", "setup"],
        worker=[python, "gylo_app.py", "work"],
        drained="select not exists (select from gylo_job where state <> 'completed')",
        sizes=Sizes(one=10_000, bulk=100_000, drain=50_000).part(settings.PART),
        how="its own worker, `--processes 1`, else its defaults (256 at once, batches of 128)",
    )
