"""The queue on Postgres, with real processes: work, a retry, and the rescue of what a killed worker held."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fleet_q import FleetQ
from fleet_q.demo.files import steps
from fleet_q.demo.server import Server

pytestmark = pytest.mark.acceptance

ROOT = Path(__file__).parents[2]
FILES = 60
MODULE = """
import os
import threading
from pathlib import Path

from fleet_q import Context, FleetQ, RetryPolicy

fq = FleetQ()


@fq.task(retries=RetryPolicy(max_retries=3, base=0.05))
def flaky(ctx: Context) -> int:
    if ctx.retry_count == 0:
        raise ConnectionError("told to fail at first")
    return ctx.retry_count


@fq.task
def stuck_once(folder: str) -> int:
    others = list(Path(folder).glob("began-*"))
    Path(folder, f"began-{os.getpid()}").touch()
    if not others:
        threading.Event().wait()
    return os.getpid()
"""
# Quick rescue, so that the test waits seconds for it.
QUICK = {"HEARTBEAT_INTERVAL": "0.3", "DEAD_POD_THRESHOLD": "2", "RECOVERY_INTERVAL": "0.3", "STATEMENT_TIMEOUT": "1"}


@pytest.fixture
def environment(fleet_q_postgres: str, tmp_path: Path) -> dict[str, str]:
    """What a pod is told: the server, and a schema that no other test sees."""
    (tmp_path / "work.py").write_text(MODULE)
    told = {"URL": fleet_q_postgres, "SCHEMA": f"t_{uuid.uuid4().hex}", "LOCAL_PATH": str(tmp_path / "local"), **QUICK}
    return {**os.environ, **{f"FLEET_Q_{name}": value for name, value in told.items()}}


@pytest.fixture
def fq(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[FleetQ]:
    """A producer beside the workers."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    producer = FleetQ(role="producer")
    yield producer
    producer.stop_sync()


@contextmanager
def worker(folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "fleet_q.cli", "worker", "work:fq"]
    with (folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


@pytest.mark.timeout(120)
def test_work_is_done_retried_and_rescued_on_postgres(fq: FleetQ, environment: dict[str, str], tmp_path: Path) -> None:
    @fq.task
    def flaky() -> int:
        raise AssertionError("only the worker runs it")

    @fq.task
    def stuck_once(folder: str) -> int:
        raise AssertionError("only the worker runs it")

    retried = flaky.using(unique="one").enqueue_sync()
    with worker(tmp_path, environment) as first:
        assert retried.result_sync(timeout=30) == 1, (tmp_path / "worker.log").read_text()
        held = stuck_once.enqueue_sync(str(tmp_path))
        while not list(tmp_path.glob("began-*")):
            assert first.poll() is None, (tmp_path / "worker.log").read_text()
        first.kill()
        first.wait()
    with worker(tmp_path, environment) as second:
        assert held.result_sync(timeout=60) == second.pid
    info = held.info_sync()
    assert (info.status, info.retry_count) == ("completed", 0)


@contextmanager
def demo(folder: Path, environment: dict[str, str]) -> Iterator[Server]:
    """Serve the demo app; nothing but its environment says that the queue is on Postgres."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    place = ["--app-dir", str(ROOT / "examples" / "fastapi_app"), "--port", str(port), "--no-access-log"]
    with (folder / "server.log").open("ab") as log:
        command = [sys.executable, "-m", "uvicorn", "app:app", *place]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    server = Server(process, port, folder)
    try:
        server.wait_ready()
        yield server
    finally:
        server.close()
        process.terminate()
        process.wait(timeout=40)


@pytest.mark.timeout(120)
def test_the_demo_app_runs_on_postgres_by_its_url_alone(environment: dict[str, str], tmp_path: Path) -> None:
    with demo(tmp_path, environment) as server:
        bodies = steps(FILES)
        ids = [str(server.post("/submit", body)["step_id"]) for body in bodies]
        deadline = time.monotonic() + 60
        while (found := server.get("/admin/queue")) and found["completed"] != FILES:
            assert time.monotonic() < deadline, (found, server.log_tail())
        ended = [server.get(f"/status/{step_id}")["status"] for step_id in ids]
    assert sorted(map(str, ended)).count("completed") == FILES
    assert len(ended) == FILES + 1
