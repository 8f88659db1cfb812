"""A step is a row: what psql inserts on Postgres runs, in whose transaction it came, and what a bad row does."""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Callable, Iterator

import pytest

from clean_room import ROOT
from fleet_q import FleetQ, ResultTimeout
from fleet_q.testing import drain_sync, redirected, steps_sync
from fleet_q.testing.databases import libpq_url, program
from pages import blocks

pytestmark = pytest.mark.acceptance

PAGE = ROOT / "docs" / "reference" / "plain-sql.md"
Psql = Callable[[str], str]
PAYLOAD = """convert_to('{"args": ["%s"], "kwargs": {}}', 'UTF8')"""


@pytest.fixture
def psql(fleet_q_database: str) -> Psql:
    """Runs statements as one would type them; a refusal fails."""
    command = [program("psql"), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]

    def run(statements: str) -> str:
        done = subprocess.run(
            [*command, libpq_url(fleet_q_database)], input=statements, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


@pytest.fixture
def fq(fleet_q_database: str) -> Iterator[FleetQ]:
    """A FleetQ with the task of the page, on a database whose tables are made."""
    app = FleetQ("memory://")

    @app.task
    async def greet(name: str) -> str:
        return f"hello {name}"

    with redirected(app, fleet_q_database) as fq:
        drain_sync(fq)
        yield fq


def on_the_page(word: str) -> str:
    (block,) = (block for block in blocks(PAGE, "sql") if word in block.info)
    return block.code


def insert(payload: str, *, task: str = "greet", more: str = "", values: str = "") -> str:
    columns = f"step_id, task, payload{', ' + more if more else ''}"
    return (
        f"insert into step_tracker ({columns})\n"
        f"values (gen_random_uuid(), '{task}', {payload}{', ' + values if values else ''});\n"
    )


def ends(fq: FleetQ) -> dict[str, object]:
    """Give what each step became: its result, or the type of its error, or its state."""
    found = steps_sync(fq)
    return {str(step.tags[0]): step.result or (step.error and step.error.error_type) or step.status for step in found}


def test_one_insert_from_psql_becomes_a_step_that_runs(fq: FleetQ, psql: Psql) -> None:
    psql(on_the_page("postgres"))

    drain_sync(fq)

    (step,) = steps_sync(fq)
    assert (step.status, step.result, step.max_retries, step.queue) == ("completed", "hello Ada", 3, "default")


def test_step_of_a_transaction_is_there_with_its_commit_and_never_without(fq: FleetQ, psql: Psql) -> None:
    psql("create table orders (id int);")
    order = f"begin; insert into orders values (1); {insert(PAYLOAD % 'Ada')}"

    psql(order + "rollback;")
    assert steps_sync(fq) == []

    psql(order + "commit;")
    drain_sync(fq)
    assert [step.status for step in steps_sync(fq)] == ["completed"]
    assert psql("select count(*) from orders;") == "1"


async def test_notification_wakes_a_pod_that_would_look_much_later(fleet_q_database: str, psql: Psql) -> None:
    app = FleetQ("memory://")

    @app.task
    async def greet(name: str) -> str:
        return f"hello {name}"

    with redirected(app, fleet_q_database, claim_interval=600, idle_interval_max=600) as fq:
        async with fq:
            assert await (await greet.enqueue("me")).result(timeout=30) == "hello me"
            step_id = psql(on_the_page("postgres").replace(");\n", ") returning step_id;\n"))
            psql(on_the_page("notify"))
            assert await fq.handle(step_id).result(timeout=60) == "hello Ada"


def test_ids_for_older_servers_are_of_version_7_and_of_now(psql: Psql) -> None:
    made = uuid.UUID(psql(on_the_page("uuidv7")))

    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert abs((made.int >> 80) / 1000 - time.time()) < 60


def test_row_may_say_queue_priority_retries_timeout_key_and_time(fq: FleetQ, psql: Psql) -> None:
    more = "queue, priority, max_retries, timeout_ms, unique_key, tags, status, available_ts"
    values = "'mail', 7, 0, 1500, 'once', '[\"a\"]', 'scheduled', (extract(epoch from now()) * 1000)::bigint + 3600000"
    row = insert(PAYLOAD % "Ada", more=more, values=values)
    psql(row)
    psql(row.replace(";", " on conflict do nothing;"))

    drain_sync(fq)

    (step,) = steps_sync(fq)
    assert (step.queue, step.priority, step.max_retries, step.timeout) == ("mail", 7, 0, 1.5)
    assert (step.unique_key, step.tags, step.status) == ("once", ("a",), "scheduled")


def test_bad_row_is_failed_alone_and_its_neighbours_run(fq: FleetQ, psql: Psql) -> None:
    rows = {
        "first": PAYLOAD % "Ada",
        "no json": "'\\x00ff'",
        "no object": "convert_to('[1]', 'UTF8')",
        "wrong arguments": """convert_to('{"args": [1, 2, 3], "kwargs": {}}', 'UTF8')""",
        "last": PAYLOAD % "Bob",
    }
    script = "".join(
        insert(payload, more="tags", values=f"jsonb_build_array('{name}')") for name, payload in rows.items()
    )
    psql(f"begin; {script} commit;")

    counts = drain_sync(fq)

    bad = {name: "InvalidArguments" for name in rows if name not in ("first", "last")}
    assert ends(fq) == {**bad, "first": "hello Ada", "last": "hello Bob"}
    assert (counts.total("failed"), counts.total("completed")) == (3, 2)
    assert [step.attempts for step in steps_sync(fq, states=["failed"])] == [4, 4, 4]


def test_row_of_a_task_that_nobody_knows_waits_and_its_neighbours_run(fq: FleetQ, psql: Psql) -> None:
    stranger = insert(PAYLOAD % "Ada", task="nobody_knows_it", more="tags, priority", values="'[\"stranger\"]', 9")
    psql(stranger + insert(PAYLOAD % "Ada", more="tags", values="'[\"known\"]'"))

    with pytest.raises(ResultTimeout, match="nobody_knows_it"):
        drain_sync(fq, timeout=2)

    assert ends(fq) == {"known": "hello Ada", "stranger": "pending"}


@pytest.mark.parametrize(
    "row",
    [
        insert(PAYLOAD % "Ada", more="status", values="'nonsense'"),
        insert("null"),
        insert(PAYLOAD % "Ada").replace("gen_random_uuid()", "'order-7'"),
    ],
    ids=["status", "payload", "step_id"],
)
def test_row_that_cannot_be_a_step_is_refused_by_the_table(fq: FleetQ, psql: Psql, row: str) -> None:
    with pytest.raises(AssertionError, match="ERROR"):
        psql(row)

    assert steps_sync(fq) == []
