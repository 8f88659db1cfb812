"""Runs the soak: finds the peak, asks for a share of it, kills and looks. Judges nothing."""

from __future__ import annotations

import secrets
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import trees
from curves.fleets import Fleet
from curves.ground import percentiles
from postgres.contenders import Contender
from postgres.scenes import Sample, Scenes
from postgres.server import Database
from processes import TICK, Run
from soak import ledger, settings

__all__ = ["Soak"]

AHEAD = 20_000
"""While the peak is looked for, so many steps wait."""

LOOK_S = 0.2


@dataclass
class Soak:
    """One soak on a server; `tell` is given each sample as it is taken, by its kind."""

    scenes: Scenes
    tell: Callable[[str, Sample], None]
    _workers: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])

    def run(self, minutes: float) -> None:
        """Do it all."""
        contender = Fleet().contender(FLEET_Q_KEEP_COMPLETED=str(settings.KEEP_S))
        with self.scenes.on(contender) as (run, database), ExitStack() as stack:
            ledger.watch(database)
            for _ in range(settings.WORKERS):
                self._workers.append(run.start(*contender.worker))
            stack.callback(self._end, run)
            peak, accepted = self._peak(run, database, contender)
            rate = peak * settings.SHARE
            self.tell("peak", {"peak": peak, "asked": rate})
            run.forget_ticks()
            with run.workers(1, contender.calls[0], "fleet_q_flow.py", "paced", str(rate)):
                self._last(run, database, contender, minutes * 60)
            self._drained(run, database)
            # Only what was held by a pod that was killed runs again.
            again = float(run.begun() - _sent(run))
            self.tell("end", {"again": again, **ledger.outcome(database, accepted + _sent(run))})

    def _end(self, run: Run) -> None:
        for worker in self._workers:
            run.end(worker)

    def _peak(self, run: Run, database: Database, contender: Contender) -> tuple[float, int]:
        """Give the rate at which steps are stored and worked when both go as fast as they can, and how many were."""
        with run.workers(1, contender.calls[0], "fleet_q_flow.py", "full", str(AHEAD)):
            run.until(run.begun, 1)
            time.sleep(settings.PEAK_S / 4)  # processes start one after the other
            before, since = run.begun(), time.monotonic()
            time.sleep(settings.PEAK_S)
            peak = (run.begun() - before) / (time.monotonic() - since)
        self._drained(run, database)
        return peak, _sent(run)

    def _last(self, run: Run, database: Database, contender: Contender, seconds: float) -> None:
        """Look every few seconds, kill every minute."""
        began = time.monotonic()
        looks, kill_at = _Looks(run), settings.KILL_S
        for n in range(1, int(seconds / settings.EVERY_S) + 1):
            time.sleep(max(0.0, began + n * settings.EVERY_S - time.monotonic()))
            at = time.monotonic() - began
            rss = {f"rss {slot}": trees.rss_mib(worker.pid) for slot, worker in enumerate(self._workers)}
            waiting = max(0.0, float(_sent(run) - run.begun()))
            self.tell("samples", {"t": at, **looks.look(at), **rss, "waiting": waiting, **ledger.sizes(database)})
            if at >= kill_at:
                kill_at += settings.KILL_S
                self._kill(run, contender, at)

    def _kill(self, run: Run, contender: Contender, at: float) -> None:
        """`kill -9` any but the first, whose memory is followed; another takes its place at once."""
        slot = secrets.choice(range(1, len(self._workers)))
        run.kill(self._workers[slot])
        self._workers[slot] = run.start(*contender.worker)
        self.tell("kills", {"t": at, "slot": slot})

    def _drained(self, run: Run, database: Database) -> None:
        """Wait until every step has ended, those of pods that were killed too."""

        def ended() -> int:
            time.sleep(LOOK_S)
            return -ledger.open_steps(database)

        run.until(ended, 0)


class _Looks:
    """Reads what the workers noted since the last look."""

    def __init__(self, run: Run) -> None:
        self._file = run.folder / "ticks"
        self._read = 0
        self._at = 0.0

    def look(self, at: float) -> Sample:
        """Give the rate since the last look, and how long those steps had waited."""
        late = list(self._late())
        lasted, self._at = at - self._at, at
        return {"rate": len(late) / lasted, **(percentiles(late) if late else {})}

    def _late(self) -> Iterator[float]:
        with self._file.open("rb") as file:
            file.seek(self._read)
            found = file.read()
        found = found[: len(found) // TICK.size * TICK.size]
        self._read += len(found)
        return (after / 1e6 for _, after in TICK.iter_unpack(found))


def _sent(run: Run) -> int:
    """Say how many steps were acknowledged to the one who stores them."""
    file: Path = run.folder / "sent"
    return int(struct.unpack("<q", file.read_bytes())[0]) if file.exists() and file.stat().st_size else 0
