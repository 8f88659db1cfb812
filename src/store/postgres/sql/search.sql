-- Read up to :limit_literal steps by filter, newest id first; a filter that is null lets everything through.
select
  step_id, task, queue, status, priority, payload, content_type, retry_count, max_retries, crash_count,
  claimed_by, claim_id, created_ts, available_ts, claimed_ts, last_update_ts, finished_ts, timeout_ms,
  result, result_content_type, cast(error as text) as error, progress, unique_key, cast(tags as text) as tags, cancel_requested
from /*schema*/step_tracker
where (cast(:before as uuid) is null or step_id < :before)
  and (cast(:queue as text) is null or queue = :queue)
  and (cast(:task as text) is null or task = :task)
  and (cast(:states as text[]) is null or status = any(:states))
  and queue <> ''  -- names the indexes
  and (not :pending_only or last_update_ts = created_ts or last_update_ts <> created_ts)  -- names the indexes
  and (cast(:tag as text) is null or tags ? :tag and tags <> '[]')
order by step_id desc
limit :limit_literal;
