-- Schedule the step again with nothing spent, or cancel it where that was requested.
update step_tracker
set status = case when cancel_requested <> 0 then 'cancelled' else 'scheduled' end,
    available_ts = coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)) + :delay_ms,
    finished_ts = case when cancel_requested <> 0 then coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)) end,
    last_update_ts = coalesce(:now, cast(unixepoch('subsec') * 1000 as integer))
where step_id = :step_id
  and claim_id = :claim_id  -- fence
  and status = 'claimed'  -- fence;
