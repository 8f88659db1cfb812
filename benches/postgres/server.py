"""Owns the measured Postgres: starts it, makes databases, reads what the server counts. Enqueues and claims nothing."""

from __future__ import annotations

import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import psycopg

import servers
import trees
from debian_parts import Brought
from throw_away import wheel

__all__ = ["SETTINGS", "Counters", "Database", "Server", "measured_server"]

Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"

SETTINGS = {"shared_buffers": "512MB"}
"""What is not as the server comes. Durability is: fsync, full_page_writes and synchronous_commit are on."""

# Who looks on is not counted: neither its statements nor, as it stays in another database, its transactions.
LOOKED_ON = "-c log_statement=none -c log_min_duration_statement=-1"
# Each line names the database and the transaction that it belongs to.
STATEMENT = r"^at {database} (\S*): LOG:  (?:statement|execute [^:]*): "
REPORTED_S = 0.3
"""A backend that ended has reported what it did by then."""


class Counters(NamedTuple):
    """What one database, and the log of the whole server, amount to."""

    transactions: int
    wal_bytes: int
    log_offset: int

    def wal_since(self, before: Counters) -> int:
        """Give the bytes of log in between."""
        return self.wal_bytes - before.wal_bytes


class Server:
    """A Postgres in a folder that goes away, on a port of this machine, as most users reach theirs."""

    def __init__(self, programs: Brought, folder: Path, more: Mapping[str, str]) -> None:
        self._port = _free_port()
        own = {"listen_addresses": "127.0.0.1", "port": str(self._port), "log_line_prefix": "at %d %v: "}
        unsaid = {"log_parameter_max_length": "0", "log_checkpoints": "off", "timezone": "GMT", "log_timezone": "GMT"}
        self._server = servers.Server(programs, folder, settings={**own, **unsaid, **SETTINGS, **more})
        self._pgbench = programs.programs[0].parent / "pgbench"
        self._folder = folder
        self._log = folder / "postgres.log"

    def start(self) -> None:
        """Start it."""
        self._server.start()

    def close(self) -> None:
        """End it."""
        self._server.close()

    def version(self) -> str:
        """Say which it is."""
        return self._server.version().replace("postgres (PostgreSQL)", "PostgreSQL")

    def url(self, database: str = "postgres") -> str:
        """Give the address of a database."""
        return f"postgresql://postgres@127.0.0.1:{self._port}/{database}"

    def look(self, database: str = "postgres") -> Connection:
        """Connect as somebody who is not counted."""
        return psycopg.connect(self.url(database), autocommit=True, options=LOOKED_ON)

    @contextmanager
    def database(self, name: str) -> Iterator[Database]:
        """Give an empty database that goes away. Its statements are logged, to be counted."""
        with closing(self.look()) as db:
            db.execute(f'drop database if exists "{name}" with (force)')
            db.execute(f'create database "{name}"')
            yield Database(self, name)
            db.execute(f'drop database "{name}" with (force)')

    def counters(self, database: str) -> Counters:
        """Read them, once those who ended have reported."""
        time.sleep(REPORTED_S)
        with closing(self.look()) as db:
            done = "select xact_commit + xact_rollback from pg_stat_database where datname = %s"
            transactions = _one(db, done, database)
            return Counters(transactions, _one(db, WAL), self._log.stat().st_size)

    def statements(self, database: str, since: Counters) -> int:
        """Count what the log says was executed in a database since then."""
        return len(re.findall(STATEMENT.format(database=re.escape(database)), self.said(since), re.MULTILINE))

    def here(self) -> Counters:
        """Mark where the log is now, without waiting for anybody; it counts nothing else."""
        return Counters(0, 0, self._log.stat().st_size)

    def begun(self, database: str, since: Counters) -> int:
        """Count the transactions to which the statements belong that the log names since then."""
        pattern = STATEMENT.format(database=re.escape(database))
        return len(set(re.findall(pattern, self.said(since), re.MULTILINE)))

    def said(self, since: Counters) -> str:
        """Give what the server logged since then."""
        with self._log.open("rb") as log:
            log.seek(since.log_offset)
            return log.read().decode(errors="replace")

    def cpu_s(self) -> float:
        """Give the processor time that the server used up to now."""
        return trees.cpu_s(self.pid)

    @property
    def pid(self) -> int:
        """Name its first process."""
        return int((self._folder / "data" / "postmaster.pid").read_text().splitlines()[0])

    def wal_bytes(self) -> int:
        """Give how long the write-ahead log is now."""
        with closing(self.look()) as db:
            return int(_one(db, WAL))

    def pgbench(self, database: str, script: Path, clients: int, seconds: float) -> float:
        """Give the transactions per second of Postgres' own load generator."""
        options = ["-n", "-M", "prepared", "-f", script, "-c", clients, "-j", min(2, clients), "-T", round(seconds)]
        told = subprocess.run(
            [str(word) for word in [self._pgbench, *options, "-d", self.url(database)]],
            capture_output=True,
            text=True,
            check=True,
        )
        found = re.search(r"tps = ([\d.]+)", told.stdout)
        return float(found[1]) if found else 0.0


WAL = "select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint"


class Database:
    """One database of the server."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name
        self.url = server.url(name)

    def flush(self) -> None:
        """Write what came before, so that nobody else pays for it."""
        with closing(self.server.look(self.name)) as db:
            db.execute("checkpoint")

    def analyze(self) -> None:
        """Let the planner know what is stored, as autovacuum would a while later."""
        with closing(self.server.look(self.name)) as db:
            db.execute("analyze")

    def log_statements(self) -> None:
        """Have what new sessions execute logged, without values."""
        self._set("log_statement", "all")

    def log_durations(self) -> None:
        """Have logged how long each statement of new sessions takes to be parsed, planned and executed."""
        self._set("log_min_duration_statement", "0")

    def begun(self, since: Counters) -> int:
        """Count the transactions that executed something here since then, as far as statements are logged."""
        return self.server.begun(self.name, since)

    def _set(self, name: str, value: str) -> None:
        with closing(self.server.look()) as db:
            db.execute(f"alter database \"{self.name}\" set {name} = '{value}'")

    def counters(self) -> Counters:
        """Give what this database amounts to."""
        return self.server.counters(self.name)

    def statements(self, since: Counters) -> int:
        """Count what was executed here since then."""
        return self.server.statements(self.name, since)


@contextmanager
def measured_server(scratch: Path, **more: str) -> Iterator[tuple[Server, Path]]:
    """Run the newest Postgres of the wheel in a folder that goes away, on the measured disk; `more` are settings."""
    with tempfile.TemporaryDirectory(prefix="fleet-q-bench-", dir=scratch) as name:
        folder = Path(name)
        folder.chmod(0o711)
        server = Server(wheel(), folder / "server", more)
        try:
            server.start()
            yield server, folder
        finally:
            server.close()


def _one(db: Connection, text: str, *values: object) -> Any:
    row = db.execute(text, values or None).fetchone()
    return row[0] if row else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
