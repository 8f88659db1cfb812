"""Says what is measured, in which order. Measures nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from postgres import settings
from postgres.contenders import Contender, bare, bare_awaiting, fleet_q, gylo, in_executor, pgqueuer
from postgres.limits import Limits
from postgres.results import Results
from postgres.scenes import Sample, Scenes
from venvs import NotInstalled

__all__ = ["PEERS", "Part", "parts"]

LATENCIES = 40 if settings.QUICK else 200
THREADS, PROCESSES = 8, 2
PGBENCH_S = 1.0 if settings.QUICK else 3.0
LIMIT_ROWS = 200_000 // settings.PART
SUBMITS = 100_000 // settings.PART
PROBE_LEAST = 200
PEERS: Sequence[Callable[[], Contender]] = (pgqueuer, gylo)


class Part(NamedTuple):
    """One scene of one contender: `measure` gives a repetition, or latencies in milliseconds."""

    scene: str
    name: str
    measure: Callable[[], Sample | list[float]]
    times: int = settings.REPEATS


@dataclass
class Sized:
    """A scene that a short run of it has sized first, so that a repetition lasts some seconds whatever the pace."""

    scene: Callable[[int], Sample]
    most: int
    count: int = 0

    def __call__(self) -> Sample:
        """Give a repetition."""
        if settings.QUICK:
            return self.scene(self.most)
        if not self.count:
            probe = max(PROBE_LEAST, self.most // 20)
            rate = self.scene(probe)["rate"]
            self.count = max(probe, min(self.most, int(rate * settings.LASTS_S)))
        return self.scene(self.count)


def parts(scenes: Scenes, results: Results) -> list[Part]:
    """Give all parts, those of one scene side by side; a peer that cannot be had is told to the results."""
    everybody = [bare(), bare_awaiting(), *_peers(results), fleet_q()]
    results.versions = [version for one in everybody for version in one.versions]
    results.how = {one.name: one.how for one in everybody}
    planned = list(_planned(scenes, everybody))
    only = settings.ONLY
    return [part for part in planned if not only or {part.scene, part.scene.partition(" ")[0]} & only]


def _peers(results: Results) -> Iterator[Contender]:
    for make in PEERS:
        try:
            yield make()
        except NotInstalled as reason:
            results.missing[make.__name__] = str(reason)


def _planned(scenes: Scenes, everybody: Sequence[Contender]) -> Iterator[Part]:
    limits = Limits(scenes, PGBENCH_S)
    loops, queues, ours = everybody[0], [everybody[0], *everybody[2:]], everybody[-1]
    yield Part("enqueue one", "pgbench 1", partial(limits.pgbench, 1))
    yield Part("enqueue one", "psycopg", Sized(partial(limits.rows, "one"), loops.sizes.one))
    for one in queues:
        yield Part("enqueue one", one.name, Sized(partial(scenes.enqueue, one, "one"), one.sizes.one))
    yield Part("enqueue sync", ours.name, Sized(partial(scenes.enqueue, ours, "sync"), ours.sizes.one))
    yield Part("enqueue callers", "pgbench 32", partial(limits.pgbench, 32))
    yield Part("enqueue callers", ours.name, Sized(partial(scenes.enqueue, ours, "callers"), ours.sizes.one * 15))
    for way in ("unnest", "copy"):
        yield Part("enqueue bulk", way, Sized(partial(limits.rows, way), LIMIT_ROWS))
    for one in queues:
        yield Part("enqueue bulk", one.name, Sized(partial(scenes.enqueue, one, "bulk"), one.sizes.bulk))
    for workers in (1, 2):
        for one in everybody:
            yield Part(f"drain {workers}", one.name, Sized(partial(scenes.drain, one, workers), one.sizes.drain))
    for one in queues:
        yield Part("latency", one.name, partial(scenes.latency, one, LATENCIES))
    yield Part("latency inside", ours.name, partial(scenes.latency_inside, ours, LATENCIES))
    for one in queues:
        yield Part("idle", one.name, partial(scenes.idle, one, settings.IDLE_S))
    for run, size in (("thread", THREADS), ("process", PROCESSES)):
        own = in_executor(ours, run, size)
        yield Part(f"bodies {run}", "executor", Sized(partial(limits.executor, run, size), SUBMITS))
        yield Part(f"bodies {run}", ours.name, Sized(partial(scenes.drain, own, 1), own.sizes.drain))
    yield Part("long", ours.name, partial(scenes.drain, ours, 1, settings.LONG), 1)
