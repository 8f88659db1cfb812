"""P5, P6 and P9 when clocks lie: the database's is stepped by a minute under load, the pods' are 20 minutes apart."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest

from acceptance import fleet as kit
from acceptance.clocks import SteppedStore
from acceptance.conftest import MakeFleet
from acceptance.fleet import Fleet, Worker, order
from acceptance.judge import Run, accepted, judge
from acceptance.night import ON_A_SERVER, busy, finished, leader, marked, pod_of, together
from acceptance.rescue import BOUND_S, OBSERVED_LATE_S, kill, rescue_of
from acceptance.waiting import InconclusiveError, eventually, repeated

pytestmark = ON_A_SERVER

STEP_S = 60
APART_S = 600
DELAY_S = 1.0
LATE_S = 2.0
"""How late a step may begin that has become due: a pod polls, and the machine is loaded."""

LASTING = order("nap", 3, least=1.4 * kit.THRESHOLD_S, most=1.6 * kit.THRESHOLD_S)
LATER = [order("stumble", 9), order("nap", 6, delay=DELAY_S, least=0.0, most=0.1)]
LOAD = [order("nap", 150, least=0.02, most=0.6), *LATER]
STEPS = {"later": STEP_S, "earlier": -STEP_S}

# In the short form the four that differ most.
KILLS = [
    ("earlier", "leader", "before"),
    ("earlier", "other", "before"),
    ("later", "leader", "before"),
    ("later", "other", "after"),
    *([("earlier", "leader", "after"), ("earlier", "other", "after")] if kit.LONG else []),
    *([("later", "other", "before"), ("later", "leader", "after")] if kit.LONG else []),
]


@pytest.mark.timeout(60)
def test_history_tells_the_truth_whatever_the_databases_clock_says(make_stepped: MakeFleet) -> None:
    """The harness itself: a backend that runs meets each step at once, and what the checker reads is free of it."""
    fleet = make_stepped()
    for ahead_s in (STEP_S, -STEP_S, 0):
        step(fleet, ahead_s)
        noted_ms = fleet.scalar("select acceptance_now()")
        assert abs(noted_ms / 1000 - time.time()) < 1


@pytest.mark.timeout(180)
@pytest.mark.parametrize("to", STEPS)
def test_p5_step_of_the_databases_clock_kills_no_pod_and_repeats_no_step(make_stepped: MakeFleet, to: str) -> None:
    """P5, P4: its clock is set by a minute and, later, set right; retries and delayed steps go on by what it says."""
    repeated(partial(stepped, STEPS[to]), make_stepped)


def stepped(by: int, fleet: Fleet) -> None:
    """Step the database's clock under load, work for longer than a threshold, and set it right again."""
    pods = together(fleet, ["one", "two", "three"])
    fleet.produce([LASTING, *LOAD])
    busy(fleet, *pods)
    eventually(lambda: finished(fleet) > 20, "work goes on")
    at = step(fleet, by)
    fleet.produce(LOAD)
    # What waits for its time may wait for another minute, if the clock was set back.
    eventually(lambda: due(fleet) == 0, "everything that is due is final", every=0.1)
    back_at = step(fleet, 0)
    fleet.produce(LOAD)
    fleet.settled()

    ran = judge(fleet, spent=True)
    assert marked(fleet) == []
    assert paid_only_for_stumbling(fleet, ran)
    lasted = [run for run in ran if run.began < at and run.ended > at + kit.THRESHOLD_S]
    print(f"clock stepped by {by} s and after {back_at - at:.1f} s back; {len(lasted)} bodies outlasted the threshold")
    if not lasted:
        raise InconclusiveError("no body ran from before the step until a threshold after it")
    # The fault struck: the observer saw beats on either side of each step.
    assert [jump for jump in jumps(fleet) if abs(jump) > STEP_S / 2] != []
    assert {round(jump / STEP_S) for jump in jumps(fleet)} == {0, 1, -1}


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("to", "who", "when"), KILLS)
def test_p6_pod_killed_when_the_clock_is_stepped_is_rescued_in_time(
    make_stepped: MakeFleet, to: str, who: str, when: str
) -> None:
    """P6, P5: a beat from a time that was set back keeps nobody alive, and nobody dies but who was killed."""
    repeated(partial(killed, STEPS[to], who, when), make_stepped)


def killed(by: int, who: str, when: str, fleet: Fleet) -> None:
    """Kill a pod just before the step, or once it beats by the new time."""
    pods = together(fleet, ["one", "two", "three"])
    first = next(pod for pod in pods if pod_of(fleet, pod) == leader(fleet))
    victim = first if who == "leader" else random.choice([pod for pod in pods if pod is not first])
    fleet.produce([order("nap", 250, least=0.02, most=0.6)])
    busy(fleet, *pods)
    if when == "before":
        dead = kill(fleet, victim, random.uniform(0, kit.BEAT_S))
        step(fleet, by)
    else:
        step(fleet, by)
        dead = kill(fleet, victim, kit.BEAT_S)
    rescue = rescue_of(fleet, dead)
    fleet.settled()

    judge(fleet)
    assert {look.pod for look in marked(fleet)} == {dead.pod}
    if rescue is None:
        raise InconclusiveError("the pod that was killed held nothing")
    print(f"{who} killed {when} the step by {by} s: back {rescue[0]:.2f} s later, {rescue[1]:.2f} s since it could be")
    assert rescue[1] <= BOUND_S + OBSERVED_LATE_S


