-- Read steps by id.
select
  step_id, task, queue, status, priority, payload, content_type, retry_count, max_retries, crash_count,
  claimed_by, claim_id, created_ts, available_ts, claimed_ts, last_update_ts, finished_ts, timeout_ms,
  result, result_content_type, cast(error as text) as error, progress, unique_key, cast(tags as text) as tags, cancel_requested
from /*schema*/step_tracker
where step_id = any(:step_ids);
