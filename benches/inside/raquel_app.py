"""raquel on SQLite, with WAL and synchronous=FULL; as a worker, the loop its documentation shows."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from raquel import Raquel
from sqlalchemy import create_engine, event

import pace

IDLE_S = 0.02


def opened() -> Raquel:
    """Give a queue over the run's own file."""
    engine = create_engine(f"sqlite:///{Path(os.environ['BENCH_FOLDER']) / 'raquel.db'}")

    @event.listens_for(engine, "connect")
    def _set_up(connection, _record) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        for pragma in ("journal_mode=wal", "synchronous=full", "busy_timeout=5000"):
            connection.execute(f"pragma {pragma}")

    queue = Raquel(engine)
    queue.create_all()
    return queue


def work(queue: Raquel) -> None:
    """Run jobs until the process is ended."""
    from ticks import tick

    while True:
        with queue.dequeue("default") as job:
            if job:
                tick(job.payload["sent_ns"])
        if not job:
            time.sleep(IDLE_S)


def main() -> None:
    """Enqueue, or work."""
    queue = opened()
    if sys.argv[1] == "work":
        work(queue)
    pace.main(lambda i, sent_ns: queue.enqueue("default", {"i": i, "sent_ns": sent_ns}))


if __name__ == "__main__":
    main()
