"""Repeats a scene and sums it up; keeps what was found of one contender."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from figures import Figure, Latency, figure, latency
from scenes import Drained

__all__ = ["Drain", "Measured", "Measuring"]

T = TypeVar("T")


@dataclass(frozen=True)
class Drain:
    """The repetitions of one drain."""

    rate: Figure
    rss_mib: Figure
    statements: Figure | None
    commits: Figure | None


@dataclass
class Measured:
    """One contender's figures by label; `missing` says why there are not all of them."""

    name: str
    versions: list[str]
    is_ours: bool = False
    missing: str = ""
    rates: dict[str, Figure] = field(default_factory=dict[str, Figure])
    drains: dict[str, Drain] = field(default_factory=dict[str, Drain])
    latency: Latency | None = None
    latency_inside: Latency | None = None
    idle_mib: Figure | None = None

    def note(self, label: str, rate: Figure) -> None:
        """Keep a rate."""
        self.rates[label] = rate

    def drained(self, label: str, drain: Drain) -> None:
        """Keep a drain."""
        self.drains[label] = drain

    def late(self, found: tuple[Latency, Figure]) -> None:
        """Keep the latency of another process, and the memory of that process while idle."""
        self.latency, self.idle_mib = found

    def late_inside(self, found: tuple[Latency, Figure]) -> None:
        """Keep the latency inside one process."""
        self.latency_inside = found[0]


class Measuring:
    """Runs each scene so many times; `tell` hears what runs, before each."""

    def __init__(self, times: int, tell: Callable[[str], None]) -> None:
        self._times = times
        self._tell = tell

    def rate(self, what: str, scene: Callable[[], float]) -> Figure:
        """Repeat a scene that gives a rate."""
        return figure(self._repeated(what, scene))

    def drain(self, what: str, scene: Callable[[], Drained]) -> Drain:
        """Repeat a drain."""
        runs = self._repeated(what, scene)
        return Drain(
            rate=figure([run.rate for run in runs]),
            rss_mib=figure([run.rss_mib for run in runs]),
            statements=_known([run.statements for run in runs]),
            commits=_known([run.commits for run in runs]),
        )

    def latency(self, what: str, scene: Callable[[], tuple[list[float], float]]) -> tuple[Latency, Figure]:
        """Repeat a scene that gives latencies and a memory."""
        runs = self._repeated(what, scene)
        return latency([run for run, _ in runs]), figure([idle for _, idle in runs])

    def _repeated(self, what: str, scene: Callable[[], T]) -> list[T]:
        found: list[T] = []
        for _ in range(self._times):
            self._tell(what)
            found.append(scene())
        return found


def _known(values: list[float | None]) -> Figure | None:
    known = [value for value in values if value is not None]
    return figure(known) if known else None
