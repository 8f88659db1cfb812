"""Keeps book in the database of what becomes of each step, whatever fleet-q says: triggers, and what they wrote."""

from __future__ import annotations

from contextlib import closing

from postgres.scenes import Sample
from postgres.server import Database

__all__ = ["open_steps", "outcome", "sizes", "watch"]

# A final row that is written again was recorded twice; rows that go are counted by their state.
WATCH = """
create table ledger (what text not null, steps bigint not null);
create function ledger_again() returns trigger language plpgsql as $$
begin
  insert into ledger values ('again', 1);
  return null;
end $$;
create function ledger_gone() returns trigger language plpgsql as $$
begin
  insert into ledger select status, count(*) from gone group by status;
  return null;
end $$;
create trigger ledger_again after update on step_tracker for each row
when (old.status in ('completed', 'failed', 'cancelled')) execute function ledger_again();
create trigger ledger_gone after delete on step_tracker referencing old table as gone
for each statement execute function ledger_gone();
"""
ENDED = """
select status, sum(steps) from (
  select what as status, steps from ledger union all select status, count(*) from step_tracker group by status
) as found group by status
"""
OPEN = "select count(*) from step_tracker where status in ('blocked', 'scheduled', 'pending', 'claimed')"
SIZES = """
select
  sum(pg_table_size(relid)), sum(pg_indexes_size(relid)),
  sum(n_dead_tup), sum(n_live_tup)
from pg_stat_user_tables where relname in ('step_tracker', 'pod_health')
"""
FINAL = ("completed", "failed", "cancelled")
MIB = 2**20


def watch(database: Database) -> None:
    """Begin to keep book."""
    with closing(database.server.look(database.name)) as db:
        db.execute(WATCH)


def open_steps(database: Database) -> int:
    """Count what has not ended."""
    with closing(database.server.look(database.name)) as db:
        row = db.execute(OPEN).fetchone()
        return int(row[0]) if row else 0


def outcome(database: Database, accepted: int) -> Sample:
    """Say what became of the steps that were accepted, once none is open."""
    with closing(database.server.look(database.name)) as db:
        by_state = {str(state): float(steps) for state, steps in db.execute(ENDED).fetchall()}
    completed, failed, cancelled, again = (by_state.get(one, 0.0) for one in (*FINAL, "again"))
    # Rows that went before they had ended, and those that still have not, are in no final state.
    return {
        "accepted": accepted,
        "completed": completed,
        "otherwise": failed + cancelled,
        "lost": accepted - completed - failed - cancelled,
        "recorded twice": again,
    }


def sizes(database: Database) -> Sample:
    """Say how large the tables are, with their dead rows as the server estimates them."""
    with closing(database.server.look(database.name)) as db:
        row = db.execute(SIZES).fetchone() or (0, 0, 0, 0)
    table, indexes, dead, live = map(float, row)
    return {"table": table / MIB, "indexes": indexes / MIB, "dead": dead, "rows": live}
