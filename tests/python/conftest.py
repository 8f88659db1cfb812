"""What the tests share: a FleetQ over a fresh SQLite file, quick timings, and processes that end with the test."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from fleet_q import FleetQ
from fleet_q.testing.postgres import fleet_q_database, fleet_q_postgres

__all__ = ["fleet_q_database", "fleet_q_postgres"]

MakeFleetQ = Callable[..., FleetQ]


if os.environ.get("TEST_LOOP") == "uvloop":
    # `make test-versions`: the same tests on another event loop.
    import uvloop

    def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
        """Run every async test on uvloop."""
        return {"uvloop": uvloop.new_event_loop}


def pytest_configure() -> None:
    """Let Ctrl-C reach the processes that tests start, also where a shell runs the tests in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test."""
    for name in list(os.environ):
        if name.startswith(("FLEET_Q_", "SNOWFLAKE_")):
            monkeypatch.delenv(name)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database that no other test sees."""
    return f"sqlite:///{tmp_path / 'queue.db'}"


@pytest.fixture
def make(url: str, tmp_path: Path) -> Iterator[MakeFleetQ]:
    """Makes FleetQs over the test's database, and closes those that are left open."""
    made: list[FleetQ] = []

    def make(**keywords: object) -> FleetQ:
        quick: dict[str, object] = {"local_path": tmp_path / "local", "claim_interval": 0.05, "shutdown_grace": 5}
        fq = FleetQ(url, **{**quick, **keywords})  # type: ignore[arg-type]
        made.append(fq)
        return fq

    yield make
    for fq in made:
        fq.stop_sync()


@pytest.fixture
def fq(make: MakeFleetQ) -> FleetQ:
    """A FleetQ that was not started."""
    return make()


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a script in a Python of its own, with these extra variables."""

    def run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        file = tmp_path / "script.py"
        file.write_text(script)
        return subprocess.run(
            [sys.executable, str(file)],
            env={**os.environ, **environment},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
