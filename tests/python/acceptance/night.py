"""What the scenarios of the worst night share: who leads, what was marked and paid. Faults: a lock, an outage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from acceptance.fleet import Fleet, Look, Worker
from acceptance.judge import Run, runs
from acceptance.stores import CHOSEN, PostgresStore
from acceptance.waiting import eventually

__all__ = [
    "ON_A_SERVER",
    "away",
    "busy",
    "counted",
    "finished",
    "held_open",
    "journaled_outage",
    "leader",
    "marked",
    "paid",
    "pod_of",
    "repeated_in_vain",
    "row_held",
    "server_of",
    "together",
]

ON_A_SERVER = [
    pytest.mark.acceptance,
    pytest.mark.night,
    pytest.mark.skipif(CHOSEN == "sqlite", reason="NOT RUN: needs FLEET_Q_TEST_STORE=postgres, debian or pooled"),
]


def server_of(fleet: Fleet) -> PostgresStore:
    """Give the store as a server that can be stopped and replaced."""
    assert isinstance(fleet.store, PostgresStore)
    return fleet.store


def together(fleet: Fleet, names: list[str], **settings: str) -> list[Worker]:
    """Start pods at the same moment, and wait until each is up."""
    pods = [fleet.worker(name, ready=False, **settings) for name in names]
    for pod in pods:
        fleet.ready(pod)
    return pods


def leader(fleet: Fleet) -> str:
    """Give the oldest pod that is up, which leads."""
    return next(pod for pod, status, _ in fleet.pods() if status == "up")


def pod_of(fleet: Fleet, worker: Worker) -> str | None:
    """Give the pod of this process that is up."""
    return next((pod for pod, status, pid in fleet.pods() if pid == worker.pid and status == "up"), None)


def busy(fleet: Fleet, *workers: Worker) -> None:
    """Wait until each of these processes runs something."""
    wanted = {worker.pid for worker in workers}
    eventually(lambda: wanted <= {run.pid for run in runs(fleet) if run.how == "none"}, "each pod is busy")


def finished(fleet: Fleet) -> int:
    """Count what is completed."""
    return fleet.scalar("select count(*) from step_tracker where status = 'completed'")


def marked(fleet: Fleet) -> list[Look]:
    """Give every look that found a pod marked down."""
    return [look for look in fleet.looks() if look.status == "down"]


def paid(fleet: Fleet) -> int:
    """Count what all steps paid: crashes and retries."""
    return fleet.scalar("select sum(retry_count + crash_count) from step_tracker")


def away(fleet: Fleet, how: str, seconds: float) -> tuple[float, float]:
    """Have no server for so long; gives when it went and when it was back."""
    since = time.monotonic()
    back = server_of(fleet).without(how, "start")
    time.sleep(seconds)  # real time: an outage of this many thresholds is the point
    back()
    return since, time.monotonic()


def repeated_in_vain(ran: list[Run]) -> set[str]:
    """Give the steps of which a body had ended well when another began."""
    ended = {run.step_id: run.ended for run in ran if run.how == "end"}
    return {run.step_id for run in ran if run.step_id in ended and run.began > ended[run.step_id]}


def journaled_outage(fleet: Fleet, pod: Worker, gate: Path, outcomes: int) -> Callable[[], None]:
    """Take the server away, let the bodies end, and wait until their outcomes are journaled; gives what ends it."""
    back = server_of(fleet).without("stop", "start")
    gate.touch()
    eventually(lambda: counted(pod, "wait in the local journal") == outcomes, "the outcomes are journaled", 15)
    return back


def counted(pod: Worker, words: str) -> int:
    """Count the outcomes of which the pod says this of its journal."""
    return sum(int(entry["outcomes"]) for entry in pod.logged("fleet_q.journal") if words in entry["message"])


@contextmanager
def row_held(fleet: Fleet, step: str) -> Iterator[None]:
    """Hold a step's row in a transaction that stays open, as a user does who wrote `begin` in psql and went home."""
    with held_open(fleet, "select step_id from step_tracker where step_id = %s for update", step):
        yield


@contextmanager
def held_open(fleet: Fleet, sql: str, *values: object) -> Iterator[None]:
    """Run a statement in a transaction that stays open, and is rolled back."""
    import psycopg

    _, url, schema = fleet.store.observer
    with psycopg.connect(url, options=f"-c search_path={schema}") as user:
        user.execute(sql, values)
        yield
        user.rollback()
