"""Starts, signals and ends the real processes of one test. Judges nothing: that is `judge.py`'s."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from acceptance.clocks import lying
from acceptance.stores import Store
from acceptance.timings import BEAT_S, LONG, RECOVERY_S, SETTINGS, SLOWER, STATEMENT_S, THRESHOLD_S
from acceptance.waiting import PATIENCE_S, eventually, said_by

__all__ = ["BEAT_S", "LONG", "RECOVERY_S", "STATEMENT_S", "THRESHOLD_S", "Fleet", "Look", "Worker", "order"]

HERE = Path(__file__).resolve().parent


class Look(NamedTuple):
    """One change of a pod's row, and when the observer saw it."""

    at: float
    pod: str
    status: str
    beat_ts: int
    pid: int
    blocked_by: str | None


class Worker:
    """One process of the fleet, in a process group of its own."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.process = process
        self.log = log
        self.ahead_s = 0
        """What its wall clock says more than the truth."""
        self.died_at: float | None = None
        self.told_to_end = False

    @property
    def pid(self) -> int:
        """The process."""
        return self.process.pid

    def signal(self, number: signal.Signals) -> None:
        """Signal the whole group."""
        self.told_to_end = True
        os.killpg(self.pid, number)

    def kill(self) -> float:
        """`kill -9`, and wait until it is dead; gives the moment of the kill."""
        at = time.monotonic()
        self.signal(signal.SIGKILL)
        self.process.wait(10)
        self.died_at = time.monotonic()
        return at

    def wait(self, patience: float = PATIENCE_S) -> int:
        """Wait for the end, so long in the short form; gives the exit code."""
        code = self.process.wait(patience * SLOWER)
        self.told_to_end = True
        self.died_at = time.monotonic()
        return code

    def terminate(self, patience: float = PATIENCE_S) -> int:
        """SIGTERM, and wait for the drain to end; gives the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait(patience)

    def logged(self, logger: str) -> list[dict[str, Any]]:
        """Give the fields of what this logger wrote."""
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.endswith("}")]
        entries = [json.loads(line) for line in lines if line.startswith("{")]
        return [{**entry, **entry.get("fleet_q", {})} for entry in entries if entry["logger"] == logger]

    def tail(self) -> str:
        """Give the end of the log."""
        return f"--- {self.name}\n" + "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])


