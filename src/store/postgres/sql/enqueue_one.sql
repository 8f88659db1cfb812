-- Store one step that is due. As `enqueue`, of which this is the usual case; a rival for its id is an error (23505).
insert into /*schema*/step_tracker (
  step_id, task, queue, status, priority, payload, content_type, max_retries,
  created_ts, available_ts, last_update_ts, timeout_ms, tags
)
select
  :step_id,
  :task,
  :queue,
  'pending',
  :priority,
  :payload,
  :content_type,
  :max_retries,
  now,
  now,
  now,
  :timeout,
  cast(:tags as jsonb)
from (select coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) as now offset 0) as clock
returning step_id, status;
