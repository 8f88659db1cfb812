-- Spend a retry and schedule the step again, or cancel it where that was requested.
update step_tracker
set status = case when cancel_requested <> 0 then 'cancelled' else 'scheduled' end,
    retry_count = retry_count + 1,
    error = json_insert(
      case
        when json_valid(error) and json_array_length(error) >= :errors_kept then json_remove(error, '$[1]')
        when json_valid(error) then error
        else '[]'
      end,
      '$[#]', json_set(cast(:error as text), '$.ts', coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)))
    ),
    available_ts = coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)) + :delay_ms,
    finished_ts = case when cancel_requested <> 0 then coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)) end,
    last_update_ts = coalesce(:now, cast(unixepoch('subsec') * 1000 as integer))
where step_id = :step_id
  and claim_id = :claim_id  -- fence
  and status = 'claimed'  -- fence;
