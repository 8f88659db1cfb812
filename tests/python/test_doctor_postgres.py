"""`fleet-q doctor` on a real Postgres: each finding is provoked, and mended by what the doctor says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet_q import FleetQ

pytestmark = pytest.mark.acceptance

SCRIPT = Path(__file__).parents[2] / "scripts" / "test-postgres"
Findings = dict[str, dict[str, Any]]


class Patient:
    """A schema of its own, a role that may do nothing yet, and the doctor."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.schema = self.role = f"d_{uuid.uuid4().hex[:12]}"

    def sql(self, *statements: str) -> str:
        """Run statements as the server's owner, each by itself."""
        commands = [part for statement in statements for part in ("-c", statement)]
        done = subprocess.run(
            ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", self.url, *commands], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def as_role(self) -> str:
        """The URL of the role, which needs no password here."""
        user = self.url.split("://", 1)[1].split("@", 1)[0]
        return self.url.replace(f"://{user}@", f"://{self.role}@", 1)

    def migrate(self) -> None:
        fq = FleetQ(self.url, role="producer", schema=self.schema)

        @fq.task
        def nothing() -> None:
            """Do nothing."""

        nothing.enqueue_sync()
        fq.stop_sync()

    def ask(self, url: str | None = None, **settings: str) -> tuple[int, Findings]:
        """The doctor's exit code and findings, by name or by area."""
        told = {"URL": url or self.url, "SCHEMA": self.schema, "LOCAL_PATH": str(self.folder), **settings}
        done = subprocess.run(
            [sys.executable, "-m", "fleet_q.cli", "doctor", "--json"],
            env={**os.environ, **{f"FLEET_Q_{name}": value for name, value in told.items()}},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode in (0, 1), done.stderr
        said = json.loads(done.stdout)["findings"]
        return done.returncode, {finding["finding"] or finding["area"]: finding for finding in said}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a Postgres: the one that was told, else one from the wheel. Fails without either."""
    with subprocess.Popen(
        [sys.executable, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as script:
        assert script.stdin is not None
        assert script.stdout is not None
        assert script.stderr is not None
        url = script.stdout.readline().strip()
        assert url, script.stderr.read()
        yield url
        script.stdin.close()


@pytest.fixture
def patient(server: str, tmp_path: Path) -> Iterator[Patient]:
    patient = Patient(server, tmp_path)
    patient.sql(f"create role {patient.role} login")
    yield patient
    patient.sql(f"drop schema if exists {patient.schema} cascade", f"drop role {patient.role}")


def until(found: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
    """Ask again until there is something, for twenty seconds."""
    deadline = time.monotonic() + 20
    while (finding := found()) is None:
        assert time.monotonic() < deadline
    return finding


@pytest.mark.timeout(120)
def test_a_sound_queue_has_no_problem_and_every_area_is_told(patient: Patient) -> None:
    patient.migrate()
    code, found = patient.ask()

    assert (code, [name for name, finding in found.items() if finding["level"] == "problem"]) == (0, [])
    told = {finding["area"] for finding in found.values()}
    assert told >= {"connection", "clock", "server", "schema", "rights", "durability", "room", "pooler", "space"}
    assert [finding for finding in found.values() if "could not be read" in finding["says"]] == []


@pytest.mark.timeout(120)
def test_a_queue_that_is_not_there_is_a_problem_only_where_nobody_makes_it(patient: Patient) -> None:
    made = patient.ask()
    by_hand = patient.ask(AUTO_MIGRATE="false")

    assert (made[0], made[1]["no-queue"]["mend"]) == (0, "fleet-q migrate")
    assert (by_hand[0], by_hand[1]["unmigrated"]["level"]) == (1, "problem")
    assert patient.sql(f"select count(*) from pg_namespace where nspname = '{patient.schema}'") == "0"


@pytest.mark.timeout(120)
def test_missing_grants_are_mended_by_what_the_doctor_says(patient: Patient) -> None:
    patient.migrate()
    code, found = patient.ask(patient.as_role(), AUTO_MIGRATE="false")
    assert (code, found["no-schema-usage"]["level"], found["missing-grants"]["level"]) == (1, "problem", "problem")

    patient.sql(found["no-schema-usage"]["mend"])
    for table in ("pod_health", "step_tracker"):
        patient.sql(f"grant select on {patient.schema}.{table} to {patient.role}")
        _, found = patient.ask(patient.as_role(), AUTO_MIGRATE="false")
        while "missing-grants" in found:
            patient.sql(found["missing-grants"]["mend"])
            _, found = patient.ask(patient.as_role(), AUTO_MIGRATE="false")
    assert patient.ask(patient.as_role(), AUTO_MIGRATE="false")[0] == 0
    assert patient.ask(patient.as_role())[1]["not-owner"]["level"] == "note"


@pytest.mark.timeout(120)
def test_asynchronous_commits_of_the_role_are_told_and_mended(patient: Patient) -> None:
    patient.migrate()
    patient.sql(f"alter role {patient.role} set synchronous_commit = off")
    _, found = patient.ask(patient.as_role())
    assert found["synchronous-commit-off"]["mend"] == f"alter role {patient.role} reset synchronous_commit;"

    patient.sql(found["synchronous-commit-off"]["mend"])
    assert "synchronous-commit-off" not in patient.ask(patient.as_role())[1]


@pytest.mark.timeout(120)
def test_a_forgotten_transaction_is_told_and_ended_by_the_mend(patient: Patient) -> None:
    patient.migrate()
    forgotten = f"{patient.url}{'&' if '?' in patient.url else '?'}application_name=forgotten_{patient.schema}"
    with subprocess.Popen(
        ["psql", "-Xq", forgotten], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as shell:
        assert shell.stdin is not None
        shell.stdin.write("begin;\nselect txid_current() \\g /dev/null\n")
        shell.stdin.flush()

        def told() -> dict[str, Any] | None:
            # Six times the statement timeout is old here: a second and a half.
            return patient.ask(STATEMENT_TIMEOUT="0.25")[1].get("idle-transaction")

        finding = until(told)
        assert f"forgotten_{patient.schema}" in finding["says"]
        patient.sql(str(finding["mend"]).split(";", 1)[0])
        shell.stdin.write("select 1;\n")
        _, errors = shell.communicate(timeout=20)
    assert "terminating connection" in errors or "closed the connection" in errors


@pytest.mark.timeout(120)
def test_dead_rows_and_a_switched_off_autovacuum_are_told_and_mended(patient: Patient) -> None:
    patient.migrate()
    table = f"{patient.schema}.step_tracker"
    rows = (
        f"insert into {table} (step_id, task, payload) select gen_random_uuid(), 't', '' from generate_series(1, 12000)"
    )
    patient.sql(f"alter table {table} set (autovacuum_enabled = off)", rows, f"update {table} set priority = 1")
    _, found = patient.ask()
    assert found["autovacuum-off"]["mend"] == f"alter table {table} reset (autovacuum_enabled);"
    assert found["dead-rows"]["mend"] == f"vacuum (analyze) {table};"

    patient.sql(found["autovacuum-off"]["mend"])
    patient.sql(found["dead-rows"]["mend"])
    assert not {"autovacuum-off", "dead-rows"} & set(patient.ask()[1])


@pytest.mark.timeout(120)
def test_a_server_that_may_lose_what_it_acknowledged_is_told_and_mended(patient: Patient) -> None:
    patient.migrate()
    names = ("fsync", "full_page_writes", "autovacuum")
    try:
        patient.sql(*[f"alter system set {name} = off" for name in names], "select pg_reload_conf()")

        def told() -> dict[str, Any] | None:
            # The server reads its files anew a moment later.
            found = patient.ask()[1]
            return found if {"fsync-off", "full-page-writes-off", "autovacuum-off"} <= set(found) else None

        found = until(told)
        assert patient.ask()[0] == 1
        for name in ("fsync-off", "full-page-writes-off", "autovacuum-off"):
            patient.sql(*found[name]["mend"].rstrip(";").split("; "))
        until(lambda: None if "fsync-off" in patient.ask()[1] else {})
    finally:
        patient.sql(*[f"alter system reset {name}" for name in names], "select pg_reload_conf()")


@pytest.mark.timeout(120)
def test_a_slot_that_nobody_reads_is_told_and_dropped(patient: Patient) -> None:
    patient.sql(f"select pg_create_physical_replication_slot('{patient.schema}', true)")
    _, found = patient.ask()
    patient.sql(found["idle-slot"]["mend"])

    assert patient.schema in found["idle-slot"]["says"]
    assert "idle-slot" not in patient.ask()[1]


@pytest.mark.timeout(120)
def test_steps_that_nobody_knows_are_told(patient: Patient, tmp_path: Path) -> None:
    patient.migrate()
    insert = "insert into {0}.pod_health (pod_id, meta) values ('a-1', '{{\"tasks\": [\"other\"]}}')"
    patient.sql(insert.format(patient.schema))
    code, found = patient.ask()

    assert code == 0
    assert "nothing" in found["unknown-task"]["says"]


@pytest.mark.timeout(120)
def test_a_wrong_database_is_refused_with_the_servers_word(patient: Patient) -> None:
    path = patient.url.split("@", 1)[1].split("/", 1)[1].split("?", 1)[0]
    code, found = patient.ask(patient.url.replace(f"/{path}?", "/no_such_database?", 1))

    assert (code, found["refused"]["level"]) == (1, "problem")
    assert "no_such_database" in found["refused"]["says"]
