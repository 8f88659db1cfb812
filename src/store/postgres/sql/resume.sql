-- Resume a queue for the whole fleet.
update /*schema*/pod_health
set meta = jsonb_set(meta, '{paused}', coalesce(meta -> 'paused', '[]') - cast(:queue as text)),
    last_heartbeat_ts = coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint))
where pod_id = 'control'
  and kind = 'control';
