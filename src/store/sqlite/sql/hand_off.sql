-- Store a new step as claimed by :pod, unless somebody in its queue has the turn before it,
-- the queue is paused, or the pod is down: then nothing is stored.
insert into step_tracker (
  step_id, task, queue, status, priority, payload, content_type, max_retries,
  created_ts, available_ts, last_update_ts, timeout_ms, unique_key, tags, claimed_by, claim_id, claimed_ts
)
select
  :step_id,
  :task,
  :queue,
  'claimed',
  :priority,
  :payload,
  :content_type,
  :max_retries,
  coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)),
  :available_ts,
  coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)),
  :timeout_ms,
  :unique_key,
  :tags,
  :pod,
  :claim_id,
  coalesce(:now, cast(unixepoch('subsec') * 1000 as integer))
where :available_ts <= coalesce(:now, cast(unixepoch('subsec') * 1000 as integer))
  and exists (select 1 from pod_health where pod_id = :pod and kind = 'pod' and status <> 'down')  -- pod alive
  and not exists (
    select 1
    from pod_health, json_each(pod_health.meta, '$.paused') as paused
    where pod_health.pod_id = 'control'
      and paused.value = :queue
  )  -- not paused
  and not exists (
    select 1
    from step_tracker
    where status = 'pending'
      and queue = :queue
      and priority >= :priority
  )  -- nobody waits before it
  and not exists (
    select 1
    from step_tracker
    where status = 'scheduled'
      and available_ts <= coalesce(:now, cast(unixepoch('subsec') * 1000 as integer))
      and queue = :queue
      and priority >= :priority
  )  -- nobody due waits before it
on conflict do nothing;
