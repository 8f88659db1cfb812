"""What a fleet costs a Postgres: its connections, and its idle transactions. Counted, not timed."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fleet_q import FleetQ
from fleet_q.testing.databases import database, libpq_url, program

pytestmark = pytest.mark.acceptance

WARM_UP_S = 15
COUNTED_S = 24
PER_POD_AND_SECOND = 2
CLIENTS = "from pg_stat_activity where backend_type = 'client backend' and datname = '{}'"
MODULE = """
from fleet_q import FleetQ

fq = FleetQ()


@fq.task
def nothing() -> None:
    return None
"""
Ask = Callable[[str], str]
MakeFleet = Callable[..., "Fleet"]


class Fleet:
    """Workers with default timings on a database of their own."""

    def __init__(self, url: str, folder: Path, ask: Ask) -> None:
        self.url = url
        self.name = urlsplit(url).path.lstrip("/")
        self.folder = folder
        self.ask = ask
        self.pods = 0

    @contextmanager
    def worker(self) -> Iterator[None]:
        """Run one more pod; returns when it beats."""
        (self.folder / "work.py").write_text(MODULE)
        told = {"FLEET_Q_URL": self.url, "FLEET_Q_LOCAL_PATH": str(self.folder / "local")}
        command = [sys.executable, "-m", "fleet_q.cli", "worker", "work:fq"]
        with (self.folder / "worker.log").open("ab") as log:
            process = subprocess.Popen(command, cwd=self.folder, env={**os.environ, **told}, stdout=log, stderr=log)
            try:
                self.pods += 1
                yield
            finally:
                process.terminate()
                process.wait(timeout=40)

    def clients(self, which: str = "true") -> int:
        return int(self.ask(f"select count(*) {CLIENTS.format(self.name)} and {which}"))

    def transactions(self) -> int:
        return int(self.ask(f"select xact_commit + xact_rollback from pg_stat_database where datname = '{self.name}'"))


@pytest.fixture
def ask(fleet_q_postgres: str) -> Ask:
    """Asks the server from its own database, so that asking is not counted."""
    command = [program("psql"), "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", libpq_url(fleet_q_postgres)]

    def run(question: str) -> str:
        done = subprocess.run([*command, "--command", question], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    return run


@pytest.fixture
def make_fleet(fleet_q_postgres: str, ask: Ask, tmp_path: Path) -> Iterator[MakeFleet]:
    """Starts fleets of so many pods."""
    with ExitStack() as stack:

        def make(pods: int, *, listen: str = "on") -> Fleet:
            url = stack.enter_context(database(fleet_q_postgres))
            url += ("&" if "?" in url else "?") + f"listen={listen}"
            folder = tmp_path / f"fleet-{time.monotonic_ns()}"
            folder.mkdir()
            fleet = Fleet(url, folder, ask)
            asyncio.run(make_tables(url))
            for _ in range(pods):
                stack.enter_context(fleet.worker())
            return fleet

        yield make


async def make_tables(url: str) -> None:
    async with FleetQ(url, role="producer"):
        """A producer that starts connects, which makes them."""


def await_pods(fleet: Fleet) -> None:
    """Wait until each pod has its connections for beats, and for listening."""
    deadline = time.monotonic() + 60
    while fleet.clients() < 2 * fleet.pods:
        assert time.monotonic() < deadline, (fleet.folder / "worker.log").read_text()
        time.sleep(0.2)  # real time: the server says nothing when somebody connects


@pytest.mark.parametrize(("listen", "most"), [("on", 4), ("off", 3)])
def test_a_busy_pod_holds_no_more_connections_than_the_page_says(make_fleet: MakeFleet, listen: str, most: int) -> None:
    fleet = make_fleet(2, listen=listen)
    await_pods(fleet)
    producer = FleetQ(fleet.url, role="producer")

    @producer.task
    def nothing() -> None:
        raise AssertionError("only the workers run it")

    handles = producer.enqueue_many_sync([nothing.job() for _ in range(400)])
    seen = fleet.clients()
    handles[-1].result_sync(timeout=60)
    of_producer = fleet.clients()
    producer.stop_sync()
    of_pods = fleet.clients()

    assert max(seen, of_producer) <= 2 * most + 2, "a producer has its work connections only"
    assert 2 * (most - 1) <= of_pods <= 2 * most
    assert fleet.clients("query like '%listen fleet_q_%'") == (2 if listen == "on" else 0)


@pytest.mark.timeout(180)
def test_an_idle_pod_makes_no_more_transactions_than_two_a_second(make_fleet: MakeFleet) -> None:
    fleets = {(pods, listen): make_fleet(pods, listen=listen) for listen in ("on", "off") for pods in (1, 3)}
    for fleet in fleets.values():
        await_pods(fleet)
    time.sleep(WARM_UP_S)  # real time: until the pods have backed off as far as they do

    before = {which: fleet.transactions() for which, fleet in fleets.items()}
    began = time.monotonic()
    time.sleep(COUNTED_S)  # real time: the server's own count over so many seconds
    rates = {
        which: (fleet.transactions() - before[which]) / (time.monotonic() - began) / fleet.pods
        for which, fleet in fleets.items()
    }

    print("transactions per pod and second:", {which: round(rate, 2) for which, rate in rates.items()})
    assert all(0.3 < rate <= PER_POD_AND_SECOND for rate in rates.values()), rates
