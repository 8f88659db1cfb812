"""P14 and P11: steps that end their process and rows that nobody can read, among others that are well."""

from __future__ import annotations

import json
import uuid

import pytest

from acceptance import fleet as kit
from acceptance.conftest import MakeFleet
from acceptance.fleet import Fleet, Worker, order
from acceptance.judge import judge
from acceptance.night import ON_A_SERVER, marked, together
from acceptance.waiting import InconclusiveError, eventually, repeated

KILLERS, GOOD = (50, 500) if kit.LONG else (1, 100)
CRASHES = 3 if kit.LONG else 1


@pytest.mark.acceptance
@pytest.mark.night
@pytest.mark.timeout(1800 if kit.LONG else 120)
def test_p14_step_that_kills_its_pod_is_failed_with_the_evidence_and_its_neighbours_run(make_fleet: MakeFleet) -> None:
    """P14: the killers fail, each with the pods that it cost; the others are completed and pay no retry."""
    repeated(poisoned, lambda: make_fleet(MAX_CRASHES=str(CRASHES), SUSPECT_INTERVAL="2"))


def poisoned(fleet: Fleet) -> None:
    """Put killers among the good ones, and start pods for those that die."""
    pods = together(fleet, ["one", "two", "three"])
    dense = order("nap", GOOD // 2, least=0.2, most=0.8)
    thin = order("nap", GOOD // 2, batch=5, pace=0.5, least=0.05, most=0.3)
    producer = fleet.produce([dense, order("leave", KILLERS), thin], wait=False)
    eventually(lambda: done(fleet, pods, producer), "every step is final", 1500 if kit.LONG else 60, every=0.05)

    rows = fleet.query("select step_id, crash_count, error from step_tracker where task = 'leave'")
    assert len(rows) == KILLERS
    judge(fleet, failing={step for step, _, _ in rows})
    assert {crashes for _, crashes, _ in rows} == {CRASHES + 1}
    dead = {pod for pod, _, pid in fleet.pods() if pid in {pod.pid for pod in fleet.workers if pod.died_at}}
    for _, _, error in rows:
        evidence = json.loads(error) if isinstance(error, str) else error
        assert len({entry["pod"] for entry in evidence if "pod" in entry} & dead) == CRASHES + 1, error
    innocents = fleet.query(
        "select crash_count, count(*) from step_tracker where task = 'nap' group by crash_count order by crash_count"
    )
    print(f"{len(dead)} pods died; innocents by the crashes they went through: {innocents}")
    if len(innocents) == 1:
        raise InconclusiveError("the pods that died ran nothing but the step that killed them")


def done(fleet: Fleet, pods: list[Worker], producer: Worker) -> bool:
    """Start a pod for each that died, as a supervisor does; say whether all is over."""
    for n, pod in enumerate(pods):
        if pod.process.poll() is not None:
            assert pod.wait() == 7, pod.tail()
            pods[n] = fleet.worker(pod.name, ready=False)
    if producer.process.poll() is not None:
        assert producer.wait() == 0, producer.tail()
        return fleet.open_steps() == 0
    return False


ROW = "insert into step_tracker (step_id, task, payload, max_retries) values (?, 'noop', {}, 0)"
UNREADABLE = {
    "no text": "'\\x00ff'::bytea",
    "empty": "''::bytea",
    "no json": "convert_to('{\"args\": [', 'UTF8')",
    "no object": "convert_to('[1]', 'UTF8')",
    "args are a number": "convert_to('{\"args\": 1, \"kwargs\": {}}', 'UTF8')",
    "arguments that do not fit": "convert_to('{\"args\": [1, 2], \"kwargs\": {}}', 'UTF8')",
    "an abyss": "convert_to(repeat('[', 100000), 'UTF8')",
}


class TestRows:
    """What plain SQL can put into the table."""

    pytestmark = ON_A_SERVER

    @pytest.mark.timeout(90)
    def test_p11_rows_that_nobody_can_read_fail_alone(self, fleet: Fleet) -> None:
        """P11: each is failed with a sentence; the pods live, and what came before and after runs once."""
        fleet.query(fleet.store.paused(["default"]))
        pods = together(fleet, ["one", "two"])
        bad: dict[str, str] = {}
        for name, payload in UNREADABLE.items():
            fleet.produce([order("noop", 10)]) if len(bad) % 4 == 0 else None
            bad[str(uuid.uuid4())] = name
            fleet.query(ROW.format(payload), list(bad)[-1])
        fleet.produce([order("noop", 50)])
        fleet.query(fleet.store.paused([]))
        fleet.settled()

        ran = judge(fleet, once=True, failing=bad)
        assert {run.pid for run in ran} <= {pod.pid for pod in pods}
        assert len(ran) == 70
        assert marked(fleet) == []
        errors = fleet.query("select step_id, error from step_tracker where status = 'failed'")
        assert {step for step, error in errors if error} == set(bad)
        for step, error in errors:
            print(f"{bad[step]}: {str(error)[-160:]}")
