"""huey on SQLite: WAL and synchronous=FULL, which are its defaults; results are not stored."""

from __future__ import annotations

import os
from pathlib import Path

from huey import SqliteHuey

from ticks import tick

huey = SqliteHuey("bench", filename=str(Path(os.environ["BENCH_FOLDER"]) / "huey.db"), results=False, fsync=True)


@huey.task(name="noop")
def noop(i: int, sent_ns: int = 0) -> None:
    """Note that the body began."""
    tick(sent_ns)


if __name__ == "__main__":
    import huey_app  # not __main__: a task is named by its module
    import pace

    pace.main(lambda i, sent_ns: huey_app.noop(i, sent_ns))
