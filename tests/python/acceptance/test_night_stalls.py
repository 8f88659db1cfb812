"""P5, P8, P12 when the network stands still: for half a threshold and for two, in both directions and in one."""

from __future__ import annotations

import time
from functools import partial

import pytest

from acceptance import fleet as kit
from acceptance.conftest import MakeNight, Night
from acceptance.fleet import Fleet, order
from acceptance.judge import Run, judge, runs
from acceptance.proxied import Proxy
from acceptance.waiting import InconclusiveError, eventually, repeated

pytestmark = [pytest.mark.acceptance, pytest.mark.night, pytest.mark.timeout(150)]

BOTH = ("to_server", "to_client")


@pytest.mark.parametrize("directions", [BOTH, ("to_client",), ("to_server",)], ids="+".join)
@pytest.mark.parametrize("thresholds", [0.5, 2])
def test_p5_p12_a_stall_kills_no_pod_and_repeats_no_finished_step(
    thresholds: float, directions: tuple[str, ...], make_night: MakeNight
) -> None:
    """P5, P12: every pod is cut off while its steps run; none is declared dead, and what has finished stays so."""
    repeated(partial(stalled, thresholds, directions), make_night)


def stalled(thresholds: float, directions: tuple[str, ...], night: Night) -> None:
    """Stall in the middle of the work."""
    fleet, proxy = night
    for name in ("one", "two"):
        fleet.worker(name)
    fleet.produce([order("nap", 160, least=0.1, most=1.0)])
    eventually(lambda: len(runs(fleet)) >= 20, "the work is under way")
    hold(proxy, thresholds * kit.THRESHOLD_S, *directions)
    left = fleet.open_steps()
    fleet.settled(30)
    print(f"open when the stall ended: {left}; {proxy.counts()}")
    ran = judge(fleet)
    assert begun_after_they_ended(ran) == []
    assert fleet.scalar("select sum(crash_count) from step_tracker") == 0
    if not left or not any(proxy.count(f"stalled {direction}") for direction in directions):
        raise InconclusiveError(proxy.counts())


def test_p8_a_pod_that_is_cut_off_ends_what_it_runs_before_another_begins_it(make_night: MakeNight) -> None:
    """P8: one of two pods is alone for two thresholds; it stops its steps in time, and its heir runs them."""
    repeated(alone, make_night)


def alone(night: Night) -> None:
    """Give one pod a way of its own to the database, and stall that."""
    fleet, proxy = night
    gate = fleet.folder / "gate"
    fleet.worker("leader", tasks="noop", URL=proxy.beside)
    victim = fleet.worker("victim", tasks="wait_for_file")
    fleet.produce([order("wait_for_file", 6, path=str(gate))])
    eventually(lambda: len(runs(fleet)) == 6, "every body runs")
    proxy.stall(*BOTH)
    eventually(lambda: dead(fleet, victim.pid), "the pod is declared dead, for nobody heard of it", 20)
    victim.told_to_end = True
    fleet.worker("heir", tasks="wait_for_file", URL=proxy.beside)
    eventually(lambda: len(runs(fleet)) == 12, "the heir runs them")
    proxy.behave()
    gate.touch()
    fleet.settled(30)
    judge(fleet)


def dead(fleet: Fleet, pid: int) -> bool:
    """Say whether this process's pod is down."""
    return any(status == "down" for _, status, process in fleet.pods() if process == pid)


def hold(proxy: Proxy, seconds: float, *directions: str) -> None:
    """Let nothing through for so long."""
    proxy.stall(*directions)
    time.sleep(seconds)  # real time: as long as the threshold is compared with
    proxy.behave()


def begun_after_they_ended(ran: list[Run]) -> list[str]:
    """Give the steps whose body began again after one had returned."""
    ended: dict[str, float] = {}
    for run in ran:
        if run.how == "end":
            ended[run.step_id] = min(run.ended, ended.get(run.step_id, float("inf")))
    return [run.step_id for run in ran if run.began > ended.get(run.step_id, float("inf"))]
