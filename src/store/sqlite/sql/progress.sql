-- Note how far a claimed step is.
update step_tracker
set progress = :progress,
    last_update_ts = coalesce(:now, cast(unixepoch('subsec') * 1000 as integer))
where step_id = :step_id
  and claim_id = :claim_id  -- fence
  and status = 'claimed'  -- fence;
