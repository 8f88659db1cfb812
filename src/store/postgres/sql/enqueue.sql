-- Store new steps, pending or scheduled. An id or a live unique key that is there already changes nothing.
with clock as materialized (
  select coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) as now
),
said as (
  select
    said.*,
    clock.now,
    greatest(clock.now, coalesce(moment, clock.now + least(delay_ms, 9223372036854775807 - clock.now))) as available_ts
  from clock
  cross join unnest(
      :step_ids, :tasks, :queues, :priorities, :payloads, :content_types, :max_retries,
      :moments, :delays, :timeouts, :unique_keys, :tags
    ) as said (step_id, task, queue, priority, payload, content_type, max_retries, moment, delay_ms, timeout_ms, unique_key, tags)
)
insert into /*schema*/step_tracker (
  step_id, task, queue, status, priority, payload, content_type, max_retries,
  created_ts, available_ts, last_update_ts, timeout_ms, unique_key, tags
)
select
  step_id,
  task,
  queue,
  case when available_ts <= now then 'pending' else 'scheduled' end,
  priority,
  payload,
  content_type,
  max_retries,
  now,
  available_ts,
  now,
  timeout_ms,
  unique_key,
  cast(tags as jsonb)
from said
where (select true from /*schema*/step_tracker where step_tracker.step_id = said.step_id) is null
order by step_id
on conflict do nothing
returning step_id, status;
