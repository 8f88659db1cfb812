-- Fail a step just claimed whose row does not decode, and say why.
update step_tracker
set status = 'failed',
    error = json_insert(
      case
        when json_valid(error) and json_array_length(error) >= :errors_kept then json_remove(error, '$[1]')
        when json_valid(error) then error
        else '[]'
      end,
      '$[#]', json_set(json_object('kind', 'bad_row', 'error_type', 'BadRow', 'message', :message, 'pod', claimed_by, 'claim', claim_id), '$.ts', coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)))
    ),
    finished_ts = coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)),
    last_update_ts = coalesce(:now, cast(unixepoch('subsec') * 1000 as integer))
where rowid = :row_number
  and status = 'claimed';
