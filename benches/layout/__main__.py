"""`make bench-layout`: measures layouts of STEP_TRACKER on Postgres under loads, and writes the page.

The layouts take turns, so that what else the machine does hits all alike. What was measured is kept in
LAYOUT_FOLDER, so that a run that was broken off goes on where it was. LAYOUT_QUICK=1 takes a part of everything;
with fewer rows than the full form the page is only printed. LAYOUT_ONLY_PAGE=1 measures nothing.
LAYOUT_LAYOUTS and LAYOUT_LOADS pick some by name; the other sizes are in `settings`.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from layout import measuring, page, settings
from layout.layouts import Layout, layouts
from layout.loads import Load, database, loads, prepare, wait
from layout.measuring import Bench
from layout.results import Results, Sample
from layout.retention import retained
from layout.server import Connection, Server
from layout.wishing import wished
from layout.working import work

Measure = Callable[[Bench], Sample]


def main() -> int:
    """Measure what is missing, write and print the page."""
    # Who ends us ends the server too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    settings.FOLDER.mkdir(parents=True, exist_ok=True)
    results = Results(settings.FOLDER / f"results-{settings.FINISHED}.json")
    if not os.environ.get("LAYOUT_ONLY_PAGE"):
        server = Server(settings.FOLDER, settings.SERVER)
        try:
            results.describe(server)
            for load in loads():
                _measure(server, results, load)
        finally:
            server.stop()
    text = page.written(results)
    if settings.IS_FULL:
        settings.PAGE.write_text(text, encoding="utf-8")
    print(text)
    return 0


def _measure(server: Server, results: Results, load: Load) -> None:
    """Measure all layouts under a load, by turns."""
    plan = list(_plan(load))
    missing = [one for one in layouts() if any(_left(results, one, load, what, times - 1) for what, times, _ in plan)]
    if not missing:
        return
    with ThreadPoolExecutor(len(missing)) as pool:
        list(pool.map(lambda layout: prepare(server, layout, load, _tell), missing))
    with _held(server, results, load, missing):
        for what, times, measure in plan:
            for turn in range(times):
                for layout in missing:
                    if _left(results, layout, load, what, turn):
                        _tell(f"{load.name}, {what} {turn + 1}/{times}, {layout.name}")
                        results.add(layout.name, load.name, what, measure(Bench(server, layout, load)))
    if load.worked:
        for layout in missing:
            server.drop(database(layout, load))


def _plan(load: Load) -> Iterator[tuple[str, int, Measure]]:
    """Give what is measured under a load and how often; what changes the load comes last."""
    rounds = settings.ROUNDS
    yield "sizes", 1, measuring.sizes
    yield "cycle", rounds, measuring.cycle
    yield "leader", rounds, measuring.leader
    if load.name in {"empty", "finished", "pending"}:
        yield "lookup", 1, measuring.lookup
        yield "written", 1, measuring.written
    yield "drained", rounds if load.name == "empty" else settings.DRAINS, measuring.drained
    if load.finished:
        yield "retained", 1, retained
        yield "wished", 1, wished


def _left(results: Results, layout: Layout, load: Load, what: str, turn: int) -> bool:
    """Say whether it is this layout's turn; the wished indexes are tried on the store's own tables alone."""
    return results.count(layout.name, load.name, what) <= turn and not (what == "wished" and layout.folder)


@contextmanager
def _held(server: Server, results: Results, load: Load, taking: list[Layout]) -> Iterator[None]:
    """Hold what the load says open, and work steps meanwhile; then add what waits."""
    began = time.monotonic()
    holders: list[Connection] = []
    try:
        for layout in taking if load.worked else []:
            if load.held:
                holders.append(server.connect(database(layout, load)))
                for statement in load.held.split(";"):
                    holders[-1].execute(statement)
        for layout in taking if load.worked else []:
            _tell(f"{load.name}, work {load.worked:,}, {layout.name}")
            rates = work(server, layout, database(layout, load), load.worked)
            sample = {"per_s": rates.per_s, "first_quarter": rates.part(0, 0.25), "last_quarter": rates.part(0.75, 1)}
            results.add(layout.name, load.name, "worked", sample)
        if load.held:
            time.sleep(max(0.0, settings.HOLD_SECONDS - (time.monotonic() - began)))
        for layout in taking if load.worked else []:
            with server.connect(database(layout, load)) as db:
                db.execute("vacuum (analyze)") if load.held else None
                wait(db, layout, settings.WORKING)
        yield
    finally:
        for holder in holders:
            holder.close()


def _tell(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {os.getloadavg()[0]:4.1f}  {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
