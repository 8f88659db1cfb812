"""What the machine allows: single inserts by pgbench, rows by psycopg, Python's own executors. Knows no queue."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from postgres.contenders import bare
from postgres.scenes import Sample, Scenes, folder_in
from postgres.server import Database
from processes import Run

__all__ = ["Limits"]

INSERT = """insert into jobs (args) values ('{"i": 1}');\n"""


@dataclass(frozen=True)
class Limits:
    """The limits, on the server of the scenes."""

    scenes: Scenes
    seconds: float
    """How long pgbench runs."""

    def pgbench(self, clients: int) -> Sample:
        """Insert one row a transaction, from so many connections."""
        with self._table() as (_, database), tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
            script.write(INSERT)
            script.flush()
            rate = database.server.pgbench(database.name, Path(script.name), clients, self.seconds)
            return {"rate": rate, "ms": 1000 * clients / rate}

    def rows(self, way: str, count: int) -> Sample:
        """Store so many rows with psycopg: `one`, `unnest` or `copy`."""
        with self._table() as (run, _):
            return {"rate": count / run.call(sys.executable, "postgres_limits.py", way, str(count))}

    def executor(self, kind: str, size: int, count: int) -> Sample:
        """Run the body in Python's own threads or processes, without any database."""
        return {"rate": count / self.scenes.outside(sys.executable, "executors.py", kind, str(size), str(count))}

    @contextmanager
    def _table(self) -> Iterator[tuple[Run, Database]]:
        with folder_in(self.scenes.scratch) as folder, self.scenes.server.database("bench_limits") as database:
            run = Run(folder, {"BENCH_URL": database.url})
            run.call(*bare().setup)
            database.flush()
            yield run, database
