-- Give up to :most due steps of any queue but :except to :pod under :claim_id, in claim order (P9).
-- No two callers receive the same step. What earlier lanes of the call took counts against :call_limit.
-- Steps that are pending since they were stored are looked for from each priority's floor on (:at, :since).
with paused as materialized (
  select jsonb_array_elements_text(meta -> 'paused') as queue
  from /*schema*/pod_health
  where pod_id = 'control'
    and kind = 'control'
),
fresh as materialized (
  select first.at_row, first.step_id, first.priority, first.created_ts
  from unnest(:below, :at, :since) as span (below, at, since)
  cross join lateral (
    select *
    from (
      select ctid as at_row, step_id, priority, created_ts
      from /*schema*/step_tracker
      where status = 'pending'
        and last_update_ts = created_ts
        and queue <> ''  -- names the index
        and priority < span.below
        and priority > span.at
        and crash_count < :max_crashes
        and task = any(:tasks)
        and queue <> all(:except)
        and queue not in (select queue from paused)
      order by priority desc, created_ts, step_id
      limit :most
      for update skip locked
    ) as between_floors
    union all
    select *
    from (
      select ctid as at_row, step_id, priority, created_ts
      from /*schema*/step_tracker
      where status = 'pending'
        and last_update_ts = created_ts
        and queue <> ''  -- names the index
        and priority = span.at
        and created_ts >= case when coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) between :trusted_from and :trusted_until then span.since else -4611686018427387904 end
        and crash_count < :max_crashes
        and task = any(:tasks)
        and queue <> all(:except)
        and queue not in (select queue from paused)
      order by priority desc, created_ts, step_id
      limit :most
      for update skip locked
    ) as from_floor
  ) as first
  limit :most
),
again as materialized (
  select ctid as at_row, step_id, priority, created_ts
  from /*schema*/step_tracker
  where status = 'pending'
    and last_update_ts <> created_ts
    and queue <> ''  -- names the index
    and crash_count < :max_crashes
    and task = any(:tasks)
    and queue <> all(:except)
    and queue not in (select queue from paused)
  order by priority desc, created_ts, step_id
  limit :most
  for update skip locked
),
longest_due as materialized (
  select step_id, priority, created_ts
  from /*schema*/step_tracker
  where status = 'scheduled'
    and available_ts <= coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint))
    and available_ts >= case when coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) between :due_from and :due_until then :due_floor else -4611686018427387904 end
    and crash_count < :max_crashes
    and task = any(:tasks)
    and queue <> all(:except)
    and queue not in (select queue from paused)
  order by available_ts
  limit :looked_at
),
ranked as materialized (
  select step_id
  from longest_due
  order by priority desc, created_ts, step_id
  limit :candidates
),
overdue as materialized (
  select step_tracker.ctid as at_row, step_tracker.step_id, step_tracker.priority, step_tracker.created_ts
  from /*schema*/step_tracker
  join ranked on ranked.step_id = step_tracker.step_id
  where step_tracker.status = 'scheduled'
  order by step_tracker.priority desc, step_tracker.created_ts, step_tracker.step_id
  limit :most
  for update of step_tracker skip locked
),
chosen as materialized (
  select at_row
  from (select * from fresh union all select * from again union all select * from overdue) as due
  order by priority desc, created_ts, step_id
  limit case
    when :first_lane then :most
    else least(:most, greatest(0, :call_limit - (
      select count(*)
      from /*schema*/step_tracker
      where status = 'claimed'
        and claimed_by = :pod
        and queue <> ''  -- names the index
        and claimed_ts = coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint))
        and claim_id = :claim_id
    )))
  end
)
update /*schema*/step_tracker
set status = 'claimed',
    claimed_by = :pod,
    claim_id = :claim_id,
    claimed_ts = (select coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint))),
    last_update_ts = (select coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint))),
    finished_ts = null
from chosen
where step_tracker.ctid = chosen.at_row
  and step_tracker.status in ('pending', 'scheduled')  -- precondition
  and exists (select 1 from /*schema*/pod_health where pod_id = :pod and kind = 'pod' and status <> 'down')  -- pod alive
returning step_tracker.step_id, step_tracker.task, step_tracker.queue, step_tracker.priority, step_tracker.payload,
  step_tracker.content_type, step_tracker.retry_count, step_tracker.max_retries, step_tracker.crash_count,
  step_tracker.timeout_ms, step_tracker.created_ts, step_tracker.claimed_ts;
