"""What fleet-q must reach, and whether it did, beside the limit and pgqueuer of the same run. Measures nothing."""

from __future__ import annotations

from dataclasses import dataclass

from figures import Figure
from postgres.contenders import BARE
from postgres.results import Key, Results

__all__ = ["OURS", "PEER", "TARGETS", "Target", "Verdict", "judged"]

OURS, PEER = "fleet-q", "pgqueuer"


@dataclass(frozen=True)
class Target:
    """One row: what is measured, the limit beside it, and what is asked for. What is not asked is only shown."""

    what: str
    scene: str
    metric: str
    limit: Key | None = None
    times_limit: float | None = None
    times_peer: float | None = None
    at_most: float | None = None
    above: Key | None = None
    """What `at_most` is counted from, if it is not zero."""
    more_is_better: bool = True

    def asked(self) -> str:
        """Say what is asked for."""
        sign = "≥" if self.more_is_better else "≤"
        parts = [f"{sign} {self.times_limit} × limit"] if self.times_limit else []
        parts += [f"{sign} {self.times_peer:g} × {PEER}"] if self.times_peer else []
        if self.at_most is not None:
            parts.append(f"≤ {self.at_most:g}{' more than idle' if self.above else ''}")
        return ", ".join(parts) or "–"


@dataclass(frozen=True)
class Verdict:
    """A row with its figures; `reached` is None where a figure is missing or nothing is asked."""

    target: Target
    ours: Figure | None
    limit: Figure | None
    peer: Figure | None
    reached: bool | None

    def to_limit(self) -> float | None:
        """Give how many times the limit."""
        return _ratio(self.ours, self.limit)

    def to_peer(self) -> float | None:
        """Give how many times pgqueuer's."""
        return _ratio(self.ours, self.peer)


def _less(what: str, scene: str, metric: str, at_most: float | None, limit: Key | None = None) -> Target:
    return Target(what, scene, metric, limit, at_most=at_most, more_is_better=False)


ONE_COMMIT = ("enqueue one", "pgbench 1", "ms")
TARGETS = [
    Target("drain, 1 process, steps/s", "drain 1", "rate", ("drain 1", BARE, "rate"), 0.7, 3.0),
    Target("drain, 2 processes, steps/s", "drain 2", "rate", ("drain 2", BARE, "rate"), 0.7),
    Target("enqueue one by one, steps/s", "enqueue one", "rate", ("enqueue one", "pgbench 1", "rate"), 0.5),
    Target("`enqueue_sync` one by one, steps/s", "enqueue sync", "rate", ("enqueue one", "pgbench 1", "rate"), 0.7),
    Target("enqueue, 100 callers, steps/s", "enqueue callers", "rate", ("enqueue callers", "pgbench 32", "rate"), 1.5),
    Target("bulk enqueue, steps/s, beside unnest", "enqueue bulk", "rate", ("enqueue bulk", "unnest", "rate"), 1.0),
    Target("the same beside COPY", "enqueue bulk", "rate", ("enqueue bulk", "copy", "rate")),
    Target("enqueue → start, p50 ms", "latency", "p50", ("latency", BARE, "p50"), 0.75, more_is_better=False),
    _less("enqueue → start, p99 ms", "latency", "p99", 8.0, ("latency", BARE, "p99")),
    _less("the same in one process, p50 ms", "latency inside", "p50", 0.8, ONE_COMMIT),
    _less("statements per step, drain", "drain 1", "statements", 0.01, ("drain 1", BARE, "statements")),
    _less("transactions per step, drain", "drain 1", "transactions", None, ("drain 1", BARE, "transactions")),
    _less("transactions per step, enqueue one by one", "enqueue one", "transactions", None),
    _less("WAL bytes per step, enqueue", "enqueue one", "wal", 500, ("enqueue one", BARE, "wal")),
    _less("WAL bytes per step, claim and finish", "drain 1", "wal", 850, ("drain 1", BARE, "wal")),
    _less("worker CPU per step, µs", "drain 1", "cpu_us", 20, ("drain 1", BARE, "cpu_us")),
    _less("RSS idle, MiB", "idle", "rss", 45, ("idle", BARE, "rss")),
    Target(
        "RSS after the long drain, MiB", "long", "rss", at_most=10, above=("idle", OURS, "rss"), more_is_better=False
    ),
    _less("idle pod, transactions/s", "idle", "transactions", 2, ("idle", BARE, "transactions")),
    Target("`def` in threads, steps/s", "bodies thread", "rate", ("bodies thread", "executor", "rate"), 0.7),
    Target('`run="process"`, steps/s', "bodies process", "rate", ("bodies process", "executor", "rate"), 0.7),
]


def judged(results: Results) -> list[Verdict]:
    """Compare what was measured with what is asked."""
    return [_judged(results, target) for target in TARGETS]


def _judged(results: Results, target: Target) -> Verdict:
    ours = results.figure((target.scene, OURS, target.metric))
    limit = results.figure(target.limit) if target.limit else None
    peer = results.figure((target.scene, PEER, target.metric))
    bounds = []
    if target.times_limit is not None:
        bounds.append(limit and limit.median * target.times_limit)
    if target.times_peer is not None:
        bounds.append(peer and peer.median * target.times_peer)
    if target.at_most is not None:
        base = results.figure(target.above) if target.above else Figure(0, 0, 0, 0)
        bounds.append(base and base.median + target.at_most)
    reached: bool | None = None
    shown = limit is not None or target.limit is None  # nothing counts without its limit beside it
    if ours and bounds and shown and all(bound is not None for bound in bounds):
        known = [bound for bound in bounds if bound is not None]
        reached = all(ours.median >= bound if target.more_is_better else ours.median <= bound for bound in known)
    return Verdict(target, ours, limit, peer, reached)


def _ratio(one: Figure | None, other: Figure | None) -> float | None:
    return one.median / other.median if one and other and other.median else None
