"""P6 and P13 when a leader is frozen in the midst of its pass, passed over, and goes on where it stood."""

from __future__ import annotations

import signal
from functools import partial

import pytest

from acceptance.fleet import Fleet, order
from acceptance.judge import judge, runs
from acceptance.night import ON_A_SERVER, held_open, leader, marked, pod_of
from acceptance.waiting import eventually

pytestmark = ON_A_SERVER

HELD = 8
WAITS = """
select count(*) from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0 and query like '%suspect.beat%'"""
LEADERS = "select distinct error -> 0 ->> 'leader' from step_tracker where error is not null"


@pytest.mark.timeout(120)
def test_p13_leader_that_thaws_in_mid_pass_beside_its_successor_rescues_nothing_twice(fleet: Fleet) -> None:
    """P6, P13: two pods believe that they lead, and both go for the same orphans: each is back once, crashed once."""
    gate = fleet.folder / "gate"
    old = fleet.worker("old", tasks="noop")
    new = fleet.worker("new", tasks="noop")
    victim = fleet.worker("victim", tasks="wait_for_file")
    name = fleet.ready(victim)
    fleet.produce([order("wait_for_file", HELD, path=str(gate))])
    eventually(lambda: len(runs(fleet)) == HELD, "every body runs")
    buried, first = partial(pods_down, fleet), leader(fleet)
    victim.kill()
    with held_open(fleet, "select step_id from step_tracker for update"):
        with held_open(fleet, "select pod_id from pod_health where pod_id = %s for update", name):
            eventually(lambda: fleet.scalar(WAITS), "the leader declares the death", every=0.005)
            old.signal(signal.SIGSTOP)
        # In mid-pass: what it had sent is carried out, and the answer waits for it.
        eventually(lambda: name in buried(), "the death is declared")
        eventually(lambda: first in buried(), "the frozen leader is marked down")
        assert fleet.scalar("select count(*) from step_tracker where status = 'claimed'") == HELD
    old.signal(signal.SIGCONT)
    eventually(lambda: not fleet.scalar("select count(*) from step_tracker where status = 'claimed'"), "rescue", 20)
    gate.touch()
    fleet.worker("heir", tasks="wait_for_file")
    fleet.settled()

    judge(fleet)
    assert fleet.query("select distinct crash_count from step_tracker") == [[1]]
    assert fleet.scalar("select count(*) from acceptance_history where was = 'claimed' and became = 'pending'") == HELD
    assert eventually(lambda: pod_of(fleet, old), "it registers anew") != first
    assert {look.pod for look in marked(fleet)} == {name, first}
    print(f"rescued by: {fleet.query(LEADERS)}, of {[first, pod_of(fleet, new)]}")


def pods_down(fleet: Fleet) -> set[str]:
    """Give the pods that are marked."""
    return {pod for pod, status, _ in fleet.pods() if status == "down"}
