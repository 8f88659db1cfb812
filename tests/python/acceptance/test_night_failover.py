"""P1, P3 and P12 when what leads to the data is replaced: the pooler by itself, the server by an older copy."""

from __future__ import annotations

import time
from functools import partial

import pytest

from acceptance import fleet as kit
from acceptance.conftest import MakeFleet
from acceptance.fleet import Fleet, order
from acceptance.judge import Lack, accepted, judge
from acceptance.night import ON_A_SERVER, busy, finished, marked, paid, pod_of, server_of, together
from acceptance.stores import CHOSEN
from acceptance.waiting import InconclusiveError, eventually, repeated

pytestmark = ON_A_SERVER

AHEAD_S = 2.0
"""How long the fleet works on after the copy was taken."""
LONG_ONES, LONG_S = 4, 3 * kit.THRESHOLD_S
"""Steps that the copy never heard of, and whose bodies would still run when the fleet is well again."""


@pytest.mark.skipif(CHOSEN == "debian", reason="NOT RUN: pg_basebackup is in another of Debian's packages")
@pytest.mark.timeout(180)
def test_p1_fleet_goes_on_with_a_copy_that_lacks_the_last_seconds(make_fleet: MakeFleet) -> None:
    """P1's exception, P3, P5: what the copy lacks is lost, claims and pods among it; the rest ends, and once."""
    repeated(failed_over, make_fleet)


def failed_over(fleet: Fleet) -> None:
    """Copy the server, work on, lose it, and start the copy in its place."""
    pods = together(fleet, ["one", "two", "three"])
    fleet.produce([order("nap", 150, least=0.02, most=0.6)])
    producer = fleet.produce([order("nap", 200, batch=5, pace=0.2, least=0.1, most=2.0)], wait=False)
    busy(fleet, *pods)
    since = time.monotonic()
    server_of(fleet).copy()
    # The copy ends a moment before this; what is written now is what it lacks, a pod's registration among it.
    unheard = fleet.worker("unheard")
    fleet.produce([order("nap", LONG_ONES, least=LONG_S, most=LONG_S)])
    before = finished(fleet)
    time.sleep(AHEAD_S)  # real time: the fleet works ahead of its copy
    ahead = finished(fleet) - before
    held = claims(fleet)
    server_of(fleet).fail_over()
    lack = Lack(since, time.monotonic())
    assert producer.wait() == 0, producer.tail()
    eventually(lambda: pod_of(fleet, unheard), "the pod that the copy does not know is up")
    fleet.settled()

    if not ahead:
        raise InconclusiveError("the copy lacked nothing")
    with pytest.raises(AssertionError, match="findings"):
        judge(fleet)  # the checker sees what is gone, and excuses it by the moment alone
    ran = judge(fleet, lack=lack)
    assert marked(fleet) == []
    assert paid(fleet) == 0
    there = {step for (step,) in fleet.query("select step_id from step_tracker")}
    forgotten = held - claims_ever(fleet)
    noticed = sum(int(line["lost"]) for pod in [*pods, unheard] for line in pod.logged("fleet_q.pod") if "lost" in line)
    late = sum("too late" in line["message"] for pod in [*pods, unheard] for line in pod.logged("fleet_q.step"))
    print(
        f"{ahead} steps finished that the copy lacks, {len(set(accepted(fleet)) - there)} steps lost with it,"
        f" {len(forgotten)} claims held that it did not know: {noticed} noticed as lost, {late} refused as late;"
        f" {len(ran)} runs"
    )
    assert noticed + late > 0
    # Bodies that nobody waits for any more are ended, not left to run to their end.
    assert [run.how for run in ran if run.ended - run.began >= LONG_S] == []


def claims(fleet: Fleet) -> set[str]:
    """Give the claims that pods hold."""
    return {claim for (claim,) in fleet.query("select claim_id from step_tracker where status = 'claimed'")}


def claims_ever(fleet: Fleet) -> set[str]:
    """Give the claims that the database remembers."""
    return {claim for (claim,) in fleet.query("select claim_id from acceptance_history where became = 'claimed'")}


@pytest.mark.skipif(CHOSEN != "pooled", reason="NOT RUN: needs FLEET_Q_TEST_STORE=pooled")
@pytest.mark.timeout(180)
@pytest.mark.parametrize("thresholds", [0, 1.4])
def test_p5_p12_pooler_that_is_restarted_costs_nothing(make_fleet: MakeFleet, thresholds: float) -> None:
    """P5, P12: the pooler ends with every connection through it, and comes back at once or after a threshold."""
    repeated(partial(unpooled, thresholds * kit.THRESHOLD_S), make_fleet)


def unpooled(seconds: float, fleet: Fleet) -> None:
    """Restart the pooler under load."""
    pods = together(fleet, ["one", "two", "three"])
    fleet.produce([order("nap", 300, least=0.02, most=0.6)])
    busy(fleet, *pods)
    back = server_of(fleet).without("unpool", "pool")
    time.sleep(seconds)  # real time: how long it is away is the point
    left = fleet.open_steps()
    back()
    fleet.settled()

    judge(fleet)
    assert (marked(fleet), paid(fleet)) == ([], 0)
    print(f"{left} steps were open when the pooler was back after {seconds} s")
    if not left:
        raise InconclusiveError("the work was over")
