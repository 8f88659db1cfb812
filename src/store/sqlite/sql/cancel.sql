-- Cancel a step that has not begun.
update step_tracker
set status = 'cancelled',
    claimed_by = null,
    claim_id = null,
    claimed_ts = null,
    finished_ts = coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)),
    last_update_ts = coalesce(:now, cast(unixepoch('subsec') * 1000 as integer))
where step_id = :step_id
  and status in ('pending', 'scheduled', 'blocked');
