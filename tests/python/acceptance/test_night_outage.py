"""P5 and P12 when Postgres is stopped, crashes or is killed while steps run, with a frozen leader too."""

from __future__ import annotations

import signal
from functools import partial

import pytest

from acceptance import fleet as kit
from acceptance.conftest import MakeFleet
from acceptance.fleet import Fleet, order
from acceptance.judge import judge
from acceptance.night import ON_A_SERVER, away, busy, finished, leader, marked, paid, pod_of, repeated_in_vain, together
from acceptance.waiting import InconclusiveError, eventually, repeated

pytestmark = ON_A_SERVER

SHARES = [0.5, 2.0, 5.0] if kit.LONG else [0.5, 2.0]
LOAD = [order("nap", 12, least=1.0, most=5.0), order("nap", 240, least=0.02, most=0.6)]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("how", ["stop", "quit", "kill"])
def test_p5_p12_outage_kills_no_pod_and_repeats_no_finished_step(make_fleet: MakeFleet, how: str, share: float) -> None:
    """P5, P12: the server is away for a share of the threshold: no pod is marked, nothing that ended runs again."""
    repeated(partial(outage, how, share), make_fleet)


def outage(how: str, share: float, fleet: Fleet) -> None:
    """Take the server away under load."""
    pods = together(fleet, ["one", "two", "three"])
    fleet.produce(LOAD)
    busy(fleet, *pods)
    eventually(lambda: finished(fleet) > 20, "work goes on")
    since, until = away(fleet, how, share * kit.THRESHOLD_S)
    fleet.settled()

    ran = judge(fleet)
    assert marked(fleet) == []
    assert paid(fleet) == 0
    assert repeated_in_vain(ran) == set()
    meanwhile = [run for run in ran if run.how == "end" and since < run.ended < until]
    cut = sum(run.how == "stop" for run in ran)
    print(f"{how} for {until - since:.1f} s: {len(meanwhile)} bodies ended meanwhile, {cut} were cut short")
    if not meanwhile:
        raise InconclusiveError("no body ended while the server was away")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("thaws", ["with the server", "when it was buried"])
def test_p5_leader_that_is_frozen_across_an_outage_harms_nobody(make_fleet: MakeFleet, thaws: str) -> None:
    """P5, P8, P13: it wakes with a memory in which everybody is long dead, or finds that it is; it kills nobody."""
    repeated(partial(frozen_leader, thaws), make_fleet)


def frozen_leader(thaws: str, fleet: Fleet) -> None:
    """Freeze the leader, stop the server for longer than the threshold, and wake the leader."""
    pods = together(fleet, ["one", "two", "three"])
    first = leader(fleet)
    frozen = next(pod for pod in pods if pod_of(fleet, pod) == first)
    fleet.produce(LOAD)
    busy(fleet, *pods)
    frozen.signal(signal.SIGSTOP)
    _, back_at = away(fleet, "stop", 1.2 * kit.THRESHOLD_S)
    if thaws == "when it was buried":
        eventually(lambda: marked(fleet), "the frozen leader is marked down")
        took = marked(fleet)[0].at - back_at
        print(f"marked down {took:.1f} s after the server was back")
        # Nobody may be judged by beats that nobody could send: one threshold of grace, in the database.
        assert took > kit.THRESHOLD_S - 1, f"a pod was marked down {took:.1f} s after the server was back"
    frozen.signal(signal.SIGCONT)
    eventually(lambda: pod_of(fleet, frozen) is not None, "the leader beats again")
    fleet.settled()

    judge(fleet, overlap=True)
    buried = {look.pod for look in marked(fleet)}
    assert buried == ({first} if thaws == "when it was buried" else set())
    assert eventually(lambda: pod_of(fleet, frozen), "it is up") != first or not buried
