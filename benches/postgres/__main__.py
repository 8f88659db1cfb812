"""`make bench-postgres`: measures fleet-q on Postgres 18 beside a bare loop, pgqueuer and gylo, and writes the page.

Contenders take turns within each repetition, so that what else the machine does hits all alike.
BENCH_QUICK=1 takes a small part of everything, once, and writes no page. BENCH_REPEATS says how often (5), BENCH_ONLY
which scenes (`drain latency`), BENCH_RESUME=1 goes on where a run was broken off, BENCH_PAGE_ONLY=1 measures nothing.
BENCH_WHEEL measures another wheel; BENCH_FOLDER_ROOT says where the server's files lie (/var/tmp), BENCH_PAGE_POSTGRES
where the page goes.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

from postgres import page, plots, settings
from postgres.plan import Part, parts
from postgres.results import Results
from postgres.running import facts, shown, take_turns
from postgres.scenes import Scenes
from postgres.server import measured_server

KEPT = settings.CACHE / ("postgres-quick.json" if settings.QUICK else "postgres.json")


def main() -> int:
    """Measure, write and print the page."""
    # Who ends us ends the server too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if os.environ.get("BENCH_PAGE_ONLY"):
        results = Results.read(KEPT)
    else:
        results = Results.read(KEPT) if settings.RESUME and KEPT.exists() else Results()
        with measured_server(settings.SCRATCH) as (server, folder):
            results.facts |= facts(server)
            _measure(results, parts(Scenes(server, folder), results))
    _tell(results)
    return 1 if any("fleet-q" in what for what in results.missing) else 0


def _tell(results: Results) -> None:
    """Print the page; keep it, its plots and what the next change is compared with, if the run was whole."""
    figures = settings.PAGE.with_suffix(".json")
    before = page.read_kept(figures)
    text = page.written(results, before, command=settings.COMMAND, quick=settings.QUICK, long=settings.LONG)
    if settings.IS_WHOLE:
        settings.PAGE.parent.mkdir(parents=True, exist_ok=True)
        settings.PAGE.write_text(text, encoding="utf-8")
        figures.write_text(json.dumps(page.kept(results), indent=1) + "\n", encoding="utf-8")
        plots.draw(results, settings.PAGE.parent)
    print(text)


def _measure(results: Results, planned: list[Part]) -> None:
    began = time.monotonic()
    with shown(sum(part.times for part in planned)) as bar:
        take_turns(results, planned, bar, KEPT)
    results.facts["took"] = f"{time.monotonic() - began:.0f} s"
    results.write(KEPT)


if __name__ == "__main__":
    sys.exit(main())
