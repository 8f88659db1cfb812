-- Delete pods that are down, past their keep, and named by no claimed step.
delete from /*schema*/pod_health
where kind = 'pod'
  and status = 'down'
  and last_heartbeat_ts < coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) - :keep_ms
  and not exists (
    select 1
    from /*schema*/step_tracker
    where step_tracker.status = 'claimed'
      and step_tracker.queue <> ''  -- names the index
      and step_tracker.claimed_by = pod_health.pod_id
  )
returning pod_id;
