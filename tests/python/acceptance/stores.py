"""The databases that the scenarios run on: how each is reached, taken away and asked. Judges nothing.

FLEET_Q_TEST_STORE chooses: `sqlite` (the default), `postgres` (18, from the wheel), `debian` (the distribution's
Postgres) or `pooled` (18 behind a pgbouncer in transaction pooling).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from acceptance.waiting import said_by, tell

__all__ = ["CHOSEN", "PostgresServer", "PostgresStore", "SqliteStore", "Store", "serving"]

HERE = Path(__file__).resolve().parent
SCRIPT = HERE.parents[2] / "scripts" / "test-postgres"
CHOSEN = os.environ.get("FLEET_Q_TEST_STORE", "sqlite")
"""Read before the fixtures clean the environment."""

SERVERS = {"postgres": ["--server", "wheel"], "debian": ["--server", "debian"], "pooled": ["--pooler"]}


class Store(Protocol):
    """What a scenario may know of its database."""

    settings: dict[str, str]
    """What a pod is told to find it."""
    observer: list[str]
    """What the observer is told to find it."""
    file: Path | None
    """The database, where it is a file of this machine."""
    answers_while_locked: bool
    """Whether it can still be read while nobody can write."""
    elements: str
    """A relation with a column `value` for each element of the JSON in `{}`."""
    ahead_s: int
    """What the database's clock says more than the truth."""

    def paused(self, queues: list[str]) -> str:
        """Spell the statement that sets which queues are paused."""

    def lock(self) -> Callable[[], None]:
        """See that no pod gets an answer; gives what ends it."""

    def end(self) -> Callable[[], None]:
        """Take the database away as its restart does; gives what brings it back."""

    def size_mib(self, query: Callable[[str], int]) -> float:
        """Say how much room its tables and indexes take."""

    def close(self) -> None:
        """Leave nothing running."""


class SqliteStore:
    """A file; another process that holds its write lock is the only outage it knows."""

    answers_while_locked = True
    elements = "json_each({}) as entry"
    ahead_s = 0

    def __init__(self, folder: Path) -> None:
        self.file: Path | None = folder / "queue.db"
        self._folder = folder
        self._holders: list[subprocess.Popen[bytes]] = []
        self.settings = {"FLEET_Q_URL": f"sqlite:///{self.file}"}
        self.observer = ["sqlite", str(self.file)]

    def paused(self, queues: list[str]) -> str:
        """Spell the statement that sets which queues are paused."""
        paused = f"json_set(meta, '$.paused', json('{json.dumps(queues)}'))"
        return f"update pod_health set meta = {paused} where kind = 'control'"

    def lock(self) -> Callable[[], None]:
        """Hold the write lock from another process; gives what lets go of it."""
        holder = subprocess.Popen(
            [sys.executable, str(HERE / "hold_lock.py"), str(self.file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._holders.append(holder)
        tell(holder, "lock", "locked")
        return lambda: tell(holder, "unlock", "unlocked")

    end = lock

    def size_mib(self, query: Callable[[str], int]) -> float:
        """Give the size of the file with its write-ahead log."""
        return sum(path.stat().st_size for path in self._folder.glob("queue.db*")) / 2**20

    def close(self) -> None:
        """Let go of every lock."""
        for holder in self._holders:
            holder.communicate(timeout=10)


class PostgresServer:
    """One server for a session of tests; each fleet gets a schema of its own."""

    def __init__(self, script: subprocess.Popen[bytes]) -> None:
        self._script = script
        self.url, self.direct = said_by(script), said_by(script)

    def obey(self, order: str) -> None:
        """Carry out what scripts/test-postgres knows: stop, start, freeze, thaw and more."""
        tell(self._script, order, f"done {order}")


@contextmanager
def serving(kind: str, *options: str) -> Iterator[PostgresServer]:
    """Run the server of this kind, with these options of its script.

    Without what it needs, fail under CI and say so elsewhere.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLEET_Q_TEST_POSTGRES")}
    with subprocess.Popen(
        [sys.executable, str(SCRIPT), *SERVERS[kind], *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    ) as script:
        try:
            if script.stdout is None or not script.stdout.peek(1):  # type: ignore[attr-defined]
                why = f"NOT RUN on {kind}: scripts/test-postgres ended with {script.wait(10)}"
                (pytest.fail if "CI" in os.environ else pytest.skip)(why)
            yield PostgresServer(script)
        finally:
            if script.stdin is not None:
                script.stdin.close()
            script.wait(60)


class PostgresStore:
    """A schema of the session's server, which can be frozen, so that answers are lost, and stopped."""

    answers_while_locked = False
    elements = "jsonb_array_elements({}) as entry (value)"
    ahead_s = 0

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._undo: list[Callable[[], None]] = []
        self.file: Path | None = None
        self.schema = f"fleet_{uuid.uuid4().hex[:12]}"
        self.settings = {"FLEET_Q_URL": server.url, "FLEET_Q_SCHEMA": self.schema}
        self.observer = ["postgres", server.direct, self.schema]

    def paused(self, queues: list[str]) -> str:
        """Spell the statement that sets which queues are paused."""
        paused = f"jsonb_set(meta, '{{paused}}', '{json.dumps(queues)}')"
        return f"update pod_health set meta = {paused} where kind = 'control'"

    def lock(self) -> Callable[[], None]:
        """Freeze the server; what was sent is carried out after it thaws, when nobody waits for it any more."""
        return self.without("freeze", "thaw")

    def end(self) -> Callable[[], None]:
        """Stop the server as for an upgrade; gives what starts it."""
        return self.without("stop", "start")

    def copy(self) -> None:
        """Take a base backup."""
        self._server.obey("copy")

    def fail_over(self) -> None:
        """Lose the server, and start the copy at its address."""
        self._server.obey("failover")

    def without(self, order: str, counter: str) -> Callable[[], None]:
        """Have this done to the server or its pooler; gives what undoes it."""
        self._server.obey(order)

        def undo() -> None:
            self._undo.remove(undo)
            self._server.obey(counter)

        self._undo.append(undo)
        return undo

    def size_mib(self, query: Callable[[str], int]) -> float:
        """Give the size of both tables with their indexes and dead rows."""
        tables = ("pod_health", "step_tracker")
        return sum(query(f"select pg_total_relation_size('{table}')") for table in tables) / 2**20

    def close(self) -> None:
        """Leave a server that answers, for the next fleet."""
        for undo in list(self._undo):
            undo()
