"""Says how many pods work, in how many processes, with how many places. Starts nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

from postgres.contenders import Contender, fleet_q

__all__ = ["MAX_PROCESSES", "Fleet"]

MAX_PROCESSES = 8
"""More pods than this share processes, and the event loop of their process."""


@dataclass(frozen=True)
class Fleet:
    """Pods of one kind."""

    pods: int = 1
    places: int = 100
    task_ms: int = 0

    @property
    def processes(self) -> int:
        """Give how many processes they are in, each with as many."""
        return min(self.pods, MAX_PROCESSES)

    def contender(self, **more: str) -> Contender:
        """Give it as what is measured; `more` are variables. Raises NotInstalled."""
        ours = fleet_q()
        told = {
            "FLEET_Q_MAX_PARALLELISM": str(self.places),
            "FLEET_Q_SHUTDOWN_GRACE": "1",
            "BENCH_TASK_MS": str(self.task_ms),
        }
        pods = str(self.pods // self.processes)
        worker = [ours.calls[0], "fleet_q_pods.py", pods]
        return replace(ours, worker=worker, environment={**ours.environment, **told, **more})
