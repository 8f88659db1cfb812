-- Give back, fail or cancel up to :limit_literal orphans: claimed steps whose pod has no row that holds claims.
-- They lie in the gaps between the names of living pods: what those hold, or held, is not read.
-- An orphan is named with its claim: a row that is claimed anew while we look no longer matches when its lock is taken.
with living as materialized (
  select pod_id, lead(pod_id) over (order by pod_id) as next_id
  from /*schema*/pod_health
  where kind = 'pod'
    and status <> 'down'
),
gap as materialized (
  select '' as after, min(pod_id) as before
  from living
  union all
  select pod_id, next_id
  from living
),
orphan as materialized (
  select claimed.step_id, claimed.claim_id, claimed.claimed_by
  from gap
  cross join lateral (
    select step_id, claim_id, claimed_by
    from /*schema*/step_tracker
    where status = 'claimed'
      and queue <> ''  -- names the index
      and claimed_by > gap.after
      and claimed_by < gap.before
    union all
    select step_id, claim_id, claimed_by
    from /*schema*/step_tracker
    where status = 'claimed'
      and queue <> ''  -- names the index
      and claimed_by > gap.after
      and gap.before is null
  ) as claimed
  union all
  select step_id, claim_id, claimed_by
  from /*schema*/step_tracker
  where status = 'claimed'
    and queue <> ''  -- names the index
    and (claimed_by is null or claimed_by = '')
),
taken as materialized (
  select orphan.step_id, orphan.claim_id, orphan.claimed_by
  from /*schema*/step_tracker
  join orphan on orphan.step_id = step_tracker.step_id
  where step_tracker.status = 'claimed'
    and step_tracker.claim_id is not distinct from orphan.claim_id
    and step_tracker.claimed_by is not distinct from orphan.claimed_by
  order by step_tracker.step_id
  limit :limit_literal
  for update of step_tracker skip locked
)
update /*schema*/step_tracker
set status = case
      when cancel_requested then 'cancelled'
      when crash_count >= :max_crashes then 'failed'
      else 'pending'
    end,
    crash_count = crash_count + 1,
    error = case
        when jsonb_typeof(step_tracker.error) = 'array' and jsonb_array_length(step_tracker.error) >= :errors_kept then step_tracker.error - 1
        when jsonb_typeof(step_tracker.error) = 'array' then step_tracker.error
        else '[]'
      end || jsonb_build_array(jsonb_build_object('kind', 'crash', 'pod', taken.claimed_by, 'claim', taken.claim_id, 'leader', cast(:leader as text)) || jsonb_build_object('ts', coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)))),
    finished_ts = case when cancel_requested or crash_count >= :max_crashes then coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) end,
    claimed_by = null,
    claim_id = null,
    claimed_ts = null,
    last_update_ts = coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint))
from taken
where taken.step_id = step_tracker.step_id
  and step_tracker.status = 'claimed'  -- precondition
  and step_tracker.claim_id is not distinct from taken.claim_id  -- fence
returning step_tracker.step_id, step_tracker.task, step_tracker.status, step_tracker.crash_count,
  taken.claimed_by as pod, taken.claim_id;
