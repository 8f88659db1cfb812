-- Give a claim back unspent, or cancel the step where that was requested. Leaves no receipt.
update step_tracker
set status = case when cancel_requested <> 0 then 'cancelled' else 'pending' end,
    claimed_by = null,
    claim_id = null,
    claimed_ts = null,
    finished_ts = case when cancel_requested <> 0 then coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)) end,
    last_update_ts = coalesce(:now, cast(unixepoch('subsec') * 1000 as integer))
where step_id = :step_id
  and claim_id = :claim_id  -- fence
  and status = 'claimed'  -- fence;
