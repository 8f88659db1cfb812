-- Store new steps, pending or scheduled. An id or a live unique key that is there already changes nothing.
insert into /*schema*/step_tracker (
  step_id, task, queue, status, priority, payload, content_type, max_retries,
  created_ts, available_ts, last_update_ts, timeout_ms, unique_key, tags
)
select
  step_id,
  task,
  queue,
  case when available_ts <= coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) then 'pending' else 'scheduled' end,
  priority,
  payload,
  content_type,
  max_retries,
  coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)),
  available_ts,
  coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)),
  timeout_ms,
  unique_key,
  cast(tags as jsonb)
from (
  select
    *,
    greatest(coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)), coalesce(moment, coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) + least(delay_ms, 9223372036854775807 - coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint))))) as available_ts
  from unnest(
      :step_ids, :tasks, :queues, :priorities, :payloads, :content_types, :max_retries,
      :moments, :delays, :timeouts, :unique_keys, :tags
    ) as said (step_id, task, queue, priority, payload, content_type, max_retries, moment, delay_ms, timeout_ms, unique_key, tags)
) as said
order by step_id
on conflict do nothing
returning step_id, status;
