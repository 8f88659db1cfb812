"""`make bench`: measures fleet-q on SQLite beside a bare loop, huey and raquel, and writes the page.

BENCH_QUICK=1 takes a quarter of everything and does not write the page. BENCH_FOLDER_ROOT says where the
files of the measured queues lie (default: the user's cache), BENCH_PAGE where the page goes.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import contenders
import machine
import page
from contenders import Contender
from measuring import Measured, Measuring
from processes import BenchError
from scenes import Scenes, bare
from venvs import NotInstalled

QUICK = os.environ.get("BENCH_QUICK", "") not in {"", "0"}
TIMES = 1 if QUICK else 5
PART = 4 if QUICK else 1
CACHE = Path(os.environ.get("BENCH_CACHE", Path.home() / ".cache" / "fleet-q" / "bench"))
SCRATCH = Path(os.environ.get("BENCH_FOLDER_ROOT", CACHE / "scratch"))
PAGE = Path(os.environ.get("BENCH_PAGE", machine.ROOT / "docs" / "benchmarks" / "sqlite.md"))


def main() -> int:
    """Measure all, write and print the page."""
    console = Console(stderr=True)
    SCRATCH.mkdir(parents=True, exist_ok=True)
    facts, began = machine.facts(SCRATCH), time.monotonic()
    measured: list[Measured] = []
    with _progress(console) as progress:
        bar = progress.add_task("", total=None)
        measuring = Measuring(TIMES, lambda what: progress.update(bar, description=what, advance=1))
        steps = _plan(measuring)
        progress.update(bar, total=TIMES * sum(weight for weight, _ in steps))
        for _, step in steps:
            measured.append(step())
    facts["took"] = f"{time.monotonic() - began:.0f} s"
    text = page.written(facts, measured, TIMES, quick=QUICK)
    if not QUICK:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(text, encoding="utf-8")
    print(text)
    return 1 if any(one.is_ours and one.missing for one in measured) else 0


def _plan(measuring: Measuring) -> list[tuple[int, Callable[[], Measured]]]:
    """Give each part of the run with how many scenes it has."""
    venvs = CACHE / "venvs"
    return [
        (5, lambda: _bare(measuring)),
        (10, lambda: _ours(measuring)),
        (4, lambda: _peer(measuring, "huey", lambda: contenders.huey(venvs))),
        (4, lambda: _peer(measuring, "raquel", lambda: contenders.raquel(venvs))),
    ]


def _bare(measuring: Measuring) -> Measured:
    measured = Measured("bare loop", ["sqlite3 of Python"])

    def loop(label: str, *mode: str) -> None:
        scaled = (mode[0], str(int(mode[1]) // PART), *mode[2:])
        measured.note(label, measuring.rate(f"bare loop, {label}", lambda: bare(SCRATCH, *scaled)))

    loop("one", "one", "5000")
    loop("bulk", "bulk", "100000")
    loop("batch 1", "drain", "5000", "1")
    loop("batch 100", "drain", "50000", "100")
    loop("batch 1000", "drain", "100000", "1000")
    return measured


def _ours(measuring: Measuring) -> Measured:
    contender = contenders.fleet_q().in_part(PART)
    measured = Measured(contender.name, contender.versions, is_ours=True)
    scenes, sizes = Scenes(contender, SCRATCH), contender.sizes
    try:
        for way, count in {"one": sizes.one, "sync": sizes.one, "callers": sizes.callers, "bulk": sizes.bulk}.items():
            rate = measuring.rate(f"fleet-q, enqueue {way}", partial(scenes.enqueue, way, count))
            measured.note(way, rate)
        for parallelism in (1000, 10):
            limited = Scenes(contender.drained_by(4) if parallelism == 10 else contender, SCRATCH, parallelism)
            for workers in (1, 2):
                label = f"drain {workers} of {parallelism}"
                measured.drained(label, measuring.drain(f"fleet-q, {label}", partial(limited.drain, workers)))
        measured.late(measuring.latency("fleet-q, latency", scenes.latency))
        measured.late_inside(measuring.latency("fleet-q, latency inside", lambda: (scenes.latency_inside(), 0.0)))
    except BenchError as error:
        measured.missing = str(error)
    return measured


def _peer(measuring: Measuring, name: str, make: Callable[[], Contender]) -> Measured:
    measured = Measured(name, [])
    try:
        contender = make().in_part(PART)
        measured.versions = contender.versions
        scenes = Scenes(contender, SCRATCH)
        measured.note("one", measuring.rate(f"{name}, enqueue", lambda: scenes.enqueue("one", contender.sizes.one)))
        for workers in (1, 2):
            label = f"drain {workers} of 1"
            measured.drained(label, measuring.drain(f"{name}, {label}", partial(scenes.drain, workers)))
        measured.late(measuring.latency(f"{name}, latency", scenes.latency))
    except (NotInstalled, BenchError) as error:
        measured.missing = str(error)
    return measured


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )


if __name__ == "__main__":
    sys.exit(main())
