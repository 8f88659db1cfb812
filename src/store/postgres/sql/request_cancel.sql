-- Ask the holders of claimed steps to stop. `cancel` before it in the transaction has locked them.
update /*schema*/step_tracker
set cancel_requested = true,
    last_update_ts = coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint))
where step_id = any(:step_ids)
  and status = 'claimed'
returning step_id;
