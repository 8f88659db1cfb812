"""`fleet-q demo`: all as promised over HTTP, and the example is the app that it runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fleet_q.demo.files import FAIL_EVERY, steps
from fleet_q.demo.server import SCHEMA, place
from fleet_q.demo.summary import summarise

ROOT = Path(__file__).parents[2]


@pytest.mark.acceptance
def test_the_demo_ends_with_every_file_completed_and_one_dead_letter() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fleet_q.cli", "demo", "--json", "--limit", "100"],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["files"], summary["completed"], summary["problems"]) == (100, 100, [])
    assert (summary["told_to_fail"], summary["retries"]) == (100 // FAIL_EVERY, 100 // FAIL_EVERY + 1)
    (letter,) = summary["dead_letters"]
    assert (letter["tries"], letter["reason"].partition(":")[0]) == (2, "RuntimeError")
    assert summary["functions"] > 0


@pytest.mark.acceptance
def test_the_demo_runs_on_postgres_by_its_url_however_often(fleet_q_database: str) -> None:
    for _ in range(2):
        command = [sys.executable, "-m", "fleet_q.cli", "demo", "--json", "--limit", "40", "--url", fleet_q_database]
        done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
        assert done.returncode == 0, done.stderr
        summary = json.loads(done.stdout)
        assert (summary["completed"], len(summary["dead_letters"]), summary["problems"]) == (40, 1, [])


@pytest.mark.parametrize(
    ("told", "inherited", "url"),
    [
        (None, None, "sqlite:////tmp/demo/demo.db"),
        (None, "sqlite:///production.db", "sqlite:////tmp/demo/demo.db"),
        (None, "postgresql://db/app", "postgresql://db/app"),
        ("postgresql://db/other", "postgresql://db/app", "postgresql://db/other"),
        ("sqlite:///mine.db", "postgresql://db/app", "sqlite:///mine.db"),
    ],
)
def test_the_demo_keeps_to_tables_of_its_own_unless_told(
    monkeypatch: pytest.MonkeyPatch, told: str | None, inherited: str | None, url: str
) -> None:
    if inherited is not None:
        monkeypatch.setenv("FLEET_Q_URL", inherited)
    schema = {"FLEET_Q_SCHEMA": SCHEMA} if url.startswith("postgres") else {}
    assert place(told, Path("/tmp/demo")) == {"FLEET_Q_URL": url, **schema}


def test_every_file_of_the_standard_library_is_submitted_once() -> None:
    paths = [step["args"]["path"] for step in steps(None) if step["type"] == "analyse"]  # type: ignore[index]
    assert len(paths) == len(set(paths)) > 500
    assert any(path.endswith("/asyncio/base_events.py") for path in paths)
    assert sum(step["type"] == "hopeless" for step in steps(None)) == 1


def test_what_is_not_as_promised_is_told() -> None:
    submissions: list[dict[str, object]] = [
        {"type": "analyse", "args": {"path": "a.py", "fail_first": True}},
        {"type": "analyse", "args": {"path": "b.py", "fail_first": False}},
        {"type": "hopeless", "args": {}},
    ]
    report = {"verdict": "ok", "functions": 1, "classes": 0, "longest_function": 1, "documented": 0}
    found: list[dict[str, object]] = [
        {"step_id": "1", "status": "completed", "retry_count": 0, "error": None, "result": report},
        {"step_id": "1", "status": "failed", "retry_count": 3, "error": "OSError: x", "result": None},
        {"step_id": "3", "status": "completed", "retry_count": 0, "error": None, "result": None},
    ]
    assert len(summarise(submissions, found, 1.0).problems) == 4


@pytest.mark.docs
def test_the_example_is_the_app_of_the_demo() -> None:
    shipped = ROOT / "python/fleet_q/demo/app.py"
    example = ROOT / "examples/fastapi_app/app.py"
    assert example.read_text() == shipped.read_text()
    assert len(example.read_text().splitlines()) <= 60
