"""Stores steps by SQL, in the server: many at once, and loaded once. Knows nothing of what is measured."""

from __future__ import annotations

from contextlib import closing

from postgres.server import Connection, Database

__all__ = ["clear", "finished", "pending", "top_up", "waiting"]

# Text that no compression makes smaller, made once for all rows.
BODY = "select coalesce(string_agg(md5(k::text), ''), '') as text from generate_series(1, %(bytes)s / 32) as k"
PENDING = f"""
with body as materialized ({BODY}), begin as (
  select cast(extract(epoch from now()) * 1000 as bigint) - %(count)s / 1000 as ms
)
insert into step_tracker (step_id, task, payload, created_ts, available_ts, last_update_ts)
select
  uuidv7(), 'noop',
  convert_to('{{"args":[' || n || ',0,"' || body.text || '"],"kwargs":{{}},"metadata":{{}}}}', 'UTF8'),
  begin.ms + n / 1000, begin.ms + n / 1000, begin.ms + n / 1000
from generate_series(1::bigint, %(count)s) as n, body, begin
"""
# Within the last hours, so that none is past its keep.
FINISHED = """
insert into step_tracker (
  step_id, task, status, payload, claimed_by, claim_id, created_ts, available_ts, claimed_ts, last_update_ts,
  finished_ts, result
)
select
  uuidv7(make_interval(secs => -age)), 'loaded', 'completed',
  convert_to('{"args":[' || n || '],"kwargs":{},"metadata":{}}', 'UTF8'),
  'loaded-00000001', gen_random_uuid(), birth, birth, birth + 10, birth + 20, birth + 20,
  convert_to('null', 'UTF8')
from generate_series(1::bigint, %(count)s) as n
cross join lateral (select 36000.0 * (1 - n::float8 / %(count)s) + 60 as age) as at
cross join lateral (select cast((extract(epoch from now()) - age) * 1000 as bigint) as birth) as born
"""
NOTIFY = "select pg_notify('fleet_q_' || md5(current_schema()), '')"
WAITING = "select count(*) from step_tracker where status = 'pending' and last_update_ts = created_ts"
EVERYTHING = "delete from step_tracker where task = 'noop'"
# With what a worker that was stopped gave back: it is pending again, which is another index.
WORKED = "delete from step_tracker where task = 'noop' and not (status = 'pending' and last_update_ts = created_ts)"


def pending(database: Database, count: int, body_bytes: int = 0) -> None:
    """Store a backlog that pods see at once, as the planner does; then wake them."""
    with closing(database.server.look(database.name)) as db:
        with db.transaction():
            db.execute(PENDING, {"count": count, "bytes": body_bytes})
            db.execute("analyze step_tracker")
        db.execute(NOTIFY)


def finished(database: Database, count: int) -> None:
    """Store steps that have ended."""
    with closing(database.server.look(database.name)) as db:
        if count:
            db.execute(FINISHED, {"count": count})
        _settle(db)


def waiting(database: Database) -> int:
    """Count what is pending."""
    with closing(database.server.look(database.name)) as db:
        row = db.execute(WAITING).fetchone()
        return int(row[0]) if row else 0


def top_up(database: Database, count: int) -> None:
    """See that so many are pending, and nothing else is there."""
    clear(database)
    if (missing := count - waiting(database)) > 0:
        with closing(database.server.look(database.name)) as db:
            db.execute(PENDING, {"count": missing, "bytes": 0})
            _settle(db)


def clear(database: Database, *, everything: bool = False) -> None:
    """Take away what was worked and, if asked for, what was still to be worked; what was loaded as ended stays."""
    with closing(database.server.look(database.name)) as db:
        db.execute(EVERYTHING if everything else WORKED)
        _settle(db)


def _settle(db: Connection) -> None:
    db.execute("vacuum (analyze) step_tracker")
    db.execute("checkpoint")
