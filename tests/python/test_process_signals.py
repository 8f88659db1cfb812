"""What children do when their pod is killed or interrupted, and what a pod does to children that it must end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

import process_bodies as bodies
from fleet_q import FleetQ
from fleet_q.processes import Processes
from fleet_q.seats import Limits
from test_process import children

if TYPE_CHECKING:
    from fleet_q._core import Job, Report
    from fleet_q.types import StopReason

SCRIPT = """
import os, threading
from pathlib import Path
from fleet_q import FleetQ

fq = FleetQ("sqlite:///queue.db", local_path="local", claim_interval=0.05, shutdown_grace=0.2)

@fq.task(run="process")
def holds() -> None:
    Path("began.part").write_text(str(os.getpid()))
    Path("began.part").rename("began")
    threading.Event().wait()

if __name__ == "__main__":
    Path("id").write_text(holds.enqueue_sync().id)
    fq.run()
"""


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A script of its own with a step that never ends, in a group of its own."""
    (tmp_path / "script.py").write_text(SCRIPT)
    with subprocess.Popen([sys.executable, "script.py"], cwd=tmp_path, start_new_session=True) as process:
        yield process
        process.kill()


def wait_until(holds: Callable[[], bool]) -> None:
    while not holds():
        bodies.pause()


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def family(pod: int) -> list[int]:
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == pod:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_children_end_when_their_pod_is_killed(pod: subprocess.Popen[bytes], tmp_path: Path) -> None:
    wait_until((tmp_path / "began").exists)
    busy_and_spare = family(pod.pid)
    assert int((tmp_path / "began").read_text()) in busy_and_spare
    assert len(busy_and_spare) == 2
    pod.kill()
    pod.wait()
    wait_until(lambda: not any(lives(pid) for pid in busy_and_spare))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_group_drains_the_pod_and_is_no_crash(
    pod: subprocess.Popen[bytes], tmp_path: Path, number: signal.Signals
) -> None:
    wait_until((tmp_path / "began").exists)
    child = int((tmp_path / "began").read_text())
    for pid in family(pod.pid):
        os.kill(pid, number)  # as a service manager does that signals the whole group
    os.killpg(pod.pid, number)
    assert pod.wait(30) == 0
    assert not lives(child)
    fq = FleetQ(f"sqlite:///{tmp_path / 'queue.db'}", role="producer", local_path=tmp_path / "local")
    info = fq.handle((tmp_path / "id").read_text()).info_sync()
    fq.stop_sync()
    assert (info.status, info.retry_count, info.crash_count) == ("pending", 0, 0)


def test_a_script_without_a_guard_learns_what_to_do(tmp_path: Path) -> None:
    text = (
        SCRIPT.replace('if __name__ == "__main__":', "if True:")
        .replace(
            "    fq.run()",
            "    import asyncio\n    async def main():\n        async with fq:\n"
            "            print(await (await holds.enqueue()).result(timeout=30))\n    asyncio.run(main())",
        )
        .replace('    Path("id").write_text(holds.enqueue_sync().id)\n', "")
        .replace('run="process"', 'run="process", retries=0')
    )
    (tmp_path / "script.py").write_text(text)
    ended = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert "StepFailed" in ended.stderr
    assert 'below `if __name__ == "__main__":`' in ended.stderr


class Told:
    """The core, as far as children need it."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.came = threading.Event()

    def begin(self, slot: int) -> bool:
        return True

    def progress(self, slot: int, fraction: float, message: str | None) -> None: ...

    def send(self, reports: Sequence[Report]) -> None:
        self.reports += reports
        self.came.set()


@pytest.mark.parametrize("reason", ["timeout", "fenced", "lost", "cancel", "shutdown"])
def test_every_stop_ends_a_body_that_does_not_listen(fq: FleetQ, tmp_path: Path, reason: StopReason) -> None:
    task = fq.task(run="process")(bodies.waits_for_ever)
    began, told = tmp_path / "began", Told()
    payload = task.codec.encode((str(began),), {}, metadata=None, limit=1000)
    job = SimpleNamespace(
        slot=1, task=task.name, payload=payload, step_id="s", queue="q", retry_count=0, max_retries=0, claim_id="c"
    )
    processes = Processes(Limits(1), core=told, send=told.send, tasks=[task], result_limit=1000)
    processes.submit(cast("Job", job), task)
    wait_until(lambda: began.exists() and began.read_text() != "")
    processes.stop(1, reason)
    assert told.came.wait(30)
    assert told.reports == [(1, "stopped", None, None)]
    assert int(began.read_text()) not in children()
    processes.close()
    assert children() == {}


def test_steps_that_reports_make_room_for_follow_on_by_themselves(fq: FleetQ) -> None:
    task, steps, ended = fq.task(run="process")(bodies.nothing), 500, threading.Event()
    payload = task.codec.encode((), {}, metadata=None, limit=1000)
    unsent, done = iter(range(1, steps)), list[int]()

    def submit(slot: int) -> None:
        words = {"step_id": "s", "queue": "q", "retry_count": 0, "max_retries": 0, "claim_id": "c"}
        processes.submit(cast("Job", SimpleNamespace(slot=slot, task=task.name, payload=payload, **words)), task)

    def send(reports: Sequence[Report]) -> None:
        # As the core does: each end brings the next step, on the thread that told it.
        done.extend(slot for slot, *_ in reports)
        for _, slot in zip(reports, unsent, strict=False):
            submit(slot)
        if len(done) == steps:
            ended.set()

    # One child: no other's end wakes the managing thread.
    processes = Processes(Limits(1), core=Told(), send=send, tasks=[task], result_limit=1000)
    submit(0)
    assert ended.wait(30)
    processes.close()
    assert sorted(done) == list(range(steps))
    assert children() == {}
