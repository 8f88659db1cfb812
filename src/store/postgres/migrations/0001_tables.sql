-- Lay down POD_HEALTH, STEP_TRACKER and their indexes, and seed the control row.
-- Every column but step_id, task and payload has a default, so that a plain insert needs only these.
-- Names sort by bytes, as fleet-q compares them, whatever the database's collation.
create table /*schema*/pod_health (
  pod_id text collate "C" primary key,
  kind text not null default 'pod' check (kind in ('pod', 'control')),
  birth_ts bigint not null default (cast(floor(extract(epoch from statement_timestamp()) * 1000) as bigint)),
  last_heartbeat_ts bigint not null default (cast(floor(extract(epoch from statement_timestamp()) * 1000) as bigint)),
  beating_since bigint not null default (cast(floor(extract(epoch from statement_timestamp()) * 1000) as bigint)),
  status text not null default 'up' check (status in ('up', 'draining', 'dormant', 'down')),
  meta jsonb not null default '{}' check (jsonb_typeof(meta) = 'object')
) with (
  -- Beats change no indexed column: with room on the page they are HOT, and vacuum comes by rows, not by share.
  fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500
);

insert into /*schema*/pod_health (pod_id, kind, meta)
values ('control', 'control', '{"paused":[]}');

-- What stays comes first and last: an update that finds room on its page logs only what lies between.
create table /*schema*/step_tracker (
  step_id uuid primary key,
  created_ts bigint not null default (cast(floor(extract(epoch from statement_timestamp()) * 1000) as bigint)),
  available_ts bigint not null default (cast(floor(extract(epoch from statement_timestamp()) * 1000) as bigint)),
  max_retries bigint not null default 3 check (max_retries between 0 and 4294967295),
  retry_count bigint not null default 0 check (retry_count >= 0),
  crash_count bigint not null default 0 check (crash_count >= 0),
  priority integer not null default 0,
  cancel_requested boolean not null default false,
  queue text collate "C" not null default 'default' check (queue <> ''),
  task text collate "C" not null,
  timeout_ms bigint check (timeout_ms >= 0),
  -- What a claim and a finish change.
  claimed_ts bigint,
  claim_id uuid,
  claimed_by text collate "C",
  last_update_ts bigint not null default (cast(floor(extract(epoch from statement_timestamp()) * 1000) as bigint)),
  finished_ts bigint,
  status text not null default 'pending'
    check (status in ('blocked', 'scheduled', 'pending', 'claimed', 'completed', 'failed', 'cancelled')),
  result_content_type text,
  result bytea,
  -- What few steps have.
  progress text,
  error jsonb,
  schedule text,
  waiting_on uuid[],
  dependents uuid[],
  unique_key text collate "C",
  -- JSON where it is null, as result_content_type.
  content_type text,
  tags jsonb not null default '[]' check (jsonb_typeof(tags) = 'array'),
  payload bytea not null
) with (
  -- Room on the page for the versions a step goes through; dead ones are swept early, for claims walk past them, and
  -- without the pauses that vacuum makes elsewhere: under load it would never be done, and the table grow for ever.
  fillfactor = 40, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
  autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05
);

-- Claim order over all queues (P9), and within one. Steps that are pending since they were stored stand apart from
-- those that became pending again: only the first kind comes in the order of time, so that a claim can begin at a floor.
-- `queue <> ''` is true of every row; only claims over all queues say it, so that a look into one queue, which
-- does not, is never planned as a walk through the backlog of the others.
create index step_due on /*schema*/step_tracker (priority desc, created_ts, step_id)
where status = 'pending' and last_update_ts = created_ts and queue <> '';

create index step_due_in_queue on /*schema*/step_tracker (queue, priority desc, created_ts, step_id)
where status = 'pending' and last_update_ts = created_ts;

create index step_again on /*schema*/step_tracker (priority desc, created_ts, step_id)
where status = 'pending' and last_update_ts <> created_ts and queue <> '';

create index step_again_in_queue on /*schema*/step_tracker (queue, priority desc, created_ts, step_id)
where status = 'pending' and last_update_ts <> created_ts;

-- The few that crashed, so that looking for a suspect does not read the backlog.
create index step_crashed on /*schema*/step_tracker (priority desc, created_ts, step_id)
where status = 'pending' and crash_count > 0;

-- The same for those that crashed and wait for their time.
create index step_crashed_scheduled on /*schema*/step_tracker (available_ts)
where status = 'scheduled' and crash_count > 0;

create index step_scheduled on /*schema*/step_tracker (available_ts, queue)
where status = 'scheduled';

-- Who holds what since when: recovery reads by name, a pod's own look by time. Whoever means it says `queue <> ''`,
-- which always holds: a finish must not be led here, for as long as nobody has counted, few steps seem to be claimed.
create index step_claimed on /*schema*/step_tracker (claimed_by, claimed_ts)
where status = 'claimed' and queue <> '';

-- What each beat asks for.
create index step_cancel_requested on /*schema*/step_tracker (claimed_by)
where status = 'claimed' and cancel_requested;

create index step_blocked on /*schema*/step_tracker (queue)
where status = 'blocked';

-- For prune, and for counting.
create index step_final on /*schema*/step_tracker (status, finished_ts, queue)
where status in ('completed', 'failed', 'cancelled');

-- The failed ones by age, for whoever looks through them: they are few, and lie between all the others.
create index step_failed on /*schema*/step_tracker (step_id)
where status = 'failed';

-- Only steps that have tags pay for this.
create index step_tags on /*schema*/step_tracker using gin (tags)
where tags <> '[]';

-- At most one step that is not final per key.
create unique index step_unique_key on /*schema*/step_tracker (unique_key)
where unique_key is not null and status in ('blocked', 'scheduled', 'pending', 'claimed');

comment on table /*schema*/step_tracker is '{"version": 1, "min_compatible": 1}';
