"""Says which curves there are: their points, how one is measured, and what they mean. Measures nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from curves import settings
from curves.fleets import Fleet
from curves.ground import Ground
from postgres.scenes import Sample

__all__ = ["CURVES", "Curve", "Point", "planned", "seconds"]

RATE_MOST = 40_000
"""So many steps a second are loaded, lest a backlog ends before it was looked at."""

BYTES_MOST = 16_000_000 if settings.QUICK else 256_000_000
"""Together, of large payloads."""

LOADED_A_SECOND = 60_000
POINT_S = 8.0
"""What a point takes beside its load: processes that start, steps that are sent one by one, databases that go."""


@dataclass(frozen=True)
class Curve:
    """One curve; `measure` gives a repetition at x, `load` how many rows are loaded for x before the first."""

    name: str
    title: str
    axis: str
    points: Sequence[int]
    quick: Sequence[int]
    measure: Callable[[Ground, int], Sample]
    means: str
    late: str = "enqueue → start"
    load: Callable[[int], int] = lambda _: 0

    @property
    def xs(self) -> Sequence[int]:
        """Give the points of this run."""
        return self.quick if settings.QUICK else self.points


@dataclass(frozen=True)
class Point:
    """One point, as it is measured by turns."""

    scene: str
    name: str
    measure: Callable[[], Sample | list[float]]
    times: int = settings.REPEATS


def planned(ground: Ground, curve: Curve) -> list[Point]:
    """Give the points of a curve."""
    return [Point(curve.name, str(x), partial(curve.measure, ground, x)) for x in curve.xs]


def seconds(curves: Sequence[Curve]) -> float:
    """Estimate how long they take."""
    each = (settings.LASTS_S + POINT_S * (0.5 if settings.QUICK else 1)) * settings.REPEATS
    return sum(each + curve.load(x) / LOADED_A_SECOND for curve in curves for x in curve.xs)


def _count(limit: float = RATE_MOST) -> int:
    return int(settings.LASTS_S * min(limit, RATE_MOST))


def _batch(ground: Ground, size: int) -> Sample:
    calls = max(3, min(_count(2_000), _count() // size))
    return ground.stored("batches", size, calls, calls * size)


def _callers(ground: Ground, many: int) -> Sample:
    calls = _count(1_000 + 200 * many if many < 50 else 10_000)
    return ground.stored("callers", many, calls, calls)


def _places(ground: Ground, places: int) -> Sample:
    return ground.worked(Fleet(places=places), _count())


def _payload(ground: Ground, size: int) -> Sample:
    count = min(_count(), BYTES_MOST // size)
    found = ground.worked(Fleet(), count, body_bytes=size)
    return {"rate": found["rate"], "mb": found["rate"] * size / 1e6, "p50": found["p50"], "p99": found["p99"]}


def _stored_payload(ground: Ground, size: int) -> Sample:
    calls = min(_count(5_000), BYTES_MOST // size)
    found = ground.stored("callers", 32, calls, calls, size)
    return {**found, "mb": found["rate"] * size / 1e6}


def _duration(ground: Ground, task_ms: int) -> Sample:
    fleet = Fleet(task_ms=task_ms)
    most = 1000 * fleet.places / task_ms if task_ms else 0.0
    found = ground.worked(fleet, _count(most or RATE_MOST))
    del found["connections"]  # no matter of duration
    return {**found, "most": most, "share": found["rate"] / most} if most else found


def _pods(ground: Ground, pods: int) -> Sample:
    return ground.worked(Fleet(pods=pods), _count())


def _ended(ground: Ground, rows: int) -> Sample:
    return ground.beside_finished(Fleet(), rows, _count())


def _backlog(ground: Ground, rows: int) -> Sample:
    return ground.before_backlog(Fleet(), rows)


CURVES = [
    Curve(
        "batch",
        "Steps in one call of `enqueue_many`",
        "steps in a call",
        (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000),
        (1, 1_000),
        _batch,
        "One caller, who waits for each call: a call is one commit, whatever it holds. "
        "Gather what you have up to the size at which 90 % is reached; beyond it a call only takes longer, and "
        "whoever waits for it waits with it.",
        late="one call",
    ),
    Curve(
        "callers",
        "Callers at once, each of one step",
        "callers",
        (1, 3, 10, 30, 100, 300, 1_000),
        (1, 100),
        _callers,
        "Coroutines of one process that each wait for their own `enqueue`. "
        "They share the work connections of the process (one or two; there is no setting for it), and what "
        "gathers while a commit is under way goes with the next. "
        "So the connections need not grow with the callers; what grows beyond the knee is the time of each call.",
        late="one call",
    ),
    Curve(
        "places",
        "Steps in flight: `MAX_PARALLELISM`",
        "MAX_PARALLELISM",
        (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000),
        (10, 1_000),
        _places,
        "One process, bodies that return at once. "
        "For bodies that wait, what you need is rate × duration; more than the knee brings nothing to short ones, "
        "and each place more is one more step to rescue when the pod dies. "
        "*connections* are what the pod holds open, whatever its places.",
    ),
    Curve(
        "duration",
        "How long a body takes",
        "ms of a body that waits",
        (0, 1, 10, 100),
        (0, 10),
        _duration,
        "One process with 100 places, bodies that sleep on the event loop. "
        "*most* is what 100 places allow without any queue, 100 ÷ duration; *share* is how much of it was reached. "
        "Where the share is near 1 the places are what limits, and more of them, or more pods, bring more; "
        "where it is low the queue and the processor are.",
    ),
    Curve(
        "payload",
        "Payload, worked off",
        "bytes",
        (100, 1_000, 10_000, 100_000, 1_000_000),
        (100, 100_000),
        _payload,
        "One process, 100 places; the argument is text that does not compress. "
        "Each step brings its payload through the server, the wire and a JSON parser, so there is a size from which "
        "bytes per second count and no longer steps. "
        "Put what is larger than where it falls into a file or a table of your own, and its name into the step.",
    ),
    Curve(
        "stored-payload",
        "Payload, stored",
        "bytes",
        (100, 1_000, 10_000, 100_000, 1_000_000),
        (100, 100_000),
        _stored_payload,
        "32 callers at once. "
        "What is stored is written twice, to the log and to the table, and the log is what a commit waits for: "
        "where the curve falls, the disk's bytes per second are the limit, for your other tables too.",
        late="one call",
    ),
    Curve(
        "pods",
        "Pods on one queue",
        "pods",
        (1, 2, 4, 8, 16, 32, 64),
        (1, 16),
        _pods,
        "Up to eight processes, from eight pods on with several pods each, all on one machine and beside its server, "
        "100 places each, no-op bodies. "
        "On one machine the knee is where its cores are full; what the curve shows beyond is what contention for one "
        "queue costs. "
        "*connections* are what all pods hold open: plan `max_connections` for them. "
        "Latency is of single steps while all pods are idle.",
    ),
    Curve(
        "backlog",
        "Steps that wait",
        "pending rows",
        (1_000, 10_000, 100_000, 1_000_000, 10_000_000),
        (1_000, 100_000),
        _backlog,
        "One process at the front of a backlog. "
        "A claim begins at the front, so a flat curve says that a backlog costs time to work off and no more; "
        "where it falls, what is claimed and what is indexed no longer fit into the server's memory.",
        load=lambda rows: rows,
    ),
    Curve(
        "ended",
        "Steps that have ended and are kept",
        "finished rows",
        (0, 10_000, 100_000, 1_000_000, 10_000_000),
        (0, 100_000),
        _ended,
        "One process, a backlog of no-op steps beside what `KEEP_COMPLETED` keeps. "
        "No claim reads what has ended; what it costs is the space of the table and of its indexes. "
        "If rate or latency suffer beyond the knee, keep for less long or give the server more memory.",
        load=lambda rows: rows,
    ),
]
