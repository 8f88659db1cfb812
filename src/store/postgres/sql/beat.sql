-- Beat. Changes nothing for a row that is down.
update /*schema*/pod_health
set beating_since = case
      when last_heartbeat_ts > coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) then coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint))
      when coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) - last_heartbeat_ts > :heartbeat_interval_ms * 3 / 2 then coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint))
      else beating_since
    end,
    last_heartbeat_ts = coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)),
    status = :status,
    meta = coalesce(cast(:meta as jsonb), meta) || jsonb_build_object('can_lead', cast(:can_lead as boolean))
where pod_id = :pod
  and kind = 'pod'
  and status <> 'down'  -- down is final
returning pod_id;
