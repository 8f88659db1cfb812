-- Record a result. Only the holder of the claim can; the claim_id stays as its receipt.
update step_tracker
set status = 'completed',
    result = :result,
    result_content_type = :result_content_type,
    finished_ts = coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)),
    last_update_ts = coalesce(:now, cast(unixepoch('subsec') * 1000 as integer))
where step_id = :step_id
  and claim_id = :claim_id  -- fence
  and status = 'claimed'  -- fence;
