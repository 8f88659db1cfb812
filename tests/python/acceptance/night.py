"""What the scenarios of the worst night share: who leads, what was marked, what was paid. Makes no fault but a lock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from acceptance.fleet import Fleet, Look, Worker
from acceptance.judge import runs
from acceptance.stores import CHOSEN, PostgresStore
from acceptance.waiting import eventually

__all__ = ["ON_A_SERVER", "busy", "finished", "leader", "marked", "paid", "pod_of", "row_held", "server_of", "together"]

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


@contextmanager
def row_held(fleet: Fleet, step: str) -> Iterator[None]:
    """Hold a step's row in a transaction that stays open, as a user does who wrote `begin` in psql and went home."""
    import psycopg

    _, url, schema = fleet.store.observer
    with psycopg.connect(url, options=f"-c search_path={schema}") as user:
        user.execute("select step_id from step_tracker where step_id = %s for update", [step])
        yield
        user.rollback()
