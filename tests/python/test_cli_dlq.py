"""`fleet-q dlq`, as a process: what it prints for people and for programs, what it asks, how it exits."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fleet_q import FleetQ
from fleet_q.testing import drain

NO_SUCH_STEP = "018f0000-0000-7000-8000-000000000000"


class Queue:
    """One database, and the command line over it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.folder = folder
        self.local = folder / "local"

    def cli(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run a command; nobody is at its terminal."""
        return subprocess.run(
            [sys.executable, "-m", "fleet_q.cli", "dlq", *args, "--url", self.url],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def json(self, *args: str) -> Any:
        """Run a command that must go well, and read its JSON."""
        done = self.cli(*args, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def ids(self, *args: str) -> list[str]:
        """List the failed steps, the latest first."""
        return [letter["step_id"] for letter in self.json("list", *args)]

    def fleet(self) -> FleetQ:
        """Make a FleetQ that may lead."""
        return FleetQ(self.url, local_path=self.local, claim_interval=0.05, recovery_interval=0.3)

    def enqueue(self, unique: str) -> None:
        """Store a step with this key that will not run soon."""
        fq = self.fleet()

        @fq.task(name="later")
        async def later() -> None: ...

        later.using(unique=unique, delay=60).enqueue_sync()
        fq.stop_sync()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.acceptance)])
def queue(request: pytest.FixtureRequest, tmp_path: Path) -> Queue:
    """A queue with three failed steps: two of `pay`, one of `drop` in the queue `mail`."""
    url = request.getfixturevalue("fleet_q_database" if request.param == "postgres" else "url")
    queue = Queue(url, tmp_path)
    fq = queue.fleet()

    @fq.task(name="pay", retries=0)
    async def pay(order: int) -> None:
        raise ConnectionError(f"no route to order {order}")

    @fq.task(name="drop", queue="mail", retries=0)
    async def drop() -> None:
        raise ValueError("never")

    async def fail() -> None:
        for order in range(2):
            await pay.using(unique=f"order-{order}").enqueue(order)
            await drain(fq)
        await drop.enqueue()
        await drain(fq)

    asyncio.run(fail())
    fq.stop_sync()
    return queue


def test_list_shows_the_latest_failure_first(queue: Queue) -> None:
    shown = queue.cli("list")
    assert shown.returncode == 0, shown.stderr
    head, *lines = shown.stdout.splitlines()
    assert head.split() == ["step", "failed", "at", "task", "queue", "tries", "why"]
    assert [line.split()[3] for line in lines] == ["drop", "pay", "pay"]
    assert "ConnectionError: no route to order 1" in lines[1]
    assert shown.stderr == "3 failed steps\n"
    assert queue.cli("list", "--limit", "1").stderr == "1 failed step; there may be more, see --limit\n"


def test_list_as_json_narrows_by_each_filter(queue: Queue) -> None:
    def found(*args: str) -> list[str]:
        return [letter["message"] for letter in queue.json("list", *args)]

    assert found() == ["never", "no route to order 1", "no route to order 0"]
    assert found("--task", "pay", "--limit", "1") == ["no route to order 1"]
    assert found("--queue", "mail") == ["never"]
    assert found("--error", "ORDER 0") == ["no route to order 0"]
    assert len(found("--since", "1h")) == 3
    assert found("--since", "2999-01-01T00:00Z") == []
    assert set(queue.json("list")[0]) >= {"step_id", "task", "queue", "failed_ts", "error_type", "reason", "pod"}


def test_list_by_error_counts(queue: Queue) -> None:
    groups = queue.json("list", "--by-error")
    assert [(group["count"], group["task"], group["error"]) for group in groups] == [
        (2, "pay", "ConnectionError"),
        (1, "drop", "ValueError"),
    ]
    assert queue.cli("list", "--by-error").stdout.splitlines()[1].split()[:3] == ["2", "pay", "ConnectionError"]


def test_show_tells_everything_of_one_step(queue: Queue) -> None:
    step_id = queue.ids("--task", "drop")[0]
    shown = queue.cli("show", step_id)
    assert shown.returncode == 0, shown.stderr
    assert "tries        1 (0 of 0 retries, 0 crashes)" in shown.stdout
    assert 'raise ValueError("never")' in shown.stdout
    told = queue.json("show", step_id)
    assert (told["status"], told["errors"][0]["error_type"]) == ("failed", "ValueError")
    missing = queue.cli("show", NO_SUCH_STEP)
    assert (missing.returncode, "no step" in missing.stderr) == (2, True)


def test_replay_by_id_tells_what_happened_to_each(queue: Queue) -> None:
    drop, second, first = queue.ids()
    queue.enqueue("order-0")
    done = queue.cli("replay", drop, first, NO_SUCH_STEP)
    told = dict(line.split("  ", 1) for line in done.stdout.splitlines())
    assert done.returncode == 1
    assert done.stderr == "replayed 1 of 3\n"
    assert (told[drop], told[NO_SUCH_STEP]) == ("replayed", "no such step is stored")
    assert "holds its unique key" in told[first]
    again = queue.cli("replay", drop, second, "--json")
    assert again.returncode == 1
    assert json.loads(again.stdout) == [
        {"step_id": drop, "outcome": "not_failed", "status": "pending"},
        {"step_id": second, "outcome": "replayed"},
    ]
    assert queue.ids() == [first]


def test_purge_all_shows_first_and_asks(queue: Queue) -> None:
    ids = queue.ids()
    rehearsed = queue.cli("purge", "--all", "--task", "pay", "--dry-run")
    assert (rehearsed.returncode, rehearsed.stdout.splitlines()[-1]) == (0, "would purge 2 failed steps")
    unasked = queue.cli("purge", "--all", "--task", "pay")
    assert (unasked.returncode, "add --yes" in unasked.stderr) == (2, True)
    assert queue.ids() == ids
    done = queue.cli("purge", "--all", "--task", "pay", "--yes")
    assert (done.returncode, done.stderr) == (0, "purged 2 of 2\n")
    assert queue.ids() == ids[:1]
    assert queue.json("purge", "--all", "--task", "pay", "--yes") == []
    assert [letter["step_id"] for letter in queue.json("purge", "--all", "--dry-run")] == ids[:1]


def test_replay_all_puts_everything_back(queue: Queue) -> None:
    ids = queue.ids()
    done = queue.json("replay", "--all", "--yes")
    assert done == [{"step_id": step_id, "outcome": "replayed"} for step_id in ids]
    assert queue.ids() == []
    assert queue.cli("list").stderr == "0 failed steps\n"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["replay"], "name steps by id, or say --all"),
        (["purge", "--task", "pay"], "say --all with these filters"),
        (["purge", NO_SUCH_STEP, "--all"], "not both"),
        (["replay", NO_SUCH_STEP, "--dry-run"], "--dry-run goes with --all"),
        (["replay", "nonsense"], "is not an id"),
        (["list", "--since", "soon"], "write how long ago"),
        (["list", "--local", "--task", "pay"], "--local takes no filters"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_makes_no_sense_is_refused_in_a_sentence(url: str, tmp_path: Path, args: list[str], told: str) -> None:
    done = Queue(url, tmp_path).cli(*args)
    assert (done.returncode, told in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr


def test_local_shows_what_leaders_here_wrote_down(queue: Queue) -> None:
    async def lead() -> None:
        async with queue.fleet():
            for _ in range(100):
                shown = await asyncio.to_thread(queue.json, "list", "--local", "--local-path", str(queue.local))
                if len(shown) == 3:
                    return
                await asyncio.sleep(0.1)

    asyncio.run(lead())
    step_id = queue.ids("--task", "drop")[0]
    # The truth is the store's: what is purged there is still among the evidence here.
    assert queue.cli("purge", step_id).returncode == 0
    (letter,) = queue.json("show", step_id, "--local", "--local-path", str(queue.local))
    assert (letter["kind"], letter["task"], letter["evidence"]["message"]) == ("failure", "drop", "never")
    shown = queue.cli("list", "--local", "--local-path", str(queue.local))
    assert [line.split()[0] for line in shown.stdout.splitlines()].count(step_id) == 1
    assert queue.json("list", "--local", "--local-path", str(queue.local / "nowhere")) == []
