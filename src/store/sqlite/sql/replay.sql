-- Put a failed step back to pending, counters at zero, history kept.
update step_tracker
set status = 'pending',
    retry_count = 0,
    crash_count = 0,
    claimed_by = null,
    claim_id = null,
    claimed_ts = null,
    finished_ts = null,
    result = null,
    result_content_type = null,
    progress = null,
    cancel_requested = 0,
    available_ts = coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)),
    last_update_ts = coalesce(:now, cast(unixepoch('subsec') * 1000 as integer))
where step_id = :step_id
  and status = 'failed';
