"""P2: two processes share one database and one backlog."""

from __future__ import annotations

from collections import Counter

import pytest

from acceptance.fleet import Fleet, order
from acceptance.judge import judge
from acceptance.waiting import eventually

pytestmark = pytest.mark.acceptance

STEPS = 10_000


@pytest.mark.core
@pytest.mark.timeout(120)
def test_p2_two_processes_share_ten_thousand_steps_and_none_runs_twice(fleet: Fleet) -> None:
    """P2, P7: each step runs once, and each process gets at least a fifth of them."""
    fleet.query(fleet.store.paused(["default"]))
    # Both look often, so that they begin together: one pod alone is done with all of it within half a second, and with
    # `listen=off` nothing but its own clock wakes the other.
    pods = [fleet.worker(name, IDLE_INTERVAL_MAX="0.1") for name in ("one", "two")]
    fleet.produce([order("noop", STEPS, batch=1000)])
    fleet.query(fleet.store.paused([]))
    eventually(lambda: fleet.open_steps() == 0, "every step is final", every=0.1)

    ran = judge(fleet, once=True)

    share = Counter(run.pid for run in ran)
    print(f"shares: {sorted(share.values())}")
    assert len(ran) == STEPS
    assert min(share[pod.pid] for pod in pods) >= STEPS // 5
