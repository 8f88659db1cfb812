"""The observer process: reads the queue's tables from outside. Never imports fleet-q, and runs with nothing of it.

Answers one JSON question a line. In between it looks at POD_HEALTH every 50 ms and writes each change
of a beat, with the moment it was seen, to the file of beats. A server that is away is waited for.
"""

from __future__ import annotations

import json
import os
import select
import sqlite3
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

LOOK_EVERY_S = 0.05

# What a test reads of each step's past: every change of state, written by the database itself.
SQLITE_HISTORY = """
create table if not exists acceptance_history (
  step_id text, was text, became text, claim_id text, claimed_by text, ts integer);
create trigger if not exists acceptance_moved after update of status on step_tracker
when old.status <> new.status
begin
  insert into acceptance_history values (new.step_id, old.status, new.status, new.claim_id, new.claimed_by,
    cast(round((julianday('now') - 2440587.5) * 86400000) as integer));
end;
create trigger if not exists acceptance_born after insert on step_tracker
begin
  insert into acceptance_history values (new.step_id, '', new.status, new.claim_id, new.claimed_by,
    cast(round((julianday('now') - 2440587.5) * 86400000) as integer));
end;
"""

# The functions find what they need whatever the search path of the pod that moves a step. Times are the true ones:
# where the server's clock is made to lie (scripts/clocks.py), a file tells by how much, and may change meanwhile.
POSTGRES_HISTORY = """
create table acceptance_history (step_id text, was text, became text, claim_id text, claimed_by text, ts bigint);
create function acceptance_now() returns bigint language plpgsql as $$
declare
  lie text := nullif(current_setting('acceptance.clock', true), '');
  ahead text := '0';
  said timestamptz;
begin
  loop
    if lie is not null then ahead := pg_read_file(lie); end if;
    said := clock_timestamp();
    exit when lie is null or pg_read_file(lie) = ahead;
  end loop;
  return floor((extract(epoch from said) - ahead::numeric) * 1000);
end $$;
create function acceptance_note() returns trigger language plpgsql set search_path from current as $$
begin
  insert into acceptance_history values (
    new.step_id, case tg_op when 'INSERT' then '' else old.status end, new.status, new.claim_id, new.claimed_by,
    acceptance_now());
  return null;
end $$;
create trigger acceptance_moved after update of status on step_tracker
for each row when (old.status <> new.status) execute function acceptance_note();
create trigger acceptance_born after insert on step_tracker for each row execute function acceptance_note();
"""


class Eye(Protocol):
    """A way to read one database."""

    def ask(self, sql: str, values: list[Any]) -> list[tuple[Any, ...]]:
        """Run one statement, `?` for each value; a `ConnectionError` if the database is away."""

    def keep_history(self) -> None:
        """Have the database write down every change of state from now on."""


class SqliteEye:
    """Reads a file."""

    def __init__(self, file: str) -> None:
        self._connection = sqlite3.connect(file, timeout=10, isolation_level=None)

    def ask(self, sql: str, values: list[Any]) -> list[tuple[Any, ...]]:
        """Run one statement."""
        return self._connection.execute(sql, values).fetchall()

    def keep_history(self) -> None:
        """Lay triggers."""
        self._connection.executescript(SQLITE_HISTORY)


class PostgresEye:
    """Reads a schema, over a connection that never leads through a pooler; a new one when the old one broke."""

    def __init__(self, url: str, schema: str) -> None:
        import psycopg

        options = f"-c search_path={schema}"
        self._connect: Callable[[], psycopg.Connection[tuple[Any, ...]]] = lambda: psycopg.connect(
            url, autocommit=True, options=options
        )
        self._broken = psycopg.OperationalError
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def ask(self, sql: str, values: list[Any]) -> list[tuple[Any, ...]]:
        """Run one statement."""
        try:
            self._connection = self._connection or self._connect()
            cursor = self._connection.execute(sql.replace("%", "%%").replace("?", "%s"), values)
        except self._broken as why:
            self._connection = None
            raise ConnectionError from why
        return cursor.fetchall() if cursor.description else []

    def keep_history(self) -> None:
        """Lay triggers, in one transaction."""
        self.ask("select", [])
        if self._connection is not None:
            self._connection.execute(POSTGRES_HISTORY)


EYES = {"sqlite": SqliteEye, "postgres": PostgresEye}


def main(beats_file: str, kind: str, *place: str) -> None:
    """Answer until standard input ends."""
    eye: Eye = EYES[kind](*place)
    beats: dict[str, tuple[object, ...]] = {}
    pending = b""
    with Path(beats_file).open("a", encoding="utf-8") as log:
        while True:
            readable, _, _ = select.select([0], [], [], LOOK_EVERY_S)
            if readable:
                chunk = os.read(0, 65536)
                if not chunk:
                    return
                pending += chunk
                *lines, pending = pending.split(b"\n")
                for line in lines:
                    # Ids and decimals are spelt out.
                    print(json.dumps(_answer(eye, json.loads(line)), default=str), flush=True)
            try:
                _look(eye, beats, log.write)
            except ConnectionError:
                continue
            log.flush()


def _answer(eye: Eye, question: dict[str, Any]) -> object:
    if question.get("history"):
        eye.keep_history()
        return []
    while True:
        try:
            return eye.ask(str(question["sql"]), question.get("values", []))
        except ConnectionError:
            time.sleep(LOOK_EVERY_S)  # real time: the server is away, and this is how one waits for it


def _look(eye: Eye, beats: dict[str, tuple[object, ...]], write: object) -> None:
    rows = eye.ask(
        "select pod_id, status, last_heartbeat_ts, cast(meta ->> 'pid' as integer), meta ->> 'blocked_by'"
        " from pod_health where kind = 'pod'",
        [],
    )
    for pod, *seen in rows:
        if beats.get(pod) != tuple(seen):
            beats[pod] = tuple(seen)
            write(json.dumps([time.monotonic(), pod, *seen]) + "\n")  # type: ignore[operator]


if __name__ == "__main__":
    main(*sys.argv[1:])
