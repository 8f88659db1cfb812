"""P3, P4, P7 when the store did it and the answer never came: each kind of call, its COMMIT done and its reply lost."""

from __future__ import annotations

from functools import partial

import pytest

from acceptance.conftest import MakeNight, Night
from acceptance.fleet import order
from acceptance.judge import accepted, judge, runs
from acceptance.waiting import InconclusiveError, eventually, repeated

pytestmark = [pytest.mark.acceptance, pytest.mark.night, pytest.mark.timeout(120)]

LEAST_LOST = 3
HELD = 6


@pytest.mark.parametrize(("kind", "every"), [("enqueue", 4), ("hand_off", 2), ("claim", 4), ("finish", 4), ("beat", 3)])
def test_p4_nothing_is_lost_or_done_twice_when_replies_are_lost_after_commit(
    kind: str, every: int, make_night: MakeNight
) -> None:
    """P4, P7: under load every k-th reply of one kind is lost; each step runs once, unspent, and no other is born."""
    repeated(partial(under_load, kind, every), make_night)


def under_load(kind: str, every: int, night: Night) -> None:
    """Lose replies from the first call on."""
    fleet, proxy = night
    proxy.lose(kind, every=every)
    pods = [fleet.worker(name) for name in ("one", "two")]
    # First a few at a time, for a step is handed off only where nobody waits before it.
    fleet.produce([order("has_child", 60, batch=2, pace=0.08), order("nap", 90, batch=3, least=0.0, most=0.6)])
    eventually(lambda: len(accepted(fleet)) >= 210, "every child is accepted", 40)
    eventually(lambda: enough(night, kind) or not fleet.open_steps(), "replies are lost", 40)
    fleet.settled(40)
    print(proxy.counts())
    if not enough(night, kind):
        raise InconclusiveError(proxy.counts())
    if any("ends what it runs" in line["message"] for pod in pods for line in pod.logged("fleet_q.heartbeat")):
        judge(fleet)
        raise InconclusiveError("so many replies in a row were lost that a pod fenced itself, and ran steps again")
    judge(fleet, once=True)
    born = fleet.scalar("select count(*) from step_tracker") - len(accepted(fleet))
    assert born == 0, f"{born} steps that nobody enqueued"
    assert fleet.scalar("select sum(crash_count) from step_tracker") == 0
    if kind in ("claim", "hand_off"):
        mended = [entry for pod in pods for entry in pod.logged("fleet_q.pod") if entry.get("released")]
        assert mended, "nothing was stranded in a living pod, so reconciliation proved nothing"


def enough(night: Night, kind: str) -> bool:
    """Say whether the fault struck often enough to prove something."""
    return night.proxy.count(f"lost {kind}") >= LEAST_LOST


def test_p10_steps_given_back_at_shutdown_spend_nothing_though_the_reply_is_lost(make_night: MakeNight) -> None:
    """P10: the answer to the release of a pod that ends is lost; its steps run elsewhere with all retries."""
    repeated(given_back, make_night)


def given_back(night: Night) -> None:
    """End a pod while it holds steps."""
    fleet, proxy = night
    gate = fleet.folder / "gate"
    one = fleet.worker("one", SHUTDOWN_GRACE="1")
    fleet.produce([order("wait_for_file", HELD, path=str(gate))])
    eventually(lambda: len(runs(fleet)) == HELD, "every body runs")
    proxy.lose("release", every=1)
    assert one.terminate() == 0, one.tail()
    lost = proxy.count("lost release")
    gate.touch()
    fleet.worker("two")
    fleet.settled(20)
    print(proxy.counts())
    judge(fleet)
    assert fleet.scalar("select sum(crash_count) from step_tracker") == 0
    if not lost:
        raise InconclusiveError(proxy.counts())


@pytest.mark.parametrize("kind", ["mark_dead", "recover"])
def test_p6_orphans_are_rescued_once_though_the_leaders_reply_is_lost(kind: str, make_night: MakeNight) -> None:
    """P6, P13: a pod dies, each answer that tells the leader so is lost; each orphan is pending once, crashed once."""
    repeated(partial(rescued, kind), make_night)


def rescued(kind: str, night: Night) -> None:
    """Kill the youngest pod while it holds steps."""
    fleet, proxy = night
    gate = fleet.folder / "gate"
    fleet.worker("leader", tasks="noop")
    victim = fleet.worker("victim", tasks="wait_for_file")
    fleet.produce([order("wait_for_file", HELD, path=str(gate))])
    eventually(lambda: len(runs(fleet)) == HELD, "every body runs")
    proxy.lose(kind, every=1)
    victim.kill()
    eventually(lambda: not fleet.scalar("select count(*) from step_tracker where status = 'claimed'"), "rescue", 20)
    gate.touch()
    fleet.worker("heir", tasks="wait_for_file")
    fleet.settled(20)
    print(proxy.counts())
    if not proxy.count(f"lost {kind}"):
        raise InconclusiveError(proxy.counts())
    judge(fleet)
    assert fleet.query("select distinct crash_count from step_tracker") == [[1]]
    assert fleet.scalar("select count(*) from acceptance_history where was = 'claimed' and became = 'pending'") == HELD


def test_p4_a_pod_whose_registration_was_stored_and_not_answered_comes_up(make_night: MakeNight) -> None:
    """P4: the reply to a registration is lost after its COMMIT; the pod still runs steps."""
    fleet, proxy = make_night()
    proxy.lose("register", every=1, most=1)
    pod = fleet.worker("pod")
    fleet.produce([order("noop", 1)])
    eventually(lambda: pod.process.poll() is not None or not fleet.open_steps(), "the step ran, or the pod ended")
    assert proxy.count("lost register") == 1
    assert pod.process.poll() is None, pod.tail()
    judge(fleet, once=True)
