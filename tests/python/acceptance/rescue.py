"""Kills pods, and measures how long their orphans took to be pending again (P6). Judges nothing else."""

from __future__ import annotations

import time
from typing import NamedTuple

from acceptance import fleet as kit
from acceptance.fleet import Fleet, Worker
from acceptance.waiting import eventually

__all__ = ["BOUND_S", "OBSERVED_LATE_S", "Kill", "kill", "rescue_of"]

BOUND_S = kit.THRESHOLD_S + kit.RECOVERY_S + kit.BEAT_S
OBSERVED_LATE_S = 1.0
"""How late a loaded machine may run the processes, and this test see what they did."""


class Kill(NamedTuple):
    """One kill: which pod, when, and which claims died with it."""

    pod: str
    at: float
    orphans: dict[str, str]


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
