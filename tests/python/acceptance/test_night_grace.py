"""P5 when an outage ends for the leader first: it finds old beats, of pods that could not send newer ones."""

from __future__ import annotations

import time

import pytest

from acceptance import fleet as kit
from acceptance.conftest import MakeNight, Night
from acceptance.fleet import Worker, order
from acceptance.judge import judge, runs
from acceptance.night import marked, paid, row_held
from acceptance.waiting import InconclusiveError, eventually, repeated

pytestmark = [pytest.mark.acceptance, pytest.mark.night, pytest.mark.timeout(180)]

AWAY_S = 1.2 * kit.THRESHOLD_S
STEPS = 6


def test_p5_pods_that_come_back_later_than_their_leader_keep_their_steps(make_night: MakeNight) -> None:
    """P5, P2: their beats are older than the threshold, a user holds the row of one of their steps, and they live."""
    repeated(late, make_night)


def late(night: Night) -> None:
    """Stop the server for longer than the threshold, and let the leader find it a pass before the others do."""
    fleet, proxy = night
    # Its statements outlast the wait for the lock, or recovery that waits would give up before there is harm.
    patient = str(kit.THRESHOLD_S - kit.BEAT_S)
    first = fleet.worker("leader", tasks="noop", URL=proxy.beside, STATEMENT_TIMEOUT=patient)
    pods = [fleet.worker(name, tasks="nap_in_thread") for name in ("one", "two")]
    # In threads, for those go on when the pod has to think that it is dead.
    fleet.produce([order("nap_in_thread", STEPS, seconds=AWAY_S + kit.THRESHOLD_S)])
    eventually(lambda: len(runs(fleet)) == STEPS, "every body runs")
    held = runs(fleet)[0].step_id

    proxy.stall("to_server", "to_client")
    back = fleet.store.end()
    time.sleep(AWAY_S)  # real time: an outage of more than a threshold is the point
    back()
    returned = time.monotonic()
    # Recovery that waits for this lock goes by beats that it read before.
    with row_held(fleet, held):
        led = returns(night, first, returned)
        time.sleep(kit.RECOVERY_S + 0.3)  # real time: long enough for one pass of the leader
        proxy.behave()
        late_by = max(returns(night, pod, returned) for pod in pods) - led
    ended = sum(run.how == "end" for run in runs(fleet))
    fleet.settled()

    print(f"the others were back {late_by:.1f} s after the leader, which had been away {led - returned + AWAY_S:.1f} s")
    if late_by > kit.THRESHOLD_S - kit.BEAT_S:
        raise InconclusiveError("they were away for so long that they may be dead")
    if ended:
        raise InconclusiveError("bodies had ended before their pods were back")
    judge(fleet, once=True)
    assert (marked(fleet), paid(fleet)) == ([], 0)


def returns(night: Night, pod: Worker, since: float) -> float:
    """Wait for this pod's first beat since then; gives when it was seen."""
    seen = lambda: [look.at for look in night.fleet.looks() if look.pid == pod.pid and look.at > since]  # noqa: E731
    return float(eventually(seen, f"{pod.name} beats again")[0])
