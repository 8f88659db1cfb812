"""The one checker of the acceptance tests. Reads the tables and the log of side effects; changes nothing.

Proves, or names what contradicts it: no accepted step lost (P4), none recorded twice (P7), every
recorded result is that of a body that had ended under that very claim (P3), none run by two pods at once
(P2) unless the scenario froze one, no living pod marked down (P5).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .fleet import Fleet

__all__ = ["Lack", "Run", "accepted", "judge", "lines", "runs"]

CLOCK_SLACK_MS = 50
"""Bodies note wall time in microseconds, the database in milliseconds, and a clock may be slewed."""

FINAL = ("completed", "failed", "cancelled")

LATE_S = 2.0
"""How long after its claim a step may still start: it waits in a look-ahead, and the machine is loaded."""


class Run(NamedTuple):
    """One body: which step, under which claim, where, from when to when on the clock that never jumps."""

    step_id: str
    fence: str
    pid: int
    began: float
    ended: float
    how: str
    ended_wall_ms: float


class Lack(NamedTuple):
    """What was stored from `since` to `until` is gone: the database failed over to a copy that lacked it (P1)."""

    since: float
    until: float

    def covers(self, at: float, late: float = 0) -> bool:
        """Say whether what was stored then, or so long before, may be unknown to the copy."""
        return self.since <= at <= self.until + late


def accepted(fleet: Fleet) -> list[str]:
    """Give the ids whose `enqueue` returned."""
    return [line[1] for line in lines(fleet) if line[0] == "accepted"]


def runs(fleet: Fleet) -> list[Run]:
    """Pair starts and ends; a body without an end lasted until its process died. Wall times are the true ones."""
    deaths = {worker.pid: worker.died_at for worker in fleet.workers if worker.died_at is not None} | fleet.deaths
    ahead = {worker.pid: worker.ahead_s for worker in fleet.workers}
    ends = {(line[1], line[2]): line for line in lines(fleet) if line[0] in ("end", "stop")}
    found = []
    for kind, step_id, fence, pid, began, _ in lines(fleet):
        if kind != "start":
            continue
        end = ends.get((step_id, fence))
        if end is None:
            found.append(Run(step_id, fence, pid, began, deaths.get(pid, float("inf")), "none", float("inf")))
        else:
            found.append(Run(step_id, fence, pid, began, end[4], end[0], (end[5] - ahead.get(pid, 0)) * 1000))
    return found


def judge(
    fleet: Fleet,
    *,
    overlap: bool = False,
    once: bool = False,
    spent: bool = False,
    failing: Collection[str] = (),
    lack: Lack | None = None,
) -> list[Run]:
    """Check everything. `overlap`: a pod was frozen. `once`: no body may run twice. `spent`: retries may be.

    `failing`: the steps that must have failed, whatever they spent. `lack`: what the database forgot.
    Waits for nothing: call it when every step is final.
    """
    ran = runs(fleet)
    found = [*_lost(fleet, spent, failing, lack), *_recorded(fleet, ran, failing), *_dead(fleet)]
    given = _given(fleet)
    unknown = [run for run in ran if run[:2] not in given]
    forgotten = [run for run in unknown if lack is not None and lack.covers(run.began, LATE_S)]
    found += _claims(ran, [run for run in unknown if run not in forgotten])
    if not overlap:
        found += _at_once(ran, {run.fence for run in forgotten})
    if once:
        twice = [step for step, times in Counter(run.step_id for run in ran).items() if times > 1]
        found += [f"{step} ran more than once" for step in twice]
    assert not found, "\n".join([f"{len(found)} findings", *found[:20], fleet.tails()])
    return ran


def _lost(fleet: Fleet, spent: bool, failing: Collection[str], lack: Lack | None) -> list[str]:
    rows = {row[0]: row[1:] for row in fleet.query("select step_id, status, retry_count, error from step_tracker")}
    told = [(line[1], line[4]) for line in lines(fleet) if line[0] == "accepted"]
    kept = [step for step, at in told if lack is None or not lack.covers(at)]
    found = [f"{step} was accepted and is not in the table" for step in kept if step not in rows]
    wanted = {step: "failed" if step in failing else "completed" for step in rows}
    found += [f"{step} is {row[0]}: {row[2]}" for step, row in rows.items() if row[0] != wanted[step]]
    if not spent:
        found += [
            f"{step} spent {row[1]} retries: {row[2]}"
            for step, row in rows.items()
            if row[1] != 0 and step not in failing
        ]
    return found


def _recorded(fleet: Fleet, ran: list[Run], failing: Collection[str]) -> list[str]:
    """Hold each recorded end against the body that it is said to be of; what must fail may not have had any."""
    by_claim = {(run.step_id, run.fence): run for run in ran}
    moves = fleet.query(
        "select step_id, became, claim_id, ts from acceptance_history where became in (?, ?, ?)", *FINAL
    )
    found = [
        f"{step} was recorded {times} times" for step, times in Counter(move[0] for move in moves).items() if times > 1
    ]
    for step, became, claim, ts in (move for move in moves if move[0] not in failing):
        run = by_claim.get((step, claim))
        if run is None or run.how == "none":
            found.append(f"{step} was recorded {became} under {claim}, whose body never ended")
        elif ts + CLOCK_SLACK_MS < run.ended_wall_ms:
            found.append(f"{step} was recorded {became} {run.ended_wall_ms - ts:.0f} ms before its body ended")
    return found


def _given(fleet: Fleet) -> set[tuple[str, str]]:
    """Give every claim that the store has ever given, as far as it remembers."""
    sql = "select step_id, claim_id from acceptance_history where became = 'claimed'"
    return {(step, claim) for step, claim in fleet.query(sql)}


def _claims(ran: list[Run], unknown: list[Run]) -> list[str]:
    """Each body runs under a claim that the store had given, and no claim starts two bodies."""
    found = [f"{run.step_id} ran under {run.fence}, which nobody gave" for run in unknown]
    starts = Counter(run[:2] for run in ran)
    return found + [
        f"{step} was started {times} times under {claim}" for (step, claim), times in starts.items() if times > 1
    ]


def _dead(fleet: Fleet) -> list[str]:
    excused = {worker.pid for worker in fleet.workers if worker.told_to_end} | set(fleet.deaths)
    return [
        f"{pod} is {status} and its process lives"
        for pod, status, pid in fleet.pods()
        if _wronged(status, pid, excused)
    ]


def _wronged(status: str, pid: int, excused: set[int]) -> bool:
    return status == "down" and pid not in excused


def _at_once(ran: list[Run], forgotten: set[str]) -> list[str]:
    """Name the steps that ran in two places; a claim that the database forgot holds nobody else back."""
    found = []
    last: dict[str, Run] = {}
    for run in sorted(ran, key=lambda run: run.began):
        before = last.get(run.step_id)
        if before is not None and before.ended > run.began and before.fence not in forgotten:
            found.append(f"{run.step_id} ran in {before.pid} and in {run.pid} at once")
        if before is None or run.ended > before.ended:
            last[run.step_id] = run
    return found


def lines(fleet: Fleet) -> list[list[Any]]:
    """Give what the bodies and producers noted: kind, step, fence, process, both clocks."""
    if not fleet.effects.exists():
        return []
    return [json.loads(line) for line in fleet.effects.read_text().splitlines() if line.endswith("]")]
