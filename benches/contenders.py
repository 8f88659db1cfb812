"""Who is measured: how each is called and worked. Every one runs with WAL and synchronous=FULL on the same disk."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from venvs import python_of, versions_of

__all__ = ["Contender", "Sizes", "fleet_q", "huey", "raquel"]


@dataclass(frozen=True)
class Sizes:
    """How much one repetition takes, so that it lasts some seconds."""

    one: int
    drain: int
    latency: int = 150
    callers: int = 0
    bulk: int = 0

    def part(self, of: int) -> Sizes:
        """Give the sizes of a quicker run."""
        return Sizes(*(size // of for size in (self.one, self.drain, self.latency, self.callers, self.bulk)))


@dataclass(frozen=True)
class Contender:
    """One queue."""

    name: str
    versions: list[str]
    calls: list[str | Path]
    """Takes a way of enqueueing and how many."""
    worker: list[str | Path]
    sizes: Sizes
    environment: dict[str, str] = field(default_factory=dict[str, str])
    is_ours: bool = False

    def in_part(self, of: int) -> Contender:
        """Give the same with smaller sizes."""
        return replace(self, sizes=self.sizes.part(of))

    def drained_by(self, of: int) -> Contender:
        """Give the same with a smaller backlog."""
        return replace(self, sizes=replace(self.sizes, drain=self.sizes.drain // of))


def fleet_q() -> Contender:
    """Ours, from the wheel that was installed beside this interpreter."""
    python = Path(sys.executable)
    return Contender(
        name="fleet-q",
        versions=versions_of(python, ["fleet-q"]),
        calls=[python, "fleet_q_calls.py"],
        worker=[python.parent / "fleet-q", "worker", "fleet_q_app:fq"],
        sizes=Sizes(one=3000, drain=40_000, callers=20_000, bulk=50_000),
        environment={"FLEET_Q_LOG_LEVEL": "WARNING", "FLEET_Q_CAPACITY_THRESHOLD": "1.0"},
        is_ours=True,
    )


def huey(venvs: Path) -> Contender:
    """One worker thread; it polls every 20 ms. Raises NotInstalled."""
    python = python_of(venvs, "huey")
    consumer: list[str | Path] = [
        python.parent / "huey_consumer",
        "huey_app.huey",
        "-w",
        "1",
        "-k",
        "thread",
        "-n",
        "-q",
    ]
    return Contender(
        name="huey",
        versions=versions_of(python, ["huey"]),
        calls=[python, "huey_app.py"],
        worker=[*consumer, "-d", "0.02", "-m", "0.02"],
        sizes=Sizes(one=1500, drain=1500),
    )


def raquel(venvs: Path) -> Contender:
    """One worker in a loop; it sleeps 20 ms when there is nothing. Raises NotInstalled."""
    python = python_of(venvs, "raquel", "sqlalchemy[asyncio]")  # which raquel imports and does not ask for
    return Contender(
        name="raquel",
        versions=versions_of(python, ["raquel", "sqlalchemy"]),
        calls=[python, "raquel_app.py"],
        worker=[python, "raquel_app.py", "work", "0"],
        sizes=Sizes(one=300, drain=300),
    )
