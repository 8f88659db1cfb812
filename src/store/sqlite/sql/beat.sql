-- Beat. Changes nothing for a row that is down.
update pod_health
set beating_since = case
      when last_heartbeat_ts > coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)) then coalesce(:now, cast(unixepoch('subsec') * 1000 as integer))
      when coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)) - last_heartbeat_ts > :heartbeat_interval_ms * 3 / 2 then coalesce(:now, cast(unixepoch('subsec') * 1000 as integer))
      else beating_since
    end,
    last_heartbeat_ts = coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)),
    status = :status,
    meta = json_set(coalesce(:meta, meta), '$.can_lead', json(:can_lead))
where pod_id = :pod
  and kind = 'pod'
  and status <> 'down';  -- down is final
