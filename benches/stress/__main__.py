"""`make bench-stress`: many pods on one queue, one step for idle pods, an old snapshot; and the page that says so.

STRESS_QUICK=1 takes a part of it, once, and writes no page. STRESS_REPEATS says how often pods are measured (3),
STRESS_HELD_S for how long a snapshot is held (600). Every repetition is kept: STRESS_RESUME=1 goes on where a run was
broken off; STRESS_PAGE_ONLY=1 writes the page from what is there. BENCH_WHEEL and BENCH_FOLDER_ROOT are as in
`make bench-postgres`; STRESS_PAGE says where the page goes.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from curves.fleets import Fleet
from postgres.results import Results
from postgres.running import facts, shown, take_turns
from postgres.scenes import Sample, Scenes
from postgres.server import measured_server
from postgres.settings import SCRATCH
from stress import page, plots, settings
from stress.scenes import Stress

PODS = (1, 8, 64) if settings.QUICK else (1, 2, 4, 8, 16, 32, 64)
IDLE_PODS = 64
RATE_MOST = 40_000
"""So many steps a second are loaded, lest a backlog ends before it was looked at."""

AROUND_S = 15.0
"""What a measurement takes beside its own time: processes that start and end, a backlog that is loaded."""

# What 64 pods hold open, and those who look on.
SERVER = {"max_connections": "400"}


@dataclass(frozen=True)
class Part:
    """What is measured, as it is taken by turns."""

    scene: str
    name: str
    measure: Callable[[], Sample | list[float]]
    lasts_s: float
    times: int = 1


def main() -> int:
    """Measure, write and print the page."""
    # Who ends us ends the server too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    kept = settings.KEPT.exists() and (settings.RESUME or settings.PAGE_ONLY)
    results = Results.read(settings.KEPT) if kept else Results()
    if not settings.PAGE_ONLY:
        results.missing.clear()  # it is tried once more
        if kept:
            results.facts["runs"] = "broken off, and gone on with"
        _measure(results)
    text = page.written(results)
    if not settings.QUICK and not results.missing:
        settings.PAGE.parent.mkdir(parents=True, exist_ok=True)
        settings.PAGE.write_text(text, encoding="utf-8")
        plots.draw(results, settings.PAGE.parent, settings.HELD_S)
    print(text)
    return 1 if results.missing else 0


def _measure(results: Results) -> None:
    began = time.monotonic()
    results.versions = Fleet().contender().versions
    with measured_server(SCRATCH, **SERVER) as (server, folder):
        told = {"idle pods": str(IDLE_PODS), "held": f"{settings.HELD_S:g} s"}
        results.facts |= {**facts(server, **SERVER), **told}
        planned = _planned(Stress(Scenes(server, folder)))
        takes_s = sum((part.lasts_s + AROUND_S) * part.times for part in planned)
        print(f"about {takes_s / 60:.0f} minutes", file=sys.stderr)
        with shown(sum(part.times for part in planned)) as bar:
            take_turns(results, planned, bar, settings.KEPT)
    results.facts["took"] = f"{time.monotonic() - began:.0f} s"
    results.write(settings.KEPT)


def _planned(stress: Stress) -> list[Part]:
    lasts_s, count = settings.LASTS_S, int(settings.LASTS_S * RATE_MOST)
    pods = [
        Part("pods", str(one), partial(stress.claimed, one, count, lasts_s), lasts_s, settings.REPEATS) for one in PODS
    ]
    woken_s = settings.WAKES * 2 + settings.IDLE_S * 1.5
    wakes = partial(stress.woken, IDLE_PODS, settings.WAKES, settings.IDLE_S)
    held = {name: partial(stress.loaded, settings.HELD_S, held=name == "snapshot") for name in ("nothing", "snapshot")}
    return [
        *pods,
        Part("wakes", "idle pods", wakes, woken_s),
        *(Part("held", name, measure, settings.HELD_S) for name, measure in held.items()),
    ]


if __name__ == "__main__":
    sys.exit(main())
