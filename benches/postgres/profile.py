"""`make bench-profile`: drains a backlog on Postgres, and says where the time goes. Its rates are not to be compared.

What each statement took is read from the server's log; what processors did, in workers and server, from `perf`,
where it is. PROFILE_STEPS (100,000) is the backlog, PROFILE_WORKERS (1) how many drain it, PROFILE_RUN (auto, thread,
process) where bodies run. PROFILE_SCENE (drain) looks at calls instead, by statement alone: `bulk` (PROFILE_STEPS
steps, a thousand at a time), `one` and `sync` (as many, 200 if unsaid, stored one after the other), `latency` (the same
every 50 ms, for an idle worker of another process), `inside` (the same for the pod that stores them).
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

import trees
from postgres import settings
from postgres.contenders import Contender, fleet_q, in_executor
from postgres.scenes import Scenes
from postgres.server import Database, measured_server
from processes import BenchError, Run

SCENE = os.environ.get("PROFILE_SCENE", "drain")
SCENES = ("drain", "bulk", "one", "sync", "latency", "inside")
STEPS = int(os.environ.get("PROFILE_STEPS", "100000" if SCENE in ("drain", "bulk") else "200"))
WORKERS = int(os.environ.get("PROFILE_WORKERS", "1"))
RUN = os.environ.get("PROFILE_RUN", "auto")
SIZES = {"thread": 8, "process": 2}
SHOWN = 25

DURATION = re.compile(
    r"^at {} \S*: LOG:  duration: ([\d.]+) ms(?:  (parse|bind|execute|statement)[^:]*: (.*(?:\n\t.*)*))?".replace(
        "{}", r"\w+"
    ),
    re.MULTILINE,
)


def main() -> int:
    """Run the scene, and print what was found."""
    if SCENE not in SCENES:
        raise BenchError(f"PROFILE_SCENE is one of {', '.join(SCENES)}, not {SCENE!r}")
    ours = fleet_q() if RUN == "auto" else in_executor(fleet_q(), RUN, SIZES[RUN])
    with measured_server(settings.SCRATCH) as (server, folder), Scenes(server, folder).on(ours) as (run, database):
        if SCENE != "drain":
            _call(ours, run, database)
            return 0
        run.call(*ours.calls, "bulk", str(STEPS))
        database.analyze()
        database.log_durations()
        before, server_s = database.counters(), server.cpu_s()
        with run.workers(WORKERS, *ours.worker):
            run.until(run.begun, 1)
            began, used_s = time.monotonic(), run.cpu_s()
            with _perf(run, server.pid, settings.CACHE / "profile"):
                _drained(run, database, ours.drained)
            wall_s, used_s, server_s = time.monotonic() - began, run.cpu_s() - used_s, server.cpu_s() - server_s
        print(f"\n{STEPS:,} steps in {wall_s:.2f} s: {STEPS / wall_s:,.0f}/s while being watched")
        print(f"processor time per step: workers {used_s / STEPS * 1e6:.1f} µs, server {server_s / STEPS * 1e6:.1f} µs")
        _tell_statements(server.said(before))
    return 0


def _call(ours: Contender, run: Run, database: Database) -> None:
    """Let one process make calls."""
    server = database.server
    database.log_durations()
    with run.workers(1, *ours.worker) if SCENE == "latency" else nullcontext():
        if SCENE == "latency":
            run.call(*ours.calls, SCENE, "1")
            run.await_ticks(1)
        before, server_s, caller_s, began = database.counters(), server.cpu_s(), _ended_s(), time.monotonic()
        run.call(*ours.calls, SCENE, str(STEPS))
        seconds, server_s, caller_s = time.monotonic() - began, server.cpu_s() - server_s, _ended_s() - caller_s
    print(f"\n{STEPS:,} steps in {seconds:.2f} s, the start of the process included")
    print(f"processor time per step: caller {caller_s / STEPS * 1e6:.1f} µs, server {server_s / STEPS * 1e6:.1f} µs")
    _tell_statements(server.said(before))


def _ended_s() -> float:
    """Give the processor time of all processes of ours that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _drained(run: Run, database: Database, drained: str) -> None:
    run.until(run.begun, STEPS)
    with closing(database.server.look(database.name)) as db:

        def is_done() -> int:
            row = db.execute(drained).fetchone()
            return int(bool(row and row[0]))

        run.until(is_done, 1)


def _tell_statements(said: str) -> None:
    """Print the statements that took the longest together: parsed, bound (which is planned) and executed."""
    spent: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for duration_ms, phase, text in DURATION.findall(said):
        row = spent[" ".join(text.split())[:110]]
        row[phase] += float(duration_ms)
        row["calls"] += phase in {"execute", "statement"}
        row["all"] += float(duration_ms)
    print(f"\n{'ms':>9} {'µs/step':>8} {'calls':>7} {'parse':>8} {'bind':>8} {'execute':>9}  statement")
    for text, row in sorted(spent.items(), key=lambda item: -item[1]["all"])[:SHOWN]:
        executed = row["execute"] + row["statement"]
        counted = f"{row['all']:9,.1f} {row['all'] * 1e3 / STEPS:8.2f} {row['calls']:7,.0f}"
        print(f"{counted} {row['parse']:8,.1f} {row['bind']:8,.1f} {executed:9,.1f}  {text}")


@contextmanager
def _perf(run: Run, server: int, folder: Path) -> Iterator[None]:
    """Sample workers and server meanwhile; the call graphs stay in the folder for `perf report`."""
    program = shutil.which("perf")
    if program is None:
        print("no perf on this machine: statements only", file=sys.stderr)
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    asked = {"workers": run.pids(), "server": list(trees.tree(server))}
    recording = []
    for name, pids in asked.items():
        # The clock, for virtual machines have no counters.
        words = [program, "record", "-q", "-e", "cpu-clock", "-F", "499", "-g", "-o", str(folder / f"{name}.data")]
        recording.append(subprocess.Popen([*words, "-p", ",".join(map(str, pids))], stderr=subprocess.DEVNULL))
    try:
        yield
    finally:
        for process in recording:
            process.terminate()
            process.wait()
    for name in asked:
        _tell_functions(program, name, folder / f"{name}.data")


def _tell_functions(program: str, name: str, data: Path) -> None:
    words = [program, "report", "-i", str(data), "--no-children", "-g", "none", "--sort", "dso,symbol", "--stdio"]
    told = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    lines = [line for line in told.splitlines() if line.strip() and not line.startswith("#")]
    print(f"\n{name} (perf report -i {data.name}):", *lines[:SHOWN], sep="\n")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        sys.exit(str(error))
