"""The command line, as a process: worker, submit, status, and what it says when it cannot."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import fleet_q

Cli = Callable[..., "subprocess.CompletedProcess[str]"]

APP = """
from fleet_q import FleetQ
fq = FleetQ("sqlite:///q.db", local_path="local", claim_interval=0.05)
not_a_queue = 5

@fq.task(retries=0)
def double(x: int) -> int:
    return 2 * x
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "empty.py").write_text('from fleet_q import FleetQ\nfq = FleetQ("sqlite:///q.db")\n')
    (tmp_path / "broken.py").write_text("import nothing_of_this_name\n")
    return tmp_path


@pytest.fixture
def cli(folder: Path) -> Cli:
    def run(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "fleet_q.cli", *args],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def test_the_version_is_told(cli: Cli) -> None:
    assert cli("--version").stdout == f"fleet-q {fleet_q.__version__}\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_runs_what_is_submitted_and_drains_on_a_signal(cli: Cli, folder: Path, number: signal.Signals) -> None:
    url = "sqlite:///q.db"
    submitted = cli("submit", "double", "--args", '{"x": 21}', "--app", "app:fq")
    assert submitted.returncode == 0, submitted.stderr
    step_id = submitted.stdout.strip()
    worker = subprocess.Popen(
        [sys.executable, "-m", "fleet_q.cli", "worker", "app:fq"], cwd=folder, stderr=subprocess.PIPE, text=True
    )
    try:
        producer = fleet_q.FleetQ(f"sqlite:///{folder / 'q.db'}", role="producer")
        assert producer.handle(step_id).result_sync(timeout=30) == 42
        # A living pod knows the task, so no app is needed to name it.
        second = cli("submit", "double", "--args", "[4]", "--priority", "3", "--url", url)
        assert producer.handle(second.stdout.strip()).result_sync(timeout=30) == 8
        producer.stop_sync()
        worker.send_signal(number)
        _, errors = worker.communicate(timeout=30)
    finally:
        worker.kill()
    assert worker.returncode == 0, errors
    assert all(json.loads(line)["logger"].startswith("fleet_q") for line in errors.splitlines())
    shown = json.loads(cli("status", step_id, "--url", url).stdout)
    assert (shown["step_id"], shown["status"], shown["result"]) == (step_id, "completed", 42)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["worker", "app"], "say where the FleetQ is as module:attribute"),
        (["worker", "nowhere:fq"], "there is no module 'nowhere'"),
        (["worker", "app:not_a_queue"], "app:not_a_queue is int, not a FleetQ; in app: fq"),
        (["worker", "app:missing"], "in app: fq"),
        (["worker", "empty:fq"], "empty:fq has no tasks"),
        (["worker", "broken:fq"], "nothing_of_this_name"),
        (["submit", "double", "--args", "{", "--app", "app:fq"], "--args is not JSON"),
        (["submit", "double", "--args", "{}", "--app", "app:fq"], "missing a required argument: 'x'"),
        (["submit", "nobody", "--url", "sqlite:///q.db"], "no task 'nobody'"),
        (["status", "nonsense", "--url", "sqlite:///q.db"], "is not an id"),
        (["status", "nonsense", "--url", "mysql://x/y"], "FLEET_Q_URL"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_work_is_told_in_a_sentence(cli: Cli, args: list[str], told: str) -> None:
    done = cli(*args)
    assert done.returncode != 0
    assert told in done.stderr
    assert args[1].startswith("broken") or "Traceback" not in done.stderr
