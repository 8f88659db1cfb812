-- Record that the body stopped because it was asked to, with an error where it left one.
update step_tracker
set status = 'cancelled',
    error = case when :error is null then error else json_insert(
      case
        when json_valid(error) and json_array_length(error) >= :errors_kept then json_remove(error, '$[1]')
        when json_valid(error) then error
        else '[]'
      end,
      '$[#]', json_set(cast(:error as text), '$.ts', coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)))
    ) end,
    finished_ts = coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)),
    last_update_ts = coalesce(:now, cast(unixepoch('subsec') * 1000 as integer))
where step_id = :step_id
  and claim_id = :claim_id  -- fence
  and status = 'claimed'  -- fence;
