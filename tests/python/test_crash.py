"""kill -9 of the app in mid-run, and a restart: every step final, none recorded twice."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import pytest

from fleet_q import FleetQ, Job
from fleet_q.demo.files import steps
from fleet_q.demo.server import Server, serving

pytestmark = pytest.mark.acceptance

FILES = 300


def stored(folder: Path) -> list[str]:
    """Store all steps before the app starts, so that it is busy when it is killed."""
    fq = FleetQ(f"sqlite:///{folder / 'demo.db'}", role="producer")

    @fq.task(retries=3)
    def analyse(path: str, fail_first: bool) -> None: ...

    @fq.task(retries=1)
    def hopeless() -> None: ...

    jobs: list[Job[object]] = [hopeless.job()]
    for step in steps(FILES):
        match step["args"]:
            case {"path": str(path), "fail_first": bool(fail_first)}:
                jobs.append(analyse.job(path, fail_first))
    ids = [handle.id for handle in fq.enqueue_many_sync(jobs)]
    fq.stop_sync()
    return ids


def recorded_in(folder: Path, ids: list[str]) -> set[str]:
    """Read from the database itself what the dead app had recorded."""
    fq = FleetQ(f"sqlite:///{folder / 'demo.db'}", role="producer")
    recorded = {step_id for step_id in ids if fq.handle(step_id).info_sync().is_final}
    fq.stop_sync()
    return recorded


def counts(server: Server) -> dict[str, int]:
    found = server.get("/admin/queue")
    return {state: found[state] for state in ("pending", "scheduled", "claimed", "completed", "failed")}  # type: ignore[misc]


def runs(log: Path) -> list[tuple[str, str, int]]:
    return [tuple(json.loads(line)) for line in log.read_text().splitlines()]


def wait_until_final(server: Server, total: int) -> None:
    deadline = time.monotonic() + 90
    while counts(server)["completed"] + counts(server)["failed"] < total:
        assert time.monotonic() < deadline, counts(server)
        assert server.process.poll() is None, server.log_tail()


@pytest.mark.timeout(180)
def test_a_killed_app_leaves_every_step_final_and_none_recorded_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "effects.log"
    monkeypatch.setenv("FLEET_Q_DEMO_LOG", str(log))
    # Quick rescue, so that the test waits seconds for it.
    for name, value in {"HEARTBEAT_INTERVAL": "0.3", "DEAD_POD_THRESHOLD": "2", "STATEMENT_TIMEOUT": "1"}.items():
        monkeypatch.setenv(f"FLEET_Q_{name}", value)

    ids = stored(tmp_path)
    with serving(tmp_path) as server:
        while counts(server)["completed"] < FILES // 5:
            assert server.process.poll() is None, server.log_tail()
        server.process.kill()
        server.process.wait()
        killed = server.process.pid
    recorded = recorded_in(tmp_path, ids)
    assert len(recorded) < len(ids), "the app was done before it was killed; give it more files"

    with serving(tmp_path) as server:
        wait_until_final(server, len(ids))
        ended = {step_id: server.get(f"/status/{step_id}") for step_id in ids}

    assert Counter(step["status"] for step in ended.values()) == {"completed": FILES, "failed": 1}
    ran = runs(log)
    assert {step_id for step_id, _, _ in ran} == set(ids)
    assert {pid for _, _, pid in ran} > {killed}
    # What was recorded before the kill did not run again after it.
    assert not recorded & {step_id for step_id, _, pid in ran if pid != killed}
    # Each run had a claim of its own, and what was not killed ran once per claim.
    assert max(Counter((step_id, fence) for step_id, fence, _ in ran).values()) == 1
    after = Counter(step_id for step_id, _, pid in ran if pid != killed)
    for step_id, times in after.items():
        assert times <= 1 + int(str(ended[step_id]["retry_count"]))
