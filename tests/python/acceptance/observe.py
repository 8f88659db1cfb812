"""The observer process: reads the queue's file from outside. Never imports fleet-q, and runs with nothing of it.

Answers one JSON question a line. In between it looks at POD_HEALTH every 50 ms and writes each change
of a beat, with the moment it was seen, to the file of beats.
"""

from __future__ import annotations

import json
import os
import select
import sqlite3
import sys
import time
from pathlib import Path

LOOK_EVERY_S = 0.05

# What a test reads of each step's past: every change of state, written by the database itself.
HISTORY = """
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


def main(database: str, beats_file: str) -> None:
    """Answer until standard input ends."""
    connection = sqlite3.connect(database, timeout=10, isolation_level=None)
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
                    print(json.dumps(_answer(connection, json.loads(line))), flush=True)
            _look(connection, beats, log.write)
            log.flush()


def _answer(connection: sqlite3.Connection, question: dict[str, object]) -> object:
    if question.get("history"):
        connection.executescript(HISTORY)
        return []
    return connection.execute(str(question["sql"]), question.get("values", [])).fetchall()  # type: ignore[arg-type]


def _look(connection: sqlite3.Connection, beats: dict[str, tuple[object, ...]], write: object) -> None:
    rows = connection.execute(
        "select pod_id, status, last_heartbeat_ts, meta ->> '$.pid', meta ->> '$.blocked_by'"
        " from pod_health where kind = 'pod'"
    )
    for pod, *seen in rows.fetchall():
        if beats.get(pod) != tuple(seen):
            beats[pod] = tuple(seen)
            write(json.dumps([time.monotonic(), pod, *seen]) + "\n")  # type: ignore[operator]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
