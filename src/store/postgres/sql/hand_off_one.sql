-- Store one step that is due, of a task that :pod offers: claimed by it where nobody in the queue has the turn before the
-- step, else pending. As `hand_off`, of which this is the usual case; a rival for its id is an error (23505).
with clock as materialized (
  select coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) as now
),
judged as materialized (
  select
    now,
    exists (select 1 from /*schema*/pod_health where pod_id = :pod and kind = 'pod' and status <> 'down')  -- pod alive
    and not exists (
      select 1
      from /*schema*/pod_health
      where pod_id = 'control'
        and kind = 'control'
        and jsonb_exists(meta -> 'paused', :queue)
    )
    and not exists (
      select 1
      from unnest(:below, :at, :since) as span (below, at, since)
      cross join lateral (
        select *
        from (
          select 1 as one
          from /*schema*/step_tracker
          where status = 'pending'
            and last_update_ts = created_ts
            and queue = :queue
            and priority < span.below
            and priority > span.at
            and priority >= :priority
          limit 1
        ) as between_floors
        union all
        select *
        from (
          select 1 as one
          from /*schema*/step_tracker
          where status = 'pending'
            and last_update_ts = created_ts
            and queue = :queue
            and priority = span.at
            and span.at >= :priority
            and created_ts >= case when now between :trusted_from and :trusted_until then span.since else -4611686018427387904 end
          limit 1
        ) as from_floor
      ) as waiting
    )
    and not exists (
      select 1
      from /*schema*/step_tracker
      where status = 'pending'
        and last_update_ts <> created_ts
        and queue = :queue
        and priority >= :priority
    )
    and not exists (
      select 1
      from /*schema*/step_tracker
      where status = 'scheduled'
        and available_ts <= now
        and available_ts >= case when now between :due_from and :due_until then :due_floor else -4611686018427387904 end
        and queue = :queue
        and priority >= :priority
    )
    and :slots > (
      select count(*)
      from /*schema*/step_tracker
      where status = 'claimed'
        and claimed_by = :pod
        and queue <> ''  -- names the index
        and claimed_ts = now
        and claim_id = :claim_id
    ) as handed
  from clock
)
insert into /*schema*/step_tracker (
  step_id, task, queue, status, priority, payload, content_type, max_retries,
  created_ts, available_ts, last_update_ts, timeout_ms, tags, claimed_by, claim_id, claimed_ts
)
select
  :step_id,
  :task,
  :queue,
  case when handed then 'claimed' else 'pending' end,
  :priority,
  :payload,
  :content_type,
  :max_retries,
  now,
  now,
  now,
  :timeout,
  cast(:tags as jsonb),
  case when handed then :pod end,
  case when handed then :claim_id end,
  case when handed then now end
from judged
returning step_id, status;