class Fleet:
    """A database, its observer, and every process that a test starts on it."""

    def __init__(
        self, folder: Path, store: Store, *, history: bool = True, empty: bool = False, **settings: str
    ) -> None:
        self.folder = folder
        self.store = store
        self.effects = folder / "effects.log"
        self.beats = folder / "beats.log"
        self.workers: list[Worker] = []
        self.deaths: dict[int, float] = {}
        self.ahead_s = 0
        """What the wall clock of processes that start from now on says more than the truth."""
        self._helpers: list[subprocess.Popen[bytes]] = []
        self._settings = {f"FLEET_Q_{name}": value for name, value in settings.items()}
        if not empty:
            self.watch(history=history)

    def watch(self, *, history: bool = True) -> None:
        """See that there are tables, and observe them from now on."""
        self.produce([])
        self._observer = self._helper("observe.py", str(self.beats), *self.store.observer)
        if history:
            self._ask({"history": True})

    def worker(self, name: str, *, tasks: str | None = None, ready: bool = True, **settings: str) -> Worker:
        """Start a pod; with `ready`, wait until it is registered."""
        given = {f"FLEET_Q_{key}": value for key, value in settings.items()}
        if tasks is not None:
            given["ACCEPTANCE_TASKS"] = tasks
        command = [sys.executable, "-m", "fleet_q.cli", "worker", "acceptance.bodies:fq"]
        worker = self.start(name, command, **given)
        if ready:
            self.ready(worker)
        return worker

    def start(self, name: str, command: list[str], **environment: str) -> Worker:
        """Start any process of the fleet under this name."""
        log = self.folder / f"{len(self.workers)}-{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                env=self._environment(name, environment | lying(self.ahead_s)),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        worker = Worker(name, process, log)
        worker.ahead_s = self.ahead_s
        self.workers.append(worker)
        return worker

    def ready(self, worker: Worker) -> str:
        """Wait until this process has a pod that is up; gives its id."""

        def pod() -> str | None:
            assert worker.process.poll() is None, worker.tail()
            return next((pod for pod, status, pid in self.pods() if pid == worker.pid and status == "up"), None)

        return str(eventually(pod, f"{worker.name} is up"))

    def produce(self, orders: list[dict[str, Any]], *, wait: bool = True) -> Worker:
        """Start a producer with these orders; with `wait`, until it has carried them out."""
        filled = [{"args": {}, "batch": 100, "pace": 0, "delay": None, **order} for order in orders]
        command = [sys.executable, "-m", "acceptance.produce", json.dumps(filled)]
        producer = self.start("producer", command, FLEET_Q_ROLE="producer")
        if wait:
            assert producer.wait() == 0, producer.tail()
        return producer

    def query(self, sql: str, *values: object) -> list[list[Any]]:
        """Ask the observer process."""
        answer: list[list[Any]] = self._ask({"sql": sql, "values": values})
        return answer

    def scalar(self, sql: str, *values: object) -> int:
        """Ask for one number."""
        return int(self.query(sql, *values)[0][0] or 0)

    def pods(self) -> list[tuple[str, str, int]]:
        """Give id, status and process of every row in POD_HEALTH."""
        sql = "select pod_id, status, meta ->> 'pid' from pod_health where kind = 'pod' order by birth_ts"
        return [(pod, status, int(pid)) for pod, status, pid in self.query(sql)]

    def looks(self) -> list[Look]:
        """Give what the observer saw of the beats so far."""
        return [Look(*json.loads(line)) for line in self.beats.read_text().splitlines() if line.endswith("]")]

    def open_steps(self) -> int:
        """Count the steps that are not final."""
        return self.scalar("select count(*) from step_tracker where status not in ('completed', 'failed', 'cancelled')")

    def settled(self, patience: float = PATIENCE_S) -> None:
        """Wait until every step is final."""
        try:
            eventually(lambda: self.open_steps() == 0, "every step is final", patience, every=0.1)
        except AssertionError as late:
            raise AssertionError(f"{late}; {self._left()}") from late

    def forked(self, pid: int, died_at: float) -> None:
        """Note that a process which another one forked has ended."""
        self.deaths[pid] = died_at

    def close(self) -> None:
        """End what still runs."""
        for worker in self.workers:
            if worker.process.poll() is None:
                os.killpg(worker.pid, signal.SIGKILL)
                worker.process.wait(10)
        for helper in self._helpers:
            _pipe(helper.stdin).close()
            helper.wait(10)
            _pipe(helper.stdout).close()
        self.store.close()

    def tails(self) -> str:
        """Give the end of every log, for a failure's message."""
        return "\n".join(worker.tail() for worker in self.workers)

    def _left(self) -> str:
        rows = self.query(
            "select status, claimed_by, count(*) from step_tracker"
            " where status not in ('completed', 'failed', 'cancelled') group by status, claimed_by"
        )
        return ", ".join(f"{many} {status}" + (f" by {pod}" if pod else "") for status, pod, many in rows)

    def _helper(self, script: str, *arguments: str) -> subprocess.Popen[bytes]:
        helper = subprocess.Popen(
            [sys.executable, str(HERE / script), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._helpers.append(helper)
        return helper

    def _ask(self, question: dict[str, object]) -> Any:
        _pipe(self._observer.stdin).write(json.dumps(question).encode() + b"\n")
        _pipe(self._observer.stdin).flush()
        return json.loads(said_by(self._observer))

    def _environment(self, name: str, more: dict[str, str]) -> dict[str, str]:
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("FLEET_Q_")}
        return {
            **inherited,
            **SETTINGS,
            "FLEET_Q_LOG_FORMAT": "json",
            "PYTHONUNBUFFERED": "1",
            **self.store.settings,
            "FLEET_Q_LOCAL_PATH": str(self.folder / f"local-{name}"),
            "FLEET_Q_POD_ID": name,
            "ACCEPTANCE_LOG": str(self.effects),
            # What the tester put there goes on: it may be a wheel with a defect planted.
            "PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
            **self._settings,
            **more,
        }


def _pipe(pipe: Any) -> Any:
    assert pipe is not None
    return pipe


def order(
    task: str, count: int, *, batch: int = 100, pace: float = 0, delay: float | None = None, **args: object
) -> dict[str, Any]:
    """Spell one order for a producer."""
    return {"task": task, "count": count, "batch": batch, "pace": pace, "delay": delay, "args": args}
