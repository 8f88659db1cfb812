-- Lay down POD_HEALTH, STEP_TRACKER and their indexes, and seed the control row.
-- Every column but step_id, task and payload has a default, so that a plain insert needs only these.
-- The defaults run in whatever SQLite the inserter has: unixepoch('subsec') needs 3.42, julianday does not.
-- Lists of words are spelled with `or`: an `in` of more than two makes each statement build a table of them first.
create table pod_health (
  pod_id text primary key not null,
  kind text not null default 'pod' check (kind in ('pod', 'control')),
  birth_ts integer not null default (cast(round((julianday('now') - 2440587.5) * 86400000) as integer)),
  last_heartbeat_ts integer not null default (cast(round((julianday('now') - 2440587.5) * 86400000) as integer)),
  beating_since integer not null default (cast(round((julianday('now') - 2440587.5) * 86400000) as integer)),
  status text not null default 'up' check (status in ('up', 'draining', 'dormant', 'down')),
  meta text not null default '{}'
) strict;

insert into pod_health (pod_id, kind, meta)
values ('control', 'control', '{"paused":[]}');

create table step_tracker (
  step_id text primary key not null,
  task text not null,
  queue text not null default 'default',
  status text not null default 'pending'
    check (
      status = 'pending'
      or status = 'claimed'
      or status = 'completed'
      or status = 'scheduled'
      or status = 'failed'
      or status = 'cancelled'
      or status = 'blocked'
    ),
  priority integer not null default 0,
  payload any,
  content_type text,  -- null: application/json
  retry_count integer not null default 0,
  max_retries integer not null default 3,
  crash_count integer not null default 0,
  claimed_by text,
  claim_id text,
  created_ts integer not null default (cast(round((julianday('now') - 2440587.5) * 86400000) as integer)),
  available_ts integer not null default (cast(round((julianday('now') - 2440587.5) * 86400000) as integer)),
  claimed_ts integer,
  last_update_ts integer not null default (cast(round((julianday('now') - 2440587.5) * 86400000) as integer)),
  finished_ts integer,
  timeout_ms integer,
  result any,
  result_content_type text,  -- null: application/json
  error text,
  progress text,
  unique_key text,
  tags text not null default '[]',
  waiting_on text,
  dependents text,
  schedule text,
  cancel_requested integer not null default 0
) strict;

-- Claim order over all queues (P9); the trailing columns let a claim pass over foreign tasks unread.
create index step_due
on step_tracker (priority desc, created_ts, step_id, queue, task, crash_count)
where status = 'pending';

-- Claim order within one queue, and the hand-off's question whether anybody waits there.
create index step_due_in_queue
on step_tracker (queue, priority desc, created_ts, step_id, task, crash_count)
where status = 'pending';

-- The few that crashed, so that looking for a suspect does not read the backlog.
create index step_crashed
on step_tracker (priority desc, created_ts, step_id)
where status = 'pending' and crash_count > 0;

create index step_scheduled
on step_tracker (available_ts, queue)
where status = 'scheduled';

create index step_claimed
on step_tracker (claimed_by, queue)
where status = 'claimed';

create index step_blocked
on step_tracker (queue)
where status = 'blocked';

-- For prune, and for counting without reading payloads.
create index step_final
on step_tracker (status, finished_ts, step_id, queue)
where status = 'completed' or status = 'failed' or status = 'cancelled';

-- At most one step that is not final per key.
create unique index step_unique_key
on step_tracker (unique_key)
where unique_key is not null
  and (status = 'blocked' or status = 'scheduled' or status = 'pending' or status = 'claimed');
