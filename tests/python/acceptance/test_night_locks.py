"""P4 and P6 when a user's own transaction stays open on the row of a step. Its wait is excused, no other step's is."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from acceptance import fleet as kit
from acceptance.fleet import Fleet, order
from acceptance.judge import judge, runs
from acceptance.night import ON_A_SERVER, busy, finished, marked, paid, row_held, together
from acceptance.rescue import BOUND_S, OBSERVED_LATE_S
from acceptance.waiting import eventually

pytestmark = ON_A_SERVER


@pytest.mark.timeout(120)
def test_p6_orphan_whose_row_a_user_holds_is_back_when_the_lock_is_gone(fleet: Fleet) -> None:
    """P6 and its exception: the neighbours of the row are rescued in time, the row itself once it is free."""
    doomed = fleet.worker("doomed", tasks="nap")
    fleet.produce([order("nap", 8, least=30, most=30)])
    eventually(lambda: len(runs(fleet)) == 8, "the pod is full")
    together(fleet, ["one", "two"], tasks="noop")
    held = runs(fleet)[3].step_id
    with row_held(fleet, held):
        at = doomed.kill()
        orphans = "select count(*) from step_tracker where status = 'claimed'"
        eventually(lambda: fleet.scalar(orphans) == 1, "all but one are back")
        took = time.monotonic() - at
        assert fleet.query("select step_id from step_tracker where status = 'claimed'") == [[held]]
        # The fleet works on beside the lock, for as many passes of the leader as make it stumble if it does.
        for _ in range(3):
            fleet.produce([order("noop", 20)])
        eventually(lambda: finished(fleet) == 60, "others go on")
    free_at = time.monotonic()
    eventually(lambda: fleet.scalar(orphans) == 0, "the last one is back")
    after = time.monotonic() - free_at
    print(f"neighbours back after {took:.2f} s, the one that was held {after:.2f} s after the lock was gone")
    assert took <= BOUND_S + OBSERVED_LATE_S
    assert after <= kit.RECOVERY_S + OBSERVED_LATE_S
    assert fleet.query("select distinct crash_count from step_tracker where task = 'nap'") == [[1]]
    fleet.query("delete from step_tracker where task = 'nap'")
    fleet.settled()


@pytest.mark.timeout(120)
def test_p4_finish_of_a_step_whose_row_a_user_holds_waits_alone(fleet: Fleet) -> None:
    """P4, P5, P7: the body ended while its row was held: others are recorded meanwhile, and it is recorded once."""
    pods = together(fleet, ["one", "two"])
    gate = fleet.folder / "gate"
    fleet.produce([order("wait_for_file", 2, path=str(gate))])
    eventually(lambda: len(runs(fleet)) == 2, "both run")
    fleet.produce([order("nap", 400, batch=20, pace=0.3, least=0.02, most=0.3)], wait=False)
    busy(fleet, *pods)
    with row_held(fleet, runs(fleet)[0].step_id):
        gate.touch()
        progress = []
        until = time.monotonic() + max(1.2 * kit.THRESHOLD_S, 3 * kit.STATEMENT_S)
        while time.monotonic() < until:
            progress.append(finished(fleet))
            time.sleep(1)  # real time: longer than a threshold and three statement timeouts
        progress.append(finished(fleet))
    fleet.settled()

    judge(fleet, once=True)
    steps = [after - before for before, after in pairwise(progress)]
    print(f"recorded in each second of the lock: {steps}")
    assert progress[-1] - progress[0] > 100
    assert (marked(fleet), paid(fleet)) == ([], 0)
