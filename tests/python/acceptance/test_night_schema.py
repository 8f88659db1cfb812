"""P4 and P11 when the tables move on under pods that run: a newer schema is used as far as it admits them."""

from __future__ import annotations

import time
from functools import partial

import pytest

from acceptance import fleet as kit
from acceptance.fleet import Fleet, Worker, order
from acceptance.judge import judge, runs
from acceptance.night import ON_A_SERVER, busy, finished, marked, paid, together
from acceptance.waiting import eventually

pytestmark = ON_A_SERVER

COMPATIBLE = '{"version": 2, "min_compatible": 1}'
INCOMPATIBLE = '{"version": 9, "min_compatible": 9}'
WORDS = "schema version 9, which needs code of at least version 9"
RUNNING = 4


@pytest.mark.timeout(120)
def test_p4_pods_work_on_while_a_newer_schema_admits_them(fleet: Fleet) -> None:
    """P4: somebody migrated to a compatible version under load; old pods go on, and old ones still start."""
    pods = together(fleet, ["one", "two"])
    fleet.produce([order("nap", 300, batch=10, pace=0.1, least=0.02, most=0.4)], wait=False)
    busy(fleet, *pods)
    comment(fleet, COMPATIBLE)
    late = fleet.worker("three")
    busy(fleet, late)
    fleet.settled()

    ran = judge(fleet, once=True)
    assert {run.pid for run in ran} == {pod.pid for pod in [*pods, late]}
    assert said(fleet) == COMPATIBLE
    assert [line for pod in pods for line in pod.logged("fleet_q.store")] == []
    assert (marked(fleet), paid(fleet)) == ([], 0)


@pytest.mark.timeout(120)
def test_p4_pods_that_a_newer_schema_shuts_out_stop_claiming_in_words_and_lose_nothing(fleet: Fleet) -> None:
    """P4, P5, P11: what runs is recorded, nothing is claimed any more, no old pod starts; admitted again, all go on."""
    gate = fleet.folder / "gate"
    pods = together(fleet, ["one", "two"])
    fleet.produce([order("wait_for_file", RUNNING, path=str(gate)), order("nap", 600, least=0.05, most=0.2)])
    busy(fleet, *pods)
    eventually(lambda: finished(fleet) > 20, "work goes on")
    comment(fleet, INCOMPATIBLE)
    at = time.monotonic()
    for pod in pods:
        eventually(partial(shut_out, pod), f"{pod.name} says so", 10)
    print(f"both said so within {time.monotonic() - at:.2f} s")
    gate.touch()
    eventually(lambda: not fleet.scalar("select count(*) from step_tracker where status = 'claimed'"), "what ran ends")
    done, began = finished(fleet), len(runs(fleet))
    eventually(lambda: time.monotonic() > at + kit.THRESHOLD_S + 2 * kit.BEAT_S, "longer than pods are believed dead")
    assert (finished(fleet), len(runs(fleet))) == (done, began)
    assert done < RUNNING + 600
    assert {can for (can,) in fleet.query("select meta ->> 'can_lead' from pod_health where kind = 'pod'")} == {"false"}

    refused = fleet.worker("late", ready=False)
    assert refused.wait(30) == 2, refused.tail()
    assert WORDS in refused.tail()
    assert "Traceback" not in refused.tail()
    assert said(fleet) == INCOMPATIBLE

    comment(fleet, COMPATIBLE)
    fleet.settled()
    judge(fleet, once=True)
    assert (marked(fleet), paid(fleet)) == ([], 0)


def shut_out(pod: Worker) -> bool:
    """Say whether the pod has told why it takes nothing more."""
    return any(WORDS in line["message"] for line in pod.logged("fleet_q.store"))


def comment(fleet: Fleet, version: str) -> None:
    """Let the tables be of this version, as a migration of another fleet-q would."""
    fleet.query(f"comment on table step_tracker is '{version}'")


def said(fleet: Fleet) -> str:
    """Give the version that the tables tell."""
    return str(fleet.query("select obj_description('step_tracker'::regclass, 'pg_class')")[0][0])
