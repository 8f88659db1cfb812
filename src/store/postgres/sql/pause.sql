-- Pause a queue for the whole fleet. Pausing it twice changes nothing.
update /*schema*/pod_health
set meta = jsonb_set(meta, '{paused}', coalesce(meta -> 'paused', '[]') || to_jsonb(cast(:queue as text))),
    last_heartbeat_ts = coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint))
where pod_id = 'control'
  and kind = 'control'
  and not coalesce(meta -> 'paused', '[]') ? :queue;
