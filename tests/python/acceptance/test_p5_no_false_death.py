"""P5: whatever Python code does in a pod that lives, nobody takes its steps."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from acceptance import fleet as kit
from acceptance.conftest import MakeFleet
from acceptance.fleet import Fleet, Look, Worker, order
from acceptance.judge import Run, judge, runs
from acceptance.waiting import eventually

pytestmark = pytest.mark.acceptance

BLOCKED_S = 3 * kit.THRESHOLD_S
ALL = 10
BUSY = {"nap_in_thread": ALL, "nap_in_process": 2}
BEATS_AT_LEAST = int(BLOCKED_S / (1.5 * kit.BEAT_S))


@pytest.mark.timeout(150)
def test_p5_blocked_loop_and_held_gil_cost_no_beat_and_no_step(make_fleet: MakeFleet) -> None:
    """P5: three thresholds of a blocked event loop in one pod, of a held GIL in another; a leader looks on."""
    fleet = make_fleet()
    # The leader is the oldest pod, and one that has nothing to do: it could wrongly rescue.
    leader = fleet.worker("leader", tasks="noop")
    blocked = fleet.worker("blocked", tasks="block_loop")
    held = fleet.worker("held", tasks="hold_gil")

    fleet.produce([order("block_loop", 1, seconds=BLOCKED_S), order("hold_gil", 1, seconds=BLOCKED_S)])
    # A false death or rescue would have bodies run again and again; the judge shall say so, not the clock.
    eventually(lambda: fleet.open_steps() == 0 or anybody_wronged(fleet), "both bodies end", BLOCKED_S * 3)
    ran = judge(fleet, once=True)

    by_pid = {run.pid: run for run in ran}
    assert set(by_pid) == {blocked.pid, held.pid}
    assert fleet.scalar("select sum(crash_count) from step_tracker") == 0
    for worker, named in ((blocked, blocking_line()), (held, "hold_gil")):
        run = by_pid[worker.pid]
        assert run.ended - run.began >= BLOCKED_S
        during = beats_of(fleet, worker, run)
        print(f"{worker.name}: {len(during)} beats in {run.ended - run.began:.1f} s")
        assert len(during) >= BEATS_AT_LEAST, during
        said = {look.blocked_by for look in during}
        assert any(named in text for text in said if text), said
    assert [status for _, status, pid in fleet.pods() if pid in by_pid] == ["up", "up"]
    assert leader.process.poll() is None


@pytest.mark.timeout(150)
def test_p5_busy_threads_and_children_cost_no_beat_and_no_step(make_fleet: MakeFleet) -> None:
    """P5: for three thresholds each thread of one pod is busy, and each child of another; a leader looks on."""
    fleet = make_fleet()
    fleet.worker("leader", tasks="noop")
    threads = fleet.worker("threads", tasks="nap_in_thread", MAX_PARALLELISM=str(ALL), CAPACITY_THRESHOLD="1")
    children = fleet.worker("children", tasks="nap_in_process", MAX_PROCESSES="2")
    fleet.produce([order(task, many, seconds=BLOCKED_S) for task, many in BUSY.items()])
    eventually(lambda: len(runs(fleet)) == sum(BUSY.values()), "every thread and child is busy")
    since = max(run.began for run in runs(fleet))
    eventually(lambda: fleet.open_steps() == 0 or anybody_wronged(fleet), "all bodies end", BLOCKED_S * 3)
    judge(fleet, once=True)

    assert fleet.scalar("select sum(crash_count) from step_tracker") == 0
    for worker in (threads, children):
        during = beats_between(fleet, worker, since, since + BLOCKED_S)
        print(f"{worker.name}: {len(during)} beats in {BLOCKED_S:.1f} s")
        assert len(during) >= BEATS_AT_LEAST, during
    assert {status for _, status, _ in fleet.pods()} == {"up"}


def anybody_wronged(fleet: Fleet) -> bool:
    """Say whether a pod was declared dead, or lost a step."""
    lost = fleet.scalar("select count(*) from step_tracker where crash_count > 0")
    return lost > 0 or any(status == "down" for _, status, _ in fleet.pods())


def beats_of(fleet: Fleet, worker: Worker, run: Run) -> list[Look]:
    """Give the beats that the observer saw while the body ran, one look each."""
    return beats_between(fleet, worker, run.began, run.ended)


def beats_between(fleet: Fleet, worker: Worker, since: float, until: float) -> list[Look]:
    """Give the beats that the observer saw in this time, one look each."""
    looks = {look.beat_ts: look for look in fleet.looks() if look.pid == worker.pid and since < look.at < until}
    return list(looks.values())


def blocking_line() -> str:
    """Spell where `block_loop` blocks, as `/health` and POD_HEALTH should: file, line and function."""
    bodies = Path(__file__).with_name("bodies.py")
    lines = bodies.read_text().splitlines()
    line = next(n for n, text in enumerate(lines, 1) if "blocks the loop for whole thresholds" in text)
    return f"bodies.py:{line} in block_loop"


@pytest.mark.timeout(90)
def test_p8_pods_without_a_store_end_what_they_run_and_are_not_declared_dead(fleet: Fleet) -> None:
    """P8, P5: in an outage longer than the threshold, bodies are ended in time; afterwards nobody is declared dead."""
    fleet.worker("one", tasks="wait_for_file")
    fleet.worker("two", tasks="wait_for_file")
    names = {pod for pod, _, _ in fleet.pods()}
    gate = fleet.folder / "gate"
    fleet.produce([order("wait_for_file", 12, path=str(gate))])
    eventually(lambda: len(runs(fleet)) == 12, "every body runs")

    unlock = fleet.store.lock()
    blinded = time.monotonic()
    eventually(lambda: {run.how for run in runs(fleet)} == {"stop"}, "every body is ended")
    cut = max(run.ended for run in runs(fleet)) - blinded
    print(f"bodies were ended within {cut:.2f} s of the loss of the store")
    assert cut <= kit.THRESHOLD_S
    eventually(lambda: time.monotonic() > blinded + kit.THRESHOLD_S + 3 * kit.BEAT_S, "the outage has lasted")
    gate.touch()
    unlock()

    fleet.settled()
    judge(fleet)
    assert fleet.scalar("select sum(crash_count + retry_count) from step_tracker") == 0
    # Long enough for a leader that forgot the outage to have declared somebody dead.
    last = max(look.beat_ts for look in fleet.looks())
    until = last + (kit.THRESHOLD_S + kit.RECOVERY_S + kit.BEAT_S) * 1000
    eventually(lambda: {look.pod for look in fleet.looks() if look.beat_ts > until} == names, "both beat on")
    assert {pod for pod, status, _ in fleet.pods() if status == "up"} == names
