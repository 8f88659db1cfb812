-- Record that the process of the body died: no retry is spent, the claim stays as the receipt.
update step_tracker
set status = case
      when cancel_requested <> 0 then 'cancelled'
      when crash_count >= :max_crashes then 'failed'
      else 'pending'
    end,
    crash_count = crash_count + 1,
    error = json_insert(
      case
        when json_valid(error) and json_array_length(error) >= :errors_kept then json_remove(error, '$[1]')
        when json_valid(error) then error
        else '[]'
      end,
      '$[#]', json_set(cast(:error as text), '$.ts', coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)))
    ),
    finished_ts = case when cancel_requested <> 0 or crash_count >= :max_crashes then coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)) end,
    last_update_ts = coalesce(:now, cast(unixepoch('subsec') * 1000 as integer))
where step_id = :step_id
  and claim_id = :claim_id  -- fence
  and status = 'claimed'  -- fence;
