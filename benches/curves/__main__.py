"""`make bench-curves`: throughput and latency of fleet-q on Postgres over sizes, and the page that shows them.

CURVES picks some by name (`pods+backlog`); CURVES_REPEATS says how often each point is measured (3).
CURVES_QUICK=1 takes two points of each, once, and writes no page. Every repetition is kept: CURVES_RESUME=1 goes on
where a run was broken off, and adds curves to those that are there; CURVES_PAGE_ONLY=1 writes the page from them.
BENCH_WHEEL and BENCH_FOLDER_ROOT are as in `make bench-postgres`; CURVES_PAGE says where the page goes.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Sequence

from curves import page, plots, settings
from curves.fleets import Fleet
from curves.ground import Ground
from curves.plan import CURVES, Curve, planned, seconds
from postgres.results import Results
from postgres.running import Bar, facts, shown, take_turns
from postgres.scenes import Scenes
from postgres.server import measured_server
from postgres.settings import SCRATCH

# What 64 pods hold open, and those who look on.
SERVER = {"max_connections": "400"}


def main() -> int:
    """Measure, write and print the page."""
    # Who ends us ends the server too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    picked = _picked()
    kept = settings.KEPT.exists() and (settings.RESUME or settings.PAGE_ONLY)
    results = Results.read(settings.KEPT) if kept else Results()
    if not settings.PAGE_ONLY:
        results.missing.clear()  # it is tried once more
        _measure(results, picked)
    measured = [curve for curve in CURVES if results.samples.get(curve.name)]
    text = page.written(results, measured)
    if not settings.QUICK and measured == CURVES:
        settings.PAGE.parent.mkdir(parents=True, exist_ok=True)
        settings.PAGE.write_text(text, encoding="utf-8")
        plots.draw(results, CURVES, settings.PAGE.parent)
    print(text)
    return 1 if results.missing else 0


def _picked() -> list[Curve]:
    if unknown := settings.PICKED - {curve.name for curve in CURVES}:
        sys.exit(f"CURVES: there is no {', '.join(sorted(unknown))}, but {', '.join(curve.name for curve in CURVES)}")
    return [curve for curve in CURVES if not settings.PICKED or curve.name in settings.PICKED]


def _measure(results: Results, picked: Sequence[Curve]) -> None:
    began = time.monotonic()
    print(f"about {seconds(picked) / 60:.0f} minutes", file=sys.stderr)
    results.versions = Fleet().contender().versions
    with measured_server(SCRATCH, **SERVER) as (server, folder):
        results.facts |= facts(server, **SERVER)
        ground = Ground(Scenes(server, folder), settings.LASTS_S, settings.LATENCIES)
        with shown(sum(len(curve.xs) for curve in picked) * settings.REPEATS) as bar:
            for curve in picked:
                _one(results, ground, curve, bar)
    results.facts["took"] = f"{time.monotonic() - began:.0f} s"
    results.write(settings.KEPT)


def _one(results: Results, ground: Ground, curve: Curve, bar: Bar) -> None:
    """Measure one curve, then drop what was loaded for it."""
    try:
        take_turns(results, planned(ground, curve), bar, settings.KEPT)
    finally:
        ground.close()


if __name__ == "__main__":
    sys.exit(main())
