-- Read up to :limit steps by filter, newest id first; a filter that is null lets everything through.
select
  step_id, task, queue, status, priority, payload, content_type, retry_count, max_retries, crash_count,
  claimed_by, claim_id, created_ts, available_ts, claimed_ts, last_update_ts, finished_ts, timeout_ms,
  result, result_content_type, error, progress, unique_key, tags, cancel_requested
from step_tracker
where (:before is null or step_id < :before)
  and (:queue is null or queue = :queue)
  and (:task is null or task = :task)
  and (:states is null or status in (select value from json_each(:states)))
  and (
    :tag is null
    or exists (select 1 from json_each(case when json_valid(tags) then tags else '[]' end) as tag where tag.value = :tag)
  )
order by step_id desc
limit :limit;
