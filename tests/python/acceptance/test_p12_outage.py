"""P12 and P4: what is finished while the store is away is delivered and not run again; lost answers strand nothing."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import pytest

from acceptance import fleet as kit
from acceptance.conftest import MakeFleet
from acceptance.fleet import Fleet, Worker, order
from acceptance.judge import judge, runs
from acceptance.waiting import InconclusiveError, eventually, repeated

pytestmark = pytest.mark.acceptance

STEPS = 100
ROUNDS = 20 if kit.LONG else 4
HELD_S = 2.2 * kit.STATEMENT_S
"""Two statement timeouts and a bit: a call that waited behind another arrives when its caller has given up."""


@pytest.mark.timeout(120)
def test_p12_finished_work_survives_an_outage_and_kill_9_of_its_pod(make_fleet: MakeFleet) -> None:
    """P12: 100 steps end while the store is away, the pod is killed, its successor on the same volume delivers."""
    fleet = make_fleet(MAX_PARALLELISM=str(STEPS * 2))
    gate = fleet.folder / "gate"
    first = fleet.worker("pod")
    fleet.produce([order("wait_for_file", STEPS, path=str(gate))])
    eventually(lambda: len(runs(fleet)) == STEPS, "every body runs")

    back = fleet.store.end()
    gate.touch()
    eventually(lambda: journaled(first) == STEPS, f"{STEPS} outcomes are journaled, not {journaled(first)}", 20)
    if fleet.store.answers_while_locked:
        assert fleet.scalar("select count(*) from step_tracker where status = 'claimed'") == STEPS
    first.kill()
    # Same name, same LOCAL_PATH; it cannot register before the store is back.
    successor = fleet.worker("pod", ready=False, CONNECT_TIMEOUT="60")
    # A store that is a file is opened before it is found locked; a server is sought once the journal is open.
    sought = fleet.store.file or fleet.folder / "local-pod"
    eventually(lambda: any(path.is_relative_to(sought) for path in opened_by(successor)), "the successor tries")
    back()

    fleet.ready(successor)
    fleet.settled()
    ran = judge(fleet, once=True)
    assert len(ran) == STEPS
    assert {run.pid for run in ran} == {first.pid}
    assert fleet.scalar("select sum(crash_count + retry_count) from step_tracker") == 0


def journaled(worker: Worker) -> int:
    """Count the outcomes that the pod says are in its journal."""
    return sum(int(entry["outcomes"]) for entry in worker.logged("fleet_q.journal") if "outcomes" in entry)


def opened_by(worker: Worker) -> set[Path]:
    """Give the files that a process has open."""
    return {link.readlink() for link in Path(f"/proc/{worker.pid}/fd").iterdir() if link.is_symlink()}


@pytest.mark.timeout(90 + 45 * ROUNDS)
def test_p4_claims_whose_answer_was_lost_strand_no_step(make_fleet: MakeFleet) -> None:
    """P4, P2: the store blinks longer than statements may take; claims that arrive all the same are given back."""
    repeated(blinking, make_fleet)


def blinking(fleet: Fleet) -> None:
    """Lock the store again and again under load."""
    pods = [fleet.worker("one"), fleet.worker("two")]
    # More than both hold at once, so that they go on claiming.
    fleet.produce([order("has_child", 700 * ROUNDS, batch=500)])
    for _ in range(ROUNDS):
        before = finished(fleet)
        eventually(partial(more_than, fleet, before + 50), "work goes on")
        hold(fleet, HELD_S)
    fleet.settled()
    judge(fleet)
    given_back = sum(
        int(entry["released"]) for pod in pods for entry in pod.logged("fleet_q.pod") if "released" in entry
    )
    print(f"claims that nobody had heard of and that were given back: {given_back}")
    assert fleet.scalar("select sum(crash_count) from step_tracker") == 0
    if not given_back:
        raise InconclusiveError("no claim's answer was lost")


def more_than(fleet: Fleet, steps: int) -> bool:
    """Say whether so many steps are completed."""
    return finished(fleet) > steps


def hold(fleet: Fleet, seconds: float) -> None:
    """Let nobody have an answer for so long."""
    unlock = fleet.store.lock()
    time.sleep(seconds)  # real time: as long as makes statements time out, one behind the other
    unlock()


def finished(fleet: Fleet) -> int:
    """Count what is completed."""
    return fleet.scalar("select count(*) from step_tracker where status = 'completed'")
