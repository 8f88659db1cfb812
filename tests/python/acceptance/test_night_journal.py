"""P3 and P12 when a successor on the same volume comes too late: the steps were rescued, and run elsewhere."""

from __future__ import annotations

import pytest

from acceptance.fleet import Fleet, Worker, order
from acceptance.judge import judge, runs
from acceptance.night import ON_A_SERVER, journaled_outage, paid
from acceptance.waiting import eventually

pytestmark = ON_A_SERVER

HELD = 6


@pytest.mark.timeout(120)
def test_p3_outcomes_that_a_successor_finds_after_the_rescue_are_lost_dropped_and_told(fleet: Fleet) -> None:
    """P3, P12: the pod's journal is delivered while the next owner runs the steps: its fence drops every outcome."""
    gate = fleet.folder / "gate"
    fleet.worker("heir", tasks="noop")
    first = fleet.worker("pod", tasks="wait_for_file")
    fleet.produce([order("wait_for_file", HELD, path=str(gate))])
    eventually(lambda: len(runs(fleet)) == HELD, "every body runs")
    back = journaled_outage(fleet, first, gate, HELD)
    first.kill()
    gate.unlink()
    back()
    owner = fleet.worker("owner", tasks="wait_for_file")
    eventually(lambda: len(runs(fleet)) == 2 * HELD, "the steps are rescued, and run again")

    late = fleet.worker("pod", tasks="noop")
    eventually(lambda: refused(late) == HELD, "each outcome is told to be too late", 10)
    assert fleet.query("select distinct status, claimed_by from step_tracker") == [["claimed", fleet.ready(owner)]]
    assert not [line for line in late.logged("fleet_q.journal") if "are stored" in line["message"]]
    gate.touch()
    fleet.settled()

    ran = judge(fleet)
    assert {run.pid for run in ran} == {first.pid, owner.pid}
    assert paid(fleet) == HELD, "one crash each"
    # Nothing is left to deliver, or to be told again.
    late.terminate()
    again = fleet.worker("pod", tasks="noop")
    assert refused(again) == 0


def refused(worker: Worker) -> int:
    """Count the outcomes that the store answered `lost`."""
    return sum("too late" in entry["message"] for entry in worker.logged("fleet_q.step"))
