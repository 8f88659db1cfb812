-- Give the listed steps to :pod under :claim_id. No two callers receive the same step.
update step_tracker
set status = 'claimed',
    claimed_by = :pod,
    claim_id = :claim_id,
    claimed_ts = coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)),
    last_update_ts = coalesce(:now, cast(unixepoch('subsec') * 1000 as integer))
where rowid in (select value from json_each(:rows))
  and status in ('pending', 'scheduled')  -- precondition
  and exists (select 1 from pod_health where pod_id = :pod and kind = 'pod' and status <> 'down')  -- pod alive
returning rowid as row_number, step_id, task, queue, priority, payload, content_type, retry_count, max_retries,
  crash_count, timeout_ms, created_ts, claimed_ts;
