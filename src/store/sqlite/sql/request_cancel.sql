-- Ask the holder of a claimed step to stop.
update step_tracker
set cancel_requested = 1,
    last_update_ts = coalesce(:now, cast(unixepoch('subsec') * 1000 as integer))
where step_id = :step_id
  and status = 'claimed';
