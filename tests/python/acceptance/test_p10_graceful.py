"""P10: SIGTERM under load spends no retry and no crash, and loses nothing."""

from __future__ import annotations

import signal
import time

import pytest

from acceptance.conftest import MakeFleet
from acceptance.fleet import Fleet, Worker, order
from acceptance.judge import judge, runs
from acceptance.waiting import InconclusiveError, eventually, repeated
from fleet_q.signals import ECHO_S

pytestmark = pytest.mark.acceptance


def unspent(fleet: Fleet) -> None:
    """Hold that no step paid for the end of a pod."""
    assert fleet.scalar("select sum(retry_count + crash_count) from step_tracker") == 0


@pytest.mark.core
@pytest.mark.timeout(240)
def test_p10_rolling_restart_of_two_pods_spends_no_retry_and_loses_nothing(make_fleet: MakeFleet) -> None:
    """P10: each pod in turn gets SIGTERM while it runs bodies longer than its grace, and a new one comes."""
    repeated(rolling_restart, make_fleet)


def rolling_restart(fleet: Fleet) -> None:
    """Replace both pods under load."""
    pods = [fleet.worker(name, SHUTDOWN_GRACE="0.5") for name in ("one", "two")]
    mixed = [order("nap", 60, batch=6, pace=0.1, least=0.0, most=1.5), order("nap_in_thread", 10, batch=2, seconds=1.2)]
    producer = fleet.produce([*mixed, *mixed, order("has_child", 60, batch=6, pace=0.1)], wait=False)
    for n, pod in enumerate(pods):
        busy_in(fleet, pod)
        assert pod.terminate() == 0, pod.tail()
        busy_in(fleet, fleet.worker(f"next{n}"))
    assert producer.wait() == 0
    fleet.settled()

    ran = judge(fleet)
    unspent(fleet)
    cut = [run for run in ran if run.how == "stop"]
    print(f"{len(ran)} runs, {len(cut)} of them cut short by the end of their pod")
    if not cut:
        raise InconclusiveError("no body was running when its pod was told to end")


def busy_in(fleet: Fleet, pod: Worker) -> None:
    """Wait until this process runs something."""
    eventually(lambda: any(run.pid == pod.pid and run.how == "none" for run in runs(fleet)), f"{pod.name} is busy")


@pytest.mark.timeout(90)
def test_p10_a_second_signal_hands_everything_back_at_once(fleet: Fleet) -> None:
    """P10: SIGTERM twice: what runs goes back unspent, without waiting for a grace of minutes."""
    pod = fleet.worker("hasty", SHUTDOWN_GRACE="600")
    fleet.produce([order("nap", 20, least=30.0, most=30.0)])
    eventually(lambda: len(runs(fleet)) == 8, "the pod is full")
    pod.signal(signal.SIGTERM)
    eventually(lambda: "draining" in {status for _, status, _ in fleet.pods()}, "it drains")
    time.sleep(2 * ECHO_S)  # real time: a second signal at once could be the first one told twice
    assert pod.terminate(patience=15) == 0, pod.tail()
    assert fleet.scalar("select count(*) from step_tracker where status = 'pending'") == 20
    unspent(fleet)
