-- Store a new step, pending or scheduled. An id or a live unique key that is there already changes nothing.
insert into step_tracker (
  step_id, task, queue, status, priority, payload, content_type, max_retries,
  created_ts, available_ts, last_update_ts, timeout_ms, unique_key, tags
)
select
  :step_id,
  :task,
  :queue,
  case when :available_ts <= coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)) then 'pending' else 'scheduled' end,
  :priority,
  :payload,
  :content_type,
  :max_retries,
  coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)),
  :available_ts,
  coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)),
  :timeout_ms,
  :unique_key,
  :tags
where true
on conflict do nothing;
