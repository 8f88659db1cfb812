"""P3 and P8: a process that was frozen for longer than the threshold wakes up to a fleet that went on without it."""

from __future__ import annotations

import signal

import pytest

from acceptance.conftest import MakeFleet
from acceptance.fleet import Fleet, Worker, order
from acceptance.judge import judge, runs
from acceptance.waiting import InconclusiveError, eventually, repeated

pytestmark = pytest.mark.acceptance

STEPS = 8


@pytest.mark.core
@pytest.mark.timeout(180)
def test_p3_outcomes_of_a_pod_that_was_frozen_are_refused_and_it_registers_anew(make_fleet: MakeFleet) -> None:
    """P3, P8: SIGSTOP beyond the threshold, SIGCONT while the next owner runs the same steps."""
    repeated(freeze, make_fleet)


def freeze(fleet: Fleet) -> None:
    """Freeze a pod with eight bodies in threads until the next owner runs them, and wake it."""
    frozen = fleet.worker("frozen", tasks="nap_in_thread,nap")
    old = fleet.ready(frozen)
    fleet.produce([order("nap_in_thread", STEPS, seconds=4.0)])
    eventually(lambda: len(runs(fleet)) == STEPS, "every body runs in the one pod there is")
    frozen.signal(signal.SIGSTOP)

    # Bodies in threads cannot be ended: when the pod wakes, their time has come and they return at once.
    rescuer = fleet.worker("rescuer", tasks="nap_in_thread,noop")
    eventually(lambda: len(runs(fleet)) == 2 * STEPS, "the steps are rescued and run again")
    assert fleet.scalar("select count(*) from step_tracker where claimed_by = ?", old) == 0
    frozen.signal(signal.SIGCONT)

    fresh = eventually(lambda: pod_of(fleet, frozen.pid), "the frozen pod registers anew")
    assert fresh != old
    fleet.settled()
    late = [run for run in runs(fleet) if run.pid == frozen.pid and run.how == "end"]
    receipts = {claim for (claim,) in fleet.query("select claim_id from step_tracker where status = 'completed'")}
    print(
        f"late bodies that returned: {len(late)}; refused by the store, the rest by the pod itself: {refused(frozen)}"
    )
    assert len(late) == STEPS
    assert not {run.fence for run in late} & receipts
    assert fleet.query("select distinct claimed_by from step_tracker") == [[fleet.ready(rescuer)]]

    # Nothing is stuck: both take work again, the woken one under its new name.
    fleet.produce([order("nap", STEPS, least=0.0, most=0.01), order("noop", STEPS)])
    fleet.settled()
    judge(fleet, overlap=True)
    assert [status for pod, status, _ in fleet.pods() if pod == old] == ["down"]
    assert fresh in {
        pod for (pod,) in fleet.query("select claimed_by from acceptance_history where claimed_by is not null")
    }

    if not refused(frozen):
        raise InconclusiveError("the pod knew of its death before a late outcome reached the store")


def pod_of(fleet: Fleet, pid: int) -> str | None:
    """Give the pod of this process that is up."""
    return next((pod for pod, status, of in fleet.pods() if of == pid and status == "up"), None)


def refused(worker: Worker) -> int:
    """Count the outcomes that the store answered `lost`."""
    return sum("too late" in entry["message"] for entry in worker.logged("fleet_q.step"))
