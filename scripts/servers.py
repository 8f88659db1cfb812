"""Starts, stops, kills, freezes and replaces the Postgres and the pgbouncer of tests. Installs and judges nothing.

Both refuse to run as root, so as root they run as `nobody` and `daemon`, which every Debian has. Everything they
write is below one folder of the caller's. They end with the process that started them.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from account import Account
from clocks import LyingClock
from debian_parts import Brought

PATIENCE_S = 30.0
PORT = 5432
"""Names the sockets; nothing listens on a network."""

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    # Its library is half as large as all the rest, and our statements are short.
    "jit": "off",
    # The built-in zone needs no files of the system.
    "timezone": "GMT",
    "log_timezone": "GMT",
}

POOLER = """
[databases]
alone = host={server} port={port} dbname=postgres
* = host={server} port={port}
[pgbouncer]
listen_addr =
listen_port = {port}
unix_socket_dir = {folder}
auth_type = trust
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = 8
max_client_conn = 500
server_login_retry = 1
"""


class Server:
    """One Postgres: `postgres` and `initdb`, in one folder."""

    def __init__(
        self, programs: Brought, folder: Path, lying: Brought | None = None, *, settings: Mapping[str, str] = SETTINGS
    ) -> None:
        self.folder = folder
        self._settings = settings
        self._data = folder / "data"
        self._copy = folder / "copy"
        self._account = Account("nobody")
        self._account.own(folder)
        here = self._account.reachable(programs, folder)
        self._programs = here.programs[0].parent
        self._environment = {**os.environ, "LC_ALL": "C", **here.environment()}
        self._clock = LyingClock(self._account.reachable(lying, folder / "clock"), folder) if lying else None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address of the server itself."""
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def start(self) -> None:
        """Start, and return when it answers; makes the cluster the first time."""
        if not self._data.exists():
            make = ["initdb", "--auth=trust", "--encoding=utf8", "--no-locale", "--no-sync", "-U", "postgres", "-D"]
            self._run([str(self._programs / make[0]), *make[1:], str(self._data)])
        told = {**self._settings, **(self._clock.settings() if self._clock else {})}
        settings = [f"{name}={value}" for name, value in told.items()]
        command = [self._programs / "postgres", "-D", self._data, "-k", self.folder, "-p", str(PORT)]
        words = [*map(str, command), *(word for setting in settings for word in ("-c", setting))]
        # A server that was killed leaves children behind, which end by themselves, but not at once.
        until = time.monotonic() + PATIENCE_S
        while not self._started(words):
            if time.monotonic() > until:
                raise RuntimeError(f"Postgres does not start:\n{self._log().read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """End it as `pg_ctl stop -m fast` does: open transactions are rolled back, connections closed."""
        self._end(signal.SIGINT)

    def quit(self) -> None:
        """End it as `pg_ctl stop -m immediate` does: at once, and it recovers from its log when it starts."""
        self._end(signal.SIGQUIT)

    def kill(self) -> None:
        """`kill -9` of the server and all its children."""
        children = self._children()
        self._end(signal.SIGKILL)
        for child in children:
            _signal(child, signal.SIGKILL)

    def freeze(self) -> None:
        """Stop every process of the server where it is: connections stay open and nothing answers."""
        # The parent first, so that it starts no child behind our back.
        for pid in [self._pid(), *self._children()]:
            _signal(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on after `freeze`."""
        for pid in [*self._children(), self._pid()]:
            _signal(pid, signal.SIGCONT)

    def ahead(self, seconds: str) -> None:
        """Step its clock, while it runs, to so many seconds more than the truth; less than 0 is behind."""
        if self._clock is None:
            raise RuntimeError("the server was not started with a clock that can lie")
        self._clock.ahead(seconds)

    def copy(self) -> None:
        """Take a base backup beside it, as a replica that will hear of nothing that comes after."""
        options = ["--checkpoint=fast", "--wal-method=stream", "--no-sync", "-U", "postgres", "-p", str(PORT)]
        self._run([str(self._programs / "pg_basebackup"), *options, "-h", str(self.folder), "-D", str(self._copy)])

    def failover(self) -> None:
        """`kill -9`, and start the copy at the same address; what came after `copy` is gone."""
        self.kill()
        shutil.rmtree(self._data)
        self._copy.rename(self._data)
        self.start()

    def close(self) -> None:
        """End it for good, in whatever state it is."""
        if self._process is not None and self._process.poll() is None:
            _signal(self._pid(), signal.SIGCONT)
            self._end(signal.SIGQUIT)

    def version(self) -> str:
        """Say which Postgres it is."""
        return self._run([str(self._programs / "postgres"), "--version"]).strip()

    def _started(self, command: list[str]) -> bool:
        environment = self._environment | (self._clock.environment() if self._clock else {})
        with self._log().open("ab") as log:
            self._process = self._account.start(command, log, environment, self.folder)
        until = time.monotonic() + PATIENCE_S
        status = self._data / "postmaster.pid"
        while self._process.poll() is None and time.monotonic() < until:
            # Its eighth line says `ready` when connections are accepted.
            lines = status.read_text().splitlines() if status.exists() else []
            if lines[:1] == [str(self._process.pid)] and [line.strip() for line in lines[7:8]] == ["ready"]:
                return True
            time.sleep(0.02)
        self._end(signal.SIGKILL)
        time.sleep(0.2)
        return False

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            _signal(self._process.pid, how) if self._process.poll() is None else None
            self._process.wait(PATIENCE_S)

    def _children(self) -> list[int]:
        children = Path(f"/proc/{self._pid()}/task/{self._pid()}/children")
        return [int(pid) for pid in children.read_text().split()]

    def _pid(self) -> int:
        if self._process is None:
            raise RuntimeError("the server was not started")
        return self._process.pid

    def _run(self, command: list[str]) -> str:
        with self._log().open("ab") as log:
            process = self._account.start(command, log, self._environment, self.folder, output=subprocess.PIPE)
            said, _ = process.communicate()
        if process.returncode != 0:
            raise RuntimeError(
                f"{command[0]} failed:\n{said.decode()}\n{self._log().read_text(errors='replace')[-2000:]}"
            )
        return said.decode()

    def _log(self) -> Path:
        return self.folder / "postgres.log"


class Pooler:
    """A pgbouncer in transaction pooling before a server, with few connections to it."""

    def __init__(self, program: Brought, folder: Path, server: Server) -> None:
        self.folder = folder
        self._account = Account("daemon")
        self._account.own(folder)
        here = self._account.reachable(program, folder)
        self._program = here.programs[0]
        self._environment = {**os.environ, **here.environment()}
        lines = POOLER.format(server=server.folder, folder=folder, port=PORT)
        if self._prepares():
            lines += "max_prepared_statements = 0\n"
        (folder / "pgbouncer.ini").write_text(lines)
        (folder / "users.txt").write_text('"postgres" ""\n')
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The pooled address, as a pod should be given it."""
        return f"postgresql://postgres@/postgres?host={self.folder}&listen=off"

    def start(self) -> None:
        """Start, and return when connections are accepted."""
        command = [str(self._program), "--quiet", str(self.folder / "pgbouncer.ini")]
        log = self.folder / "pgbouncer.log"
        with log.open("ab") as output:
            self._process = self._account.start(command, output, self._environment, self.folder)
        until = time.monotonic() + PATIENCE_S
        while not _accepts(self.folder / f".s.PGSQL.{PORT}"):
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"pgbouncer does not start:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)

    def close(self) -> None:
        """End it."""
        if self._process is not None and self._process.poll() is None:
            _signal(self._process.pid, signal.SIGTERM)
            self._process.wait(PATIENCE_S)

    def version(self) -> str:
        """Say which pgbouncer it is."""
        process = self._account.start(
            [str(self._program), "--version"], None, self._environment, self.folder, output=subprocess.PIPE
        )
        return process.communicate()[0].decode().splitlines()[0]

    def _prepares(self) -> bool:
        """Whether this pgbouncer knows prepared statements in transaction pooling, to be told not to."""
        numbers = re.findall(r"\d+", self.version())
        return [int(number) for number in numbers[:2]] >= [1, 21]


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def _signal(pid: int, number: signal.Signals) -> None:
    # It may have ended in between, which is what ends are for.
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
