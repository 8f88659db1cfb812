"""Starts callers and workers, waits for what they leave in the file of ticks, ends those it started."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import trees

__all__ = ["BenchError", "Run", "Tick", "spans"]

INSIDE = Path(__file__).parent / "inside"
STALLED_S = 30.0
ENDING_S = 10.0
TICK = struct.Struct("<qq")


class BenchError(Exception):
    """A run that gave no figure, with the end of the log."""


class Tick(NamedTuple):
    """One body: when it began, and how long after it was sent (-1: not measured)."""

    began_ns: int
    after_ns: int


class Run:
    """One empty folder, the processes in it, and what they noted."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self._environment = {**os.environ, **environment, "BENCH_FOLDER": str(folder), "PYTHONPATH": str(INSIDE)}
        self._workers: list[subprocess.Popen[bytes]] = []

    def call(self, *command: str | Path) -> float:
        """Run a caller to its end; gives the seconds it printed."""
        return float(self.told(*command)["seconds"])

    def told(self, *command: str | Path) -> dict[str, Any]:
        """Do the same; gives all that it printed."""
        done = subprocess.run(
            list(map(str, command)), env=self._environment, cwd=INSIDE, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise BenchError(f"{' '.join(map(str, command[1:]))}: {_reason(done.stderr)}")
        return dict(json.loads(done.stdout.splitlines()[-1]))

    @contextmanager
    def workers(self, count: int, *command: str | Path) -> Iterator[None]:
        """Run so many workers, until the block ends."""
        with ExitStack() as stack:
            for _ in range(count):
                stack.callback(self.end, self.start(*command))
            yield

    def start(self, *command: str | Path) -> subprocess.Popen[bytes]:
        """Start one more worker, for whoever ends it with `end` or `kill`."""
        with (self.folder / "workers.log").open("ab") as log:
            worker = subprocess.Popen(
                list(map(str, command)), env=self._environment, cwd=INSIDE, stdout=log, stderr=log
            )
        self._workers.append(worker)
        return worker

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """`kill -9`, without a word before."""
        self._workers.remove(worker)
        worker.kill()
        worker.wait()

    def forget_ticks(self) -> None:
        """Begin the count anew; workers keep the file open."""
        (self.folder / "ticks").write_bytes(b"")

    def await_ticks(self, count: int) -> list[Tick]:
        """Wait until so many bodies began. Raises BenchError if nothing moves any more."""
        self.until(self.begun, count)
        return self.ticks()

    def begun(self) -> int:
        """Give how many bodies began."""
        file = self.folder / "ticks"
        return (file.stat().st_size if file.exists() else 0) // TICK.size

    def ticks(self) -> list[Tick]:
        """Give what they noted, in order."""
        return sorted(Tick(*record) for record in TICK.iter_unpack((self.folder / "ticks").read_bytes()))

    def until(self, progress: Callable[[], int], goal: int) -> None:
        """Poll until `progress` reaches the goal. Raises BenchError if it stalls or a worker ended."""
        seen, moved = -1, time.monotonic()
        while (now := progress()) < goal:
            if now != seen:
                seen, moved = now, time.monotonic()
            ended = any(worker.poll() is not None for worker in self._workers)
            if ended or time.monotonic() - moved > STALLED_S:
                log = (self.folder / "workers.log").read_text(errors="replace")
                raise BenchError(f"{'a worker ended' if ended else 'stalled'} at {now} of {goal}: {_reason(log)}")
            time.sleep(0.01)

    def rss_mib(self) -> float:
        """Give the resident memory of the workers, each on average."""
        return sum(trees.rss_mib(worker.pid) for worker in self._workers) / len(self._workers)

    def pids(self) -> list[int]:
        """Name the workers."""
        return [worker.pid for worker in self._workers]

    def cpu_s(self) -> float:
        """Give the processor time that the workers used up to now, all together."""
        return sum(trees.cpu_s(worker.pid) for worker in self._workers)

    def end(self, worker: subprocess.Popen[bytes]) -> None:
        """Ask a worker to end, and see that it does; one that was killed has."""
        if worker not in self._workers:
            return
        self._workers.remove(worker)
        worker.send_signal(signal.SIGTERM)
        try:
            worker.wait(ENDING_S)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


def _reason(said: str) -> str:
    """Pick the line that names the error: a page has no room for a traceback."""
    lines = said.strip().splitlines() or ["it said nothing"]
    return next((line for line in reversed(lines) if "Error" in line), lines[-1])


def spans(ticks: Sequence[Tick]) -> float:
    """Give the seconds from the first body's begin to the last one's."""
    return (ticks[-1].began_ns - ticks[0].began_ns) / 1e9
