"""P6 under `kill -9`: no step lost (P1, P4), none recorded twice (P7), every orphan back in time, whoever led."""

from __future__ import annotations

import random
import time
from functools import partial
from typing import NamedTuple

import pytest

from acceptance import fleet as kit
from acceptance.fleet import Fleet, Worker, order
from acceptance.judge import accepted, judge
from acceptance.waiting import eventually, spread

pytestmark = pytest.mark.acceptance

PODS = 4
KILLS = 50 if kit.LONG else 6
PER_ROUND = 3 if kit.LONG else 2
BOUND_S = kit.THRESHOLD_S + kit.RECOVERY_S + kit.BEAT_S
OBSERVED_LATE_S = 1.0
"""How late a loaded machine may run the processes, and this test see what they did."""

# Enough that the last victim of a round is still busy when its turn comes.
LOAD = [order("nap", 60 * PER_ROUND, least=0.02, most=0.6), order("has_child", 20)]


class Kill(NamedTuple):
    """One kill: which pod, when, and which claims died with it."""

    pod: str
    at: float
    orphans: dict[str, str]


@pytest.mark.core
@pytest.mark.timeout(120 + 25 * KILLS)
def test_p6_orphans_of_pods_killed_at_random_moments_are_back_in_time(fleet: Fleet) -> None:
    """P1, P4, P6, P7: pods die at random moments, the leader among them, while they claim, run, enqueue and finish."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    draws = random.Random(seed)
    pods = [fleet.worker(f"pod{n}", MAX_CRASHES="900") for n in range(PODS)]
    late: list[float] = []
    took: list[float] = []
    kills, rounds = 0, 0
    while kills < KILLS:
        rounds += 1
        assert rounds <= 2 * KILLS, "inconclusive: the pods that were killed held nothing"
        now = min(PER_ROUND, KILLS - kills)
        victims = draws.sample(range(PODS), now)
        fleet.produce(LOAD)
        killed = [kill(fleet, pods[victim], draws.uniform(0, 0.5)) for victim in victims]
        # A pod that held nothing proves nothing; its kill is drawn again.
        for measured, beyond in [rescue for one in killed if (rescue := rescue_of(fleet, one))]:
            kills += 1
            took.append(measured)
            late.append(beyond)
        for victim in victims:
            pods[victim] = fleet.worker(f"pod{victim}", MAX_CRASHES="900")
    fleet.settled()
    judge(fleet)
    print(f"P6: {kills} kills; from kill to the last orphan back: {spread(took)}; bound {BOUND_S:.0f} s")
    print(f"P6: the same, from the moment the leader could act if that was later: {spread(late)}")
    assert max(late) <= BOUND_S + OBSERVED_LATE_S


def kill(fleet: Fleet, worker: Worker, after: float) -> Kill:
    """Kill it a random while from now, and read what it held."""
    pod = fleet.ready(worker)
    time.sleep(after)  # real time: a random moment is the point
    at = worker.kill()
    return Kill(
        pod,
        at,
        dict(
            fleet.query("select step_id, claim_id from step_tracker where claimed_by = ? and status = 'claimed'", pod)
        ),
    )


def rescue_of(fleet: Fleet, kill: Kill) -> tuple[float, float] | None:
    """Say how long the last orphan took: from the kill, and from when the leader could act, if that was later."""
    sql = "select count(*) from step_tracker where claimed_by = ? and status = 'claimed'"
    eventually(lambda: fleet.scalar(sql, kill.pod) == 0, f"the orphans of {kill.pod} are back", 4 * BOUND_S)
    # What the pod had sent when it was killed, a server carries out all the same; such a step is no orphan.
    sent = "select count(*) from acceptance_history where step_id = ? and claim_id = ? and became = 'completed'"
    orphans = [step for step, claim in kill.orphans.items() if not fleet.scalar(sent, step, claim)]
    if not orphans:
        return None
    # The database wrote down when each was given back; kills are told on the other clock.
    offset_ms = time.time() * 1000 - time.monotonic() * 1000
    moved = """
        select max(ts) from acceptance_history
        where was = 'claimed' and became = 'pending' and step_id = ? and ts >= ?"""
    back = [fleet.scalar(moved, step, int(kill.at * 1000 + offset_ms)) for step in orphans]
    last = (max(back) - offset_ms) / 1000
    since = [leader_since(fleet, step, kill.pod) for step in orphans]
    could_act = (max(since) - offset_ms) / 1000 - fleet.store.ahead_s + kit.THRESHOLD_S
    return last - kill.at, last - max(kill.at, could_act)


def leader_since(fleet: Fleet, step: str, dead: str) -> int:
    """Give since when the pod that rescued this step had been beating."""
    sql = f"""
        select pod_health.beating_since from step_tracker, {fleet.store.elements.format("step_tracker.error")}
        join pod_health on pod_health.pod_id = entry.value ->> 'leader'
        where step_id = ? and entry.value ->> 'pod' = ?"""
    return fleet.scalar(sql, step, dead)


@pytest.mark.timeout(90)
def test_p1_what_a_killed_producer_was_told_is_stored_is_stored_and_runs_once(fleet: Fleet) -> None:
    """P1: producers die by `kill -9` while they enqueue; every id that `enqueue` had returned is there and runs."""
    fleet.worker("pod")
    for _ in range(KILLS // 2):
        before = len(accepted(fleet))
        producer = fleet.produce([order("noop", 100_000, batch=7)], wait=False)
        eventually(partial(has_accepted, fleet, before + random.randrange(1, 400)), "it enqueues")
        producer.kill()
    fleet.settled()
    ran = judge(fleet, once=True)
    print(f"{len(accepted(fleet))} steps accepted from killed producers, {len(ran)} ran")
    assert {run.step_id for run in ran} >= set(accepted(fleet))


def has_accepted(fleet: Fleet, steps: int) -> bool:
    """Say whether that many ids came back from `enqueue`."""
    return len(accepted(fleet)) >= steps
