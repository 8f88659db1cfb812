"""P1, P4 and P6 under `kill -9` of one pod, of the leader, of most and of all, while the fleet is at work."""

from __future__ import annotations

import random
from functools import partial

import pytest

from acceptance.conftest import MakeFleet
from acceptance.fleet import Fleet, Worker, order
from acceptance.judge import judge
from acceptance.night import busy, leader, pod_of, together
from acceptance.rescue import BOUND_S, OBSERVED_LATE_S, kill, rescue_of
from acceptance.waiting import InconclusiveError, repeated

pytestmark = [pytest.mark.acceptance, pytest.mark.night]

NAMES = [f"pod{n}" for n in range(4)]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("who", ["one", "leader", "three", "all"])
def test_p6_steps_of_pods_that_were_killed_run_again_in_time(make_fleet: MakeFleet, who: str) -> None:
    """P1, P4, P6, P7: whoever dies, every step that was running is pending again within the bound, and runs."""
    repeated(partial(struck, who), make_fleet)


def struck(who: str, fleet: Fleet) -> None:
    """Kill these pods under load, and where all died start as many."""
    pods = together(fleet, NAMES)
    fleet.produce([order("nap", 250, least=0.02, most=0.6), order("has_child", 20)])
    busy(fleet, *pods)
    killed = [kill(fleet, victim, 0) for victim in victims(fleet, pods, who)]
    if who == "all":
        together(fleet, NAMES)
    late = [rescue[1] for one in killed if (rescue := rescue_of(fleet, one))]
    fleet.settled()

    judge(fleet)
    if not late:
        raise InconclusiveError("the pods that were killed held nothing")
    print(f"{who}: last orphan back {max(late):.2f} s after the death or after the leader could act")
    assert max(late) <= BOUND_S + OBSERVED_LATE_S


def victims(fleet: Fleet, pods: list[Worker], who: str) -> list[Worker]:
    """Choose whom to kill."""
    first = next(pod for pod in pods if pod_of(fleet, pod) == leader(fleet))
    rest = random.sample([pod for pod in pods if pod is not first], 3)
    return {"one": rest[:1], "leader": [first], "three": [first, *rest[:2]], "all": [first, *rest]}[who]