@pytest.mark.timeout(180)
def test_p9_pods_whose_clocks_are_far_apart_go_by_the_databases(make_fleet: MakeFleet) -> None:
    """P5, P6, P9: who leads, what is due, in which order and who is dead: no pod's clock has a say in it."""
    repeated(apart, make_fleet)


def apart(fleet: Fleet) -> None:
    """Let pods and producers be ten minutes fast, right and ten minutes slow, and kill the leader."""
    # By its own clock the oldest was born last, and what was enqueued first came last.
    pods = [fleet.worker(f"pod{n}") for n, _ in enumerate(wrongly(fleet))]
    assert pod_of(fleet, pods[0]) == leader(fleet)
    fleet.query(fleet.store.paused(["default"]))
    enqueued = [some(fleet) for _ in wrongly(fleet)]
    fleet.query(fleet.store.paused([]))
    for _ in wrongly(fleet):
        fleet.produce(LATER)
    fleet.settled()

    fleet.produce([order("nap", 250, least=0.02, most=0.6)])
    busy(fleet, *pods)
    dead = kill(fleet, pods[0], 0)
    rescue = rescue_of(fleet, dead)
    fleet.settled()

    ran = judge(fleet, spent=True)
    assert wrong_by(fleet, ran) == {APART_S, 0, -APART_S}
    assert {look.pod for look in marked(fleet)} == {dead.pod}
    assert in_turn(ran, enqueued)
    if rescue is None:
        raise InconclusiveError("the pod that was killed held nothing")
    print(f"leader killed: back {rescue[0]:.2f} s later, {rescue[1]:.2f} s since it could be; {waits(fleet)}")
    assert rescue[1] <= BOUND_S + OBSERVED_LATE_S


def step(fleet: Fleet, ahead_s: int) -> float:
    """Have the database's clock say so much more than the truth from now on; gives the moment."""
    assert isinstance(fleet.store, SteppedStore)
    fleet.store.step(ahead_s)
    said = fleet.query("select extract(epoch from clock_timestamp())")[0][0]
    assert abs(float(said) - ahead_s - time.time()) < 1, "the fault did not strike"
    return time.monotonic()


def due(fleet: Fleet) -> int:
    """Count what is neither final nor waits for a time that, by the database's clock, has yet to come."""
    sql = """
        select count(*) from step_tracker where status not in ('completed', 'failed', 'cancelled')
          and (status <> 'scheduled' or available_ts <= extract(epoch from clock_timestamp()) * 1000)"""
    return fleet.scalar(sql)


def paid_only_for_stumbling(fleet: Fleet, ran: list[Run]) -> bool:
    """Say whether each step ran once and paid nothing, but for those that failed once and paid for that."""
    paid = fleet.query("select step_id, task = 'stumble', retry_count, crash_count from step_tracker")
    times = Counter(run.step_id for run in ran)
    return all((times[one], *paid) == (1 + stumbled, stumbled, 0) for one, stumbled, *paid in paid)


def jumps(fleet: Fleet) -> list[float]:
    """Give by how many seconds beats of one pod jumped, beside the time that had passed for the observer."""
    found = []
    last: dict[str, tuple[float, int]] = {}
    for look in fleet.looks():
        if look.pod in last:
            at, beat_ts = last[look.pod]
            found.append((look.beat_ts - beat_ts) / 1000 - (look.at - at))
        last[look.pod] = (look.at, look.beat_ts)
    return found


def wrongly(fleet: Fleet) -> Iterator[int]:
    """Let what is started in each round have another clock: fast, right and slow."""
    for fleet.ahead_s in (APART_S, 0, -APART_S):
        yield fleet.ahead_s
    fleet.ahead_s = 0


def some(fleet: Fleet) -> list[str]:
    """Enqueue some steps; gives their ids."""
    known = set(accepted(fleet))
    fleet.produce([order("nap", 30, least=0.0, most=0.1)])
    return [one for one in accepted(fleet) if one not in known]


def wrong_by(fleet: Fleet, ran: list[Run]) -> set[int]:
    """Give by how much the clocks were wrong of the processes that ran something, to be sure that they were."""
    workers: dict[int, Worker] = {worker.pid: worker for worker in fleet.workers}
    offset_s = time.time() - time.monotonic()
    ended = [run for run in ran if run.how == "end"]
    # The checker takes each process's lie out of what it says; what is left must be the truth.
    assert all(abs(run.ended_wall_ms / 1000 - run.ended - offset_s) < 1 for run in ended)
    return {workers[run.pid].ahead_s for run in ended}


def in_turn(ran: list[Run], enqueued: list[list[str]]) -> bool:
    """Say whether bodies began in this order of their groups; where two groups meet, pods begin at the same time."""
    began = {run.step_id: run.began for run in ran}
    first = [min(began[one] for one in group) for group in enqueued]
    last = [max(began[one] for one in group) for group in enqueued]
    return first == sorted(first) and last == sorted(last) and last[0] < first[2]


def waits(fleet: Fleet) -> str:
    """Hold delayed steps to the database's clock, and say how late they began by it."""
    sql = """
        select available_ts - created_ts, min(ts) - available_ts from step_tracker
        join acceptance_history on acceptance_history.step_id = cast(step_tracker.step_id as text)
        where became = 'claimed' and retry_count = 0 and available_ts > created_ts
        group by step_tracker.step_id, available_ts, created_ts"""
    rows = fleet.query(sql)
    assert {delay for delay, _ in rows} == {int(DELAY_S * 1000)}
    late = [after / 1000 for _, after in rows]
    assert min(late) >= -0.002
    assert max(late) <= LATE_S
    return f"{len(late)} delayed steps began {min(late):.2f} to {max(late):.2f} s after they were due"
