"""`fleet-q doctor` on SQLite: what people and machines read, its exit codes, and that it leaves things as they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fleet_q

Doctor = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def doctor(tmp_path: Path) -> Doctor:
    def run(*args: str, **settings: str) -> subprocess.CompletedProcess[str]:
        told = {"FLEET_Q_LOCAL_PATH": str(tmp_path / "local"), **{f"FLEET_Q_{k}": v for k, v in settings.items()}}
        return subprocess.run(
            [sys.executable, "-m", "fleet_q.cli", "doctor", *args],
            cwd=tmp_path,
            env={**os.environ, **told},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def queue(tmp_path: Path) -> str:
    """A queue with its tables, which nobody else may read."""
    url = f"sqlite:///{tmp_path / 'q.db'}"
    with_tables = "import sys; from fleet_q import FleetQ; fq = FleetQ(sys.argv[1], role='producer')\n"
    with_tables += "@fq.task\ndef nothing() -> None: ...\nnothing.enqueue_sync()"
    subprocess.run([sys.executable, "-c", with_tables, url], check=True, cwd=tmp_path)
    (tmp_path / "q.db").chmod(0o600)
    return url


def findings(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    said = json.loads(done.stdout)
    return {finding["finding"] or finding["area"]: finding for finding in said["findings"]}


def sqlite(tmp_path: Path, script: str) -> None:
    """Run SQL from another process: this one may hold fleet-q's locks."""
    code = f"import sqlite3; c = sqlite3.connect({str(tmp_path / 'q.db')!r}); c.executescript({script!r})"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_sound_queue_is_told_to_be_well(doctor: Doctor, queue: str) -> None:
    done = doctor("--json", "--url", queue)

    said = json.loads(done.stdout)
    assert (done.returncode, done.stderr, said["version"], said["url"]) == (0, "", fleet_q.__version__, queue)
    assert [finding["finding"] for finding in said["findings"] if finding["finding"]] == ["no-pods-for-work"]
    assert findings(done)["file"] == {
        "area": "file",
        "level": "ok",
        "finding": None,
        "says": findings(done)["file"]["says"],
        "mend": None,
    }


def test_people_read_a_line_per_finding_with_its_mend(doctor: Doctor, queue: str, tmp_path: Path) -> None:
    sqlite(tmp_path, "drop index step_due")
    done = doctor("--url", queue)

    assert done.returncode == 1
    assert "the index step_due is gone" in done.stdout
    assert "mend: create index step_due" in done.stdout
    assert done.stdout.rstrip().endswith("1 problem, 1 warning")


def test_what_the_doctor_says_mends_it(doctor: Doctor, queue: str, tmp_path: Path) -> None:
    sqlite(tmp_path, "drop index step_unique_key")
    sqlite(tmp_path, findings(doctor("--json", "--url", queue))["missing-index"]["mend"])

    assert "missing-index" not in findings(doctor("--json", "--url", queue))


def test_a_file_that_is_not_there_is_not_made(doctor: Doctor, tmp_path: Path) -> None:
    done = doctor("--json", "--url", "sqlite:///none.db")

    assert (done.returncode, list(findings(done))) == (0, ["no-database", "settings", "journal"])
    assert not (tmp_path / "none.db").exists()


def test_strict_fails_for_warnings(doctor: Doctor, queue: str) -> None:
    assert doctor("--strict", "--url", queue).returncode == 1


def test_a_file_that_is_no_database_is_a_problem(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "q.db").write_text("this is no database, and long enough to be read as one. " * 20)
    done = doctor("--json", "--url", "sqlite:///q.db")

    assert (done.returncode, findings(done)["refused"]["level"]) == (1, "problem")


def test_a_server_that_is_away_is_a_problem_without_its_password(doctor: Doctor) -> None:
    done = doctor("--json", "--url", "postgresql://app:s3cret@127.0.0.1:1/app", CONNECT_TIMEOUT="1")

    assert (done.returncode, done.stderr) == (1, "")
    assert findings(done)["unreachable"]["mend"].startswith("start the database")
    assert "s3cret" not in done.stdout


@pytest.mark.parametrize("args", [["--url", "mysql://x/y"], ["--nonsense"]])
def test_wrong_settings_end_with_2(doctor: Doctor, args: list[str]) -> None:
    assert doctor(*args).returncode == 2


def test_a_file_open_to_all_and_relaxed_commits_are_notes(doctor: Doctor, queue: str, tmp_path: Path) -> None:
    (tmp_path / "q.db").chmod(0o644)
    done = doctor("--json", "--url", f"{queue}?synchronous=normal")

    assert (done.returncode, findings(done)["open-to-others"]["mend"]) == (0, f"chmod 600 {tmp_path / 'q.db'}")
    assert findings(done)["synchronous-normal"]["level"] == "note"


def test_a_held_lock_is_told_with_its_holder(doctor: Doctor, queue: str, tmp_path: Path) -> None:
    hold = f"import sqlite3, sys; c = sqlite3.connect({str(tmp_path / 'q.db')!r}); c.execute('begin immediate'); "
    hold += "print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        holder.stdout.readline()
        done = doctor("--json", "--url", queue, STATEMENT_TIMEOUT="0.2")
        holder.stdin.close()

    assert str(holder.pid) in findings(done)["locked"]["says"]
