-- Give back, fail or cancel up to :limit orphans: claimed steps whose pod has no row that holds claims.
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
      '$[#]', json_set(json_object('kind', 'crash', 'pod', claimed_by, 'claim', claim_id, 'leader', :leader), '$.ts', coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)))
    ),
    finished_ts = case when cancel_requested <> 0 or crash_count >= :max_crashes then coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)) end,
    claimed_by = null,
    claim_id = null,
    claimed_ts = null,
    last_update_ts = coalesce(:now, cast(unixepoch('subsec') * 1000 as integer))
where rowid in (
  select orphan.rowid
  from step_tracker as orphan
  where orphan.status = 'claimed'
    and not exists (
      select 1
      from pod_health
      where pod_health.pod_id = orphan.claimed_by
        and pod_health.kind = 'pod'
        and pod_health.status <> 'down'
    )
  order by orphan.step_id
  limit :limit
)
returning step_id, task, status, crash_count,
  error ->> '$[#-1].pod' as pod, error ->> '$[#-1].claim' as claim_id;
