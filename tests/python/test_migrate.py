"""`fleet-q migrate` on SQLite, and what an application is told whose database is older or newer than it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet_q import FleetQ, Schema, SchemaMismatch

Cli = Callable[..., "subprocess.CompletedProcess[str]"]

CURRENT = Schema(version=1, min_compatible=1, speaks=1, pending=())
# In another process: two copies of SQLite in one undo each other's locks.
RUN_SQL = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(sys.stdin.read())"


@pytest.fixture
def cli(url: str) -> Cli:
    def run(*args: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "fleet_q.cli", "migrate", "--url", url, *args]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    return run


def run_sql(folder: Path, sql: str) -> None:
    command = [sys.executable, "-c", RUN_SQL, str(folder / "queue.db")]
    subprocess.run(command, input=sql, text=True, timeout=60, check=True)


def shown(done: subprocess.CompletedProcess[str]) -> object:
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_migrate_creates_the_tables_and_says_what_it_did(cli: Cli) -> None:
    empty = cli("--status")
    assert (empty.returncode, empty.stdout.splitlines()[-1]) == (3, "pending: run `fleet-q migrate`"), empty.stderr
    assert cli("--status").returncode == 3, "looking changes nothing"

    assert cli().stdout == "schema: version 0 -> 1, up to date\n"

    assert cli().stdout == "schema: version 1, up to date\n"
    assert cli("--status").returncode == 0
    expected = {"version": 1, "min_compatible": 1, "speaks": 1, "pending": [], "state": "current"}
    assert (shown(cli("--status", "--json")), shown(cli("--json"))) == (expected, expected)


def test_what_is_printed_is_what_would_be_run(cli: Cli, fq: FleetQ, tmp_path: Path) -> None:
    printed = cli("--sql")
    assert printed.returncode == 0, printed.stderr
    assert cli("--sql", "--from", "0").stdout == printed.stdout
    (first, *_), lines = printed.stdout.splitlines(), printed.stdout.splitlines()
    assert first == "-- fleet-q: from schema version 0 to 1, whole or not at all."

    # The shell's own command aside: what is left is SQL for everybody.
    run_sql(tmp_path, "\n".join(line for line in lines if not line.startswith(".")))

    assert cli("--status").returncode == 0
    assert cli("--sql").stdout == "-- fleet-q: nothing to do; version 1 is not below 1.\n"

    @fq.task
    def one() -> None: ...

    assert one.enqueue_sync().status_sync() == "pending"


def test_the_shell_of_sqlite_runs_it_whole_or_not_at_all(cli: Cli, tmp_path: Path) -> None:
    shell = ["sqlite3", str(tmp_path / "queue.db")]
    script = cli("--sql").stdout
    broken = script.replace("pragma user_version", "select * from nowhere;\npragma user_version")

    refused = subprocess.run(shell, input=broken, capture_output=True, text=True, timeout=60, check=False)
    assert (refused.returncode != 0, cli("--status").returncode) == (True, 3)

    subprocess.run(shell, input=script, text=True, timeout=60, check=True)
    assert cli("--status").returncode == 0


@pytest.mark.parametrize(
    ("packed", "code", "state", "told"),
    [(9001, 0, "newer", "admits this one"), (9009, 4, "too_new", "too new for this fleet-q: upgrade it")],
)
def test_newer_database_is_told_apart(
    cli: Cli, fq: FleetQ, tmp_path: Path, packed: int, code: int, state: str, told: str
) -> None:
    cli()
    run_sql(tmp_path, f"pragma user_version = {packed}")

    status = cli("--status")
    assert (status.returncode, status.stderr) == (code, "")
    assert told in status.stdout
    found = shown(cli("--status", "--json"))
    assert isinstance(found, dict)
    assert (found["version"], found["state"]) == (9, state)
    if state == "newer":
        assert fq.migrate_sync().state == "newer", "an old pod runs on"
        assert fq.handle("0190163d-8694-739b-aea5-966c26f8ad91").id
        return
    with pytest.raises(
        SchemaMismatch, match="needs code of at least version 9; this fleet-q speaks 1: upgrade fleet-q"
    ):
        fq.migrate_sync()
    refused = [cli(*args) for args in ((), ("--sql",))]
    assert [done.returncode for done in refused] == [2, 2]
    assert all("upgrade" in done.stderr and "Traceback" not in done.stderr for done in refused)


def test_application_that_may_not_migrate_names_the_command(make: Callable[..., FleetQ]) -> None:
    fq = make(auto_migrate=False)
    with pytest.raises(SchemaMismatch, match="lacks the tables that this fleet-q needs: run `fleet-q migrate`"):
        fq.submit_step_sync({"type": "x", "args": {}})
    assert fq.migrate_sync() == CURRENT, "an explicit call is no auto-migration"


async def test_migrate_is_there_for_async_code(fq: FleetQ) -> None:
    assert await fq.migrate() == CURRENT
    assert await fq.migrate() == CURRENT
    await fq.stop()


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--status", "--sql"], "one of --status, --sql and --grants"),
        (["--from", "0"], "--from goes with --sql"),
        (["--grants", "app"], "SQLite knows no roles"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_makes_no_sense_is_refused_in_a_sentence(cli: Cli, args: list[str], told: str) -> None:
    done = cli(*args)
    assert (done.returncode, told in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr
