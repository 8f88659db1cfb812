"""P12 and P4 when the disk of a pod's own files is full: nothing is journaled, and nothing is lost while it lives."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from acceptance import fleet as kit
from acceptance.fleet import Fleet, Worker, order
from acceptance.full_disk import FULL
from acceptance.judge import Run, accepted, judge, lines, runs
from acceptance.night import ON_A_SERVER, counted, finished, journaled_outage, marked, paid, repeated_in_vain, server_of
from acceptance.waiting import eventually

pytestmark = ON_A_SERVER

HELD = 6
LAUNCHER = Path(__file__).with_name("full_disk.py")
WAY_OUT = "set LOCAL_PATH to a folder this process may write"


class Health(NamedTuple):
    """What the pod said of itself at a moment."""

    at: float
    in_flight: int
    journal_depth: int
    journal_error: str | None


@pytest.mark.timeout(120)
@pytest.mark.parametrize("share", [0.5, 2.0])
def test_p12_outcomes_that_no_disk_takes_wait_in_memory_and_are_recorded_once(fleet: Fleet, share: float) -> None:
    """P4, P5, P12: full disk, and an outage of a share of the threshold; the pod lives, and says what is wrong."""
    gate, watched = fleet.folder / "gate", fleet.folder / "watched"
    pod = bounded(fleet, "full")
    fill(pod)
    hold_gate(fleet, gate)
    # While the store answers, nobody needs the journal.
    fleet.produce([order("noop", 100)])
    eventually(lambda: finished(fleet) == 100, "work goes on beside a full disk")
    assert in_words(pod) == []
    fleet.produce([order("watch_health", 1, path=str(watched))])
    eventually(lambda: healths(fleet), "the pod tells its health")
    fleet.worker("heir")
    back = server_of(fleet).without("stop", "start")
    gate.touch()
    since = time.monotonic()
    eventually(lambda: sum(run.how == "end" for run in held(fleet)) == HELD, "all bodies end", 10)
    eventually(lambda: in_words(pod), "the pod says so", 10)
    eventually(lambda: time.monotonic() > since + share * kit.THRESHOLD_S, "the outage has lasted")
    meanwhile = [health for health in healths(fleet) if health.at > since]
    watched.touch()
    back()
    fleet.produce([order("nap", 40, least=0.0, most=0.1)])
    fleet.settled()

    ran = judge(fleet)
    assert repeated_in_vain(ran) == set()
    assert len(held(fleet)) == HELD
    assert (marked(fleet), paid(fleet)) == ([], 0)
    assert pod.process.poll() is None, pod.tail()
    assert_loud(pod, meanwhile)


def assert_loud(pod: Worker, meanwhile: list[Health]) -> None:
    """See that the log and `/health` said what is wrong and how to mend it, and that the slots stayed taken."""
    said = in_words(pod)[0]
    assert (said["level"], WAY_OUT in said["error"]) == ("ERROR", True), said
    told = [health for health in meanwhile if health.journal_error]
    print(f"{len(in_words(pod))} records; health said: {told[-1].journal_error}")
    assert WAY_OUT in str(told[-1].journal_error)
    # Those whose outcome waits in memory, and the body that tells.
    assert (told[-1].in_flight, told[-1].journal_depth) == (HELD + 1, 0)


@pytest.mark.timeout(120)
def test_p12_outcomes_that_no_disk_forgets_are_sent_once_and_answered_already(fleet: Fleet) -> None:
    """P7, P12: the disk is full once they are journaled; delivered they cannot be struck, and harm nobody."""
    gate = fleet.folder / "gate"
    pod = bounded(fleet, "full")
    hold_gate(fleet, gate)
    back = journaled_outage(fleet, pod, gate, HELD)
    fill(pod)
    back()
    fleet.produce([order("nap", 100, least=0.0, most=0.1)])
    fleet.settled()
    until = time.monotonic() + 3 * kit.RECOVERY_S
    eventually(lambda: time.monotonic() > until, "passes of the loop")
    judge(fleet, once=True)
    delivered = counted(pod, "are stored")
    print(f"{delivered} delivered; {len(in_words(pod))} complaints")
    assert delivered == HELD, "they were sent again and again"
    assert in_words(pod)
    pod.kill()
    fleet.worker("full")
    fleet.produce([order("noop", 10)])
    fleet.settled()
    judge(fleet, once=True)


@pytest.mark.timeout(120)
def test_p12_start_on_a_full_disk_is_refused_in_words_and_loses_no_journal(fleet: Fleet) -> None:
    """P11, P12: a successor whose disk is full ends with the way out; the next one delivers what was left."""
    gate = fleet.folder / "gate"
    pod = bounded(fleet, "pod")
    hold_gate(fleet, gate)
    back = journaled_outage(fleet, pod, gate, HELD)
    pod.kill()
    back()
    refused = bounded(fleet, "pod", how="full", ready=False)
    assert refused.wait(30) == 2, refused.tail()
    assert WAY_OUT in refused.tail(), refused.tail()
    assert "Traceback" not in refused.tail()
    assert finished(fleet) == 0
    fleet.worker("pod")
    fleet.settled()
    assert len(judge(fleet, once=True)) == HELD
    assert paid(fleet) == 0


def hold_gate(fleet: Fleet, gate: Path) -> None:
    """Have the only pod run bodies that end when the gate opens."""
    fleet.produce([order("wait_for_file", HELD, path=str(gate))])
    eventually(lambda: len(held(fleet)) == HELD, "every body runs")


def bounded(fleet: Fleet, name: str, *, how: str = "later", ready: bool = True) -> Worker:
    """Start a pod whose disk is full from the start (`full`), or from when the test says so (`later`)."""
    command = [sys.executable, "-m", "fleet_q.cli", "worker", "acceptance.bodies:fq"]
    worker = fleet.start(name, [sys.executable, str(LAUNCHER), how, str(fleet.effects), *command])
    if ready:
        fleet.ready(worker)
    return worker


def fill(pod: Worker) -> None:
    """Let no file of this process grow any more, or be written at all."""
    resource.prlimit(pod.pid, resource.RLIMIT_FSIZE, (FULL, resource.RLIM_INFINITY))


def held(fleet: Fleet) -> list[Run]:
    """Give the runs of the bodies that wait for the gate."""
    steps = set(accepted(fleet)[:HELD])
    return [run for run in runs(fleet) if run.step_id in steps]


def in_words(pod: Worker) -> list[dict[str, Any]]:
    """Give what the pod said of a journal that failed."""
    return [entry for entry in pod.logged("fleet_q.journal") if "journal failed" in entry["message"]]


def healths(fleet: Fleet) -> list[Health]:
    """Give what the pod noted of itself."""
    return [Health(line[4], *json.loads(line[1])) for line in lines(fleet) if line[0] == "health"]
